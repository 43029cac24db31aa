"""The mirror of a conversion: an export whose chunks the workers have made already, as far as the merge copied them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

from zarrpack.storage.hdf5.chunked import ChunkedArray
from zarrpack.storage.hdf5.number_rows import MadePieces, PlacedPiece
from zarrpack.storage.hdf5.options import Hdf5Compression
from zarrpack.storage.hdf5.spool import SpoolReader, spool_path
from zarrpack.storage.hdf5.stored_types import stored_dtype
from zarrpack.storage.merge.chunk_origins import ChunkOrigins

__all__ = ["spooled_pieces"]

_OPEN_SPOOLS = 16


def spooled_pieces(
    packs: Sequence[Path], origins: ChunkOrigins, compression: Hdf5Compression
) -> Callable[[str], MadePieces | None]:
    """Give, for each array of a dataset, what finds its pieces in the spools of the packs it was merged from.

    Parameters
    ----------
    packs : sequence of Path
        The sources of the merge, in its order.
    origins : ChunkOrigins
        What the merge copied from where.
    compression : {"gzip", "lzf", "zstd", "none"}
        Of the mirror.
    """

    @lru_cache(_OPEN_SPOOLS)
    def spool(number: int) -> SpoolReader:
        return SpoolReader(spool_path(packs[number]), compression)

    def of_array(place: str) -> MadePieces:
        def made(array: ChunkedArray, index: tuple[int, ...], piece: tuple[int, ...]) -> list[PlacedPiece] | None:
            if any(index[1:]):
                return None
            origin = origins.find(place, index[0])
            if origin is None:
                return None
            reader = spool(origin.source)
            found = reader.pieces(origin.place, origin.block, piece, stored_dtype(array.metadata.dtype))
            if found is None:
                return None
            reader.note_given()
            start = index[0] * array.metadata.chunks[0]
            length = array.metadata.shape[0]
            return [((at[0] + start, *at[1:]), one) for at, one in found if at[0] + start < length]

        return made

    return of_array
