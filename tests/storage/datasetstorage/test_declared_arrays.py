"""Data keys and the arrays they mean."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zarrpack.storage.datasetstorage.declared_arrays import find_array
from zarrpack.storage.datasetstorage.schema_builder import SchemaBuilder, create_cad_schema


@pytest.fixture
def schema() -> dict[str, Any]:
    """Give a schema whose first two groups have an array of the same name."""
    builder = SchemaBuilder()
    for group, dimension in (("faces", "face"), ("edges", "edge")):
        builder.create_group(group, dimension).create_array("lengths", [dimension])
    graph = builder.create_group("graph", "graph_edge", special_processing="nested_edges")
    graph.create_array("edges_source", ["graph_edge"], "int32")
    return builder.build()


@pytest.mark.parametrize(
    ("key", "place"),
    [
        ("lengths", ("faces", "lengths")),
        ("faces/lengths", ("faces", "lengths")),
        ("edges/lengths", ("edges", "lengths")),
        ("/edges/lengths/", ("edges", "lengths")),
        ("other/lengths", ("faces", "lengths")),
        ("edges/part/lengths", ("faces", "lengths")),
        ("edges_source", ("graph", "edges_source")),
        ("graph/edges_source", ("graph", "edges_source")),
        ("graph/edges/source", ("graph", "edges_source")),
        ("edges/edges_source", ("graph", "edges_source")),
        ("faces", None),
        ("graph/edges", None),
        ("unknown", None),
        ("", None),
        ("/", None),
    ],
)
def test_keys_mean_arrays(schema: dict[str, Any], key: str, place: tuple[str, str] | None) -> None:
    """A prefix that is a group with the array decides; otherwise the last segment, in the schema's order."""
    found = find_array(schema, key)

    assert (found and (found.group, found.name)) == place


def test_the_declaration_comes_along(schema: dict[str, Any]) -> None:
    """What is declared of the array and of its group is given with the place."""
    found = find_array(schema, "graph/edges/source")

    assert found is not None
    assert found.spec == {"dims": ["graph_edge"], "dtype": "int32"}
    assert found.special_processing == "nested_edges"


def test_edges_are_nested_only_where_it_is_said(schema: dict[str, Any]) -> None:
    """Without the group's processing a deeper key is not joined to a name."""
    del schema["groups"]["graph"]["special_processing"]

    assert find_array(schema, "graph/edges/source") is None


@pytest.mark.parametrize(
    "schema",
    [{}, {"groups": None}, {"groups": {"faces": 1}}, {"groups": {"faces": {"arrays": []}}}, {"groups": {"faces": {}}}],
)
def test_partial_schemas_declare_nothing(schema: dict[str, Any]) -> None:
    """Where parts are missing or of the wrong type, no array is declared."""
    assert find_array(schema, "faces/lengths") is None


@settings(max_examples=50)
@given(st.text(alphabet="afe/_s", max_size=12))
def test_what_is_found_is_declared(key: str) -> None:
    """Whatever the key, what is found is in the schema under its group and name, and every such key finds it."""
    schema = create_cad_schema().build()
    found = find_array(schema, key)

    if found is not None:
        assert schema["groups"][found.group]["arrays"][found.name] == found.spec
    for group, part in schema["groups"].items():
        for name in part["arrays"]:
            place = find_array(schema, f"{group}/{name}")
            assert place is not None
            assert (place.group, place.name) == (group, name)
