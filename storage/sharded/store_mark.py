"""How a sharded store is recognised."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

__all__ = ["APPLICATION_ID", "INDEX_NAME", "is_store"]

INDEX_NAME = "index.sqlite"

#: Tells a store's index from any other SQLite file: "zps1".
APPLICATION_ID = 0x7A707331


def is_store(root: Path) -> bool:
    """Whether a folder holds a sharded store, by the mark in its index.

    Examples
    --------
    >>> is_store(Path("no such folder"))
    False
    """
    path = root / INDEX_NAME
    if not path.is_file():
        return False
    import sqlite3

    try:
        # Not by reading the file: closing it would release the locks of a writer in this process.
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            return bool(connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID)
    except sqlite3.DatabaseError:
        return False
