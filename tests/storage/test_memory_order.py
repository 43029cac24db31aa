"""Tests of the copies between row-major and column-major order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zarrpack.storage import memory_order
from zarrpack.storage.memory_order import from_fortran, to_fortran


@given(st.lists(st.integers(1, 6), max_size=5).map(tuple))
def test_order_is_that_of_numpy(shape: tuple[int, ...]) -> None:
    """Any shape comes out in the order of numpy's ``ravel(order="F")``, and comes back equal and contiguous."""
    values = np.arange(np.prod(shape, dtype=int), dtype=np.int32).reshape(shape)

    flat = to_fortran(values)
    back = from_fortran(flat, shape)

    np.testing.assert_array_equal(flat, values.ravel(order="F"))
    np.testing.assert_array_equal(back, values)
    assert back.flags.c_contiguous


@pytest.mark.parametrize("shape", [(1, 37, 21, 3), (37, 21), (9, 5, 20), (2, 13, 11, 3)])
def test_blocks_join_without_a_seam(shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """Shapes that are no multiples of the block are copied whole."""
    monkeypatch.setattr(memory_order, "_BLOCK", 4)
    values = np.random.default_rng(2).integers(0, 256, shape, dtype=np.uint8)

    flat = to_fortran(values)

    np.testing.assert_array_equal(flat, values.ravel(order="F"))
    np.testing.assert_array_equal(from_fortran(flat, shape), values)
