"""Values survive JSON with their types, and JSON by others is taken as far as it goes."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from zarrpack.storage.datastorage.json_values import from_json, to_json
from zarrpack.storage.datastorage.testing import assert_same

DTYPES = (
    hnp.boolean_dtypes()
    | hnp.integer_dtypes(endianness="?")
    | hnp.floating_dtypes(sizes=(16, 32, 64))
    | hnp.complex_number_dtypes(sizes=(64, 128))
    | hnp.unicode_string_dtypes(max_len=4)
    | hnp.byte_string_dtypes(max_len=4)
    | hnp.datetime64_dtypes(min_period="D", endianness="?")
    | hnp.timedelta64_dtypes()
)
ARRAYS = hnp.arrays(DTYPES, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3))
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.complex_numbers() | st.text() | st.binary()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(st.sampled_from(["real", "imag", "_numpy_complex", "_bytes_b64", "a"]), children, max_size=4)
    ),
    max_leaves=8,
)


def through_json(value: Any) -> Any:
    """Give what comes back of a value."""
    content, record = to_json(value, "key")
    return from_json(json.loads(json.dumps(content)), json.loads(json.dumps(record)))


@settings(max_examples=150, deadline=None)
@given(
    st.recursive(
        LEAVES | ARRAYS,
        lambda children: (
            st.lists(children, max_size=3)
            | st.dictionaries(st.sampled_from(["a", "b", "_bytes_b64", "_numpy_complex"]), children, max_size=3)
        ),
        max_leaves=6,
    )
)
def test_values_come_back(value: Any) -> None:
    """Every value comes back as what it was, wherever it is nested, even where it looks like a mark of ours."""
    assert_same(through_json(value), value)


def test_arrays_of_objects_come_back() -> None:
    """Objects in an array keep their places and kinds, lists among them."""
    values = np.empty((2, 2), object)
    values[0, 0], values[0, 1], values[1, 0], values[1, 1] = "a", 1 + 2j, [1, 2], np.array([1], np.int8)

    loaded = through_json(values)

    assert loaded.shape == (2, 2)
    assert_same(list(loaded.reshape(-1)), list(values.reshape(-1)))


@pytest.mark.parametrize("dtype", ["<M8[Y]", ">M8[Y]", ">m8[s]", ">i8", ">f4", ">c8", ">U2"])
def test_both_byte_orders_come_back(dtype: str) -> None:
    """Arrays in the other machine's byte order keep values and type."""
    values = np.array([1, 2], "<i8").astype("<M8[Y]" if "M" in dtype else dtype).astype(dtype)

    assert_same(through_json(values), values)


def test_scalars_of_numpy_become_plain() -> None:
    """Numbers of numpy come back as Python's, points in time as they were."""
    assert_same(through_json(np.float32(0.5)), 0.5)
    assert_same(through_json(np.complex64(1 + 2j)), 1 + 2j)
    assert through_json(np.datetime64("2020-01-01")) == np.datetime64("2020-01-01")


@pytest.mark.parametrize("value", [{1, 2}, object(), np.zeros(2, "i4,f8"), np.zeros(2, np.longdouble), [object()]])
def test_other_values_are_refused(value: Any) -> None:
    """What has no form in JSON raises TypeError that names the key."""
    with pytest.raises(TypeError, match="key"):
        to_json(value, "key")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ([1, 2], np.array([1, 2])),
        ([[1.5], [2]], np.array([[1.5], [2.0]])),
        ([True, False], np.array([True, False])),
        ([{"real": 1.0, "imag": 2.0, "_numpy_complex": True}], np.array([1 + 2j])),
        ([[1], [1, 2]], [[1], [1, 2]]),
        (["a", 1], ["a", 1]),
        ([], []),
        ([2**63, -1], [2**63, -1]),
        ({"a": [1, 2]}, {"a": [1, 2]}),
        ({"_bytes_b64": "AGI="}, b"\x00b"),
        ({"real": "1", "imag": 2, "_numpy_complex": True}, {"real": "1", "imag": 2, "_numpy_complex": True}),
        (None, None),
    ],
)
def test_json_by_others(content: Any, expected: Any) -> None:
    """Without a record lists of numbers are arrays, complex numbers and bytes are known by their form, the rest stays."""
    assert_same(from_json(content, None), expected)


@pytest.mark.parametrize(
    "content", [{"_bytes_b64": "\x80"}, {"_bytes_b64": "A"}, {"real": 10**400, "imag": 0, "_numpy_complex": True}]
)
def test_marks_that_lie_are_refused(content: Any) -> None:
    """What is marked as bytes or as a complex number and is none raises ValueError that says so."""
    with pytest.raises(ValueError, match="expected"):
        from_json(content, None)


@settings(deadline=None)
@given(
    JSON, st.none() | JSON, st.sampled_from(["array", "dict", "list", "complex", "bytes", "plain", "other"]), JSON, JSON
)
def test_anything_is_read_or_refused(content: Any, record: Any, kind: str, dtype: Any, shape: Any) -> None:
    """Whatever JSON and record say, the answer is a value or ValueError."""
    for one in (None, {"kind": kind, "dtype": dtype, "shape": shape, "items": record}, {"kind": kind, "items": {}}):
        try:
            from_json(content, one)
        except ValueError as error:
            assert "expected" in str(error)  # noqa: PT017
