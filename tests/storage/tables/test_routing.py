"""Which table a field goes to."""

from __future__ import annotations

from typing import Any

import pytest

from zarrpack.storage.tables.routing import declared_field, find_route, route


@pytest.mark.parametrize(
    ("field", "kind", "expected"),
    [
        ("size_cadfile", "string", "file_level"),
        ("duration_s", "string", "file_level"),
        ("processing_host", "string", "file_level"),
        ("flow_name", "string", "file_level"),
        ("description", "string", "file_level"),
        ("Item", "string", "file_level"),
        ("stream cache", "string", "file_level"),
        ("file_label", "number", "categorical"),
        ("Category", "number", "categorical"),
        ("type", "other", "categorical"),
        ("material_name", "number", "categorical"),
        ("complexity", "number", "categorical"),
        ("data/type", "number", "categorical"),
        ("file/label", "number", "categorical"),
        ("a/size_x", "bool", "file_level"),
        ("custom_metric", "number", "file_level"),
        ("is_sold", "bool", "categorical"),
        ("colour", "string", "categorical"),
        ("tags", "other", "file_level"),
        ("label", "number", "file_level"),
        ("types", "number", "file_level"),
        ("size", "string", "categorical"),
    ],
)
def test_defaults_are_those_of_the_specification(field: str, kind: Any, expected: str) -> None:
    """Patterns match whole names in any case, nested names three ways; else the kind decides."""
    assert route(field, kind) == expected


def test_a_declaration_goes_before_patterns_and_kinds() -> None:
    """Whatever the name looks like; metadata nested twice is read as if nested once."""
    schema = {"metadata": {"file_level": {"my_label": {"dtype": "str"}}, "categorical": {"size_x": {"dtype": "int32"}}}}

    for one in (schema, {"metadata": schema}):
        assert find_route("my_label", "string", one) == ("file_level", "declared")
        assert find_route("size_x", "number", one) == ("categorical", "declared")
        assert declared_field("size_x", one) == {"dtype": "int32"}
    assert declared_field("size_x", None) == {}


def test_the_schema_sets_patterns_and_defaults() -> None:
    """Its patterns replace the default ones; only * is special; file_level wins where both match."""
    rules = {
        "file_level_patterns": ["a?[b]*", "both"],
        "categorical_patterns": ["*th"],
        "default_numeric": "categorical",
        "default_string": "file_level",
    }
    schema = {"metadata": {"routing_rules": rules}}

    assert find_route("a?[b]c", "number", schema) == ("file_level", "pattern")
    assert find_route("axbc", "number", schema) == ("categorical", "kind")
    assert find_route("both", "number", schema) == ("file_level", "pattern")
    assert find_route("south", "number", schema) == ("categorical", "pattern")
    assert find_route("file_label", "string", schema) == ("file_level", "kind")


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ({"default_categorical": "file_level"}, "file_level"),
        ({"default_categorical": "file_level", "default_string": "categorical"}, "categorical"),
        ({"default_string": "file_level"}, "file_level"),
        ({"default_string": "nonsense"}, "file_level"),
        ({"default_numeric": "file_level"}, "categorical"),
    ],
)
def test_strings_without_a_rule_go_where_categories_go(rules: dict[str, str], expected: str) -> None:
    """Schemas of others have one default for strings and bools together."""
    assert route("colour", "string", {"metadata": {"routing_rules": rules}}) == expected


@pytest.mark.parametrize("schema", [{}, {"metadata": None}, {"metadata": {"categorical": 5}}, {"domain": "x"}])
def test_partial_schemas_work(schema: dict[str, Any]) -> None:
    """What a schema does not say is as without a schema."""
    assert find_route("file_label", "number", schema) == ("categorical", "pattern")


def test_a_list_of_no_patterns_matches_nothing() -> None:
    """An empty list is a choice, not a gap."""
    rules: dict[str, list[str]] = {"file_level_patterns": [], "categorical_patterns": []}
    schema = {"metadata": {"routing_rules": rules}}

    assert find_route("size_x", "string", schema) == ("categorical", "kind")
