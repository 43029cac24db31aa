"""Tests of the differences of neighbouring elements."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as numpy_strategies
from numcodecs import Delta

from zarrpack.storage import delta
from zarrpack.storage.delta import decode_delta, encode_delta

INTEGERS = ["|u1", "|i1", "<u2", "<i2", "<u4", "<i4", "<u8", "<i8", ">i2", ">u4"]


@pytest.mark.parametrize("dtype", INTEGERS)
@settings(max_examples=25)
@given(data=st.data())
def test_differences_are_those_of_numcodecs(dtype: str, data: st.DataObject) -> None:
    """The buffer is byte for byte that of numcodecs' Delta, wrapping included, and comes back equal."""
    values = data.draw(numpy_strategies.arrays(dtype, st.integers(1, 200)))

    differences = encode_delta(values)

    assert differences.tobytes() == Delta(dtype, astype=dtype).encode(values).tobytes()
    assert decode_delta(differences).tobytes() == values.tobytes()
    assert decode_delta(differences).dtype == values.dtype


@pytest.mark.parametrize("dtype", ["|u1", "|i1", "<u2", "<i2"])
def test_long_arrays_are_summed_in_pieces(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sum goes on over the borders of the pieces in which narrow types are summed."""
    monkeypatch.setattr(delta, "_PIECE", 7)
    values = np.random.default_rng(1).integers(0, 100, 50).astype(dtype)
    values[::3] = np.iinfo(dtype).max
    values[::4] = np.iinfo(dtype).min

    decoded = decode_delta(encode_delta(values))

    np.testing.assert_array_equal(decoded, values)


@pytest.mark.parametrize("size", [0, 1, 2, 7, 8, 50])
def test_differences_may_take_the_place_of_the_values(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over the borders of the pieces too they are what they would be elsewhere; otherwise the values stay."""
    monkeypatch.setattr(delta, "_PIECE", 7)
    values = np.random.default_rng(size).integers(0, 256, size, dtype=np.uint8)
    before = values.copy()

    elsewhere = encode_delta(values)
    np.testing.assert_array_equal(values, before)
    in_place = encode_delta(values, in_place=True)

    assert in_place is values
    np.testing.assert_array_equal(in_place, elsewhere)


@pytest.mark.parametrize("dtype", ["|u1", "<i2", "<u8", ">i4"])
@pytest.mark.parametrize("in_place", [False, True])
def test_differences_go_on_behind_an_earlier_piece(dtype: str, in_place: bool) -> None:
    """Two pieces have the differences of the whole, wrapping included."""
    limits = np.iinfo(dtype)
    values = np.array([limits.max, limits.min, 3, limits.max, 7], dtype)

    first, second = values[:2].copy(), values[2:].copy()
    joined = [encode_delta(first, in_place), encode_delta(second, in_place, before=values[1])]

    np.testing.assert_array_equal(np.concatenate(joined), encode_delta(values))


def test_nothing_stays_nothing() -> None:
    """An array without elements is encoded and decoded to one."""
    empty = np.empty(0, np.uint8)

    assert decode_delta(encode_delta(empty)).shape == (0,)
