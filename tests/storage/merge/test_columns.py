"""Columns hold what was put into them, however wide it is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zarrpack.storage.merge.columns import Columns

INTEGERS = st.integers(-(1 << 63), (1 << 63) - 1) | st.integers(-200, 200)


@settings(deadline=None)
@given(st.lists(st.lists(INTEGERS, max_size=4), max_size=8), st.booleans())
def test_columns_widen(blocks: list[list[int]], one_by_one: bool) -> None:
    """Numbers of any size come back, whether they were added alone or together; calculations have 64 bits."""
    columns = Columns(value="q", crc="I")
    for block in blocks:
        if one_by_one:
            for value in block:
                columns.append(value, value & 0xFFFFFFFF)
        else:
            columns.extend(np.array(block, np.int64), np.array(block, np.int64) & 0xFFFFFFFF)

    expected = [value for block in blocks for value in block]
    assert columns["value"].tolist() == expected
    assert columns["crc"].tolist() == [value & 0xFFFFFFFF for value in expected]
    found = columns.of("crc", np.arange(len(expected)))
    assert found.dtype == np.int64
    assert found.tolist() == columns["crc"].tolist()


def test_small_numbers_take_little_memory() -> None:
    """A column of 64 bits has one byte for a number below 128."""
    columns = Columns(value="q")
    for value in range(100):
        columns.append(value)

    assert columns["value"].dtype.itemsize == 1


@pytest.mark.parametrize("value", [1 << 31, -(1 << 31) - 1])
def test_what_is_too_wide_is_refused(value: int) -> None:
    """A number beyond the widest type is an OverflowError, never another number."""
    columns = Columns(value="i")

    with pytest.raises(OverflowError, match="value"):
        columns.append(value)
    with pytest.raises(OverflowError, match="value"):
        columns.extend(np.array([0, value]))
    assert len(columns) == 0
