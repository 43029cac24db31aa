"""One array of a zipped Zarr hierarchy, read chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from zarrpack.errors import FormatError
from zarrpack.storage.array_metadata import ArrayMetadata
from zarrpack.storage.codecs import decode_chunk

__all__ = ["ChunkLocation", "EntryReader", "StoredArray"]


class ChunkLocation(NamedTuple):
    """Where an entry's bytes lie.

    Parameters
    ----------
    offset, size : int
        In the file, in bytes.
    crc32 : int
        Their checksum, as the zip's directory says.
    """

    offset: int
    size: int
    crc32: int


class EntryReader(Protocol):
    """What an array needs of its file."""

    def has_entry(self, name: str) -> bool:
        """Whether there is such an entry."""

    def locate(self, name: str) -> ChunkLocation | None:
        """Where the entry's bytes lie; None if there is no such entry."""

    def payload(self, name: str) -> bytes:
        """The entry's bytes, checked; FormatError if there is no such entry."""


class StoredArray:
    """An array in a file. Safe in threads; pickled with its file, which opens anew.

    Parameters
    ----------
    file : EntryReader
        Where the chunks are.
    name : str
        ``"group/array"``.
    metadata : ArrayMetadata
        How it is stored.

    Attributes
    ----------
    name, metadata
        As given.
    """

    __slots__ = ("_file", "metadata", "name")

    def __init__(self, file: EntryReader, name: str, metadata: ArrayMetadata) -> None:
        self._file = file
        self.name = name
        self.metadata = metadata

    def __repr__(self) -> str:
        return f"<StoredArray {self.name!r} {self.metadata.shape} {self.metadata.dtype}>"

    def read(self, start: int = 0, stop: int | None = None) -> npt.NDArray[Any]:
        """Read rows.

        Parameters
        ----------
        start, stop : int
            Rows along the first axis, as in a slice. They mean nothing for a 0-d array.

        Returns
        -------
        ndarray of shape (stop - start, ...)
            Owned by the caller; of objects (str or bytes) for strings and bytes.

        Raises
        ------
        FormatError
            If a chunk is missing or damaged.
        """
        metadata = self.metadata
        if not metadata.shape:
            return self.read_chunk(()).copy()
        first, last, _ = slice(start, stop).indices(metadata.shape[0])
        shape = (max(0, last - first), *metadata.shape[1:])
        dtype = np.dtype("O" if metadata.dtype == "|O" else metadata.dtype)
        if 0 in shape:
            return self._allocated(shape, dtype)
        chunks = metadata.chunks
        grid = [range(length) for length in metadata.chunk_grid()]
        grid[0] = range(first // chunks[0], -(-last // chunks[0]))
        # Looked up before anything is allocated: a shape can announce more than any machine holds.
        self._require(grid)
        rows = self._allocated(shape, dtype)
        for index in _indices(grid):
            chunk = self.read_chunk(index)
            begin = [number * length for number, length in zip(index, chunks, strict=True)]
            inner = tuple(slice(0, end - at) for end, at in zip(metadata.shape, begin, strict=True))
            skipped = max(0, first - begin[0])
            values = chunk[(slice(skipped, last - begin[0]), *inner[1:])]
            if values.shape == shape == chunk.shape and chunk.flags.writeable:
                return chunk
            begin[0] += skipped - first
            rows[tuple(slice(at, at + length) for at, length in zip(begin, values.shape, strict=True))] = values
        return rows

    def read_chunk(self, index: tuple[int, ...]) -> npt.NDArray[Any]:
        """Read one chunk in full, with the padding of an edge chunk.

        Parameters
        ----------
        index : tuple of int
            Place in the chunk grid.

        Returns
        -------
        ndarray of shape `metadata.chunks`
            It may be read-only.

        Raises
        ------
        FormatError
            If the chunk is missing or damaged.
        """
        metadata = self.metadata
        payload = self.raw_chunk(index)
        try:
            return decode_chunk(payload, metadata.codec, metadata.dtype, metadata.chunks)
        except FormatError as exc:
            raise FormatError(f"{self.name}: chunk {metadata.chunk_key(index)} is damaged: {exc}") from exc

    def chunk_location(self, index: tuple[int, ...]) -> ChunkLocation | None:
        """Find where a chunk's bytes lie; None if it is missing.

        Parameters
        ----------
        index : tuple of int
            Place in the chunk grid.
        """
        return self._file.locate(self._entry(index))

    def raw_chunk(self, index: tuple[int, ...]) -> bytes:
        """Read a chunk's bytes as they lie in the file, their checksum checked.

        Parameters
        ----------
        index : tuple of int
            Place in the chunk grid.
        """
        return self._file.payload(self._entry(index))

    def check_complete(self) -> None:
        """Check that every chunk is there; none is read.

        Raises
        ------
        FormatError
            If one is missing.
        """
        self._require([range(length) for length in self.metadata.chunk_grid()])

    def _allocated(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
        try:
            return np.empty(shape, dtype)
        except (MemoryError, ValueError) as exc:
            raise FormatError(f"{self.name}: expected rows that fit into memory, found the shape {shape}") from exc

    def _require(self, grid: list[range]) -> None:
        for index in _indices(grid):
            if not self._file.has_entry(self._entry(index)):
                raise FormatError(
                    f"{self.name}: expected chunk {self.metadata.chunk_key(index)}, found none; the file is not complete"
                )

    def _entry(self, index: tuple[int, ...]) -> str:
        key = self.metadata.chunk_key(index)
        return f"{self.name}/{key}" if self.name else key


def _indices(grid: list[range]) -> Iterator[tuple[int, ...]]:
    """Give the places of a grid, the last axis fastest; itertools.product would first list every axis."""
    if not grid:
        yield ()
        return
    for number in grid[0]:
        for rest in _indices(grid[1:]):
            yield (number, *rest)
