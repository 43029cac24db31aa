"""Values become arrays that Zarr format 2 has, and nothing is guessed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from zarrpack.storage.datastorage.stored_values import check_no_nan, from_stored, to_storable
from zarrpack.storage.datastorage.testing import assert_same

DTYPES = (
    hnp.boolean_dtypes()
    | hnp.integer_dtypes(endianness="?")
    | hnp.floating_dtypes(sizes=(16, 32, 64), endianness="?")
    | hnp.complex_number_dtypes(sizes=(64, 128))
    | hnp.unicode_string_dtypes(max_len=4)
    | hnp.byte_string_dtypes(max_len=4)
    | hnp.datetime64_dtypes()
    | hnp.timedelta64_dtypes()
)


@settings(deadline=None)
@given(hnp.arrays(DTYPES, hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=3)))
def test_arrays_come_back(values: np.ndarray[Any, Any]) -> None:
    """An array of any stored type comes back the same, and is stored little-endian; NaN raises, and only that."""
    is_nan = values.dtype.kind in "fc" and bool(np.isnan(values).any())
    try:
        stored = to_storable(values, "key")
    except ValueError as error:
        assert is_nan
        assert "key" in str(error)  # noqa: PT017
        return

    assert not is_nan
    assert stored.values.dtype.byteorder in "=|<"
    assert_same(from_stored(stored.values, stored.attributes, "key"), values)


@settings(deadline=None)
@given(st.integers(-(2**63), 2**64 - 1) | st.booleans() | st.text() | st.binary() | st.floats(allow_nan=False))
def test_single_values_come_back(value: Any) -> None:
    """A single value comes back as Python's."""
    stored = to_storable(value, "key")

    assert stored.values.shape == ()
    assert_same(from_stored(stored.values, stored.attributes, "key"), value)


def test_single_values_of_numpy_become_plain() -> None:
    """Scalars of numpy and arrays without axes are plain values; points in time stay what they are."""
    for value, expected in [(np.float32(0.5), 0.5), (np.array(3), 3), (np.str_("x"), "x"), (np.bool_(True), True)]:
        stored = to_storable(value, "key")
        assert_same(from_stored(stored.values, stored.attributes, "key"), expected)
    moment = np.datetime64("2020-01-01T00:00:00", "ns")
    stored = to_storable(moment, "key")
    assert from_stored(stored.values, stored.attributes, "key") == moment


def test_what_numpy_takes_for_an_array() -> None:
    """Columns of other libraries are arrays."""
    assert to_storable(pd.Series([1, 2]), "key").values.tolist() == [1, 2]
    assert to_storable(np.array(["a", ""], dtype=np.dtypes.StringDType()), "key").values.tolist() == ["a", ""]


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (None, TypeError),
        (len, TypeError),
        ({1}, TypeError),
        (bytearray(b"x"), TypeError),
        ([1, "a"], TypeError),
        ([{}], TypeError),
        (np.array([None, "a"]), TypeError),
        (np.array([1, b"a"], object), TypeError),
        (np.zeros(2, "i4,f8"), TypeError),
        (np.zeros(2, np.longdouble), TypeError),
        (np.ma.masked_array([1, 2], [True, False]), TypeError),
        ([[1], [1, 2]], ValueError),
        (2**64, ValueError),
        ([2**64], ValueError),
        ("\ud800", ValueError),
        (np.array(["\ud800"]), ValueError),
        (float("nan"), ValueError),
        ([1.0, float("nan")], ValueError),
        (complex(0, float("nan")), ValueError),
        (np.array([1, np.nan], ">f2"), ValueError),
    ],
)
def test_what_is_refused(value: Any, error: type[Exception]) -> None:
    """What cannot be stored raises, with the key."""
    with pytest.raises(error, match="part/key"):
        to_storable(value, "part/key")


def test_infinity_is_not_nan() -> None:
    """Unreachable pairs are infinitely far apart, and that is allowed; no values are no NaN."""
    check_no_nan(np.array([np.inf, -np.inf, 0.0]), "key")
    check_no_nan(np.array([], np.float32), "key")
    with pytest.raises(ValueError, match="key"):
        check_no_nan(np.array([np.inf, np.nan]), "key")


@pytest.mark.parametrize(
    ("attribute", "name"),
    [
        ("zarrpack_dtype", "i4,f8"),
        ("zarrpack_dtype", "<M8[nonsense]"),
        ("zarrpack_dtype", 7),
        ("zarrpack_dtype", "<M4[s]"),
        ("zarrpack_numpy_dtype", "O"),
        ("zarrpack_numpy_dtype", "V8"),
    ],
)
def test_attributes_that_lie_are_refused(attribute: str, name: object) -> None:
    """A type that the values cannot be raises ValueError, before memory is taken for it."""
    with pytest.raises(ValueError, match="array"):
        from_stored(np.zeros(3, np.int64), {attribute: name}, "array")


def test_attributes_cannot_ask_for_all_memory() -> None:
    """Texts so long that no memory holds them are refused, not tried."""
    many = np.broadcast_to(np.array("a", object), (2**40,))

    with pytest.raises(ValueError, match="array"):
        from_stored(many, {"zarrpack_numpy_dtype": "<U1"}, "array")
