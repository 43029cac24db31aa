"""The arrays of a dataset item by item, in the order of their codes, each chunk decoded about once."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from zarrpack.errors import FormatError
from zarrpack.storage.data_file import DataFile, StoredArray

__all__ = ["ItemRows", "item_rows"]


class _Window:
    """Rows of an array, read in whole chunks; rows that follow each other cost no second decoding."""

    def __init__(self, array: StoredArray) -> None:
        self._array = array
        self._first = 0
        self._rows: npt.NDArray[Any] | None = None

    def read(self, start: int, stop: int) -> npt.NDArray[Any]:
        rows = self._rows
        if rows is None or start < self._first or stop > self._first + len(rows):
            chunk = self._array.metadata.chunks[0]
            self._first = start // chunk * chunk
            rows = self._rows = self._array.read(self._first, -(-stop // chunk) * chunk)
        return rows[start - self._first : stop - self._first].copy()


class ItemRows:
    """One array of a dataset, by item.

    Parameters
    ----------
    file : DataFile
        The dataset.
    name : str
        ``"group/array"``.

    Attributes
    ----------
    name : str
        As given.
    most_rows : int
        Rows of the item that has most of them.

    Raises
    ------
    FormatError
        If the arrays that tell where its items are do not fit it.
    """

    def __init__(self, file: DataFile, name: str) -> None:
        self.name = name
        self._group = name.rpartition("/")[0]
        self._file = file
        array = file.arrays[name]
        self._window = _Window(array)
        attributes = array.metadata.attributes
        self._shapes: npt.NDArray[np.int64] | None = None
        self._starts: npt.NDArray[np.int64] | None = None
        dimension = array.metadata.dims[0]
        if attributes.get("zarrpack_flat"):
            self._starts = self._whole(f"{name}_offsets")
            dimension = file.arrays[f"{name}_offsets"].metadata.dims[0]
            self._shapes = self._thing_shapes(attributes.get("zarrpack_shape_from"))
        self._offsets = self._whole(f"{self._group}/{dimension}_offsets")
        counts = np.diff(self._offsets)
        if len(counts) and counts.min() < 0:
            raise FormatError(f"{file.path}: expected offsets of {dimension} that grow, found others")
        self.most_rows = int(counts.max()) if len(counts) else 0

    def read(self, code: int) -> npt.NDArray[Any] | list[npt.NDArray[Any]] | None:
        """Read an item's rows.

        Parameters
        ----------
        code : int
            The item's code.

        Returns
        -------
        ndarray of shape (rows, ...), list of ndarray, or None
            None: the item has none. A list: rows of different shapes.

        Raises
        ------
        FormatError
            If a chunk is damaged.
        """
        if not 0 <= code < len(self._offsets) - 1:
            return None
        start, stop = int(self._offsets[code]), int(self._offsets[code + 1])
        if start == stop:
            return None
        if self._starts is None or self._shapes is None:
            return self._window.read(start, stop)
        things = []
        for number in range(start, stop):
            shape = tuple(map(int, self._shapes[number]))
            first = int(self._starts[number])
            things.append(self._window.read(first, first + math.prod(shape)).reshape(shape))
        if len({one.shape for one in things}) == 1:
            return np.stack(things)
        return things

    def _thing_shapes(self, sources: list[str] | None) -> npt.NDArray[np.int64]:
        if f"{self.name}_shape" in self._file.arrays:
            return self._whole(f"{self.name}_shape")
        if not sources:
            raise FormatError(f"{self._file.path}: expected the shapes of {self.name}, found none")
        return np.stack([self._whole(f"{self._group}/{one}") for one in sources], axis=1).astype(np.int64)

    def _whole(self, name: str) -> npt.NDArray[np.int64]:
        array = self._file.arrays.get(name)
        if array is None:
            raise FormatError(f"{self._file.path}: expected the array {name} beside {self.name}, found none")
        return array.read()


def item_rows(file: DataFile) -> Iterator[ItemRows]:
    """Give the arrays that items have, without those that only say where the others' rows are.

    Parameters
    ----------
    file : DataFile
        A dataset.
    """
    for name, array in file.arrays.items():
        group = name.rpartition("/")[0]
        metadata = array.metadata
        if metadata.attributes.get("zarrpack_role") != "data" or not metadata.dims:
            continue
        if metadata.attributes.get("zarrpack_flat") or f"{group}/{metadata.dims[0]}_offsets" in file.arrays:
            yield ItemRows(file, name)
