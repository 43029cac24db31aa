"""Indexes over keys of the metadata, as expressions that SQLite keeps up to date by itself."""

from __future__ import annotations

import re
import sqlite3

from zarrpack.errors import UsageError
from zarrpack.storage.sharded.index import quoted

__all__ = ["declare_metadata_index", "json_path"]

_SIMPLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def json_path(key: str) -> str:
    """Give SQLite's path to a metadata key.

    Parameters
    ----------
    key : str
        A key; ``/`` leads into nested objects.

    Raises
    ------
    UsageError
        If it, or a part of it, is empty or has a quotation mark.

    Examples
    --------
    >>> json_path("length"), json_path("camera/focal length")
    ('$.length', '$.camera."focal length"')
    """
    parts = key.split("/") if isinstance(key, str) else [""]
    if not all(part and '"' not in part and part.isprintable() for part in parts):
        raise UsageError(f"a metadata key: expected text without quotation marks, found {key!r:.80}")
    return "$" + "".join(f".{part}" if _SIMPLE.fullmatch(part) else f'."{part}"' for part in parts)


def declare_metadata_index(connection: sqlite3.Connection, key: str) -> str:
    """Add a generated column for a key and an index over it; see `ShardedDatasetWriter.add_metadata_index`.

    Raises
    ------
    UsageError
        If the column's name is taken.
    """
    path = json_path(key)
    known = connection.execute("SELECT name FROM metadata_indexes WHERE path = ?", (path,)).fetchone()
    if known is not None:
        return str(known[0])
    name = re.sub(r"\W", "_", key, flags=re.ASCII)
    columns = {row[1].lower() for row in connection.execute("PRAGMA table_xinfo(samples)")}
    if name.lower() in columns:
        raise UsageError(f"metadata index {key!r}: expected a new column, found {name} there already")
    expression = "json_extract(meta_json, '" + path.replace("'", "''") + "')"
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute(f"ALTER TABLE samples ADD COLUMN {quoted(name)} GENERATED ALWAYS AS ({expression}) VIRTUAL")
        # SQLite takes an index over the column for the column only, one over the expression for the expression only.
        connection.execute(f"CREATE INDEX {quoted('samples_by_' + name + '_column')} ON samples ({quoted(name)})")
        connection.execute(f"CREATE INDEX {quoted('samples_by_' + name)} ON samples ({expression})")
        connection.execute("INSERT INTO metadata_indexes VALUES (?, ?)", (name, path))
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
    return name
