"""An array of the output: how it is stored, and where its rows come from."""

from __future__ import annotations

from dataclasses import dataclass

from zarrpack.storage.array_metadata import ArrayMetadata
from zarrpack.storage.codecs import encode_chunk, encode_items
from zarrpack.storage.merge.chunk_copies import ChunkCopies
from zarrpack.storage.merge.row_sources import MergedRows, RowSource

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
        rows = self.metadata.chunks[0]
        first, last = block * rows, min((block + 1) * rows, self.metadata.shape[0])
        if isinstance(self.source, MergedRows) and (runs := self.source.runs(first, last)) is not None:
            return encode_items(runs, last - first, self.metadata.codec, rows)
        values = self.source.read(first, last)
        # A view is of rows that are kept; all else was made for this chunk.
        is_own = values.base is None
        return encode_chunk(values, self.metadata.codec, self.metadata.dtype, self.metadata.chunks, may_change=is_own)
