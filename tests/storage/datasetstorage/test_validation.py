"""Data against what a schema declares of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from zarrpack.storage.datasetstorage.validation import describe_field_misfit, describe_misfit, fits_schema

AREAS = {"dims": ["face"], "dtype": "float32"}
TYPES = {"dims": ["face"], "dtype": "int32"}


def test_float_rows_fit_and_others_do_not() -> None:
    """Of one declared dimension and float32: a row of floats fits, a matrix and a row of integers do not."""
    assert fits_schema(AREAS, np.array([1.5, 2.3, 4.1], np.float32))
    assert not fits_schema(AREAS, np.array([[1.5, 2.3], [4.1, 3.2]]))
    assert not fits_schema(AREAS, np.array([1, 2, 3], np.int32))


def test_data_without_a_schema_fits() -> None:
    """Where nothing is declared, everything fits, and of an empty declaration everything that makes an array."""
    assert fits_schema(None, {"a": 1})
    assert fits_schema({}, np.zeros((2, 3, 4), complex))
    assert fits_schema({"dims": ["face"]}, ["a", "b"])
    assert fits_schema({"dtype": "str"}, [["a"], ["b"]])


@pytest.mark.parametrize(
    ("dtype", "fitting", "misfits"),
    [
        ("float32", [np.array([1], np.float64), np.array([1], np.float16), [1.5], 1.5], [[1], 1, [True], ["1"], [1j]]),
        ("float64", [np.array([1], np.float32)], [np.array([1], np.int64)]),
        (
            "int32",
            [np.array([1], np.int64), np.array([255], np.uint8), [1], np.int32(4)],
            [[1.0], [True], "1", np.array([1], np.float32)],
        ),
        ("bool", [np.array([True]), [False], True], [[0], [1.0], ["True"]]),
        ("str", [["a", "b"], "a", np.array(["a"], object), np.array(["a"], np.dtypes.StringDType())], [[1], [b"a"]]),
        ("complex64", [np.array([1j], np.complex128), 1j], [[1.0]]),
        ("datetime64[ns]", [np.array(["2020-01-01"], "datetime64[D]")], [["2020-01-01"], [0]]),
        ("S4", [[b"ab"], np.array([b"ab"])], [["ab"]]),
    ],
)
def test_widths_convert_and_kinds_do_not(dtype: str, fitting: list[Any], misfits: list[Any]) -> None:
    """The dtype's kind decides; how wide the numbers are, and how text is held, does not."""
    spec = {"dims": ["x"], "dtype": dtype}

    assert [describe_misfit(spec, data) for data in fitting] == [None] * len(fitting)
    assert [fits_schema(spec, data) for data in misfits] == [False] * len(misfits)


@given(
    hnp.arrays(hnp.integer_dtypes() | hnp.unsigned_integer_dtypes(), st.integers(0, 5)),
    hnp.integer_dtypes(endianness="=") | hnp.unsigned_integer_dtypes(endianness="="),
)
def test_integers_fit_if_they_survive(array: np.ndarray[Any, Any], dtype: np.dtype[Any]) -> None:
    """Integers fit a dtype exactly if each of them is in it, by Python's unlimited integers."""
    survive = [int(one) for one in array.astype(dtype)] == [int(one) for one in array]

    assert fits_schema({"dims": ["x"], "dtype": dtype.name}, array) is survive


@given(
    hnp.arrays(st.sampled_from(["f2", "f4", "f8", "i1", "u8", "i8"]), st.integers(0, 5)),
    st.none() | st.integers(-300, 300) | st.floats(-300, 300, width=16),
    st.none() | st.integers(-300, 300) | st.floats(-300, 300, width=16),
)
def test_bounds_hold_for_every_value(array: np.ndarray[Any, Any], low: float | None, high: float | None) -> None:
    """Data fits exactly if Python finds each value within the bounds; NaN is within none."""
    values = array.tolist()
    expected = all((low is None or one >= low) and (high is None or one <= high) for one in values)

    assert fits_schema({"dtype": array.dtype.name, "min_value": low, "max_value": high}, array) is expected


def test_bounds_have_the_precision_of_the_data() -> None:
    """The float32 that is nearest to 0.1 is not refused for being a little more than 0.1."""
    spec = AREAS | {"min_value": -0.1, "max_value": 0.1}

    assert fits_schema(spec, np.array([0.1, -0.1], np.float32))
    assert not fits_schema(spec, np.nextafter(np.float32(0.1), np.float32(1)))
    assert not fits_schema(spec, np.array([0.1, np.nextafter(0.1, 1)]))


def test_bounds_beyond_all_floats() -> None:
    """A bound that no float reaches is kept by all, or by none."""
    assert fits_schema(AREAS | {"max_value": 10**400}, np.array([1e30], np.float32))
    assert fits_schema(AREAS | {"min_value": -(10**400)}, np.array([-1e30], np.float32))
    assert not fits_schema(AREAS | {"max_value": -(10**400)}, np.array([-1e30], np.float32))
    assert not fits_schema(AREAS | {"min_value": 10**400}, np.array([1e30], np.float32))
    assert fits_schema({"dtype": "float16", "max_value": 1e9}, np.array([60000], np.float16))


def test_infinity_is_a_value() -> None:
    """Pairs of faces that no way joins have infinite distances: no bound, no misfit."""
    assert fits_schema(AREAS, np.array([np.inf], np.float32))
    assert not fits_schema(AREAS | {"max_value": 1e30}, np.array([np.inf], np.float32))
    assert not fits_schema(AREAS | {"min_value": 0}, np.array([1, np.nan], np.float32))


