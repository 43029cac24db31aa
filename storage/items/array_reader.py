"""Rows of one array, through a cache for chunks that many rows share."""

from __future__ import annotations

import itertools
import threading
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from zarrpack.errors import FormatError
from zarrpack.storage.codecs import decode_chunk
from zarrpack.storage.items.chunk_file import ChunkFile
from zarrpack.storage.items.file_index import ArrayIndex

__all__ = ["ArrayReader", "ChunkCache"]

Values = npt.NDArray[Any]
_OBJECT_BYTES = 64


class ChunkCache:
    """The decoded chunks used last, up to a number of bytes. Safe in threads; a pickled copy is empty.

    Parameters
    ----------
    most_bytes : int
        How much to keep; a chunk that is larger alone is not kept.

    Examples
    --------
    >>> cache = ChunkCache(100)
    >>> cache.put("a", np.zeros(4)), cache.get("a").shape, cache.get("b")
    (None, (4,), None)
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._chunks: OrderedDict[Any, tuple[Values, int]] = OrderedDict()
        self._guard = threading.Lock()

    def __reduce__(self) -> tuple[type[ChunkCache], tuple[int]]:
        return ChunkCache, (self._most_bytes,)

    def get(self, key: Any) -> Values | None:
        """Give a chunk; None if it is not here. Not to be changed."""
        with self._guard:
            kept = self._chunks.get(key)
            if kept is None:
                return None
            self._chunks.move_to_end(key)
            return kept[0]

    def put(self, key: Any, values: Values) -> None:
        """Keep a chunk, and forget those that were not used for longest."""
        size = values.nbytes
        if values.dtype == object:
            size = values.size * _OBJECT_BYTES + sum(map(len, values.flat))
        if size > self._most_bytes:
            return
        values.flags.writeable = False
        with self._guard:
            self._bytes += size - self._chunks.pop(key, (values, 0))[1]
            self._chunks[key] = values, size
            while self._bytes > self._most_bytes:
                self._bytes -= self._chunks.popitem(last=False)[1][1]


class ArrayReader:
    """Reads rows of an array. Safe in threads, survives fork and pickling.

    Parameters
    ----------
    file : ChunkFile
        Where it is.
    index : ArrayIndex
        How it is stored.
    cache : ChunkCache
        For chunks of which only some rows are asked for; may be shared by the arrays of a file.

    Attributes
    ----------
    name : str
        ``"group/array"``.
    shape : tuple of int
        Of the whole array.
    dtype : numpy.dtype
        Of objects for strings and bytes.
    dims : tuple of str
        A name per axis.
    """

    def __init__(self, file: ChunkFile, index: ArrayIndex, cache: ChunkCache) -> None:
        self.index = index
        self._file = file
        self._cache = cache
        metadata = index.metadata
        self.name = index.name
        self.shape = metadata.shape
        self.dims = metadata.dims
        self.dtype: np.dtype[Any] = np.dtype("O" if metadata.dtype == "|O" else metadata.dtype)
        self._rows = metadata.chunks[0] if metadata.chunks else 1
        # Chunks that are as wide as the array lie one behind the other.
        self._is_whole_rows = all(n <= chunk for n, chunk in zip(self.shape[1:], metadata.chunks[1:], strict=True))
        self._has_plain_items = (
            metadata.codec.object_codec == "vlen-bytes" and metadata.codec.level is None and metadata.chunks == (1,)
        )

    def __reduce__(self) -> tuple[type[ArrayReader], tuple[ChunkFile, ArrayIndex, ChunkCache]]:
        return ArrayReader, (self._file, self.index, self._cache)

    def __len__(self) -> int:
        return self.shape[0] if self.shape else 1

    def item_bytes(self, row: int) -> bytes:
        """Read one row of an array of bytes or strings, as bytes.

        Parameters
        ----------
        row : int
            From 0.

        Raises
        ------
        FormatError
            If the chunk is missing or damaged, or the array holds numbers.
        """
        if self._has_plain_items:
            item = self._file.single_item(self.index, row)
            return self._chunk(row, is_shared=False)[0] if item is None else item
        value = self.read(row, row + 1).reshape(-1)[0]
        if isinstance(value, bytes):
            return value
        if isinstance(value, str):
            return value.encode()
        raise FormatError(f"{self._file.index.path}: {self.name}: expected bytes or strings, found {self.dtype}")

    def read(self, first: int = 0, last: int | None = None) -> Values:
        """Read rows.

        Parameters
        ----------
        first, last : int
            Rows along the first axis, `last` excluded; 0 <= first. They mean nothing for a 0-d array.

        Returns
        -------
        ndarray of shape (last - first, ...)
            Owned by the caller and writable; of objects (str or bytes) for strings and bytes.

        Raises
        ------
        FormatError
            If a chunk is missing or damaged.
        """
        if not self.shape:
            return np.array(self._decoded(0))
        last = self.shape[0] if last is None else min(last, self.shape[0])
        if self._has_plain_items and last - first == 1:
            rows = np.empty(1, object)
            rows[0] = self.item_bytes(first)
            return rows
        pieces = list(self._pieces(first, last))
        if len(pieces) == 1:
            values = pieces[0][2]
            return values if _is_own(values) else values.copy()
        rows = np.empty((max(0, last - first), *self.shape[1:]), self.dtype)
        for begin, end, values in pieces:
            rows[begin - first : end - first] = values
        return rows

    def pieces(self, first: int = 0, last: int | None = None) -> Iterator[tuple[int, Values]]:
        """Read rows piece by piece, one row of chunks at a time, so that the array is never whole in memory.

        Parameters
        ----------
        first, last : int
            As in `read`.

        Yields
        ------
        tuple of (int, ndarray)
            The number of the first of some rows, and the rows; not to be changed.

        Raises
        ------
        FormatError
            If a chunk is missing or damaged.
        """
        if not self.shape:
            yield 0, self._decoded(0).reshape(1)
            return
        for begin, _, values in self._pieces(first, self.shape[0] if last is None else min(last, self.shape[0])):
            yield begin, values

    def _pieces(self, first: int, last: int) -> Iterator[tuple[int, int, Values]]:
        step = self._rows
        for number in range(first // step, -(-last // step) if last > first else 0):
            start = number * step
            begin, end = max(first, start), min(last, start + step)
            is_shared = end - begin < min(step, self.shape[0] - start)
            if self._is_whole_rows:
                values = self._chunk(number, is_shared)
            else:
                values = self._row_of_chunks(number)
            yield begin, end, values if end - begin == len(values) else values[begin - start : end - start]

    def _row_of_chunks(self, number: int) -> Values:
        metadata = self.index.metadata
        grid = metadata.chunk_grid()
        rows = np.empty((self._rows, *self.shape[1:]), self.dtype)
        places = itertools.product(*(range(length) for length in grid[1:]))
        for chunk, place in enumerate(places, number * int(np.prod(grid[1:]))):
            starts = [at * length for at, length in zip(place, metadata.chunks[1:], strict=True)]
            lengths = [
                min(chunk_length, length - at)
                for chunk_length, length, at in zip(metadata.chunks[1:], self.shape[1:], starts, strict=True)
            ]
            outer = tuple(slice(at, at + length) for at, length in zip(starts, lengths, strict=True))
            inner = tuple(slice(0, length) for length in lengths)
            rows[(slice(None), *outer)] = self._decoded(chunk)[(slice(None), *inner)]
        return rows

    def _chunk(self, chunk: int, is_shared: bool) -> Values:
        if not is_shared:
            kept = self._cache.get((self.name, chunk))
            return self._trimmed(self._decoded(chunk)) if kept is None else kept
        values = self._cache.get((self.name, chunk))
        if values is None:
            values = self._trimmed(self._decoded(chunk))
            self._cache.put((self.name, chunk), values)
        return values

    def _trimmed(self, values: Values) -> Values:
        """Cut the padding off that a chunk has behind its rows' ends."""
        if values.shape[1:] == self.shape[1:]:
            return values
        return values[(slice(None), *(slice(0, length) for length in self.shape[1:]))]

    def _decoded(self, chunk: int) -> Values:
        metadata = self.index.metadata
        payload = self._file.payload(self.index, chunk)
        try:
            return decode_chunk(payload, metadata.codec, metadata.dtype, metadata.chunks)
        except FormatError as exc:
            raise FormatError(f"{self._file.index.path}: {self.name}: chunk {chunk} is damaged: {exc}") from exc


def _is_own(values: Values) -> bool:
    """Whether nobody else sees the values, and they keep nothing else in memory."""
    base = values.base
    return values.flags.writeable and (base is None or (isinstance(base, np.ndarray) and base.nbytes == values.nbytes))
