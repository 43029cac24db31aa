"""The key that says which members are one item, and the scratch table of all keys."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Collection, Iterator
from typing import TypeAlias

from zarrpack.converters.items.names import folder, stem, without_suffix

__all__ = ["ANY_SOURCE", "LONE", "PairKey", "pair_key", "write_pair_keys"]

#: Gives a member's pair key from its name, or None if it can be paired with nothing.
PairKey: TypeAlias = Callable[[str], "str | None"]

#: Scope of a key that holds over all sources. A source's own keys have its number.
ANY_SOURCE = -1
#: A member that is paired with nothing has the scope ``LONE - member``, which no other member has.
LONE = -2


def pair_key(pair: str) -> PairKey:
    """Give the function from a member's name to its pair key.

    Parameters
    ----------
    pair : str
        As :class:`zarrpack.converters.items.options.ItemOptions` has checked it.

    Examples
    --------
    >>> pair_key("stem")("a/1.jpg"), pair_key("basename")("a/1.jpg"), pair_key("member")("a/1.jpg")
    ('a/1', '1', None)
    """
    if pair == "member":
        return lambda name: None
    if pair == "stem":
        return lambda name: folder(name) + stem(name) if stem(name) else None
    if pair == "basename":
        return lambda name: stem(name) or None
    search = re.compile(pair).search

    def key(name: str) -> str | None:
        match = search(name)
        return (match["item"] or None) if match else None

    return key


def write_pair_keys(journal: sqlite3.Connection, pair: str, tables: Collection[int]) -> None:
    """Fill the scratch table ``pair_keys`` with one row per member that belongs to an item.

    Parameters
    ----------
    journal : sqlite3.Connection
        The journal, in a transaction.
    pair : str
        As in the options.
    tables : collection of int
        Numbers of the members that are joined to others, and so belong to no item themselves.
    """
    journal.execute("DROP TABLE IF EXISTS pair_keys")
    journal.execute(
        "CREATE TABLE pair_keys (member INTEGER PRIMARY KEY, scope INTEGER, key TEXT, is_record INTEGER, stored INTEGER)"
    )
    journal.executemany("INSERT INTO pair_keys VALUES (?, ?, ?, ?, ?)", _rows(journal, pair, tables))


def _rows(journal: sqlite3.Connection, pair: str, tables: Collection[int]) -> Iterator[tuple[int, int, str, int, int]]:
    key_of = pair_key(pair)
    members = journal.execute(
        "SELECT number, source, name, COALESCE(is_record, 0) <> 0, state IS 'stored' FROM members"
        " WHERE state IS NOT 'skipped' ORDER BY number"
    )
    for number, source, name, is_record, stored in members:
        if number in tables:
            continue
        key = key_of(name)
        if key is None:
            yield number, LONE - number, without_suffix(name), is_record, stored
        else:
            yield number, source if pair == "stem" else ANY_SOURCE, key, is_record, stored
