"""Which chunk of which source each copied chunk of an output was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from zarrpack.storage.merge.catalogue import Catalogue
from zarrpack.storage.merge.output_array import OutputArray

__all__ = ["ChunkOrigin", "ChunkOrigins"]


class ChunkOrigin(NamedTuple):
    """A chunk of a source.

    Parameters
    ----------
    source : int
        Position of the source.
    place : str
        The array there, ``"group/array"``.
    block : int
        The chunk's index along the first axis.
    """

    source: int
    place: str
    block: int


class ChunkOrigins:
    """Finds the origins of copied chunks. Safe in threads.

    Parameters
    ----------
    catalogue : Catalogue
        What pass 1 has found.
    arrays : sequence of OutputArray
        The output.
    """

    def __init__(self, catalogue: Catalogue, arrays: Sequence[OutputArray]) -> None:
        self._copies = {array.place: array.copies for array in arrays if array.copies is not None}
        parts = catalogue.parts
        filled = np.flatnonzero(parts["chunks"] > 0)
        self._parts = filled[np.argsort(parts["chunk"][filled], kind="stable")]
        self._first = parts["chunk"][self._parts].copy()
        self._source = parts["source"][self._parts].copy()
        self._place = parts["place"][self._parts].copy()
        self._places = catalogue.places

    def find(self, place: str, block: int) -> ChunkOrigin | None:
        """Give where a chunk of the output came from; None if it was not copied.

        Parameters
        ----------
        place : str
            The array.
        block : int
            The chunk's index along the first axis.
        """
        copies = self._copies.get(place)
        chunk = copies.chunk_number(block) if copies is not None else None
        if chunk is None:
            return None
        part = int(np.searchsorted(self._first, chunk, side="right")) - 1
        origin = self._places[int(self._place[part])]
        return ChunkOrigin(int(self._source[part]), origin, chunk - int(self._first[part]))
