"""What a journal keeps of packs that are gone, so that the members that failed can be read again and merged in.

``descriptions``: one row per stored member. batch, local: its place. name, description; metadata, record: JSON.

``earlier_items``, ``earlier_member_items``, ``earlier_join_rows``: ``items``, ``member_items`` and ``join_rows`` as they were
when the dataset was written.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from zarrpack.errors import MergeError
from zarrpack.storage.base import MemberDescription
from zarrpack.storage.data_file import DataFile
from zarrpack.storage.member_descriptions import member_descriptions

__all__ = [
    "EARLIER",
    "earlier_codes",
    "earlier_descriptions",
    "earlier_rows",
    "keep_descriptions",
    "set_assignment_aside",
]

#: Stands for the file of a batch whose arrays are in the dataset, and whose pack is gone. No pack is called so.
EARLIER = "(earlier)"

_DESCRIPTIONS = """
CREATE TABLE IF NOT EXISTS descriptions (
    batch INTEGER, local INTEGER, name TEXT, description TEXT, metadata TEXT, record TEXT, PRIMARY KEY (batch, local)
) WITHOUT ROWID
"""
_ASSIGNMENT = ("items", "member_items", "join_rows")


def keep_descriptions(journal: sqlite3.Connection, packs: Path) -> None:
    """Copy into the journal what the packs say of their members; afterwards it can do without the packs.

    Parameters
    ----------
    journal : sqlite3.Connection
        A complete journal with assigned items.
    packs : Path
        The folder that holds the batches' files.
    """
    with journal:
        journal.execute(_DESCRIPTIONS)
        batches = journal.execute("SELECT number, file FROM batches WHERE file NOT IN ('', ?)", (EARLIER,)).fetchall()
        for number, file in batches:
            journal.executemany(
                "INSERT OR REPLACE INTO descriptions VALUES (?, ?, ?, ?, ?, ?)", _rows(number, packs / file)
            )
        journal.execute("UPDATE batches SET file = ? WHERE file <> ''", (EARLIER,))


def _rows(batch: int, pack: Path) -> Iterator[tuple[int, int, str, str, str, str | None]]:
    with DataFile(pack) as data:
        for local, one in enumerate(member_descriptions(data)):
            record = None if one.record is None else json.dumps(one.record)
            yield batch, local, one.name, one.description, json.dumps(one.metadata), record


def earlier_descriptions(journal: sqlite3.Connection, batch: int) -> list[MemberDescription]:
    """Give the members of a batch whose pack is gone, by number."""
    rows = journal.execute(
        "SELECT name, description, metadata, record FROM descriptions WHERE batch = ? ORDER BY local", (batch,)
    )
    return [
        MemberDescription(name, description, json.loads(metadata), None if record is None else json.loads(record))
        for name, description, metadata, record in rows
    ]


def set_assignment_aside(journal: sqlite3.Connection) -> None:
    """Keep the assignment of items under other names, so that a new one can be made beside it."""
    with journal:
        for table in _ASSIGNMENT:
            journal.execute(f"DROP TABLE IF EXISTS earlier_{table}")
            journal.execute(f"CREATE TABLE earlier_{table} AS SELECT * FROM {table}")


def earlier_rows(journal: sqlite3.Connection, position: int) -> None:
    """Take over the rows of a joined table whose pack is gone."""
    journal.execute(
        "INSERT INTO join_rows SELECT position, row, cell, fields FROM earlier_join_rows WHERE position = ?",
        (position,),
    )


def earlier_codes(journal: sqlite3.Connection) -> npt.NDArray[np.int64]:
    """Give the codes that the items of the earlier dataset have now.

    Returns
    -------
    ndarray of shape (earlier items,), int64
        -1: the item has no rows in it.

    Raises
    ------
    MergeError
        If what was read now changes the part that a member read earlier plays, so that its rows would be missing or
        too many.
    """
    changed = journal.execute(
        "SELECT m.name FROM earlier_member_items e JOIN members m ON m.number = e.member"
        " JOIN batches b ON b.number = m.batch LEFT JOIN member_items n ON n.member = e.member"
        " WHERE b.file = ? AND n.role IS NOT e.role LIMIT 1",
        (EARLIER,),
    ).fetchone()
    if changed is not None:
        raise MergeError(
            f"{changed[0]}: what was read now changes the part that this member plays in its item; convert the sources again"
        )
    (count,) = journal.execute("SELECT COUNT(*) FROM earlier_items").fetchone()
    codes = np.full(count, -1, np.int64)
    for before, now in journal.execute(
        "SELECT DISTINCT e.code, n.code FROM earlier_member_items e JOIN member_items n ON n.member = e.member"
        " JOIN members m ON m.number = e.member JOIN batches b ON b.number = m.batch"
        " WHERE b.file = ? AND e.role = 'arrays'",
        (EARLIER,),
    ):
        codes[before] = now
    return codes
