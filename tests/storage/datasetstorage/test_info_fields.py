"""What of a file's metadata goes to which column, and which descriptions are tables."""

from __future__ import annotations

from typing import Any

import pytest

from zarrpack.storage.datasetstorage.description_tables import DescriptionTables
from zarrpack.storage.datasetstorage.info_fields import item_row, split_metadata
from zarrpack.storage.tables.rules import Category


@pytest.mark.parametrize(
    ("field", "value", "column"),
    [
        ("stream_cache_png", "a", "stream_cache_png"),
        ("stream_cache_3d", None, "stream_cache_3d"),
        ("stream cache png", "x/a", "stream_cache_png"),
        ("Stream Cache PNG", "x/a", "stream_cache_png"),
        ("stream cache 3d", "x/a", "stream_cache_3d"),
        ("stream cache/scs", "x/a", "stream_cache_3d"),
        ("stream cache", "x/a.png", "stream_cache_png"),
        ("visu", "x/a.JPEG", "stream_cache_png"),
        ("visualisation", "x/a.stl", "stream_cache_3d"),
        ("visu_html", "a.html", "stream_cache_3d"),
        ("stream rate", 5, "stream rate"),
        ("stream rate", "fast", "stream rate"),
        ("streaming", "a.png", "streaming"),
        ("picture", "a.png", "picture"),
    ],
)
def test_files_of_viewers_have_columns(field: str, value: Any, column: str) -> None:
    """By the field's name, and the kind of file by its end; what is no file stays what it is."""
    assert dict(item_row(0, "a", {field: value}).fields) == {column: value}


def test_a_column_is_taken_once() -> None:
    """The column's own name is stronger than another; the other keeps its value under its name."""
    fields = {"stream cache png": "a.png", "visu": "b.png", "stream_cache_png": "c.png"}

    assert dict(item_row(0, "a", fields).fields) == {"stream_cache_png": "c.png", "visu": "b.png"}


@pytest.mark.parametrize(
    ("fields", "description", "rest"),
    [
        ({"description": "D", "Item": "I"}, "D", {"Item": "I"}),
        ({"description": "D", "Item": "D"}, "D", {}),
        ({"description": "", "Item": "I"}, "I", {"description": ""}),
        ({"description": None, "Item": 7}, "7", {"description": None}),
        ({"description": ["x"]}, "default", {"description": ["x"]}),
        ({"Item": "I"}, "I", {}),
        ({}, "default", {}),
    ],
)
def test_descriptions(fields: dict[str, Any], description: str, rest: dict[str, Any]) -> None:
    """The description, else the item, else what else is known; nothing is lost."""
    row = item_row(0, "a", fields, "default")

    assert (row.description, dict(row.fields)) == (description, rest)


def test_metadata_is_taken_apart() -> None:
    """Fields by path, descriptions and schema for themselves; a name is reserved at the top alone."""
    metadata = {
        "_a": 1,
        "b": {"_c": 2, "descriptions": 3},
        "descriptions": {"t": {}},
        "_storage_schema": {"groups": {}},
    }
    apart = split_metadata(metadata)

    assert dict(apart.fields) == {"b/_c": 2, "b/descriptions": 3}
    assert (apart.descriptions, apart.schema) == ({"t": {}}, {"groups": {}})


@pytest.mark.parametrize(
    ("descriptions", "tables", "problems"),
    [
        ({"t": {"0": "a"}}, {"t": {0: "a"}}, []),
        ({"t": {"-1": "a", "007": "b"}}, {"t": {-1: "a", 7: "b"}}, []),
        ({"t": {"0": 5, "1": True}}, {"t": {0: "5", 1: "True"}}, []),
        ({"g": {"t": {"0": "a"}, "u": {"1": "b"}}}, {"g/t": {0: "a"}, "g/u": {1: "b"}}, []),
        ({"t": {}}, {"t": {}}, []),
        ({}, {}, []),
        ({"t": {"0": "a", "x": "b"}}, {}, ["t"]),
        ({"t": {"0": None}}, {}, ["t"]),
        ({"t": {"0": {"description": "no name"}}}, {}, ["t"]),
        ({"t": {str(2**63): "a"}}, {}, ["t/9223372036854775808"]),
        ({"t": ["a", "b"], "u": {"0": "c"}}, {"u": {0: "c"}}, ["t"]),
        ("text", {}, ["descriptions"]),
    ],
)
def test_which_descriptions_are_tables(descriptions: Any, tables: dict[str, Any], problems: list[str]) -> None:
    """Objects whose keys are whole numbers; others hold tables, or are named as problems and cost nothing else."""
    described = DescriptionTables()
    described.add(descriptions)

    names = {table: {n: one.name for n, one in rows.items()} for table, rows in described.tables.items()}
    assert names == tables
    assert list(described.problems) == problems


def test_the_first_description_is_kept() -> None:
    """One that says more of the same name is no contradiction."""
    described = DescriptionTables()
    for entry in ("a", {"name": "a", "description": "A"}, "a", {"name": "a", "description": "A"}):
        described.add({"t": {"0": entry}})
        assert described.problems == {}
    described.add({"t": {"0": {"name": "a", "description": "B"}}})

    assert described.tables == {"t": {0: Category("a", "A")}}
    assert described.problems == {"t": "id 0 is described in several ways; 'a' is kept"}
