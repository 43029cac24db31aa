"""Which rows of an array no source has had, in this merge or in the one that made a dataset among the sources."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from zarrpack.storage.merge.pieces import Pieces

__all__ = ["Runs", "common_runs", "cut_runs", "is_all_padding", "padded_runs", "read_runs", "without_padding"]

Int64s = npt.NDArray[np.int64]
#: Stretches of rows: (first, count).
Runs: TypeAlias = Sequence[tuple[int, int]]


def read_runs(value: object, rows: int) -> Runs:
    """Read the attribute ``zarrpack_padded``, believing nothing.

    Parameters
    ----------
    value : object
        The attribute.
    rows : int
        The array's rows.

    Examples
    --------
    >>> read_runs([[0, 2], [5, 1]], 6), read_runs([[5, 2]], 6), read_runs(None, 6)
    ([(0, 2), (5, 1)], [], [])
    """
    runs: list[tuple[int, int]] = []
    end = 0
    for run in value if isinstance(value, list) else ():
        if not (isinstance(run, list) and len(run) == 2 and all(type(number) is int for number in run)):
            return []
        first, count = run
        if not (end <= first and 0 < count <= rows - first):
            return []
        runs.append((first, count))
        end = first + count
    return runs


def is_all_padding(runs: Runs, rows: int) -> bool:
    """Whether an array with rows holds nothing but padding.

    Examples
    --------
    >>> is_all_padding([(0, 2)], 2), is_all_padding([], 0)
    (True, False)
    """
    return rows > 0 and sum(count for _, count in runs) == rows


def common_runs(several: Sequence[Runs]) -> Runs:
    """Give the rows that are padding in all of some arrays.

    Parameters
    ----------
    several : sequence of runs
        The padding of each array; at least one.

    Examples
    --------
    >>> common_runs([[(0, 4), (6, 2)], [(2, 5)]])
    [(2, 2), (6, 1)]
    """
    if not all(several):
        return []
    first, count = np.array([run for runs in several for run in runs], np.int64).T
    places = np.concatenate([first, first + count])
    changes = np.repeat(np.array([1, -1]), len(first))
    order = np.argsort(places, kind="stable")
    places, padded = places[order], np.cumsum(changes[order])
    begins = np.flatnonzero((padded[:-1] == len(several)) & (places[1:] > places[:-1]))
    return [(int(places[begin]), int(places[begin + 1] - places[begin])) for begin in begins.tolist()]


def cut_runs(first: Int64s, count: Int64s, lost: Runs) -> tuple[Int64s, Int64s, Int64s]:
    """Take rows out of runs.

    Parameters
    ----------
    first, count : ndarray of shape (N,), int64
        The runs, which follow each other without a gap.
    lost : runs
        The rows to take out.

    Returns
    -------
    tuple of ndarray
        Of each run that is left: the number of the run that it is of, its first row, its rows.

    Examples
    --------
    >>> [column.tolist() for column in cut_runs(np.array([0, 3]), np.array([3, 4]), [(0, 3), (4, 1)])]
    [[1, 1], [3, 5], [1, 2]]
    """
    if not lost:
        return np.arange(len(first)), first, count
    out, rows = np.array(lost, np.int64).T
    borders = np.sort(np.concatenate([first, (first + count)[-1:], out, out + rows]))
    begin, length = borders[:-1], np.diff(borders)
    of_lost = np.searchsorted(out, begin, side="right") - 1
    is_left = (length > 0) & ~((of_lost >= 0) & (begin < (out + rows)[of_lost]))
    begin, length = begin[is_left], length[is_left]
    return np.searchsorted(first, begin, side="right") - 1, begin, length


def padded_runs(pieces: Pieces, padded: Mapping[int, Runs], rows: int) -> list[list[int]]:
    """Give the output rows that are padding.

    Parameters
    ----------
    pieces : Pieces
        Where rows come from.
    padded : mapping of int to runs
        Owner -> which of its rows are padding.
    rows : int
        The output's rows.

    Examples
    --------
    >>> pieces = Pieces(*map(np.array, ([0, 4], [0, 0], [3, 2], [0, 1])))
    >>> padded_runs(pieces, {0: [(2, 1)]}, 7)
    [[2, 2], [6, 1]]
    """
    ends = np.concatenate([[0], pieces.out + pieces.count])
    starts = np.concatenate([pieces.out, [rows]])
    gaps = np.flatnonzero(starts > ends)
    runs = [(int(ends[gap]), int(starts[gap] - ends[gap])) for gap in gaps]
    for number, first, last in _overlaps(pieces, padded):
        runs.append((int(pieces.out[number]) + first - int(pieces.first[number]), last - first))
    joined: list[list[int]] = []
    for first, count in sorted(runs):
        if joined and sum(joined[-1]) == first:
            joined[-1][1] += count
        else:
            joined.append([first, count])
    return joined


def without_padding(pieces: Pieces, padded: Mapping[int, Runs]) -> Pieces:
    """Give the pieces without the rows that are padding.

    Parameters
    ----------
    pieces : Pieces
        Where rows come from.
    padded : mapping of int to runs
        Owner -> which of its rows are padding.

    Examples
    --------
    >>> pieces = Pieces(*map(np.array, ([0], [0], [5], [0])))
    >>> list(without_padding(pieces, {0: [(2, 1)]}).within(0, 5))
    [Piece(out=0, owner=0, first=0, last=2), Piece(out=3, owner=0, first=3, last=5)]
    """
    cuts: dict[int, list[tuple[int, int]]] = {}
    for number, first, last in _overlaps(pieces, padded):
        cuts.setdefault(number, []).append((first, last))
    kept: list[tuple[int, int, int, int]] = []
    columns = (pieces.out.tolist(), pieces.first.tolist(), pieces.count.tolist(), pieces.owner.tolist())
    for number, (out, first, count, owner) in enumerate(zip(*columns, strict=True)):
        begin = first
        for cut, last in [*cuts.get(number, ()), (first + count, first + count)]:
            if cut > begin:
                kept.append((out + begin - first, begin, cut - begin, owner))
            begin = last
    table = np.array(kept, np.int64).reshape(-1, 4).T
    return Pieces(table[0], table[1], table[2], table[3])


def _overlaps(pieces: Pieces, padded: Mapping[int, Runs]) -> Iterator[tuple[int, int, int]]:
    """Give the number of each piece with padding in it, and the owner's rows that are."""
    by_owner = np.argsort(pieces.owner, kind="stable")
    owners = pieces.owner[by_owner]
    for owner, runs in padded.items():
        if not runs:
            continue
        numbers = by_owner[np.searchsorted(owners, owner) : np.searchsorted(owners, owner, side="right")]
        first, count = np.array(runs, np.int64).T
        last = first + count
        begin, end = pieces.first[numbers], pieces.first[numbers] + pieces.count[numbers]
        # Runs ascend and are disjoint, so that those within a piece follow each other.
        lowest, highest = np.searchsorted(last, begin, side="right"), np.searchsorted(first, end, side="left")
        within = np.maximum(highest - lowest, 0)
        piece = np.repeat(np.arange(len(numbers)), within)
        run = np.arange(len(piece)) - np.repeat(np.cumsum(within) - within - lowest, within)
        begins, ends = np.maximum(first[run], begin[piece]), np.minimum(last[run], end[piece])
        yield from zip(numbers[piece].tolist(), begins.tolist(), ends.tolist(), strict=True)
