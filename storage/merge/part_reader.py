"""Rows of sources' arrays, decoded chunk by chunk."""

from __future__ import annotations

import itertools
import math
import threading
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

import numpy as np
import numpy.typing as npt

from zarrpack.errors import FormatError, MergeError
from zarrpack.storage.codecs import decode_chunk
from zarrpack.storage.merge.catalogue import Catalogue
from zarrpack.storage.merge.damage import DamagedSource
from zarrpack.storage.merge.open_files import OpenFiles

__all__ = ["DecodedChunks", "PartReader"]

Values = npt.NDArray[Any]
#: What an object takes beside its characters, in bytes; roughly.
_OBJECT_BYTES = 64


class DecodedChunks:
    """The chunks decoded last, up to a number of bytes. Safe in threads; each chunk is decoded by one of them.

    Parameters
    ----------
    most_bytes : int
        How many bytes to keep; the chunk decoded last is kept even if it is larger.

    Examples
    --------
    >>> cache = DecodedChunks(1 << 20)
    >>> chunk = cache.get(7, lambda: np.arange(3))
    >>> cache.get(7, lambda: np.arange(4)) is chunk
    True
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._lock = threading.Lock()
        self._chunks: OrderedDict[int, Future[Values]] = OrderedDict()

    def __reduce__(self) -> tuple[type[DecodedChunks], tuple[int]]:
        return DecodedChunks, (self._most_bytes,)

    def get(self, number: int, decode: Callable[[], Values]) -> Values:
        """Give a chunk, decoding it if it is not here.

        Parameters
        ----------
        number : int
            Which chunk.
        decode : callable
            Gives the chunk. What it raises is raised to everybody who waits for the chunk.
        """
        with self._lock:
            known = self._chunks.get(number)
            if known is not None:
                self._chunks.move_to_end(number)
        if known is not None:
            return known.result()
        return self._decode(number, decode)

    def _decode(self, number: int, decode: Callable[[], Values]) -> Values:
        mine: Future[Values] = Future()
        with self._lock:
            chunk = self._chunks.setdefault(number, mine)
        if chunk is not mine:
            return chunk.result()
        try:
            values = decode()
        except BaseException as exc:
            with self._lock:
                del self._chunks[number]
            mine.set_exception(exc)
            raise
        mine.set_result(values)
        with self._lock:
            self._bytes += _size(values)
            self._forget()
        return values

    def _forget(self) -> None:
        while self._bytes > self._most_bytes and len(self._chunks) > 1:
            number, chunk = next(iter(self._chunks.items()))
            if not chunk.done():
                return
            del self._chunks[number]
            self._bytes -= _size(chunk.result())


class PartReader:
    """Reads parts of the sources. Safe in threads; a pickled copy opens the sources anew.

    Parameters
    ----------
    catalogue : Catalogue
        What pass 1 has found; it does not grow any more.
    files : OpenFiles
        The sources, in the catalogue's order.
    cache : DecodedChunks
        Gets what is decoded.
    """

    def __init__(self, catalogue: Catalogue, files: OpenFiles, cache: DecodedChunks) -> None:
        self.catalogue = catalogue
        self.files = files
        self._cache = cache
        self._parts = {name: catalogue.parts[name] for name in ("kind", "grid", "place", "rows", "chunk")}
        self._chunks = {name: catalogue.chunks[name] for name in ("source", "offset", "size", "crc32")}

    def __reduce__(self) -> tuple[type[PartReader], tuple[Catalogue, OpenFiles, DecodedChunks]]:
        return PartReader, (self.catalogue, self.files, self._cache)

    def read_into(self, part: int, first: int, last: int, target: Values) -> None:
        """Decode rows of a part into an array. Chunks of which all rows are read are not kept for others.

        Parameters
        ----------
        part : int
            The part's number.
        first, last : int
            Its rows, `last` excluded.
        target : ndarray of shape (last - first, ...)
            Written to; its dtype may be another that holds the values.

        Raises
        ------
        DamagedSource
            If a chunk is damaged; the message names file and array.
        MergeError
            If an integer does not fit into the target's dtype.
        """
        if target.size == 0:
            return
        tail, chunks = self.catalogue.grids[int(self._parts["grid"][part])]
        step, rows = chunks[0], int(self._parts["rows"][part])
        corners = [range(0, length, chunk) for length, chunk in zip(tail, chunks[1:], strict=True)]
        chunk_number = int(self._parts["chunk"][part]) + first // step * math.prod(map(len, corners))
        for start in range(first // step * step, last, step):
            begin, end = max(first, start), min(last, start + step)
            is_whole = begin == start and end == min(start + step, rows)
            for corner in itertools.product(*corners):
                values = self._chunk(part, chunk_number, chunks, is_kept=not is_whole)
                chunk_number += 1
                lengths = [min(chunk, length - at) for at, chunk, length in zip(corner, chunks[1:], tail, strict=True)]
                inner = tuple(slice(0, length) for length in lengths)
                outer = tuple(slice(at, at + length) for at, length in zip(corner, lengths, strict=True))
                rows_of_chunk = values[(slice(begin - start, end - start), *inner)]
                self._assign(part, target[(slice(begin - first, end - first), *outer)], rows_of_chunk)

    def _assign(self, part: int, target: Values, values: Values) -> None:
        if values.dtype != target.dtype and target.dtype.kind in "iu" and not np.can_cast(values.dtype, target.dtype):
            limits = np.iinfo(target.dtype)
            low, high = int(values.min()), int(values.max())
            if low < limits.min or high > limits.max:
                source = int(self.catalogue.parts["source"][part])
                place = self.catalogue.places[int(self._parts["place"][part])]
                raise MergeError(
                    f"{self.catalogue.paths[source]}: {place}: expected values that fit into {target.dtype.name}, "
                    f"found {low} to {high}; declare a wider dtype"
                )
        target[...] = values

    def shared_rows(self, part: int, first: int, last: int) -> Iterator[tuple[int, Values]]:
        """Give rows of a part chunk by chunk, without a copy where rows are not divided.

        Parameters
        ----------
        part : int
            The part's number.
        first, last : int
            Its rows, `last` excluded.

        Yields
        ------
        tuple of (int, ndarray)
            The number of the first of some rows, and the rows. Not to be changed.
        """
        tail, chunks = self.catalogue.grids[int(self._parts["grid"][part])]
        kind = self.catalogue.kinds[int(self._parts["kind"][part])]
        for start in range(first // chunks[0] * chunks[0], last, chunks[0]):
            begin, end = max(first, start), min(last, start + chunks[0])
            if chunks[1:] == tail:
                number = int(self._parts["chunk"][part]) + start // chunks[0]
                yield begin, self._chunk(part, number, chunks, is_kept=True)[begin - start : end - start]
            else:
                rows = np.empty((end - begin, *tail), kind.dtype[1:] if kind.dtype == "|O" else kind.dtype)
                self.read_into(part, begin, end, rows)
                yield begin, rows

    def tail(self, part: int) -> tuple[int, ...]:
        """A part's shape without its first axis."""
        return self.catalogue.grids[int(self._parts["grid"][part])][0]

    def location(self, chunk: int) -> tuple[int, int, int, int]:
        """Where a chunk's bytes lie, by the chunk's number: source, offset, size, CRC-32."""
        source, offset, size, crc32 = (int(column[chunk]) for column in self._chunks.values())
        return source, offset, size, crc32

    def _chunk(self, part: int, chunk: int, shape: tuple[int, ...], is_kept: bool) -> Values:
        if not is_kept:
            return self._decoded(part, chunk, shape)
        return self._cache.get(chunk, lambda: self._decoded(part, chunk, shape))

    def _decoded(self, part: int, chunk: int, shape: tuple[int, ...]) -> Values:
        kind = self.catalogue.kinds[int(self._parts["kind"][part])]
        place = self.catalogue.places[int(self._parts["place"][part])]
        source, offset, size, crc32 = self.location(chunk)
        path = self.catalogue.paths[source]
        where = f"{path}: {place}"
        try:
            payload = self.files.read(source, offset, size)
        except OSError as exc:
            raise DamagedSource(
                path,
                f"{where}: expected {size} readable bytes at offset {offset}, found: {exc.strerror}",
            ) from exc
        if len(payload) != size or zlib.crc32(payload) != crc32:
            raise DamagedSource(
                path,
                f"{where}: expected a chunk of {size} bytes with the checksum {crc32:08x} at offset {offset}, "
                "found other bytes; the file is damaged",
            )
        try:
            return decode_chunk(payload, kind.codec, kind.dtype, shape)
        except FormatError as exc:
            raise DamagedSource(path, f"{where}: the chunk at offset {offset} is damaged: {exc}") from exc


def _size(values: Values) -> int:
    if values.dtype != object:
        return values.nbytes
    return values.size * _OBJECT_BYTES + sum(map(len, values.flat))
