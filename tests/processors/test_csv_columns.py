"""The types that columns get, and that no value is lost by them."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zarrpack.processors.csv_columns import Column, as_windows_1252, column_names


def joined(*blocks: list[str], typed: bool = True) -> Any:
    """Put blocks of values through a column."""
    column = Column("c", typed=typed)
    for block in blocks:
        column.add(block)
    parts = list(column.blocks())
    assert len(parts) == len(blocks)
    return np.concatenate(parts) if isinstance(parts[0], np.ndarray) else [one for part in parts for one in part]


def kind(*values: str) -> str:
    """Name the type that values get."""
    rows = joined(list(values))
    return str(rows.dtype) if isinstance(rows, np.ndarray) else "text"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["1", "-20", "0"], "int64"),
        (["9223372036854775807", "-9223372036854775808"], "int64"),
        (["9223372036854775808"], "text"),
        (["007", "1"], "text"),
        (["+5"], "text"),
        (["-0", "1"], "float64"),
        (["1_000"], "text"),
        ([" 5"], "text"),
        (["٣"], "text"),
        (["1", ""], "float64"),
        (["", ""], "text"),
        (["1.5", "2", ""], "float64"),
        ([".5", "5.", "1e3", "-2.5E-3"], "float64"),
        (["1.10", "1.1"], "float64"),
        (["00.5"], "text"),
        (["nan"], "text"),
        (["1.0", "inf"], "text"),
        (["1e400"], "text"),
        (["1e-400"], "text"),
        (["0e-99999999999999999999"], "text"),
        (["12345678901234567890"], "text"),
        (["9007199254740993", ""], "text"),
        (["9007199254740992", ""], "float64"),
        (["0.30000000000000004"], "float64"),
        (["3.14159265358979323846"], "text"),
        (["true", "False", "TRUE"], "bool"),
        (["true", ""], "text"),
        (["true", "1"], "text"),
        (["yes", "no"], "text"),
        (["1\n2", "3"], "text"),
        (["2024-01-01"], "text"),
    ],
)
def test_types(values: list[str], expected: str) -> None:
    """The narrowest type that keeps every value, else text."""
    assert kind(*values) == expected


NUMBERS = st.integers(-(2**65), 2**65).map(str) | st.floats(allow_nan=False, allow_infinity=False).map(repr)
ODD = st.from_regex(r"\A[-+]?[0-9]{0,20}\.?[0-9]{0,20}([eE][-+]?[0-9]{1,4})?\Z") | st.text(max_size=4)


@given(st.lists(NUMBERS | ODD | st.sampled_from(["", "true", "FALSE"]), min_size=1, max_size=4))
def test_typed_values_are_worth_their_text(values: list[str]) -> None:
    """Whatever type a column gets, each value equals what its text says."""
    for text, value in zip(values, joined(values), strict=True):
        if isinstance(value, str):
            assert value == text
        elif isinstance(value, np.bool_):
            assert text.lower() == str(bool(value)).lower()
        elif text == "":
            assert math.isnan(value)
        else:
            assert Decimal(repr(value.item())) == Decimal(text)


@given(
    st.lists(
        st.lists(st.integers(-99, 99).map(str) | st.sampled_from(["", "x", "1.5", "é"]), min_size=1),
        min_size=1,
        max_size=4,
    )
)
def test_blocks_make_no_difference(blocks: list[list[str]]) -> None:
    """A column in several blocks has the type and values of the same column in one."""
    together = joined([one for block in blocks for one in block])
    apart = joined(*blocks)

    assert type(apart) is type(together)
    assert getattr(apart, "dtype", None) == getattr(together, "dtype", None)
    assert np.array_equal(apart, together, equal_nan=isinstance(apart, np.ndarray) and apart.dtype.kind == "f")


def test_a_late_value_changes_the_type_of_all() -> None:
    """The first block's numbers stay text if a later block has a word."""
    assert joined(["1", "2"], ["x"]) == ["1", "2", "x"]
    assert joined(["1"], ["2.5"]).tolist() == [1.0, 2.5]
    assert joined([""], ["2"]).tolist()[1:] == [2.0]
    assert joined(["1"], typed=False) == ["1"]


def test_names_are_unique_and_never_empty() -> None:
    """Repeated names get a number that no other column has; empty ones their position."""
    assert column_names(["a", "a", "a (2)", "", "a"]) == ["a", "a (3)", "a (2)", "column_4", "a (4)"]
    assert column_names(["column_2", ""]) == ["column_2", "column_2 (2)"]


@given(st.lists(st.sampled_from(["", "a", "a (2)", "a (3)", "column_1"]), max_size=8))
def test_any_header_gives_as_many_names(header: list[str]) -> None:
    """As many names as columns, all different."""
    names = column_names(header)

    assert len(set(names)) == len(names) == len(header)
    assert all(names)


def test_undecoded_bytes_are_seen_and_decoded() -> None:
    """Surrogates stand for bytes that are no UTF-8, until the table is known to be Windows-1252."""
    text = b"caf\xe9 \x80".decode("utf-8", "surrogateescape")
    column = Column("c", typed=True)
    seen = []
    for value in ("é", text):
        column.add([value])
        seen.append(column.undecoded)

    assert seen == [False, True]
    assert list(column.blocks(legacy=True)) == [["Ã©"], ["café €"]]
    assert as_windows_1252("plain") == "plain"
