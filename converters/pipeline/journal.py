"""The journal: what has become of every member, in one SQLite database.

A batch is in it if, and only if, its pack is durable.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from zarrpack.converters.pipeline.journal_schema import SCHEMA
from zarrpack.converters.pipeline.messages import MemberResult
from zarrpack.converters.pipeline.pack_files import FinishedBatch
from zarrpack.processors.archives.base import Finding

__all__ = [
    "create_journal",
    "journal_value",
    "open_journal",
    "record_batches",
    "record_findings",
    "record_sources",
    "record_value",
    "state_counts",
]

_MEMBER_COLUMNS = 19
#: How long to wait for the other process that writes; a slow disk can hold it up.
_BUSY_SECONDS = 60


def create_journal(path: Path) -> None:
    """Make an empty journal at `path`, which must not exist."""
    with closing(open_journal(path)) as connection, connection:
        connection.executescript(SCHEMA)


def open_journal(path: Path) -> sqlite3.Connection:
    """Open a journal for reading and writing.

    Returns
    -------
    sqlite3.Connection
        Write-ahead log; what is committed survives a power cut. It may go from one thread to another, but not be
        used by two at a time.
    """
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
    except BaseException:
        connection.close()
        raise
    return connection


def record_value(connection: sqlite3.Connection, key: str, value: Any) -> None:
    """Write down one JSON value of the run, in the place of an earlier one."""
    with connection:
        connection.execute("INSERT OR REPLACE INTO run VALUES (?, ?)", (key, json.dumps(value)))


def journal_value(connection: sqlite3.Connection, key: str) -> Any:
    """Give one value of the run; None if there is none."""
    row = connection.execute("SELECT value FROM run WHERE key = ?", (key,)).fetchone()
    return None if row is None else json.loads(row[0])


def record_sources(connection: sqlite3.Connection, sources: Iterable[tuple[str, str]]) -> None:
    """Write down each source's label and kind, in order."""
    rows = [(number, label, kind) for number, (label, kind) in enumerate(sources)]
    with connection:
        connection.executemany("INSERT INTO sources VALUES (?, ?, ?)", rows)


def record_findings(connection: sqlite3.Connection, source: int, findings: Iterable[Finding]) -> None:
    """Write down what is wrong with a source as a whole, in the place of what was written down before."""
    rows = [(source, one.reason, _text(one.detail), _integer(one.offset)) for one in findings]
    with connection:
        connection.execute("DELETE FROM findings WHERE source = ?", (source,))
        connection.executemany("INSERT INTO findings VALUES (?, ?, ?, ?)", rows)


def record_batches(connection: sqlite3.Connection, batches: Sequence[FinishedBatch]) -> None:
    """Write down batches whose packs are durable, all of them or none."""
    with connection:
        for batch in batches:
            first = batch.members[0].number
            row = (batch.number, first, len(batch.members), batch.file, batch.size, batch.directory_sha256)
            connection.execute("INSERT INTO batches VALUES (?, ?, ?, ?, ?, ?)", row)
            places = ", ".join("?" * _MEMBER_COLUMNS)
            rows = (_member_row(batch.number, member) for member in batch.members)
            connection.executemany(f"INSERT INTO members VALUES ({places})", rows)


def state_counts(connection: sqlite3.Connection) -> dict[str, int]:
    """Count the members by state.

    Returns
    -------
    dict
        Keys ``members``, ``stored``, ``skipped``, ``failed``.
    """
    counts = {"members": 0, "stored": 0, "skipped": 0, "failed": 0}
    for state, count in connection.execute("SELECT state, COUNT(*) FROM members GROUP BY state"):
        counts[state] = count
        counts["members"] += count
    return counts


def _text(value: str | None) -> str | None:
    """Give text that SQLite can hold; empty becomes None."""
    return value.encode("utf-8", "backslashreplace").decode() if value else None


def _integer(value: int | None) -> int | None:
    """Give an integer that SQLite can hold. A header may announce any size; one of 2^63 and more is none."""
    return value if value is not None and -(2**63) <= value < 2**63 else None


def _member_row(batch: int, member: MemberResult) -> tuple[object, ...]:
    entry = member.entry
    return (
        member.number,
        member.source,
        entry.index,
        _text(entry.name) or "",
        entry.raw_name,
        _integer(member.size),
        _integer(entry.crc32),
        _integer(entry.offset),
        member.sha256,
        _text(member.media_type),
        _text(member.processor),
        int(member.is_record),
        member.state,
        _text(member.reason),
        _text(member.detail),
        _text("\n".join(member.notes)),
        member.seconds,
        batch if member.local is not None else None,
        member.local,
    )
