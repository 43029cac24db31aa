"""What users may ask of item assignment."""

from __future__ import annotations

import pytest

from zarrpack.converters.items.options import ItemOptions, join_readings
from zarrpack.errors import UsageError


@pytest.mark.parametrize("pair", ["member", "stem", "basename", r"(?P<item>\d+)\."])
def test_every_pairing_is_accepted(pair: str) -> None:
    """Three words and any expression with the group."""
    assert ItemOptions(pair).pair == pair


@pytest.mark.parametrize(("pair", "why"), [("stems", "without that group"), ("(?P<item>", "not one"), ("(x)", "group")])
def test_an_expression_needs_the_group(pair: str, why: str) -> None:
    """A misspelt word is an expression without the group, and said to be one."""
    with pytest.raises(UsageError, match=why):
        ItemOptions(pair)


def test_labels_are_folders_or_nothing() -> None:
    """Another source of labels is refused."""
    with pytest.raises(UsageError, match="labels"):
        ItemOptions(labels="file")  # type: ignore[arg-type]


@pytest.mark.parametrize("join", ["styles.csv", ":id", "styles.csv:", ""])
def test_a_join_needs_member_and_column(join: str) -> None:
    """Half a join is refused when the options are made."""
    with pytest.raises(UsageError, match=r"MEMBER\.csv:COLUMN"):
        ItemOptions(join=(join,))


def test_colons_may_stand_anywhere() -> None:
    """Both the member and the column may hold colons; every way to cut is tried."""
    assert join_readings("a:b.csv:dc:id") == (("a:b.csv:dc", "id"), ("a:b.csv", "dc:id"), ("a", "b.csv:dc:id"))
