"""An array of the output: how it is stored, and where its rows come from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from zarrpack.storage.array_metadata import ArrayMetadata
from zarrpack.storage.chunk_pieces import PIECE_BYTES, encode_pieces, takes_pieces
from zarrpack.storage.codecs import encode_chunk, encode_items
from zarrpack.storage.merge.chunk_copies import ChunkCopies
from zarrpack.storage.merge.row_sources import RowSource

__all__ = ["OutputArray"]


@dataclass(frozen=True, slots=True)
class OutputArray:
    """An array of the output. Only its first axis is divided into chunks.

    Parameters
    ----------
    place : str
        ``"group/array"``.
    metadata : ArrayMetadata
        How it is stored.
    source : RowSource
        Gives its rows.
    copies : ChunkCopies or None
        Which chunks can be copied; None: none.
    """

    place: str
    metadata: ArrayMetadata
    source: RowSource
    copies: ChunkCopies | None = None

    @property
    def blocks(self) -> int:
        """How many chunks it has."""
        return 0 if 0 in self.metadata.shape else self.metadata.chunk_grid()[0]

    def entry(self, block: int) -> str:
        """The name of a chunk's entry in the file."""
        index = (block,) + (0,) * (len(self.metadata.shape) - 1)
        return f"{self.place}/{self.metadata.chunk_key(index)}"

    def encode(self, block: int) -> bytes:
        """Read a chunk's rows and encode them. Safe in threads; FormatError if a source is damaged."""
        rows, codec = self.metadata.chunks[0], self.metadata.codec
        first, last = block * rows, min((block + 1) * rows, self.metadata.shape[0])
        runs = self.source.runs(first, last)
        if runs is not None:
            return encode_items(runs, last - first, codec, rows)
        if not takes_pieces(codec, len(self.metadata.shape)):
            return encode_chunk(self.source.read(first, last), codec, self.metadata.dtype, self.metadata.chunks)
        row_bytes = math.prod(self.metadata.chunks[1:]) * np.dtype(self.metadata.dtype).itemsize
        cuts = self.source.cuts(first, last, max(1, PIECE_BYTES // row_bytes))
        pieces = (self.source.read(start, stop) for start, stop in pairwise([first, *cuts, last]))
        return encode_pieces(pieces, codec, self.metadata.dtype, self.metadata.chunks)
