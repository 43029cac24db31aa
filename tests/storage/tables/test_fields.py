"""What a first pass learns of a field."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zarrpack.storage.tables.fields import CATEGORIES, FieldProfile, flat_fields, json_text


def profiled(values: list[Any], **options: Any) -> FieldProfile:
    """Let a profile see values."""
    profile = FieldProfile(**options)
    for value in values:
        profile.add(value)
    return profile


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([], "string"),
        ([None], "string"),
        ([True, None], "bool"),
        ([1, None, -(2**63)], "int"),
        ([2**63], "json"),
        ([1, 2**64], "json"),
        ([1, 2.5], "float"),
        ([2.5, float("nan")], "float"),
        (["a", None], "string"),
        ([True, 1], "json"),
        ([True, 0.5], "json"),
        (["a", 1], "json"),
        (["a", [1]], "json"),
        ([[1], []], "json"),
        ([(1, 2)], "json"),
        ([1, 2**63, 0.5], "json"),
    ],
)
def test_the_kind_holds_all_values(values: list[Any], kind: str) -> None:
    """Whole and broken numbers are floats together; what no type holds is JSON."""
    assert profiled(values).kind == kind


def test_missing_values_are_not_counted() -> None:
    """Neither as values nor as a category."""
    profile = profiled([None, "a", None, "a"])

    assert (profile.present, list(profile.categories or ())) == (2, ["a"])


def test_categories_are_kept_by_first_appearance_and_type() -> None:
    """1, 1.0 and True are three values, though Python calls them equal."""
    profile = profiled([1, 1.0, True, "1", 1], all_kinds=True)

    assert list(profile.categories or ()) == [("int", 1), ("float", "1.0"), ("bool", True), "1"]


def test_too_many_or_too_long_values_are_no_categories() -> None:
    """A thousand are kept, one more is not; neither is a book. Without limit all are kept."""
    texts = [str(n) for n in range(CATEGORIES + 1)]

    assert len(profiled(texts[:-1]).categories or ()) == CATEGORIES
    assert profiled(texts).categories is None
    assert profiled(["x" * 300_000]).categories is None
    assert len(profiled(texts, unlimited=True).categories or ()) == CATEGORIES + 1


def test_what_json_does_not_know_is_refused() -> None:
    """A caller that passes other objects hears of it."""
    with pytest.raises(TypeError, match="JSON value"):
        profiled([b"x"])


def test_nested_objects_become_paths() -> None:
    """Lists and empty objects are values."""
    assert flat_fields({"a": {"b": {"c": 1}, "d": {}}, "e": [{"f": 2}]}) == {
        "a/b/c": 1,
        "a/d": "{}",
        "e": [{"f": 2}],
    }


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_json_text_is_json(value: Any) -> None:
    """A JSON reader gets the value back."""
    assert json.loads(json_text(value)) == value


def test_numbers_that_json_lacks_become_strings() -> None:
    """The text is strict JSON, however deep they sit."""

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    text = json_text([float("inf"), {"x": (float("-inf"), float("nan"))}, 1.5])

    assert json.loads(text, parse_constant=refuse) == ["Infinity", {"x": ["-Infinity", "NaN"]}, 1.5]
