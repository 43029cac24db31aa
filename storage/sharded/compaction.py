"""Giving back the bytes of arrays that were replaced or removed.

What lives in a shard with dead bytes is appended to the field's last shards, as if each sample were written anew, and
the shard goes. A kill at any moment leaves either the rows that point to the old shard, or those that point to the new.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from zarrpack.errors import FormatError
from zarrpack.storage.sharded.descriptors import read_into
from zarrpack.storage.sharded.index import Field
from zarrpack.storage.sharded.recovery import remove_discarded
from zarrpack.storage.sharded.sample_names import member_name
from zarrpack.storage.sharded.session import Session

__all__ = ["CompactionReport", "compact_fields"]


@dataclass(frozen=True, slots=True)
class CompactionReport:
    """What a compaction did.

    Parameters
    ----------
    shards : int
        Shards that were removed.
    samples : int
        Arrays that were copied out of them.
    bytes_freed : int
        Bytes of the removed shards that were dead.
    """

    shards: int
    samples: int
    bytes_freed: int


def compact_fields(session: Session, fields: Sequence[Field]) -> CompactionReport:
    """Compact some fields; see `ShardedDatasetWriter.compact`.

    Parameters
    ----------
    session : Session
        The open store.
    fields : sequence of Field
        The fields.
    """
    session.commit()
    shards = samples = freed = 0
    for field in fields:
        dirty = session.connection.execute(
            "SELECT shard, dead_bytes FROM shards WHERE field = ? AND dead_bytes > 0 ORDER BY shard", (field.number,)
        ).fetchall()
        if not dirty:
            continue
        # Else the living of one dirty shard would move into another.
        session.start()
        session.leave_shard(field, dirty[-1][0])
        session.commit()
        _list_living(session, field)
        for shard, dead_bytes in dirty:
            samples += _move(session, field, shard)
            shards += 1
            freed += dead_bytes
        session.connection.execute("DROP TABLE temp.living")
    return CompactionReport(shards, samples, freed)


def _list_living(session: Session, field: Field) -> None:
    """List what lives in dirty shards in a temporary table: one walk through all rows, not one for each shard."""
    shard, offset, size, crc32 = field.columns
    session.connection.execute("DROP TABLE IF EXISTS temp.living")
    session.connection.execute(
        f"CREATE TEMP TABLE living AS SELECT {shard} AS shard, {offset} AS place, {size} AS size, {crc32} AS crc32, "
        f"number, id FROM samples WHERE {offset} IS NOT NULL AND {shard} IN "
        "(SELECT shard FROM shards WHERE field = ? AND dead_bytes > 0)",
        (field.number,),
    )
    session.connection.execute("CREATE INDEX temp.living_by_place ON living (shard, place)")


def _move(session: Session, field: Field, shard: int) -> int:
    """Copy what lives in a shard behind everything else, and drop the shard; one commit."""
    shard_column, offset_column, _, _ = field.columns
    session.start()
    path = field.shard_path(session.root, shard)
    rows = session.connection.execute(
        "SELECT number, id, place, size, crc32 FROM temp.living WHERE shard = ? ORDER BY place", (shard,)
    ).fetchall()
    source = _opened(path)
    try:
        for number, sample_id, offset, size, checksum in rows:
            content = bytearray(size)
            if read_into(source, content, offset) != size:
                raise FormatError(f"{path}: expected {size} bytes at offset {offset}, found fewer; call repair() first")
            location = session.append_buffers(field, member_name(sample_id), (content,), size, checksum)
            session.connection.execute(
                f"UPDATE samples SET {shard_column} = ?, {offset_column} = ? WHERE number = ?",
                (location.shard, location.offset, number),
            )
    except BaseException:
        session.abort()
        raise
    finally:
        os.close(source)
    session.drop_shard(field, shard)
    session.commit()
    remove_discarded(session.connection, session.root, session.fields)
    return len(rows)


def _opened(path: Path) -> int:
    try:
        return os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    except FileNotFoundError as exc:
        raise FormatError(f"{path}: expected a shard, found none; call repair() first") from exc
