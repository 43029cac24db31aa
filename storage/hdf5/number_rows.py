"""Arrays of numbers: their chunks are encoded in threads and laid down in order."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import h5py

from zarrpack.storage.chunk_indices import chunk_indices
from zarrpack.storage.hdf5.chunked import ChunkedArray
from zarrpack.storage.hdf5.file import make_chunked, make_contiguous
from zarrpack.storage.hdf5.filters import EncodedPiece, encode_piece
from zarrpack.storage.hdf5.options import Hdf5Compression
from zarrpack.storage.hdf5.pieces import cut, piece_shape
from zarrpack.storage.hdf5.stored_types import stored_dtype, to_stored
from zarrpack.storage.made_ahead import made_ahead

__all__ = ["ChunkPieces", "MadePieces", "PlacedPiece", "write_numbers"]

#: Where a piece starts in the array, and the piece.
PlacedPiece: TypeAlias = "tuple[tuple[int, ...], EncodedPiece]"
#: Gives the pieces of a chunk that were made when the array was, or None: they must be made of the chunk.
#: Called with the array, the chunk's place in the grid, and the shape of a piece.
MadePieces: TypeAlias = Callable[[ChunkedArray, "tuple[int, ...]", "tuple[int, ...]"], "list[PlacedPiece] | None"]
#: Gives the pieces of one chunk.
ChunkPieces: TypeAlias = Callable[["tuple[int, ...]"], "list[PlacedPiece]"]


def write_numbers(
    parent: h5py.Group,
    name: str,
    array: ChunkedArray,
    compression: Hdf5Compression,
    threads: int,
    made: MadePieces | None = None,
    progress: Callable[[int], None] | None = None,
) -> h5py.Dataset:
    """Write an array of numbers. Memory holds a few chunks.

    Parameters
    ----------
    parent : h5py.Group
        Where.
    name : str
        The dataset's name.
    array : ChunkedArray
        The array; numbers, not objects.
    compression : {"gzip", "lzf", "zstd", "none"}
        How to compress.
    threads : int
        How many chunks are decoded and encoded at once.
    made : callable or None
        Gives pieces that exist already; None: there are none.
    progress : callable or None
        Called with the number of bytes of each piece, in this thread.

    Raises
    ------
    FormatError
        If a chunk is missing or damaged.
    """
    metadata = array.metadata
    dtype = stored_dtype(metadata.dtype)
    if not metadata.shape or 0 in metadata.shape:
        data = make_contiguous(parent, name, metadata.shape, dtype)
        if not metadata.shape:
            data[()] = to_stored(array.read_chunk(()))
        return data
    piece = piece_shape(metadata.shape, metadata.chunks, dtype.itemsize)
    data = make_chunked(parent, name, metadata.shape, dtype, piece, compression)

    def pieces(index: tuple[int, ...]) -> list[PlacedPiece]:
        ready = made(array, index, piece) if made is not None else None
        return ready if ready is not None else _encoded(array, index, piece, compression)

    grid = chunk_indices(array.metadata.chunk_grid())
    for placed in made_ahead(pieces, grid, threads, waiting=threads, name="zarrpack-hdf5"):
        for at, (payload, mask) in placed:
            data.id.write_direct_chunk(at, payload, mask)
            if progress is not None:
                progress(len(payload))
    return data


def _encoded(
    array: ChunkedArray, index: tuple[int, ...], piece: tuple[int, ...], compression: Hdf5Compression
) -> list[PlacedPiece]:
    metadata = array.metadata
    start = [number * length for number, length in zip(index, metadata.chunks, strict=True)]
    extent = tuple(length - begin for length, begin in zip(metadata.shape, start, strict=True))
    return [
        (tuple(begin + inner for begin, inner in zip(start, at, strict=True)), encode_piece(part, compression))
        for at, part in cut(to_stored(array.read_chunk(index)), piece, extent)
    ]
