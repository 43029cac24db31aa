"""Which chunks of an output array are chunks of a source, byte for byte."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zarrpack.storage.merge.pieces import Pieces

__all__ = ["ChunkCopies"]

Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ChunkCopies:
    """Tells which chunks can be copied.

    A chunk can if its rows are all rows of one chunk of a part that is stored alike, in the same places. Rows
    that the part's last chunk lacks are zeros in both.

    Parameters
    ----------
    pieces : Pieces
        Where the array's rows come from.
    copyable : ndarray of bool
        By owner: whether the part is stored as the array is.
    rows : ndarray of int64
        By owner: the part's rows.
    chunk : ndarray of int64
        By owner: the number of the part's first chunk.
    chunk_rows : int
        Rows per chunk.
    length : int
        The array's rows.
    zero_gaps : bool
        Whether gaps between pieces hold zeros, as the end of a last chunk does.

    Examples
    --------
    >>> pieces = Pieces(*map(np.array, ([0, 4], [0, 0], [4, 3], [0, 1])))
    >>> copies = ChunkCopies(pieces, *map(np.array, ([True, True], [4, 5], [10, 20])), 2, 7, False)
    >>> [copies.chunk_number(block) for block in range(4)]
    [10, 11, 20, None]
    """

    pieces: Pieces
    copyable: npt.NDArray[np.bool_]
    rows: Int64s
    chunk: Int64s
    chunk_rows: int
    length: int
    zero_gaps: bool

    def chunk_number(self, block: int) -> int | None:
        """Give the number of the source's chunk that the array's chunk `block` is; None: it is no such.

        Parameters
        ----------
        block : int
            The chunk's index along the first axis.
        """
        start = block * self.chunk_rows
        stop = min(start + self.chunk_rows, self.length)
        number = self.pieces.position(start)
        if number < 0:
            return None
        pieces = self.pieces
        owner = int(pieces.owner[number])
        out, count = int(pieces.out[number]), int(pieces.count[number])
        first = int(pieces.first[number]) + start - out
        end = min(stop, out + count)
        if not self.copyable[owner] or end <= start or first % self.chunk_rows:
            return None
        if min(self.chunk_rows, int(self.rows[owner]) - first) != end - start:
            return None
        followed = number + 1 < len(pieces.out) and int(pieces.out[number + 1]) < stop
        if end < stop and (followed or not self.zero_gaps):
            return None
        return int(self.chunk[owner]) + first // self.chunk_rows
