"""The rows of the members table, out of the journal."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from zarrpack.storage.tables.members import MemberRow

__all__ = ["member_rows"]

_QUERY = """
SELECT
    COALESCE(sources.label, ''), members.name, position, members.size, crc32, NULLIF(media_type, ''),
    NULLIF(processor, ''), items.name, items.code, role, state, NULLIF(reason, ''), NULLIF(detail, ''),
    NULLIF(notes, ''), seconds, members.offset, raw_name, NULLIF(LOWER(HEX(sha256)), '')
FROM members
LEFT JOIN sources ON sources.number = members.source
LEFT JOIN member_items ON member_items.member = members.number
LEFT JOIN items ON items.code = member_items.code
ORDER BY members.number
"""


def member_rows(journal: sqlite3.Connection) -> Iterator[MemberRow]:
    """Give one row per member, in the sources' order.

    Parameters
    ----------
    journal : sqlite3.Connection
        A journal with assigned items. It must not be written to before the iterator has ended.
    """
    for row in journal.execute(_QUERY):
        yield MemberRow(*row)
