"""What opening a store for writing mends: the traces of a writer that was killed."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path

from zarrpack.storage.sharded.index import Field
from zarrpack.storage.sharded.open_shard import cut_tail

__all__ = ["mend_shards", "remove_discarded"]


def mend_shards(connection: sqlite3.Connection, root: Path, fields: Mapping[str, Field]) -> set[tuple[int, int]]:
    """Cut off what was written but not committed.

    The index is committed after the bytes that it tells of are on disk. So whatever lies behind the end that it knows was
    never acknowledged.

    Parameters
    ----------
    connection : Connection
        The index, open for writing.
    root : Path
        The store.
    fields : mapping of str to Field
        Its fields.

    Returns
    -------
    set of (int, int)
        Field number and shard of those that are shorter than the index says, or missing: damage that no crash of a writer
        makes. They are left as they are, for ``repair``.
    """
    damaged = set()
    for field in fields.values():
        field.folder(root).mkdir(exist_ok=True)
        last = -1
        rows = connection.execute('SELECT shard, "end" FROM shards WHERE field = ? ORDER BY shard', (field.number,))
        for shard, end in rows:
            last = shard
            try:
                cut_tail(field.shard_path(root, shard), end)
            except (EOFError, FileNotFoundError):
                damaged.add((field.number, shard))
        # A shard that was begun and never committed. Numbers grow by one, so it is the next.
        while (path := field.shard_path(root, last + 1)).exists():
            path.unlink()
            last += 1
    return damaged


def remove_discarded(connection: sqlite3.Connection, root: Path, fields: Mapping[str, Field]) -> int:
    """Remove the shards that compaction has emptied; give their number."""
    stems = {field.number: field for field in fields.values()}
    removed = 0
    for number, shard in connection.execute("SELECT field, shard FROM discarded").fetchall():
        try:
            stems[number].shard_path(root, shard).unlink(missing_ok=True)
        except PermissionError:
            continue  # a reader has it open on a system that minds; the next writer tries again
        connection.execute("DELETE FROM discarded WHERE field = ? AND shard = ?", (number, shard))
        removed += 1
    return removed
