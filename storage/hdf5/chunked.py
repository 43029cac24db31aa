"""What the writers of datasets need of an array."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy.typing as npt

from zarrpack.storage.array_metadata import ArrayMetadata
from zarrpack.storage.chunk_indices import chunk_indices

__all__ = ["ChunkedArray", "chunks_of"]


class ChunkedArray(Protocol):
    """An array that is read chunk by chunk, such as a :class:`zarrpack.storage.stored_array.StoredArray`."""

    @property
    def metadata(self) -> ArrayMetadata:
        """Its shape, chunks and dtype."""

    def read_chunk(self, index: tuple[int, ...]) -> npt.NDArray[Any]:
        """Read one chunk in full; FormatError if it is missing or damaged."""


def chunks_of(array: ChunkedArray) -> Iterator[tuple[tuple[int, ...], npt.NDArray[Any]]]:
    """Give the chunks of an array, without what sticks out, and where each starts.

    Parameters
    ----------
    array : ChunkedArray
        The array.
    """
    metadata = array.metadata
    if not metadata.shape:
        yield (), array.read_chunk(())
    if 0 in (metadata.shape or (0,)):
        return
    for index in chunk_indices(metadata.chunk_grid()):
        start = tuple(number * length for number, length in zip(index, metadata.chunks, strict=True))
        inside = tuple(slice(end - at) for end, at in zip(metadata.shape, start, strict=True))
        yield start, array.read_chunk(index)[inside]
