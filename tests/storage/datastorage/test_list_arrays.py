"""Lists become the arrays that were meant, or nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zarrpack.storage.datastorage.list_arrays import list_to_array


@settings(deadline=None)
@given(
    st.lists(st.text()) | st.lists(st.binary()) | st.lists(st.integers(-(2**63), 2**63 - 1)) | st.lists(st.booleans())
)
def test_values_are_kept(values: list[Any]) -> None:
    """Every element is the one of the list, zeros at the end of texts included."""
    array = list_to_array(values)

    assert array.tolist() == values
    assert array.dtype.kind in ("f" if not values else "O" if isinstance(values[0], str | bytes) else "bi")


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ([1, "a"], TypeError),
        (["a", b"a"], TypeError),
        ([1, None], TypeError),
        ([{"a": 1}], TypeError),
        ([[1, 2], [3]], ValueError),
        ([["a"], ["b", "c"]], ValueError),
        ([2**64], ValueError),
        ([2**63, -1], ValueError),
    ],
)
def test_what_is_no_array_raises(values: list[Any], error: type[Exception]) -> None:
    """Mixed kinds, missing values, ragged lists and integers that do not fit are not guessed at."""
    with pytest.raises(error, match="expected"):
        list_to_array(values)


def test_numbers_take_their_common_type() -> None:
    """Integers among floats become floats; large floats stay; arrays of one shape are stacked."""
    assert list_to_array([1, 2.5]).dtype == np.float64
    assert list_to_array([1e300, 1]).tolist() == [1e300, 1]
    assert list_to_array([2**63]).dtype == np.uint64
    assert list_to_array([np.ones(2, np.float32)] * 3).shape == (3, 2)
    assert list_to_array([np.array(["a", "b"])]).dtype.kind in "UO"


def test_large_integers_are_not_rounded() -> None:
    """The type that holds all of them, whatever numpy makes of the list; numbers that none holds are refused."""
    assert list_to_array([2**63, 1]).tolist() == [2**63, 1]
    assert list_to_array([np.uint64(2**60 + 1), np.int64(-1)]).tolist() == [2**60 + 1, -1]
    assert list_to_array([2.0, 1.0]).dtype == np.float64
    with pytest.raises(ValueError, match="one type of 64 bits"):
        list_to_array([2**63, -1])
