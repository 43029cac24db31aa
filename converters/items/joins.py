"""Tables whose rows become metadata of items.

``join_rows``: every row of every joined table. position: which of the joins. row: from 0. cell: what the join's column
says, as text. fields: the row as a JSON object.

``item_rows``: the row that each item got. code, position, row.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from zarrpack.converters.items.earlier import EARLIER, earlier_rows
from zarrpack.converters.items.names import base_name, stem
from zarrpack.converters.items.options import join_readings
from zarrpack.converters.items.packed_tables import PackedTable
from zarrpack.errors import UsageError

__all__ = ["JoinTable", "find_tables", "join_rows"]

_TABLES = (
    "DROP TABLE IF EXISTS join_rows",
    "DROP TABLE IF EXISTS item_rows",
    "DROP TABLE IF EXISTS join_cells",
    "DROP TABLE IF EXISTS join_matches",
    "CREATE TABLE join_rows (position INTEGER, row INTEGER, cell TEXT, fields TEXT, PRIMARY KEY (position, row))",
    "CREATE TABLE item_rows (code INTEGER, position INTEGER, row INTEGER, PRIMARY KEY (code, position))",
    "CREATE TABLE join_cells (position INTEGER, cell TEXT, row INTEGER, PRIMARY KEY (position, cell))",
    "CREATE TABLE join_matches (position INTEGER, row INTEGER, code INTEGER, PRIMARY KEY (position, row, code))",
)
#: How many names a message about an unknown one is chosen from.
_NEAR_NAMES = 1000


@dataclass(frozen=True, slots=True)
class JoinTable:
    """A table that is joined to the items.

    Parameters
    ----------
    member : int
        Number of the member that holds it.
    name : str
        That member's name.
    column : str
        The column whose cells name the items.
    """

    member: int
    name: str
    column: str


@dataclass(slots=True)
class _Found:
    """Members that a text may mean."""

    exact: list[tuple[int, str, str | None]] = field(default_factory=list)
    by_suffix: list[tuple[int, str, str | None]] = field(default_factory=list)

    @property
    def best(self) -> list[tuple[int, str, str | None]]:
        return self.exact or self.by_suffix


def find_tables(joins: Sequence[str], members: Iterable[tuple[int, str, str, str | None]]) -> tuple[JoinTable, ...]:
    """Find the member that each join names: by its whole name, or by the last segments of it.

    Needs names alone, so that it may be asked as soon as they are known.

    Parameters
    ----------
    joins : sequence of str
        ``MEMBER.csv:COLUMN``. MEMBER may start with the source's label.
    members : iterable of (number, source label, name, state)
        All members. state: None where it is not known yet.

    Raises
    ------
    UsageError
        If a join names no member, several members, or one that was skipped.

    Examples
    --------
    >>> find_tables(["styles.csv:id"], [(0, "a.zip", "f/1.jpg", None), (1, "a.zip", "f/styles.csv", None)])
    (JoinTable(member=1, name='f/styles.csv', column='id'),)
    """
    found, near = _search({text for join in joins for text, _ in join_readings(join)}, members)
    return tuple(_chosen(join, found, near) for join in joins)


def join_rows(journal: sqlite3.Connection, tables: Sequence[JoinTable], packs: Path | None) -> None:
    """Read the joined tables from their packs and match their rows with items.

    A row belongs to the items whose key, whose key's last segment, or one of whose members' name, base name or stem is
    the text of its cell. The first row of an item wins. Tables that could not be stored are passed over.

    Parameters
    ----------
    journal : sqlite3.Connection
        The journal, in a transaction, with the tables ``items`` and ``member_items``.
    tables : sequence of JoinTable
        What is joined, in order.
    packs : Path or None
        The folder of the batches' files; None only if there are no `tables`.

    Raises
    ------
    UsageError
        If a table does not hold its column.
    """
    for statement in _TABLES:
        journal.execute(f"{statement} WITHOUT ROWID" if statement.startswith("CREATE") else statement)
    for position, table in enumerate(tables):
        pack = journal.execute(
            "SELECT b.file, m.local FROM members m JOIN batches b ON b.number = m.batch"
            " WHERE m.number = ? AND m.state = 'stored'",
            (table.member,),
        ).fetchone()
        if pack is not None and packs is not None:
            if pack[0] == EARLIER:
                earlier_rows(journal, position)
            else:
                _read_rows(journal, position, table, packs / pack[0], pack[1])
            _gather_cells(journal, position)
            journal.executemany("INSERT OR IGNORE INTO join_matches VALUES (?, ?, ?)", _matches(journal, position))
    journal.execute("INSERT INTO item_rows SELECT code, position, MIN(row) FROM join_matches GROUP BY code, position")


def _search(
    texts: set[str], members: Iterable[tuple[int, str, str, str | None]]
) -> tuple[dict[str, _Found], list[str]]:
    found = {text: _Found() for text in texts}
    by_base: dict[str, list[str]] = {}
    for text in texts:
        by_base.setdefault(base_name(text), []).append(text)
    near: list[str] = []
    for number, label, name, state in members:
        base = base_name(name)
        if base.lower().endswith((".csv", ".tsv")) and len(near) < _NEAR_NAMES:
            near.append(name)
        for text in by_base.get(base, ()):
            if name == text:
                found[text].exact.append((number, name, state))
            elif f"/{label}/{name}".endswith(f"/{text}"):
                found[text].by_suffix.append((number, name, state))
    return found, near


def _chosen(join: str, found: dict[str, _Found], near: list[str]) -> JoinTable:
    readings = join_readings(join)
    text, column = next((reading for reading in readings if found[reading[0]].best), readings[0])
    candidates = found[text].best
    kept = [candidate for candidate in candidates if candidate[2] != "skipped"]
    if len(kept) == 1:
        return JoinTable(kept[0][0], kept[0][1], column)
    if kept:
        names = ", ".join(repr(name) for _, name, _ in kept[:3])
        raise UsageError(f"join {join}: expected one member, found {len(kept)} such as {names}; give the whole name")
    if candidates:
        raise UsageError(f"join {join}: the member {candidates[0][1]!r} was skipped; include it to join it")
    hint = get_close_matches(text, near, 3, 0.5) or near[:3]
    told = f"; did you mean {', '.join(map(repr, hint))}?" if hint else "; the sources hold no .csv or .tsv"
    raise UsageError(f"join {join}: no member is named {text!r}{told}")


def _read_rows(journal: sqlite3.Connection, position: int, table: JoinTable, pack: Path, local: int) -> None:
    with PackedTable(pack, local, table.name) as packed:
        rows = packed.rows(table.column)
        journal.executemany(
            "INSERT INTO join_rows VALUES (?, ?, ?, ?)",
            ((position, number, cell, json.dumps(fields, default=str)) for number, (cell, fields) in enumerate(rows)),
        )


def _gather_cells(journal: sqlite3.Connection, position: int) -> None:
    journal.execute(
        "INSERT INTO join_cells SELECT position, cell, MIN(row) FROM join_rows"
        " WHERE position = ? AND cell <> '' GROUP BY position, cell",
        (position,),
    )


def _matches(journal: sqlite3.Connection, position: int) -> Iterator[tuple[int, int, int]]:
    members = journal.execute(
        "SELECT items.code, items.key, members.name FROM member_items"
        " JOIN items USING (code) JOIN members ON members.number = member_items.member"
    )
    for code, key, name in members:
        texts = (key, base_name(key), name, base_name(name), stem(name))
        rows = journal.execute(
            "SELECT row FROM join_cells WHERE position = ? AND cell IN (?, ?, ?, ?, ?)", (position, *texts)
        )
        for (row,) in rows.fetchall():
            yield position, row, code
