"""Tests of the chunks' shapes."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zarrpack.storage.chunking import MOST_CHUNKS, chunk_shape


@pytest.mark.parametrize(
    ("tail", "dtype", "content", "expected_rows", "is_encoded", "shape"),
    [
        ((), "<f8", "values", None, False, (1 << 20,)),
        ((3,), "<f4", "values", None, False, ((1 << 20) // 3, 3)),
        ((), "|O", "values", None, False, (65_536,)),
        ((), "|O", "values", None, True, (1,)),
        ((), "|O", "values", 65_537, True, (2,)),
        ((256, 256, 1), "|u1", "pixels", None, False, (1, 256, 256, 1)),
        ((256, 255, 1), "|u1", "pixels", None, False, (16, 256, 255, 1)),
        ((600, 800, 3), "|u1", "pixels", 65_536, False, (1, 600, 800, 3)),
        ((600, 800, 3), "|u1", "pixels", 65_537, False, (2, 600, 800, 3)),
        ((600, 800, 3), "|u1", "pixels", 300_000, False, (8, 600, 800, 3)),
        ((1 << 22,), "<f4", "values", None, False, (1, 1 << 22)),
        ((0, 5), "<f4", "values", None, False, ((1 << 20) // 5, 1, 5)),
    ],
)
def test_documented_shapes(
    tail: tuple[int, ...],
    dtype: str,
    content: str,
    expected_rows: int | None,
    is_encoded: bool,
    shape: tuple[int, ...],
) -> None:
    """Each rule gives its shape: 2**20 numbers, 65,536 strings, one large picture, 2**k rows of very many."""
    assert chunk_shape(tail, dtype, content, expected_rows, is_encoded) == shape  # type: ignore[arg-type]


@given(
    st.lists(st.integers(0, 5000), max_size=3).map(tuple),
    st.sampled_from(["<f4", "|O"]),
    st.sampled_from(["values", "pixels"]),
    st.none() | st.integers(0, 1 << 40),
    st.booleans(),
)
def test_chunks_are_never_empty_nor_too_many(
    tail: tuple[int, ...], dtype: str, content: str, expected_rows: int | None, is_encoded: bool
) -> None:
    """No length is 0, the trailing axes stay whole, and the expected rows make at most 65,536 chunks."""
    rows, *rest = chunk_shape(tail, dtype, content, expected_rows, is_encoded)  # type: ignore[arg-type]

    assert rows >= 1
    assert tuple(rest) == tuple(max(1, length) for length in tail)
    assert math.ceil((expected_rows or 0) / rows) <= MOST_CHUNKS
