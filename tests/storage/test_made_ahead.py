"""Things made in threads come in order, and only a few are made ahead."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zarrpack.storage.made_ahead import made_ahead


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(), max_size=20), st.integers(1, 3), st.integers(1, 5))
def test_things_come_in_order(wanted: list[int], threads: int, waiting: int) -> None:
    """Whatever the threads, the result is that of a loop."""
    assert list(made_ahead(str, wanted, threads, waiting=waiting, name="test")) == [str(one) for one in wanted]


def test_only_a_few_are_asked_for_ahead() -> None:
    """Beside the one that is given no more than allowed are asked for."""
    asked: list[int] = []
    source = (asked.append(number) or number for number in range(100))  # type: ignore[func-returns-value]
    made = made_ahead(abs, source, 2, waiting=3, name="test")

    assert [next(made), next(made)] == [0, 1]
    assert asked == [0, 1, 2, 3, 4]
    made.close()  # type: ignore[attr-defined]
    assert asked == [0, 1, 2, 3, 4]


def test_an_error_comes_in_its_things_place() -> None:
    """What came before is given, and it ends there."""
    made = made_ahead(lambda number: 6 // number, [1, 2, 0, 3], 2, waiting=2, name="test")

    assert [next(made), next(made)] == [6, 3]
    with pytest.raises(ZeroDivisionError):
        next(made)
    with pytest.raises(StopIteration):
        next(made)
