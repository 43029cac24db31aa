"""The arrays of one item, by its code."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from zarrpack.errors import FormatError, NotFound
from zarrpack.storage.items.array_reader import ArrayReader, ChunkCache
from zarrpack.storage.items.chunk_file import ChunkFile
from zarrpack.storage.items.data_arrays import DataArray, count_codes, find_data_arrays
from zarrpack.storage.items.file_index import FileIndex, index_file
from zarrpack.storage.items.flat_things import FlatThings
from zarrpack.storage.items.row_spans import RowSpans, read_spans

__all__ = ["ItemReader"]

Values = npt.NDArray[Any]
_CACHE_BYTES = 128 << 20


class ItemReader:
    """Reads the rows that belong to a code, out of a ``.dataset`` or a ``.data``.

    A chunk is read with one system call. Where the chunks lie is found when the first reader of a file is made in a process
    and travels with a pickled reader, so that another process parses nothing. Safe in threads and after a fork.

    Parameters
    ----------
    path : path-like
        The file.
    cache_bytes : int
        How many bytes of decoded chunks that items share are kept in memory, in each process.

    Attributes
    ----------
    path : str
        The file, absolute.
    codes : int
        How many codes the file has.
    arrays : dict of str to DataArray
        The arrays of data, by ``"group/array"``, in the file's order.

    Raises
    ------
    SourceError
        If the file cannot be opened.
    FormatError
        If it is no such file.
    """

    def __init__(self, path: str | os.PathLike[str], cache_bytes: int = _CACHE_BYTES) -> None:
        self._start(ChunkFile(index_file(path)), ChunkCache(cache_bytes))

    def _start(self, file: ChunkFile, cache: ChunkCache) -> None:
        self._file = file
        self._cache = cache
        self.index: FileIndex = file.index
        self.path = self.index.path
        self.codes = count_codes(self.index, self.read_whole)
        self.arrays: dict[str, DataArray] = find_data_arrays(self.index)
        self._readers: dict[str, ArrayReader] = {}
        self._spans: dict[tuple[str, str], RowSpans | None] = {}
        self._things: dict[str, FlatThings] = {}

    def __getstate__(self) -> tuple[ChunkFile, ChunkCache]:
        return self._file, self._cache

    def __setstate__(self, state: tuple[ChunkFile, ChunkCache]) -> None:
        self._start(*state)

    def __repr__(self) -> str:
        return f"<ItemReader {self.path!r}, {self.codes} codes>"

    def close(self) -> None:
        """Close the file. Idempotent; reading opens it again."""
        self._file.close()

    def array(self, name: str) -> ArrayReader:
        """Give one array of the file, whatever its role.

        Parameters
        ----------
        name : str
            ``"group/array"``.

        Raises
        ------
        NotFound
            If there is no such array.
        """
        reader = self._readers.get(name)
        if reader is None:
            index = self.index.arrays.get(name)
            if index is None:
                raise NotFound(
                    f"{self.path}: expected an array, found no {name!r}; choose one of {sorted(self.arrays)}"
                )
            reader = self._readers[name] = ArrayReader(self._file, index, self._cache)
        return reader

    def read_whole(self, name: str) -> Values:
        """Read a whole array, such as offsets or codes.

        Parameters
        ----------
        name : str
            ``"group/array"``.
        """
        return ArrayReader(self._file, self.index.arrays[name], self._cache).read()

    def spans(self, group: str, dimension: str) -> RowSpans | None:
        """Tell which rows along a dimension belong to which code; None where the file does not say it.

        Parameters
        ----------
        group, dimension : str
            The group and the rows' dimension.
        """
        key = group, dimension
        if key not in self._spans:
            self._spans[key] = self._read_spans(group, dimension)
        return self._spans[key]

    def _read_spans(self, group: str, dimension: str) -> RowSpans | None:
        found = read_spans(self.index, group, dimension, self.codes, self.read_whole)
        if found is None and self.index.kind == "store":
            # A store is one file's arrays: all rows are its.
            rows = max(
                (one.shape[0] for one in map(self.array, self.arrays) if one.dims[:1] == (dimension,)), default=0
            )
            return RowSpans(np.array([0, rows], np.int64))
        return found

    def things(self, name: str) -> FlatThings:
        """Tell where the things of a flat array lie.

        Parameters
        ----------
        name : str
            ``"group/array"``.

        Raises
        ------
        FormatError
            If the file does not tell their shapes.
        """
        things = self._things.get(name)
        if things is None:
            array = self.arrays[name]
            assert array.offsets is not None
            offsets = self.read_whole(array.offsets)
            if array.shape is not None:
                shapes = self.read_whole(array.shape)
            elif array.shape_from:
                shapes = np.stack([self.read_whole(one) for one in array.shape_from], axis=-1)
            else:
                raise FormatError(f"{self.path}: {name}: expected an array of shapes for a flat array, found none")
            things = self._things[name] = FlatThings(self.array(name), offsets, shapes.astype(np.int64))
        return things

    def read(self, name: str, code: int) -> Values | None:
        """Read one item's rows of one array.

        Parameters
        ----------
        name : str
            ``"group/array"``, one of `arrays`.
        code : int
            The item's code.

        Returns
        -------
        ndarray of shape (rows, ...), or None
            Owned by the caller. Things of different shapes come as an array of objects, each an ndarray. None: the item has
            no such rows.

        Raises
        ------
        NotFound
            If there is no such array of data.
        FormatError
            If a chunk is missing or damaged.
        """
        array = self.arrays.get(name)
        if array is None:
            raise NotFound(
                f"{self.path}: expected an array of data, found {name!r}; choose one of {sorted(self.arrays)}"
            )
        rows = self._rows(array, code)
        if rows is None:
            return None
        if array.offsets is not None:
            return self._read_things(name, rows)
        reader = self.array(name)
        if isinstance(rows, tuple):
            return reader.read(*rows)
        return np.concatenate([reader.read(int(row), int(row) + 1) for row in rows])

    def shape(self, name: str, code: int) -> tuple[int, ...] | None:
        """Tell the shape that `read` would give, without reading values; None if the item has no such rows.

        Parameters
        ----------
        name : str
            ``"group/array"``.
        code : int
            The item's code.

        Returns
        -------
        tuple of int, or None
            Of things of different shapes: how many, then the first one's shape.

        Raises
        ------
        NotFound
            If there is no such array of data.
        """
        array = self.arrays.get(name)
        if array is None:
            raise NotFound(
                f"{self.path}: expected an array of data, found {name!r}; choose one of {sorted(self.arrays)}"
            )
        rows = self._rows(array, code)
        if rows is None:
            return None
        count = rows[1] - rows[0] if isinstance(rows, tuple) else len(rows)
        if array.offsets is None:
            return (count, *self.array(name).shape[1:])
        return (count, *map(int, self.things(name).shapes[int(rows[0])]))

    def item(self, code: int, names: Iterable[str] | None = None) -> dict[str, Values]:
        """Read one item's arrays.

        Parameters
        ----------
        code : int
            The item's code.
        names : iterable of str, optional
            Which arrays; all if nothing is said.

        Returns
        -------
        dict of str to ndarray
            ``"group/array"`` -> its rows, as `read` gives them; without the arrays that the item does not have.
        """
        found = {}
        for name in self.arrays if names is None else names:
            values = self.read(name, code)
            if values is not None:
                found[name] = values
        return found

    def item_bytes(self, name: str, code: int, row: int = 0) -> bytes:
        """Read one of an item's rows of bytes or strings, as bytes, with one system call and no copy.

        Parameters
        ----------
        name : str
            ``"group/array"``.
        code : int
            The item's code.
        row : int
            Which of the item's rows.

        Raises
        ------
        NotFound
            If the item has no such row.
        FormatError
            If the chunk is missing or damaged.
        """
        rows = self._rows(self.arrays[name], code) if name in self.arrays else None
        if rows is None or row >= (rows[1] - rows[0] if isinstance(rows, tuple) else len(rows)):
            raise NotFound(f"{self.path}: expected row {row} of item {code} in {name}, found none")
        return self.array(name).item_bytes(rows[0] + row if isinstance(rows, tuple) else int(rows[row]))

    def place(self, name: str, code: int) -> int:
        """Tell where in the file an item's first chunk of an array starts, so that items can be read in that order.

        Parameters
        ----------
        name : str
            ``"group/array"``.
        code : int
            The item's code.

        Returns
        -------
        int
            An offset in bytes; -1 if the item has no such rows.
        """
        array = self.arrays[name]
        rows = self._rows(array, code)
        if rows is None:
            return -1
        first = int(rows[0])
        if array.offsets is not None:
            first = int(self.things(name).offsets[first])
        chunks = self.index.arrays[name].metadata.chunks
        per_row = len(self.index.arrays[name].headers) // max(1, -(-len(self.array(name)) // chunks[0]))
        return int(self.index.arrays[name].headers[first // chunks[0] * per_row])

    def codes_with_rows(self) -> set[int]:
        """Give the codes that have rows in any array."""
        found: set[int] = set()
        for group, dimension in dict.fromkeys((one.group, one.dimension) for one in self.arrays.values()):
            spans = self.spans(group, dimension)
            if spans is not None:
                found.update(np.flatnonzero(np.diff(spans.offsets)).tolist())
        return found

    def _rows(self, array: DataArray, code: int) -> tuple[int, int] | npt.NDArray[np.int64] | None:
        key = array.group, array.dimension
        spans = self._spans.get(key) or self.spans(*key)
        if spans is None:
            return None
        rows = spans.rows(code)
        first, last = (rows[0], rows[1]) if isinstance(rows, tuple) else (int(rows[0]), int(rows[-1]) + 1)
        if first >= last or (array.padded and array.is_padding(first, last)):
            return None
        return rows

    def _read_things(self, name: str, rows: tuple[int, int] | npt.NDArray[np.int64]) -> Values | None:
        things = self.things(name)
        numbers: Sequence[int] = range(*rows) if isinstance(rows, tuple) else rows.tolist()
        read = [things.read(number) for number in numbers if things.lengths[number] or things.shapes[number].any()]
        if not read:
            return None
        if len({one.shape for one in read}) == 1:
            return read[0][np.newaxis] if len(read) == 1 else np.stack(read)
        apart = np.empty(len(read), object)
        for number, one in enumerate(read):
            apart[number] = one
        return apart
