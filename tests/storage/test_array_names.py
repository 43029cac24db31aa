"""Tests of safe names."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zarrpack.storage.array_names import NameTable

SAFE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,63}")
RESERVED = re.compile(r"file_id|.*_(offsets|shape)", re.IGNORECASE)


@pytest.mark.parametrize(
    ("true_name", "safe_name"),
    [
        ("price", "price"),
        ("", "_"),
        (".hidden", "_.hidden"),
        ("-x", "_-x"),
        ("a/b", "a_b"),
        ("../../etc", "_.._.._etc"),
        ("größe", "gr__e"),
        ("file_id", "file_id_"),
        ("File_ID", "File_ID_"),
        ("file_id_row", "file_id_row_"),
        ("pixels_offsets", "pixels_offsets_"),
        ("pixels_shape", "pixels_shape_"),
        ("row", "row_"),
        ("ROW", "ROW_"),
        ("x" * 70, "x" * 64),
        ("x" * 62 + "_offsets", "x" * 62 + "_o"),
        ("x" * 56 + "_offsets", "x" * 56 + "_offset_"),
        ("2020", "2020"),
    ],
)
def test_documented_names(true_name: str, safe_name: str) -> None:
    """Each rule of docs/formats.md gives its name."""
    assert NameTable(["row"]).safe_name(true_name) == safe_name


@given(
    st.lists(st.tuples(st.text(max_size=80) | st.sampled_from(["a", "A", "a_", "a__2", "file_id"]), st.integers(1, 3)))
)
def test_names_are_safe_unique_and_stable(wanted: list[tuple[str, int]]) -> None:
    """Any names and variants get safe names, no two alike but for case, the same each time."""
    table = NameTable(["row", "a"])
    given_names = {key: table.safe_name(*key) for key in wanted}
    distinct = {key: table.safe_name(*key) for key in wanted}

    assert given_names == distinct
    assert len({name.lower() for name in given_names.values()}) == len(given_names)
    for name in given_names.values():
        assert SAFE.fullmatch(name)
        assert not RESERVED.fullmatch(name)
        assert name.lower() not in ("row", "a")
        assert table.is_used(name.swapcase())


def test_names_do_not_depend_on_later_ones() -> None:
    """The first comer keeps the plain name; a dimension reserved later does not change it."""
    table = NameTable()
    assert table.safe_name("a b") == "a_b"
    table.reserve(["a_b", "y"])

    assert table.safe_name("a_b") == "a_b__2" or table.safe_name("a_b").startswith("a_b_")
    assert table.safe_name("a b") == "a_b"
    assert table.safe_name("Y") == "Y_"


def test_groups_of_one_family_are_numbered() -> None:
    """With another joint the number stands behind one underscore, clear of a group that is called so."""
    table = NameTable()

    assert table.safe_name("table_2") == "table_2"
    assert table.safe_name("table") == "table"
    assert table.safe_name("table", 2, joint="_") == "table_2_2"
    assert table.safe_name("table", 3, joint="_") == "table_3"
