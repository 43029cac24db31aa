"""How much a store holds, from its index alone."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from zarrpack.storage.sharded.index import read_counter, read_fields
from zarrpack.storage.sharded.store_mark import INDEX_NAME

__all__ = ["store_statistics"]


def store_statistics(connection: sqlite3.Connection, root: Path) -> dict[str, Any]:
    """Count shards, samples and bytes; see `ShardedDatasetReader.stats`.

    Parameters
    ----------
    connection : Connection
        The index.
    root : Path
        The store.
    """
    fields = {}
    for field in read_fields(connection).values():
        row = connection.execute(
            'SELECT count(*), total(members), total("end"), total(dead_members), total(dead_bytes) FROM shards '
            "WHERE field = ?",
            (field.number,),
        ).fetchone()
        shards, members, size, dead, dead_bytes = map(int, row)
        fields[field.name] = {
            "shards": shards,
            "samples": members - dead,
            "bytes": size,
            "dead_samples": dead,
            "dead_bytes": dead_bytes,
        }
    return {
        "samples": read_counter(connection, "samples"),
        "index_bytes": (root / INDEX_NAME).stat().st_size,
        "metadata_indexes": [path for (path,) in connection.execute("SELECT path FROM metadata_indexes ORDER BY path")],
        "fields": fields,
    }
