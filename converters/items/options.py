"""What the user asks of item assignment."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from zarrpack.errors import UsageError

__all__ = ["ItemOptions", "join_readings"]

_NAMED_PAIRINGS = frozenset({"member", "stem", "basename"})


@dataclass(frozen=True, slots=True)
class ItemOptions:
    """How members become items. Checked when it is made; the fields are JSON values.

    Parameters
    ----------
    pair : str
        ``"member"``: each member is an item. ``"stem"``: members of one source with the same folder and stem are one
        item. ``"basename"``: members with the same stem, in any folder of any source. Anything else is a regular
        expression with a named group ``item``, searched in each member's name: equal groups, in any source, are one
        item, and a member that does not match is an item of its own.
    join : tuple of str
        ``MEMBER.csv:COLUMN``: the rows of that table become metadata of the items that the column's values name.
    labels : {"folder"} or None
        Whether class label and subset are taken from folder names.

    Raises
    ------
    UsageError
        If an option has a value that it cannot have.

    Examples
    --------
    >>> ItemOptions(pair=r"(?P<item>[0-9]+)\\.").pair
    '(?P<item>[0-9]+)\\\\.'
    """

    pair: str = "member"
    join: tuple[str, ...] = ()
    labels: Literal["folder"] | None = None

    def __post_init__(self) -> None:
        if self.labels not in (None, "folder"):
            raise UsageError(f"labels: expected 'folder' or nothing, found {self.labels!r}")
        for text in self.join:
            join_readings(text)
        if self.pair not in _NAMED_PAIRINGS:
            _check_pattern(self.pair)


def join_readings(text: str) -> tuple[tuple[str, str], ...]:
    """Give every way to read ``MEMBER:COLUMN``, the longest member first: both may hold colons.

    Raises
    ------
    UsageError
        If there is no way.

    Examples
    --------
    >>> join_readings("styles.csv:id")
    (('styles.csv', 'id'),)
    >>> join_readings("t.csv:dc:id")
    (('t.csv:dc', 'id'), ('t.csv', 'dc:id'))
    """
    cuts = [at for at, character in enumerate(text) if character == ":"]
    readings = tuple((text[:at], text[at + 1 :]) for at in reversed(cuts) if 0 < at < len(text) - 1)
    if not readings:
        raise UsageError(f"join: expected MEMBER.csv:COLUMN, found {text!r}")
    return readings


def _check_pattern(pattern: str) -> None:
    expected = "pair: expected member, stem, basename, or a regular expression with a group (?P<item>...)"
    try:
        groups = re.compile(pattern).groupindex
    except re.error as exc:
        raise UsageError(f"{expected}, found {pattern!r}, which is not one: {exc}") from exc
    if "item" not in groups:
        raise UsageError(f"{expected}, found {pattern!r} without that group")
