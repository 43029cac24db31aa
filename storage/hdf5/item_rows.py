"""Which rows of each array belong to which item, also in arrays whose things differ in shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from zarrpack.errors import FormatError
from zarrpack.storage.data_file import DataFile
from zarrpack.storage.stored_array import StoredArray

__all__ = ["CachedRows", "ItemArray", "RowsOfCodes", "item_arrays"]

Int64s = npt.NDArray[np.int64]

_REMEMBERED = 4  # chunks of each array


class RowsOfCodes:
    """The rows of each code along one dimension.

    Parameters
    ----------
    codes : ndarray of int64, shape (rows,)
        The code of each row; -1: nobody's.
    """

    def __init__(self, codes: Int64s) -> None:
        self._is_sorted = bool((codes[1:] >= codes[:-1]).all())
        self._order = None if self._is_sorted else np.argsort(codes, kind="stable")
        self._codes = codes if self._order is None else codes[self._order]
        counts = np.unique(self._codes[self._codes >= 0], return_counts=True)[1]
        #: The most rows that one code has.
        self.most = int(counts.max(initial=0))

    def rows(self, code: int) -> Int64s:
        """Give a code's rows, in order."""
        first, last = np.searchsorted(self._codes, [code, code + 1])
        rows = np.arange(first, last)
        return rows if self._order is None else self._order[rows]


class CachedRows:
    """Reads rows and remembers the last chunks. Safe in threads.

    Parameters
    ----------
    array : StoredArray
        What is read.
    """

    def __init__(self, array: StoredArray) -> None:
        self._array = array
        self._rows = array.metadata.chunks[0] if array.metadata.chunks else 1
        self._block = lru_cache(_REMEMBERED)(self._read_block)

    def read(self, start: int, stop: int) -> npt.NDArray[Any]:
        """Give rows; not to be changed.

        Parameters
        ----------
        start, stop : int
            As of a slice.
        """
        first, last = start // self._rows, -(-stop // self._rows)
        if self._rows == 1 or last - first != 1:
            return self._array.read(start, stop)
        return self._block(first)[start - first * self._rows : stop - first * self._rows]

    def _read_block(self, block: int) -> npt.NDArray[Any]:
        return self._array.read(block * self._rows, (block + 1) * self._rows)


@dataclass(frozen=True, slots=True)
class ItemArray:
    """An array of values, read item by item.

    Parameters
    ----------
    place : str
        ``"group/array"``.
    array : StoredArray
        Its values.
    reader : CachedRows
        Reads them; items share chunks.
    space : RowsOfCodes or None
        The rows of each code; None: the file is one item's.
    starts : ndarray of int64 or None
        Of a flat array: where each thing starts.
    shapes : ndarray of shape (things, axes) or None
        And its shape.
    """

    place: str
    array: StoredArray
    reader: CachedRows
    space: RowsOfCodes | None
    starts: Int64s | None = None
    shapes: Int64s | None = None

    @property
    def is_single(self) -> bool:
        """Whether no item has more than one row, as pictures have."""
        return self.space is not None and self.space.most <= 1

    @property
    def is_number(self) -> bool:
        """Whether a row is one number."""
        return self.starts is None and self.array.metadata.dtype != "|O" and len(self.array.metadata.shape) == 1

    def things(self, code: int) -> list[npt.NDArray[Any]]:
        """Give what an item has: its rows as one array, or, of a flat array, its things one by one.

        Parameters
        ----------
        code : int
            The item.

        Returns
        -------
        list of ndarray
            Empty if it has none.

        Raises
        ------
        FormatError
            If a chunk is missing or damaged.
        """
        rows = self.rows(code)
        if not len(rows):
            return []
        if self.starts is None or self.shapes is None:
            return [self._read(rows)]
        return [self._thing(int(row)) for row in rows]

    def rows(self, code: int) -> Int64s:
        """Give the rows, of a flat array the things, of an item."""
        if self.space is not None:
            return self.space.rows(code)
        shape = self.array.metadata.shape
        return np.arange(len(self.starts) if self.starts is not None else (shape[0] if shape else 1))

    def place_of_thing(self, row: int) -> tuple[int, int]:
        """Give where the values of a flat array's thing start and end."""
        assert self.starts is not None
        assert self.shapes is not None
        start = int(self.starts[row])
        return start, start + int(np.prod(self.shapes[row]))

    def _thing(self, row: int) -> npt.NDArray[Any]:
        assert self.shapes is not None
        start, stop = self.place_of_thing(row)
        return self.reader.read(start, stop).reshape(self.shapes[row].tolist())

    def _read(self, rows: Int64s) -> npt.NDArray[Any]:
        if not self.array.metadata.shape or len(rows) == rows[-1] - rows[0] + 1:
            return self.reader.read(int(rows[0]), int(rows[-1]) + 1)
        return np.concatenate([self.reader.read(int(row), int(row) + 1) for row in rows])


def item_arrays(data: DataFile) -> list[ItemArray]:
    """Give the arrays of values of a file; codes and offsets are none.

    Parameters
    ----------
    data : DataFile
        A dataset, pack or store.

    Raises
    ------
    FormatError
        If a flat array's offsets or shapes are missing.
    """
    spaces: dict[tuple[str, str], RowsOfCodes] = {}
    for place, array in data.arrays.items():
        if _role(array) == "code":
            group = place.rpartition("/")[0]
            spaces[group, array.metadata.dims[0]] = RowsOfCodes(array.read())
    found = []
    for place, array in data.arrays.items():
        if _role(array) != "data":
            continue
        group = place.rpartition("/")[0]
        dimension = array.metadata.dims[0] if array.metadata.dims else ""
        starts = shapes = None
        if array.metadata.attributes.get("zarrpack_flat") is True:
            offsets = data.arrays.get(f"{place}_offsets")
            if offsets is None:
                raise FormatError(f"{data.path}: expected {place}_offsets beside the flat array, found none")
            dimension, starts = offsets.metadata.dims[0], offsets.read()
            shapes = _shapes(data, group, place, array)
        found.append(ItemArray(place, array, CachedRows(array), spaces.get((group, dimension)), starts, shapes))
    return found


def _role(array: StoredArray) -> str:
    return str(array.metadata.attributes.get("zarrpack_role", "data"))


def _shapes(data: DataFile, group: str, place: str, array: StoredArray) -> Int64s:
    own = data.arrays.get(f"{place}_shape")
    if own is not None:
        return np.asarray(own.read(), np.int64)
    by_name: Mapping[object, StoredArray] = {
        one.metadata.attributes.get("name", name.rpartition("/")[2]): one
        for name, one in data.arrays.items()
        if name.rpartition("/")[0] == group
    }
    try:
        axes = [by_name[name].read() for name in array.metadata.attributes["zarrpack_shape_from"]]
    except KeyError as exc:
        raise FormatError(f"{data.path}: expected the shapes of {place}, found none") from exc
    return np.stack(axes, axis=1).astype(np.int64)
