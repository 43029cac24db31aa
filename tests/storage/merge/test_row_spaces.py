"""Runs of rows laid out by code."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from zarrpack.storage.merge.pieces import Pieces, join_runs
from zarrpack.storage.merge.row_spaces import Runs, plan_space


def covered(pieces: Pieces, rows: int) -> list[tuple[int, int] | None]:
    """Give owner and row of every output row; None in gaps."""
    found: list[tuple[int, int] | None] = [None] * rows
    for out, owner, first, last in pieces.within(0, rows):
        for row in range(first, last):
            assert found[out + row - first] is None
            found[out + row - first] = (owner, row)
    return found


def columns(*values: list[int]) -> list[npt.NDArray[np.int64]]:
    """Give columns as arrays."""
    return [np.array(value, np.int64) for value in values]


def test_neighbours_are_joined() -> None:
    """Runs in code order of one owner become one piece, whatever their number."""
    runs = Runs(*columns([0] * 5, [0] * 5, [0, 1, 2, 3, 4], [0, 1, 2, 3, 4], [0, 3, 4, 6, 9], [3, 1, 2, 3, 1]))

    space = plan_space(runs, {}, 5)

    assert space.pieces.out.tolist() == [0]
    assert space.pieces.count.tolist() == [10]
    assert space.offsets.tolist() == [0, 3, 4, 6, 9, 10]


def test_rows_of_a_member_in_two_row_sets_share_its_place() -> None:
    """A member's rows in two row sets of arrays of different names lie at the same rows of the output."""
    # Member 0 in both row sets, member 1 in the second alone.
    runs = Runs(*columns([0, 1, 1], [0, 0, 0], [0, 0, 1], [1, 1, 0], [0, 0, 2], [2, 2, 3]))

    space = plan_space(runs, {0: ("height",), 1: ("pixels",)}, 2)

    assert space.rows == 5
    assert covered(space.pieces.owned_by(np.array([0, -1])), 5) == [None, None, None, (0, 0), (0, 1)]
    assert covered(space.pieces.owned_by(np.array([-1, 0])), 5) == [(0, 2), (0, 3), (0, 4), (0, 0), (0, 1)]


def test_rows_of_one_name_stack() -> None:
    """A member's rows in two row sets of one array follow each other."""
    runs = Runs(*columns([0, 1, 2], [0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0], [2, 1, 3]))

    space = plan_space(runs, {0: ("page",), 1: ("page",), 2: ("number",)}, 1)

    assert space.rows == 3
    assert covered(space.pieces.owned_by(np.array([0, 1, -1])), 3) == [(0, 0), (0, 1), (1, 0)]


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 4), st.integers(1, 3)), max_size=12),
    st.integers(0, 30),
    st.integers(0, 30),
)
def test_rows_are_sorted_stably(drawn: list[tuple[int, int, int]], start: int, stop: int) -> None:
    """The pieces are what sorting all rows by code gives, also seen through a window."""
    drawn.sort(key=lambda run: run[0])
    owner = [run[0] for run in drawn]
    member = [owner[:number].count(owner[number]) for number in range(len(drawn))]
    first = [sum(run[2] for run in drawn[:number] if run[0] == owner[number]) for number in range(len(drawn))]
    code, count = [run[1] for run in drawn], [run[2] for run in drawn]
    rows = [(code[n], owner[n], first[n] + row) for n in range(len(drawn)) for row in range(count[n])]
    expected = [(owner, row) for _, owner, row in sorted(rows, key=lambda row: row[0])]

    space = plan_space(Runs(*columns(owner, owner, member, code, first, count)), {}, 5)

    assert covered(space.pieces, space.rows) == expected
    seen = [(owner, row) for _, owner, first, last in space.pieces.within(start, stop) for row in range(first, last)]
    assert seen == expected[start:stop]
    assert space.offsets.tolist() == [sum(row[0] < code for row in rows) for code in range(6)]


def test_no_runs_make_no_pieces() -> None:
    """An empty space has offsets for its codes."""
    empty = np.empty(0, np.int64)

    assert len(join_runs(empty, empty, empty, empty).out) == 0
    assert plan_space(Runs(*[empty] * 6), {}, 2).offsets.tolist() == [0, 0, 0]
