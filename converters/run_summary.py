"""What a journal says of a run: the members that failed, the reasons, and what is wrong with sources."""

from __future__ import annotations

import sqlite3
from typing import Any

__all__ = ["failures", "findings", "reason_counts", "told"]

_FAILURES_IN_ERRORS = 5


def failures(journal: sqlite3.Connection, most: int) -> list[dict[str, Any]]:
    """Give the first members that failed: ``archive``, ``member``, ``reason``, ``detail``."""
    rows = journal.execute(
        "SELECT sources.label, members.name, reason, detail FROM members JOIN sources ON sources.number = source"
        " WHERE state = 'failed' ORDER BY members.number LIMIT ?",
        (most,),
    )
    return [dict(zip(("archive", "member", "reason", "detail"), row, strict=True)) for row in rows]


def findings(journal: sqlite3.Connection) -> list[dict[str, Any]]:
    """Give what is wrong with sources as a whole: ``archive``, ``reason``, ``detail``, ``offset``."""
    rows = journal.execute(
        "SELECT sources.label, reason, detail, offset FROM findings JOIN sources ON sources.number = source"
        " ORDER BY source, offset, reason"
    )
    return [dict(zip(("archive", "reason", "detail", "offset"), row, strict=True)) for row in rows]


def reason_counts(journal: sqlite3.Connection) -> dict[str, int]:
    """Count the members that were skipped or have failed, by reason."""
    rows = journal.execute(
        "SELECT reason, COUNT(*) FROM members WHERE state <> 'stored' GROUP BY reason ORDER BY reason"
    )
    return dict(rows.fetchall())


def told(journal: sqlite3.Connection) -> list[str]:
    """Give what is wrong with sources and the first members, a line each."""
    lines = [f"{one['archive']}: {one['reason']}: {one['detail']}" for one in findings(journal)]
    return lines + [
        f"{one['archive']}/{one['member']}: {one['reason']}: {one['detail']}"
        for one in failures(journal, _FAILURES_IN_ERRORS)
    ]