def test_one_value_stands_for_an_array_of_one() -> None:
    """An encoder saves the number of nodes as a scalar though the schema gives it a dimension; not where it gives two."""
    assert fits_schema({"dims": ["graphitem"], "dtype": "int32"}, 4)
    assert not fits_schema({"dims": ["face", "dim"], "dtype": "int32"}, 4)


@pytest.mark.parametrize(
    ("dims", "shape", "fits"),
    [
        (["facepair", "bin"], (3, 3, 64), True),
        (["facepair", "bin"], (9, 64), True),
        (["facepair"], (3, 3), True),
        (["facepair"], (9,), True),
        (["facepair", "bin"], (3, 2, 64), False),
        (["facepair"], (3, 3, 64), False),
        (["facepair", "bin"], (0, 0, 64), True),
    ],
)
def test_matrices_fit_flattened_groups(dims: list[str], shape: tuple[int, ...], fits: bool) -> None:
    """In a group that is flattened a file may hold the square, one dimension more than is declared."""
    spec = {"dims": dims, "dtype": "float32"}
    data = np.zeros(shape, np.float32)

    assert fits_schema(spec, data, special_processing="matrix_flattening") is fits
    assert fits_schema(spec, data) is (len(shape) == len(dims))


@pytest.mark.parametrize(
    "data",
    [
        None,
        {"a": 1},
        [[1.0], [1.0, 2.0]],
        [None],
        object(),
        [1.5, "a"],
        {1.5},
        [2**70],
        np.array([1.5, None]),
        lambda: 1,
    ],
)
def test_what_is_no_array_does_not_fit(data: Any) -> None:
    """Dictionaries, nothing, ragged lists, objects and mixtures fit no declared array, not even one of text."""
    assert not fits_schema({"dims": ["x"]}, data)
    assert not fits_schema({"dims": ["x"], "dtype": "str"}, data)


def test_an_empty_list_fits_every_dtype() -> None:
    """A list without values has no kind; an empty array has one."""
    assert fits_schema(TYPES, [])
    assert fits_schema({"dims": ["x"], "dtype": "str"}, ())
    assert fits_schema(TYPES | {"min_value": 1}, np.zeros(0, np.int64))
    assert not fits_schema(TYPES, np.zeros(0))
    assert not fits_schema(TYPES, [[]])


@pytest.mark.parametrize(
    ("spec", "data", "words"),
    [
        (AREAS, np.zeros((2, 3), np.float32), ["['face']", "(2, 3)"]),
        (AREAS, np.zeros(2, np.int32), ["float32", "int32"]),
        ({"dims": ["x"], "dtype": "int8"}, [1, 300], ["int8", "1 to 300"]),
        (AREAS | {"max_value": 1}, [2.5], ["at most 1", "2.5"]),
        (AREAS | {"min_value": 1}, [0.5], ["at least 1", "0.5"]),
        ({"dtype": "float33"}, [0.5], ["schema", "float33"]),
        (AREAS, {"a": 1}, ["dict"]),
        (AREAS, ["a"], ["float32", "str"]),
    ],
)
def test_a_misfit_says_what_was_expected_and_found(spec: dict[str, Any], data: Any, words: list[str]) -> None:
    """The message names both sides, so that a store need only add the key."""
    message = describe_misfit(spec, data)

    assert message is not None
    assert [word for word in words if word not in message] == []


@pytest.mark.parametrize(
    "spec", [{"dims": "face"}, {"dims": None}, {"dtype": 4}, {"min_value": "0"}, {"max_value": None}, {"dims": 1}]
)
def test_senseless_declarations_bind_nothing(spec: dict[str, Any]) -> None:
    """A hand-written schema with a part of the wrong type leaves the data alone instead of failing on it."""
    assert fits_schema(spec, np.zeros(3))


@given(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.lists(st.integers() | st.text())
)
def test_any_value_can_be_checked(data: Any) -> None:
    """No value makes the check fail with an error, and both functions agree."""
    for spec in (AREAS, TYPES | {"min_value": 0}, {"dims": ["x"], "dtype": "str"}):
        assert fits_schema(spec, data) is (describe_misfit(spec, data) is None)


def test_data_is_not_changed() -> None:
    """The check only looks."""
    data = np.array([3, 1, 2], np.int64)
    data.flags.writeable = False

    assert fits_schema(TYPES, data)
    assert data.tolist() == [3, 1, 2]


@pytest.mark.parametrize(
    ("spec", "value", "fits"),
    [
        ({"dtype": "int32"}, 3, True),
        ({"dtype": "int32"}, 2**31, False),
        ({"dtype": "int32"}, True, False),
        ({"dtype": "int32"}, 3.0, False),
        ({"dtype": "float32"}, 12, True),
        ({"dtype": "float32", "max_value": 10}, 12, False),
        ({"dtype": "float32"}, True, False),
        ({"dtype": "bool"}, False, True),
        ({"dtype": "bool"}, 0, False),
        ({"dtype": "str"}, "steel", True),
        ({"dtype": "str"}, 1, False),
        ({"dtype": "str", "values": ["steel"]}, "wood", False),
        ({"dtype": "int32", "values": [0, 1]}, [0, 1, 1], True),
        ({"dtype": "int32", "values": [0, 1]}, [0, 2], False),
        ({"dtype": "int32"}, None, False),
        ({"dtype": "int32"}, {"a": 1}, False),
        ({"dtype": "unknown"}, 1, False),
        ({"values": [1, 2]}, 2, True),
    ],
)
def test_metadata_is_checked(spec: dict[str, Any], value: Any, fits: bool) -> None:
    """Dtype, allowed values and bounds hold for a field's value; JSON's integers are floats where floats are declared."""
    assert (describe_field_misfit(spec, value) is None) is fits
