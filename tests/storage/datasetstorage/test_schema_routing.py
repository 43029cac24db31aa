"""Where built and hand-written schemas send metadata."""

from __future__ import annotations

import fnmatch
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zarrpack.storage.datasetstorage.schema_builder import SchemaBuilder
from zarrpack.storage.tables.routing import CATEGORICAL_PATTERNS, FILE_LEVEL_PATTERNS, route

_WORDS = st.text(alphabet="abc_[?*]. /", max_size=6)
_KINDS = st.sampled_from(["bool", "number", "string", "other"])


@pytest.mark.parametrize(
    ("field", "target"),
    [
        ("declared_file", "file_level"),
        ("declared_label", "categorical"),
        ("size_label", "file_level"),
        ("part_label", "categorical"),
        ("SIZE_PART", "file_level"),
        ("stream cache", "file_level"),
        ("complexity", "categorical"),
        ("material_of_it", "categorical"),
        ("processing/duration", "file_level"),
        ("part/category", "categorical"),
        ("anything", "categorical"),
    ],
)
def test_fields_are_routed(field: str, target: str) -> None:
    """Declared fields go where they are declared, whatever their names; then patterns; then as strings do."""
    builder = SchemaBuilder()
    builder.define_file_metadata("declared_file", "int32")
    builder.define_categorical_metadata("declared_label", "int32")

    assert builder.get_metadata_routing(field) == target


def test_a_declaration_is_stronger_than_a_pattern() -> None:
    """A label declared for the files stays with them."""
    builder = SchemaBuilder()
    builder.define_file_metadata("file_label", "int32")
    builder.define_categorical_metadata("size_class", "int32")

    assert builder.get_metadata_routing("file_label") == "file_level"
    assert builder.get_metadata_routing("size_class") == "categorical"


def test_the_default_of_strings_is_the_last_resort() -> None:
    """Without a value a field is routed as a string."""
    builder = SchemaBuilder()
    builder.set_metadata_routing_rules([], [], "categorical", "categorical", "file_level")

    assert builder.get_metadata_routing("anything") == "file_level"


def test_a_bool_is_no_number() -> None:
    """Bools have the default of categories, though Python counts them among the integers."""
    schema = SchemaBuilder().build()

    assert route("flag", "bool", schema) == "categorical"
    assert route("count", "number", schema) == "file_level"
    assert route("list", "other", schema) == "file_level"


@given(_WORDS.filter(bool), _KINDS, st.lists(_WORDS, max_size=3), st.lists(_WORDS, max_size=3))
def test_patterns_match_as_file_names_do(field: str, kind: Any, files: list[str], categories: list[str]) -> None:
    """A field goes where a shell's pattern with nothing special but the star, written by somebody else, sends it."""
    builder = SchemaBuilder()
    builder.set_metadata_routing_rules(files, categories)
    names = {field, field.replace("/", "_"), field.rpartition("/")[2]}

    def matches(patterns: list[str]) -> bool:
        shell = [pattern.replace("[", "[[]").replace("?", "[?]").lower() for pattern in patterns]
        return any(fnmatch.fnmatchcase(name.lower(), pattern) for name in names for pattern in shell)

    found = route(field, kind, builder.build())

    if matches(files):
        assert found == "file_level"
    elif matches(categories):
        assert found == "categorical"
    else:
        assert found == {"bool": "categorical", "string": "categorical"}.get(kind, "file_level")


@given(_WORDS.filter(bool), _KINDS)
def test_a_new_schema_changes_no_route(field: str, kind: Any) -> None:
    """A schema without rules of its own routes as no schema does, nested once or twice, before and after JSON."""
    schema = SchemaBuilder().build()
    twice = schema | {"metadata": {"metadata": schema["metadata"]}}

    targets = {route(field, kind, one) for one in (None, {}, schema, twice, json.loads(json.dumps(twice)))}
    assert targets == {route(field, kind)}


@given(st.sampled_from(FILE_LEVEL_PATTERNS + CATEGORICAL_PATTERNS), st.text("0123456789", max_size=5), _KINDS)
def test_known_patterns_decide_for_every_kind(pattern: str, text: str, kind: Any) -> None:
    """Every pattern sends a name that only it matches to its table, whatever the values are."""
    target = route(pattern.replace("*", text), kind, SchemaBuilder().build())

    assert target == ("file_level" if pattern in FILE_LEVEL_PATTERNS else "categorical")
