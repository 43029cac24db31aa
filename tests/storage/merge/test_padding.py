"""Runs of rows that are padding."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from zarrpack.storage.merge.padding import Runs, common_runs, cut_runs

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
