"""The order of rows: by code, then by source, then as they lie in the source.

A *row set* is the rows of one dimension of one source's group; a *run* is a stretch of them that belongs to
one member. A *row space* is the rows of one dimension of an output group, made of row sets of all sources.

A source may keep a member's rows of one dimension in several row sets (its pictures' sizes in one, its pixels
by dtype in others). These share the member's *segment* of the output; arrays of one name stack up in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zarrpack.storage.merge.catalogue import Catalogue
from zarrpack.storage.merge.pieces import Pieces, join_runs

__all__ = ["RowSpace", "Runs", "gather_runs", "plan_space"]

Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Runs:
    """The runs of a row space's row sets, row set by row set in source order.

    Parameters
    ----------
    owner : ndarray of shape (N,), int64
        The row set, by its position among those that were asked for.
    source : ndarray of shape (N,), int64
        The source's number; ascending. Empty where no source has several row sets.
    member : ndarray of shape (N,), int64
        The member's number in its source; as `source`.
    code : ndarray of shape (N,), int64
        The code of the item that the rows belong to; never negative.
    first, count : ndarray of shape (N,), int64
        The rows in the row set. `count` is never 0.
    """

    owner: Int64s
    source: Int64s
    member: Int64s
    code: Int64s
    first: Int64s
    count: Int64s


@dataclass(frozen=True, slots=True)
class RowSpace:
    """The rows of one dimension of an output group.

    Parameters
    ----------
    offsets : ndarray of shape (codes + 1,), int64
        Rows ``[offsets[c], offsets[c + 1])`` belong to code c.
    pieces : Pieces
        Where the rows come from; owners as in the runs. Row sets of one source may cover the same rows.
    """

    offsets: Int64s
    pieces: Pieces

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return int(self.offsets[-1])


def gather_runs(catalogue: Catalogue, row_sets: Int64s, *, has_siblings: bool) -> Runs:
    """Collect the runs of some row sets.

    Parameters
    ----------
    catalogue : Catalogue
        What pass 1 has found.
    row_sets : ndarray of int64
        Numbers of row sets, in source order. The runs' owners are positions in it.
    has_siblings : bool
        Whether a source has several of them.
    """
    first, runs = (catalogue.row_sets.of(name, row_sets) for name in ("run", "runs"))
    owner = np.repeat(np.arange(len(row_sets)), runs)
    number = np.arange(len(owner)) - np.repeat(np.cumsum(runs) - runs, runs) + np.repeat(first, runs)
    source = member = np.empty(0, np.int64)
    if has_siblings:
        source, member = catalogue.row_sets.of("source", row_sets)[owner], catalogue.runs.of("member", number)
    columns = (catalogue.runs.of(name, number) for name in ("code", "first", "count"))
    return Runs(owner, source, member, *columns)


def plan_space(runs: Runs, names: dict[int, tuple[str, ...]], count: int) -> RowSpace:
    """Lay out a row space.

    Parameters
    ----------
    runs : Runs
        All rows that are kept.
    names : dict of int to tuple of str
        If a source has several row sets: for every owner the true names of its arrays.
    count : int
        Number of codes.

    Examples
    --------
    >>> columns = ([0, 0, 1], [0, 0, 1], [0, 1, 0], [1, 2, 0], [0, 3, 0], [3, 1, 2])
    >>> space = plan_space(Runs(*map(np.array, columns)), {}, count=3)
    >>> space.offsets
    array([0, 2, 5, 6])
    >>> [tuple(piece) for piece in space.pieces.within(0, 6)]
    [(0, 1, 0, 2), (2, 0, 0, 4)]
    """
    if names:
        segment, shift, code, rows = _share_segments(runs, names)
        out = _starts(code, rows)[segment] + shift
    else:
        code, rows = runs.code, runs.count
        out = _starts(code, rows)
    offsets = np.zeros(count + 1, np.int64)
    np.add.at(offsets, code + 1, rows)
    np.cumsum(offsets, out=offsets)
    return RowSpace(offsets, join_runs(runs.owner, runs.first, out, runs.count))


def _starts(code: Int64s, rows: Int64s) -> Int64s:
    """Give where each of some stretches of rows starts, in the order of their codes."""
    if not (code[1:] < code[:-1]).any():
        return np.cumsum(rows) - rows
    order = np.argsort(code, kind="stable")
    starts = np.empty(len(code), np.int64)
    starts[order] = np.cumsum(rows[order]) - rows[order]
    return starts


def _share_segments(runs: Runs, names: dict[int, tuple[str, ...]]) -> tuple[Int64s, Int64s, Int64s, Int64s]:
    """Give each run's segment and its place in it, and each segment's code and rows."""
    borders = np.flatnonzero(np.diff(runs.source, prepend=-1, append=-2))
    segments, shifts, codes, rows = [], [], [], []
    total = 0
    for start, stop in zip(borders[:-1].tolist(), borders[1:].tolist(), strict=True):
        owners = runs.owner[start:stop]
        if owners[0] == owners[-1]:
            segment, shift = np.arange(stop - start), np.zeros(stop - start, np.int64)
            code, length = runs.code[start:stop], runs.count[start:stop]
        else:
            members, firsts, segment = np.unique(runs.member[start:stop], return_index=True, return_inverse=True)
            shift, length = _stack(owners, segment, runs.count[start:stop], len(members), names)
            code = runs.code[start:stop][firsts]
        segments.append(segment + total)
        shifts.append(shift)
        codes.append(code)
        rows.append(length)
        total += len(code)
    return _joined(segments), _joined(shifts), _joined(codes), _joined(rows)


def _stack(
    owners: Int64s, segment: npt.NDArray[np.intp], count: Int64s, segments: int, names: dict[int, tuple[str, ...]]
) -> tuple[Int64s, Int64s]:
    """Stack the runs of one source: arrays of one name that lie in different row sets follow each other."""
    taken: dict[str, Int64s] = {}
    shift = np.zeros(len(owners), np.int64)
    for owner in dict.fromkeys(owners.tolist()):
        mine = np.flatnonzero(owners == owner)
        heights = [taken.setdefault(name, np.zeros(segments, np.int64)) for name in names[owner]]
        level = np.maximum.reduce(heights)
        for run in mine.tolist():
            shift[run] = level[segment[run]]
            level[segment[run]] += count[run]
        for height in heights:
            height[segment[mine]] = level[segment[mine]]
    return shift, np.maximum.reduce(list(taken.values()))


def _joined(arrays: Sequence[npt.NDArray[np.int64]]) -> Int64s:
    return np.concatenate(arrays) if arrays else np.empty(0, np.int64)
