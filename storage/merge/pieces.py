"""Runs of contiguous rows: where each stretch of an output array comes from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["Piece", "Pieces", "join_runs"]

Int64s = npt.NDArray[np.int64]


class Piece(NamedTuple):
    """One stretch of rows, cut to the rows that were asked for.

    Parameters
    ----------
    out : int
        The first output row.
    owner : int
        Who holds the rows; its meaning is the table's.
    first, last : int
        The owner's rows, `last` excluded.
    """

    out: int
    owner: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Pieces:
    """Stretches of rows in output order; rows that no piece covers are gaps. Safe in threads.

    Parameters
    ----------
    out : ndarray of shape (P,), int64
        First output row of each piece, ascending; pieces do not overlap.
    first : ndarray of shape (P,), int64
        First row in the owner.
    count : ndarray of shape (P,), int64
        Rows; never 0.
    owner : ndarray of shape (P,), int64
        Who holds the rows.

    Examples
    --------
    >>> pieces = join_runs(*map(np.array, ([0, 0, 4], [0, 2, 0], [0, 2, 4], [2, 1, 3])))
    >>> list(pieces.within(1, 5))
    [Piece(out=1, owner=0, first=1, last=3), Piece(out=4, owner=4, first=0, last=1)]
    """

    out: Int64s
    first: Int64s
    count: Int64s
    owner: Int64s

    @property
    def rows(self) -> int:
        """Rows that are covered."""
        return int(self.count.sum())

    def owned_by(self, numbers: Int64s) -> Pieces:
        """Give the pieces of some owners, under other numbers.

        Parameters
        ----------
        numbers : ndarray of int64
            For each owner its new number, or -1: without its pieces.
        """
        owner = numbers[self.owner]
        kept = owner >= 0
        if kept.all():
            if np.array_equal(owner, self.owner):
                return self
            return Pieces(self.out, self.first, self.count, owner)
        return Pieces(self.out[kept], self.first[kept], self.count[kept], owner[kept])

    def covers(self, other: Pieces) -> bool:
        """Whether no row that `other` covers is a gap here.

        Examples
        --------
        >>> zeros = np.zeros(2, np.int64)
        >>> pieces = Pieces(np.array([0, 3]), zeros, np.array([3, 2]), zeros)
        >>> pieces.covers(Pieces(np.array([1, 4]), zeros, np.array([3, 1]), zeros)), pieces.covers(
        ...     Pieces(np.array([1, 4]), zeros, np.array([3, 2]), zeros)
        ... )
        (True, False)
        """
        if not len(self.out) or not len(other.out):
            return not len(other.out)
        ends = self.out + self.count
        breaks = np.flatnonzero(self.out[1:] != ends[:-1])
        starts = self.out[np.concatenate([np.zeros(1, np.int64), breaks + 1])]
        stops = ends[np.concatenate([breaks, np.array([len(ends) - 1])])]
        run = np.searchsorted(starts, other.out, side="right") - 1
        return bool(((run >= 0) & (other.out + other.count <= stops[run])).all())

    def position(self, row: int) -> int:
        """The number of the last piece that starts at `row` or before it, or -1."""
        return int(np.searchsorted(self.out, row, side="right")) - 1

    def cuts(self, first: int, last: int, rows: int) -> Iterator[int]:
        """Give output rows between `first` and `last` that divide no piece, `rows` or more apart where pieces are small."""
        before = first
        starts = self.out[self.position(first) + 1 : self.position(last - 1) + 1]
        while len(starts) and starts[-1] >= before + rows:
            before = int(starts[np.searchsorted(starts, before + rows)])
            yield before

    def within(self, start: int, stop: int) -> Iterator[Piece]:
        """Give the pieces of output rows `start` to `stop`, cut to them, in output order."""
        for number in range(max(0, self.position(start)), len(self.out)):
            out, first = int(self.out[number]), int(self.first[number])
            if out >= stop:
                return
            begin = max(start, out)
            end = min(stop, out + int(self.count[number]))
            if begin < end:
                yield Piece(begin, int(self.owner[number]), first + begin - out, first + end - out)


def join_runs(owner: Int64s, first: Int64s, out: Int64s, count: Int64s) -> Pieces:
    """Join runs that are neighbours both in their owner and in the output.

    Parameters
    ----------
    owner, first, out, count : ndarray of shape (N,), int64
        Runs, owner by owner and in the owner's row order; none is empty.
    """
    if len(owner) == 0:
        return Pieces(out, first, count, owner)
    breaks = np.ones(len(owner), np.bool_)
    breaks[1:] = (owner[1:] != owner[:-1]) | (first[1:] != first[:-1] + count[:-1]) | (out[1:] != out[:-1] + count[:-1])
    starts = np.flatnonzero(breaks)
    owner, first, out, count = owner[starts], first[starts], out[starts], np.add.reduceat(count, starts)
    if (out[1:] < out[:-1]).any():
        order = np.argsort(out, kind="stable")
        owner, first, out, count = owner[order], first[order], out[order], count[order]
    return Pieces(out, first, count, owner)
