"""What items are called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from zarrpack.converters.items.assign import assign_items
from zarrpack.converters.items.options import ItemOptions


def names(run: Any, pair: str = "member") -> list[str]:
    """Assign items and give their names by code."""
    assign_items(run.journal, ItemOptions(pair))
    return list(run.column("SELECT name FROM items ORDER BY code"))


@pytest.mark.parametrize(
    ("members", "pair", "expected"),
    [
        (["i/1.jpg", "i/2.jpg"], "member", ["i/1", "i/2"]),
        (["i/1.jpg", "i/1.png", "i/2.jpg"], "member", ["i/1.jpg", "i/1.png", "i/2"]),
        (["b.jpg", "b.jpg.json"], "member", ["b", "b.jpg.json"]),
        (["a", "a.jpg"], "member", ["a", "a.jpg"]),
        (["1.jpg", "1.jpg"], "member", ["1.jpg#0", "1.jpg#1"]),
        (["1.jpg", "1.jpg", "1.jpg#0", "x"], "member", ["1.jpg#0#", "1.jpg#1", "1.jpg#0", "x"]),
        (["i/1.jpg", "i/1.json"], "stem", ["i/1"]),
        (["i/1.jpg", "r/1.json", "i/2.jpg"], "basename", ["1", "2"]),
        (["x7.jpg", "y7.json", "z"], r"(?P<item>\d)", ["7", "z"]),
        (["x7.jpg", "7", "y7.json", "a/7.b.jpg"], r"^\w(?P<item>\d)", ["7", "7#1", "a/7.b"]),
        (["", "a/"], "stem", ["#0", "a/"]),
        (["Straße/衬衫.jpg", "nul\x00x.jpg"], "member", ["Straße/衬衫", "nul\x00x"]),
    ],
)
def test_names_are_short_and_unique(
    make_run: Callable[..., Any], members: list[str], pair: str, expected: list[str]
) -> None:
    """The key where it is unique, else the path, else with a number."""
    assert names(make_run(members), pair) == expected


def test_a_label_goes_before_a_name_only_where_needed(make_run: Callable[..., Any], member: Any) -> None:
    """Names that several sources share get the source's label; a file's name decides before that."""
    run = make_run(
        [member("1.jpg"), member("2.jpg"), member("1.jpg", source=1), member("3.jpg", source=1)],
        labels=("a.zip", "b.zip"),
    )

    assert names(run) == ["a.zip/1", "2", "b.zip/1", "3"]
    assert names(run, "stem") == ["a.zip/1", "2", "b.zip/1", "3"]
    assert names(run, "basename") == ["1", "2", "3"]


def test_a_label_that_helps_nothing_is_not_used(make_run: Callable[..., Any], member: Any) -> None:
    """Two sources of one label are told apart by number."""
    run = make_run([member("1.jpg"), member("1.jpg", source=1)], labels=("a.zip", "a.zip"))

    assert names(run) == ["1.jpg#0", "1.jpg#1"]
