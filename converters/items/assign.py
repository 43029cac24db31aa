"""Which item each member belongs to: codes, roles and names, from the journal alone.

Everything happens in SQL tables of the journal, so that a million members fit into bounded memory. A second
assignment replaces what the first has left.

``items``: one row per item.
    code: position among all items, failed ones included. scope, key: what its members have in common (scope: the source,
    or -1 if the key holds over all sources; below -1 for a member that is paired with nothing). name: unique.
    first_member: the first that holds arrays; it gives the item's place in the order. value_member: the first
    of those that is stored, or NULL. record_member: the member whose record is the item's metadata, or NULL.

``member_items``: one row per member that is not skipped.
    member. code: its item, NULL for a joined table. role: ``arrays`` (its rows are the item's), ``record`` (its record is
    the item's metadata, its rows are dropped), ``extra_record`` (dropped), ``table`` (its rows are joined to items).

``join_rows`` and ``item_rows``: see :mod:`zarrpack.converters.items.joins`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from zarrpack.converters.items.joins import find_tables, join_rows
from zarrpack.converters.items.naming import name_items
from zarrpack.converters.items.options import ItemOptions
from zarrpack.converters.items.pairing import write_pair_keys
from zarrpack.converters.items.summary import ItemSummary, summarise
from zarrpack.converters.items.transaction import transaction

__all__ = ["assign_items", "codes_of_batch"]

# Several items cannot have one first member, so the order is total.
_INSERT_ITEMS = """
INSERT INTO items
SELECT ROW_NUMBER() OVER (ORDER BY first_member) - 1, scope, key, NULL, first_member, value_member, record_member
FROM (
    SELECT
        scope,
        key,
        COALESCE(MIN(CASE WHEN NOT is_record THEN member END), MIN(member)) AS first_member,
        MIN(CASE WHEN stored AND (NOT is_record OR records_only) THEN member END) AS value_member,
        CASE WHEN NOT records_only THEN COALESCE(
            MIN(CASE WHEN is_record AND stored THEN member END), MIN(CASE WHEN is_record THEN member END)
        ) END AS record_member
    FROM (SELECT *, MIN(is_record) OVER (PARTITION BY scope, key) AS records_only FROM pair_keys)
    GROUP BY scope, key
)
"""

_INSERT_MEMBER_ITEMS = """
INSERT INTO member_items
SELECT
    member,
    code,
    CASE
        WHEN NOT is_record OR record_member IS NULL THEN 'arrays'
        WHEN member = record_member THEN 'record'
        ELSE 'extra_record'
    END
FROM pair_keys JOIN items USING (scope, key)
ORDER BY member
"""

_TABLES = (
    "DROP TABLE IF EXISTS items",
    "DROP TABLE IF EXISTS member_items",
    """
    CREATE TABLE items (
        code INTEGER PRIMARY KEY, scope INTEGER, key TEXT, name TEXT,
        first_member INTEGER, value_member INTEGER, record_member INTEGER, UNIQUE (scope, key)
    )
    """,
    "CREATE TABLE member_items (member INTEGER PRIMARY KEY, code INTEGER, role TEXT)",
    "CREATE INDEX IF NOT EXISTS members_of_batch ON members (batch, local)",
)


def assign_items(journal: sqlite3.Connection, options: ItemOptions, *, packs: Path | None = None) -> ItemSummary:
    """Assign every member to its item, and write down items, roles and joined rows.

    Members that are skipped have no item, failed ones do, so that a code does not change when a member is retried.
    Which record wins when an item has several: the first that is stored.

    Parameters
    ----------
    journal : sqlite3.Connection
        A complete journal. It gets the tables that this module's docstring describes; if anything is raised it
        is left as it was, so that the run can be taken up again with other options.
    options : ItemOptions
        What the user asks.
    packs : Path or None
        The folder that holds the batches' files. Needed if, and only if, `options` joins tables.

    Returns
    -------
    ItemSummary
        Counts, and what found no partner.

    Raises
    ------
    UsageError
        If a table to be joined is not there or does not hold the column; the message names what is nearest.
    """
    tables = find_tables(options.join, _named_members(journal)) if options.join else ()
    with transaction(journal):
        for statement in _TABLES:
            journal.execute(statement)
        write_pair_keys(journal, options.pair, {table.member for table in tables})
        journal.execute(_INSERT_ITEMS)
        journal.execute(_INSERT_MEMBER_ITEMS)
        journal.executemany(
            "INSERT OR IGNORE INTO member_items VALUES (?, NULL, 'table')", [(table.member,) for table in tables]
        )
        name_items(journal)
        join_rows(journal, tables, packs)
        summary = summarise(journal, options, tables)
        for table in ("pair_keys", "join_cells", "join_matches"):
            journal.execute(f"DROP TABLE {table}")
    return summary


def codes_of_batch(journal: sqlite3.Connection, batch: int) -> npt.NDArray[np.int64]:
    """Give the item code of each member of one pack.

    Parameters
    ----------
    journal : sqlite3.Connection
        A journal with assigned items.
    batch : int
        The pack's number.

    Returns
    -------
    ndarray of shape (members,), int64
        Entry i belongs to the member i of the pack's ``metadata.json``. -1: the member's rows are dropped.
    """
    rows = journal.execute(
        "SELECT local, CASE role WHEN 'arrays' THEN code ELSE -1 END FROM members"
        " LEFT JOIN member_items ON member = number WHERE batch = ? AND state = 'stored' ORDER BY local",
        (batch,),
    ).fetchall()
    codes = np.full(rows[-1][0] + 1 if rows else 0, -1, np.int64)
    for local, code in rows:
        codes[local] = code
    return codes


def _named_members(journal: sqlite3.Connection) -> Iterator[tuple[int, str, str, str | None]]:
    """Give number, source label, name and state of every member."""
    return journal.execute(
        "SELECT m.number, COALESCE(s.label, ''), m.name, m.state FROM members m"
        " LEFT JOIN sources s ON s.number = m.source ORDER BY m.number"
    )
