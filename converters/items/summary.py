"""What item assignment has found, small enough for the ``.flow``."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from zarrpack.converters.items.joins import JoinTable
from zarrpack.converters.items.options import ItemOptions
from zarrpack.converters.items.pairing import LONE

__all__ = ["ItemSummary", "Listing", "summarise"]

#: How many names a listing gives.
_NAMES = 20

_ITEM_NAMES = "SELECT name FROM items WHERE {condition} ORDER BY code"
_MEMBER_NAMES = (
    "SELECT members.name FROM member_items JOIN members ON number = member WHERE {condition} ORDER BY member"
)
_ROW_NAMES = """
SELECT COALESCE(NULLIF(r.cell, ''), '(row ' || (r.row + 1) || ')') FROM join_rows AS r
LEFT JOIN join_cells AS c ON c.position = r.position AND c.cell = r.cell
WHERE {condition} ORDER BY r.position, r.row
"""
_ROW_IS_MATCHED = "EXISTS (SELECT 1 FROM join_matches AS m WHERE m.position = r.position AND m.row = c.row)"
_ROW_IS_TAKEN = "(r.position, r.row) IN (SELECT position, row FROM item_rows)"


@dataclass(frozen=True, slots=True)
class Listing:
    """How many there are, and the names of the first 20.

    Parameters
    ----------
    count : int
        All of them.
    first : tuple of str
        Names, in the sources' order.
    """

    count: int = 0
    first: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ItemSummary:
    """What became of the members, as items.

    Parameters
    ----------
    items : int
        All items; codes run from 0 to this.
    stored_items : int
        Items with at least one stored member. The others have a code, and no row in any table.
    unmatched_records : Listing
        Records without a partner, if pairing was asked for; they stand alone, as arrays. Members.
    unmatched_items : Listing
        Items without a record, if pairing was asked for and there are records at all; and items that
        the regular expression does not match.
    extra_records : Listing
        Records of an item that has one already. Members; they are dropped.
    unmatched_rows : Listing
        Rows of joined tables that name no item, by their cell.
    duplicate_rows : Listing
        Rows of joined tables whose items have a row already, by their cell.
    unjoined_items : Listing
        Items that no row of a joined table names, if tables are joined.
    unread_tables : Listing
        Tables to be joined that have failed. Members.

    Examples
    --------
    >>> ItemSummary(items=2, stored_items=2).to_json()["extra_records"]
    {'count': 0, 'first': []}
    """

    items: int
    stored_items: int
    unmatched_records: Listing = Listing()
    unmatched_items: Listing = Listing()
    extra_records: Listing = Listing()
    unmatched_rows: Listing = Listing()
    duplicate_rows: Listing = Listing()
    unjoined_items: Listing = Listing()
    unread_tables: Listing = Listing()

    def to_json(self) -> dict[str, Any]:
        """Give the summary as JSON values."""
        values = asdict(self)
        for listing in values.values():
            if isinstance(listing, dict):
                listing["first"] = list(listing["first"])
        return values


def summarise(journal: sqlite3.Connection, options: ItemOptions, tables: Sequence[JoinTable]) -> ItemSummary:
    """Count and list what the assignment's tables say.

    Parameters
    ----------
    journal : sqlite3.Connection
        The journal with all tables of the assignment, also those that do not stay.
    options : ItemOptions
        What was asked.
    tables : sequence of JoinTable
        What was joined.
    """
    items, stored = journal.execute(
        "SELECT COUNT(*), COUNT(COALESCE(value_member, (SELECT number FROM members"
        " WHERE number = record_member AND state = 'stored'))) FROM items"
    ).fetchone()
    listings = _pairing_listings(journal, options) | _join_listings(journal, tables)
    return ItemSummary(items, stored, **listings)


def _pairing_listings(journal: sqlite3.Connection, options: ItemOptions) -> dict[str, Listing]:
    listings = {"extra_records": _listing(journal, _MEMBER_NAMES, "role = 'extra_record'")}
    if options.pair == "member":
        return listings
    (records,) = journal.execute("SELECT EXISTS (SELECT 1 FROM pair_keys WHERE is_record)").fetchone()
    alone = "record_member IS NULL" if records else f"scope <= {LONE}"
    holds_arrays = "(SELECT NOT is_record FROM pair_keys WHERE member = first_member)"
    listings["unmatched_items"] = _listing(journal, _ITEM_NAMES, f"{alone} AND {holds_arrays}")
    listings["unmatched_records"] = _listing(journal, _MEMBER_NAMES, "role = 'arrays' AND is_record")
    return listings


def _join_listings(journal: sqlite3.Connection, tables: Sequence[JoinTable]) -> dict[str, Listing]:
    if not tables:
        return {}
    return {
        "unmatched_rows": _listing(journal, _ROW_NAMES, f"NOT {_ROW_IS_MATCHED}"),
        "duplicate_rows": _listing(journal, _ROW_NAMES, f"{_ROW_IS_MATCHED} AND NOT {_ROW_IS_TAKEN}"),
        "unjoined_items": _listing(journal, _ITEM_NAMES, "code NOT IN (SELECT code FROM item_rows)"),
        "unread_tables": _listing(journal, _MEMBER_NAMES, "role = 'table' AND state <> 'stored'"),
    }


def _listing(journal: sqlite3.Connection, query: str, condition: str) -> Listing:
    query = query.format(condition=condition)
    (count,) = journal.execute(f"SELECT COUNT(*) FROM ({query})").fetchone()
    names = journal.execute(f"{query} LIMIT {_NAMES}").fetchall()
    return Listing(count, tuple(name for (name,) in names))
