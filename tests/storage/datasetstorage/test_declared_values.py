"""Names of dtypes, and copies that JSON can hold."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from zarrpack.errors import UsageError
from zarrpack.storage.datasetstorage.declared_values import dtype_name, json_copy, numpy_dtype, range_problem


@pytest.mark.parametrize("name", ["float32", "float64", "int32", "int64", "bool", "str"])
def test_listed_dtypes_keep_their_names(name: str) -> None:
    """The names that schemas are written with come back as they are."""
    assert dtype_name("array", name) == name


@pytest.mark.parametrize(
    ("dtype", "name"),
    [
        (np.float32, "float32"),
        (np.dtype(">i4"), "int32"),
        ("<f8", "float64"),
        (float, "float64"),
        (bool, "bool"),
        (str, "str"),
        ("U12", "str"),
        (object, "str"),
        (np.dtypes.StringDType(), "str"),
        ("datetime64[ms]", "datetime64[ms]"),
        ("S4", "S4"),
        ("complex64", "complex64"),
    ],
)
def test_spellings_of_a_dtype_are_one_name(dtype: Any, name: str) -> None:
    """Types, dtypes and codes become the name; text of every length and kind is str."""
    assert dtype_name("array", dtype) == name
    assert dtype_name("array", name) == name


@given(hnp.scalar_dtypes())
def test_every_dtype_of_numpy_has_a_name(dtype: np.dtype[Any]) -> None:
    """The name means the dtype again, byte order aside; text has any length."""
    name = dtype_name("array", dtype)

    expected = np.dtype(np.str_) if dtype.kind == "U" else dtype.newbyteorder("=")
    assert numpy_dtype(name) == expected
    assert dtype_name("array", name) == name


@pytest.mark.parametrize("dtype", ["", "string", "float33", "i4,f4", "V8", "float32\0", "(2,3)f4", "{}", "list"])
def test_unknown_dtypes_are_refused(dtype: str) -> None:
    """What numpy does not know, and records, raise UsageError with the place and the name."""
    with pytest.raises(UsageError, match=r"faces/areas.*expected a dtype"):
        dtype_name("faces/areas", dtype)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(_JSON)
def test_json_values_are_copied(value: Any) -> None:
    """A JSON value's copy is equal, goes through JSON unchanged, and shares no container."""
    copy = json_copy("rule", value)

    assert copy == value
    assert json.loads(json.dumps(copy)) == value
    assert copy is not value or not isinstance(value, list | dict)


@given(
    hnp.arrays(st.sampled_from(["i4", "u8", "f4", "?"]), hnp.array_shapes(min_dims=0), elements={"allow_nan": False})
)
def test_arrays_become_lists(array: np.ndarray[Any, Any]) -> None:
    """Values of an array are Python's; an infinite one is refused."""
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        with pytest.raises(UsageError):
            json_copy("rule", array)
    else:
        assert np.array_equal(np.asarray(json.loads(json.dumps(json_copy("rule", array))), array.dtype), array)


@pytest.mark.parametrize(
    ("declared", "word"),
    [
        ({"dtype": "int32", "min_value": 3, "max_value": 2}, "min_value <= max_value"),
        ({"dtype": "int32", "min_value": True}, "number"),
        ({"dtype": "str", "max_value": 2}, "dtype str"),
        ({"dtype": "complex64", "max_value": 2}, "dtype complex64"),
    ],
)
def test_senseless_bounds_are_named(declared: dict[str, Any], word: str) -> None:
    """Bounds that nothing can keep, or that the dtype has no order for, are a problem."""
    assert word in (range_problem(declared) or "")


@pytest.mark.parametrize(
    "declared",
    [
        {},
        {"dtype": "str"},
        {"dtype": "int32", "min_value": 2, "max_value": 2},
        {"dtype": "float16", "min_value": -0.5},
        {"dtype": "unknown", "min_value": 0},
        {"dtype": "str", "min_value": None},
    ],
)
def test_sensible_bounds_are_no_problem(declared: dict[str, Any]) -> None:
    """Equal bounds, one bound, no bound; an unknown dtype is somebody else's problem."""
    assert range_problem(declared) is None
