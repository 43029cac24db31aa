"""Item names: as short as they can be, and unique."""

from __future__ import annotations

import sqlite3

from zarrpack.converters.items.pairing import LONE

__all__ = ["name_items"]

_IS_LONE = f"items.scope <= {LONE}"

# What an item may be called, best first. A lone member's key is its path without the suffix.
_CANDIDATES = (
    f"CASE WHEN NOT {_IS_LONE} THEN items.key END",
    f"CASE WHEN {_IS_LONE} THEN items.key END",
    f"CASE WHEN {_IS_LONE} THEN members.name END",
    "sources.label || '/' || items.key",
    f"CASE WHEN {_IS_LONE} THEN sources.label || '/' || members.name END",
    "members.name || '#' || members.number",
)
_LONE_KEY = _CANDIDATES[1]
_WITH_LABEL = _CANDIDATES[3:5]

_PROPOSE = """
INSERT INTO proposed_names
SELECT code, {candidate}
FROM items JOIN members ON members.number = items.first_member LEFT JOIN sources ON sources.number = members.source
WHERE items.name IS NULL
"""

# `b.jpg` beside `b.jpg.json`: the key of the second is the whole path of the first, so it is not taken.
_REFUSE_PATHS_OF_OTHERS = """
DELETE FROM proposed_names WHERE EXISTS (
    SELECT 1 FROM pair_keys JOIN members ON members.number = pair_keys.member
    WHERE members.name = proposed_names.text
    AND pair_keys.member <> (SELECT first_member FROM items WHERE items.code = proposed_names.code)
)
"""

_ACCEPT = """
UPDATE items SET name = one.text
FROM (SELECT MIN(code) AS code, text FROM proposed_names WHERE text <> '' GROUP BY text HAVING COUNT(*) = 1) AS one
WHERE one.code = items.code AND NOT EXISTS (SELECT 1 FROM items AS other WHERE other.name = one.text)
"""


def name_items(journal: sqlite3.Connection) -> None:
    """Fill the column ``name`` of the table ``items``.

    A pair's name is its key, a lone member's its path without the suffix; where that is not unique, its whole
    path. With several sources the source's label goes before it, where only that makes it unique. What is then still not
    unique (an archive may hold one name twice) gets ``#`` and the member's number.
    """
    journal.execute("DROP TABLE IF EXISTS proposed_names")
    journal.execute("CREATE TABLE proposed_names (code INTEGER PRIMARY KEY, text TEXT)")
    journal.execute("CREATE UNIQUE INDEX items_by_name ON items (name)")
    (sources,) = journal.execute("SELECT COUNT(*) FROM sources").fetchone()
    for candidate in _CANDIDATES:
        if candidate in _WITH_LABEL and sources < 2:
            continue
        journal.execute("DELETE FROM proposed_names")
        journal.execute(_PROPOSE.format(candidate=candidate))
        if candidate == _LONE_KEY:
            _refuse_paths_of_others(journal)
        journal.execute(_ACCEPT)
    journal.execute("DROP TABLE proposed_names")
    _lengthen_the_rest(journal)


def _refuse_paths_of_others(journal: sqlite3.Connection) -> None:
    journal.execute("CREATE INDEX members_by_name ON members (name)")
    journal.execute(_REFUSE_PATHS_OF_OTHERS)
    journal.execute("DROP INDEX members_by_name")


def _lengthen_the_rest(journal: sqlite3.Connection) -> None:
    """Name the few items whose every candidate is some other item's name."""
    unnamed = journal.execute(
        "SELECT code, name_of.name, name_of.number FROM items JOIN members AS name_of ON name_of.number = first_member"
        " WHERE items.name IS NULL ORDER BY code"
    ).fetchall()
    for code, path, number in unnamed:
        name = f"{path}#{number}"
        while journal.execute("SELECT 1 FROM items WHERE name = ?", (name,)).fetchone():
            name += "#"
        journal.execute("UPDATE items SET name = ? WHERE code = ?", (name, code))
