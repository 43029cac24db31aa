"""Rows of sources' arrays, decoded chunk by chunk."""

from __future__ import annotations

import itertools
import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from zarrpack.errors import FormatError, MergeError
from zarrpack.storage.codecs import decode_chunk, decode_items
from zarrpack.storage.merge.catalogue import Catalogue
from zarrpack.storage.merge.damage import DamagedSource
from zarrpack.storage.merge.decoded_chunks import DecodedChunks
from zarrpack.storage.merge.open_files import OpenFiles
from zarrpack.storage.vlen import PackedItems

__all__ = ["PartReader"]

Values = npt.NDArray[Any]


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
        self._parts = {name: catalogue.parts[name] for name in ("source", "kind", "grid", "place", "rows", "chunk")}
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
            If a number does not fit into the target's dtype.
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
        if np.can_cast(values.dtype, target.dtype) or target.dtype.kind not in "iufc":
            target[...] = values
            return
        if target.dtype.kind in "iu":
            limits = np.iinfo(target.dtype)
            low, high = int(values.min()), int(values.max())
            if low < limits.min or high > limits.max:
                raise self._does_not_fit(part, target, f"{low} to {high}")
            target[...] = values
            return
        with np.errstate(over="ignore"):
            target[...] = values
        # Where a finite value has become infinite it was too large.
        if bool((np.isfinite(values) & ~np.isfinite(target)).any()):
            raise self._does_not_fit(part, target, f"values up to {np.abs(values[np.isfinite(values)]).max()}")

    def _does_not_fit(self, part: int, target: Values, found: str) -> MergeError:
        return MergeError(
            f"{self._place(part)[1]}: expected values that fit into {target.dtype.name}, found {found}; declare a wider dtype"
        )

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

    def runs(self, part: int, first: int, last: int) -> Iterator[memoryview]:
        """Give rows of a part of strings or bytes chunk by chunk, as they lie in their buffers.

        Parameters
        ----------
        part : int
            The number of a part for which `has_runs` holds.
        first, last : int
            Its rows, `last` excluded.

        Raises
        ------
        DamagedSource
            If a chunk is damaged; the message names file and array.
        """
        _, (step,) = self.catalogue.grids[int(self._parts["grid"][part])]
        rows = int(self._parts["rows"][part])
        for start in range(first // step * step, last, step):
            begin, end = max(first, start), min(last, start + step)
            chunk = int(self._parts["chunk"][part]) + start // step
            if begin == start and end == min(start + step, rows):
                items = self._decoded_items(part, chunk, step)
            else:
                items = cast(PackedItems, self._cache.get(~chunk, partial(self._decoded_items, part, chunk, step)))
            yield items.run(begin - start, end - start)

    def has_runs(self, part: int) -> bool:
        """Whether a part's rows are strings or bytes along one axis, so that `runs` gives them."""
        kind = self.catalogue.kinds[int(self._parts["kind"][part])]
        return kind.codec.object_codec is not None and not self.tail(part)

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
        return cast(Values, self._cache.get(chunk, partial(self._decoded, part, chunk, shape)))

    def _decoded(self, part: int, chunk: int, shape: tuple[int, ...]) -> Values:
        kind = self.catalogue.kinds[int(self._parts["kind"][part])]
        payload = self._payload(part, chunk)
        with self._naming(part, chunk):
            return decode_chunk(payload, kind.codec, kind.dtype, shape)

    def _decoded_items(self, part: int, chunk: int, count: int) -> PackedItems:
        kind = self.catalogue.kinds[int(self._parts["kind"][part])]
        payload = self._payload(part, chunk)
        with self._naming(part, chunk):
            return decode_items(payload, kind.codec, count)

    def _payload(self, part: int, chunk: int) -> bytes:
        source, offset, size, crc32 = self.location(chunk)
        path, where = self._place(part)
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
        return payload

    @contextmanager
    def _naming(self, part: int, chunk: int) -> Iterator[None]:
        """Say which file and array it is whose chunk does not decode."""
        try:
            yield
        except FormatError as exc:
            path, where = self._place(part)
            raise DamagedSource(
                path, f"{where}: the chunk at offset {self.location(chunk)[1]} is damaged: {exc}"
            ) from exc

    def _place(self, part: int) -> tuple[str, str]:
        path = self.catalogue.paths[int(self._parts["source"][part])]
        return path, f"{path}: {self.catalogue.places[int(self._parts['place'][part])]}"
