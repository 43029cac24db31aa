"""Tests of runs of contiguous rows."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from zarrpack.storage.merge.pieces import Pieces


@st.composite
def pieces(draw: st.DrawFn) -> Pieces:
    """Pieces with gaps between some."""
    gaps = draw(st.lists(st.integers(0, 3), max_size=8))
    count = np.array(draw(st.lists(st.integers(1, 6), min_size=len(gaps), max_size=len(gaps))), np.int64)
    out = np.cumsum(np.array(gaps, np.int64) + count) - count
    return Pieces(out, np.zeros_like(out), count, np.arange(len(out)))


@given(one=pieces(), first=st.integers(0, 20), length=st.integers(1, 40), rows=st.integers(1, 15))
def test_cuts_divide_no_piece(one: Pieces, first: int, length: int, rows: int) -> None:
    """They ascend inside the rows, lie where a piece starts, are at least so far apart, and leave none out."""
    last = first + length

    cuts = list(one.cuts(first, last, rows))

    assert all(first < cut < last for cut in cuts)
    assert set(cuts) <= set(one.out.tolist())
    assert all(after - before >= rows for before, after in zip([first, *cuts], cuts, strict=False))
    for start, stop in zip([first, *cuts], [*cuts, last], strict=True):
        assert not [at for at in one.out.tolist() if start + rows <= at < stop]


def test_pieces_of_the_same_owners_are_the_same() -> None:
    """Where every owner keeps its number nothing is copied; where one changes, or goes, it is."""
    one = Pieces(*(np.array(column) for column in ([0, 2], [0, 0], [2, 1], [0, 1])))

    assert one.owned_by(np.array([0, 1])) is one
    assert one.owned_by(np.array([1, 0])).owner.tolist() == [1, 0]
    assert one.owned_by(np.array([-1, 0])).out.tolist() == [2]
