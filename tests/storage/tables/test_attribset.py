"""Rows of the dictionary of categories."""

from __future__ import annotations

from typing import Any

import pytest

from zarrpack.storage.tables.attribset import category_rows
from zarrpack.storage.tables.rules import Category


def rows(kind: Any, categories: list[Any], **declared: Any) -> list[tuple[int, str]]:
    """Give ids and names of one field."""
    found = list(category_rows("f", kind, categories, declared))
    assert {(row[0], row[3]) for row in found} <= {("f", "not set")}
    return [(number, name) for _, number, name, _ in found]


@pytest.mark.parametrize(
    ("kind", "categories", "declared", "expected"),
    [
        ("string", ["b", "a"], {}, [(0, "b"), (1, "a")]),
        ("string", ["b", "x"], {"values": ["a", "b"]}, [(0, "a"), (1, "b"), (2, "x")]),
        ("string", ["b"], {"values": ["a", "b"], "labels": ["A", "B"]}, [(0, "A"), (1, "B")]),
        ("int", [("int", 3), ("int", 1)], {}, [(1, "1"), (3, "3")]),
        ("int", [("int", 7)], {"values": [0, 1], "labels": ["no", "yes"]}, [(0, "no"), (1, "yes"), (7, "7")]),
        ("int", [("int", 1)], {"values": [4, 1]}, [(4, "4"), (1, "1")]),
        ("int", [("int", 2)], {"values": ["1", "2"]}, [(0, "1"), (1, "2")]),
        ("int", [("int", 2)], {"values": [2], "labels": ["one", "too many"]}, [(2, "2")]),
        ("bool", [("bool", True), ("bool", False)], {}, [(0, "False"), (1, "True")]),
        ("bool", [("bool", True)], {"values": [False, True], "labels": ["no", "yes"]}, [(0, "no"), (1, "yes")]),
        ("float", [("float", "0.5"), ("int", 2), ("float", "2.0")], {}, [(0, "0.5"), (1, "2.0")]),
        ("float", [("float", '"NaN"')], {}, [(0, "nan")]),
        (
            "json",
            ["a", ("int", 1), ("bool", True), ("list", "[1]")],
            {},
            [(0, '"a"'), (1, "1"), (2, "true"), (3, "[1]")],
        ),
        ("string", [], {}, []),
    ],
)
def test_ids_follow_the_kind(
    kind: str, categories: list[Any], declared: dict[str, Any], expected: list[tuple[int, str]]
) -> None:
    """Integers are their own ids, bools 0 and 1, all else is counted; declared values go first, ids are unique."""
    assert rows(kind, categories, **declared) == expected


@pytest.mark.parametrize(
    ("kind", "categories", "declared", "expected"),
    [
        ("int", [("int", 2), ("int", 0)], {}, {0: "zero", 2: "2", 5: "five"}),
        ("int", [], {"values": [0], "labels": ["nothing"]}, {0: "nothing", 5: "five"}),
        ("string", ["six", "five", "ten"], {}, {0: "zero", 5: "five", 6: "six", 7: "ten"}),
        ("string", ["zero"], {"values": ["five"]}, {0: "five", 5: "five"}),
    ],
)
def test_known_ids_keep_their_names(
    kind: Any, categories: list[Any], declared: dict[str, Any], expected: dict[int, str]
) -> None:
    """What the schema declares is stronger, what is observed comes behind, and the descriptions stay with their ids."""
    known = {0: Category("zero"), 5: Category("five", "a hand")}
    found = list(category_rows("f", kind, categories, declared, known, by_value=True))

    assert {number: name for _, number, name, _ in found} == expected
    assert len(found) == len(expected)
    assert {number: text for _, number, _, text in found if text != "not set"} == {5: "a hand"}


@pytest.mark.parametrize(
    ("kind", "categories", "expected"),
    [
        ("string", ["b", "a", "B"], ["B", "a", "b"]),
        ("float", [("float", "10.0"), ("float", "9.5")], ["9.5", "10.0"]),
        ("json", ["b", ("int", 1)], ['"b"', "1"]),
        ("int", [("int", 10), ("int", 9)], ["9", "10"]),
    ],
)
def test_categories_can_be_counted_by_value(kind: Any, categories: list[Any], expected: list[str]) -> None:
    """Numbers in numerical order, text in that of its characters; the same whatever came first."""
    for order in (categories, categories[::-1]):
        found = list(category_rows("f", kind, order, {"values": ["q"]} if kind == "int" else {}, by_value=True))
        assert [name for _, _, name, _ in found if name != "q"] == expected
