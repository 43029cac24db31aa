"""Runs of rows that are padding."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from zarrpack.storage.merge.padding import Runs, common_runs, cut_runs, padded_runs, without_padding
from zarrpack.storage.merge.pieces import Pieces

ROWS = 12


def rows_of(runs: Runs) -> set[int]:
    """Give the rows that runs cover."""
    return {row for first, count in runs for row in range(first, first + count)}


def runs_of(rows: set[int]) -> Runs:
    """Give rows as runs, as few as there can be."""
    starts = [row for row in sorted(rows) if row - 1 not in rows]
    return [(start, next(n for n in range(1, ROWS + 1) if start + n not in rows)) for start in starts]


padding = st.sets(st.integers(0, ROWS - 1)).map(runs_of)


@given(several=st.lists(padding, min_size=1, max_size=4))
def test_common_runs_are_those_of_all(several: list[Runs]) -> None:
    """The rows are the intersection, in order."""
    found = common_runs(several)

    assert rows_of(found) == set.intersection(*map(rows_of, several))
    assert list(found) == sorted(found)


@given(counts=st.lists(st.integers(1, 4), max_size=4), lost=padding)
def test_cut_runs_leave_the_other_rows(counts: list[int], lost: Runs) -> None:
    """Every row that is not lost is in one run still, and belongs to the same."""
    first = np.cumsum([0, *counts], dtype=np.int64)[:-1]
    whole = sum(counts)
    lost = runs_of({row for row in rows_of(lost) if row < whole})

    number, begin, length = cut_runs(first, np.array(counts, np.int64), lost)

    owner = np.repeat(np.arange(len(counts)), counts)
    left = [(int(n), row) for n, f, c in zip(number, begin, length, strict=True) for row in range(int(f), int(f + c))]
    assert left == [(int(owner[row]), row) for row in range(whole) if row not in rows_of(lost)]


@given(
    table=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 8), st.integers(1, 4), st.integers(0, 2))),
    data=st.data(),
)
def test_padding_of_pieces_is_that_of_their_rows(table: list[tuple[int, int, int, int]], data: st.DataObject) -> None:
    """A row is padding if it is in its owner, or if no piece covers it."""
    padded = {owner: data.draw(padding) for owner in data.draw(st.sets(st.integers(0, 3)))}
    gaps, first, count, owner = (
        (np.array(column, np.int64) for column in zip(*table, strict=True)) if table else (np.empty((4, 0), np.int64))
    )
    out = np.cumsum(gaps + count) - count
    pieces, rows = Pieces(out, first, count, owner), int((gaps + count).sum()) + 1
    sources = {
        int(o) + row: (int(who), int(f) + row)
        for o, f, c, who in zip(out, first, count, owner, strict=True)
        for row in range(c)
    }
    real = {row: at for row, at in sources.items() if at[1] not in rows_of(padded.get(at[0], ()))}

    kept = without_padding(pieces, padded)

    assert rows_of([(run[0], run[1]) for run in padded_runs(pieces, padded, rows)]) == set(range(rows)) - set(real)
    assert {
        piece.out + row: (piece.owner, piece.first + row)
        for piece in kept.within(0, rows)
        for row in range(piece.last - piece.first)
    } == real
