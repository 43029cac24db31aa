"""Whether a store holds what its index says, and what to do where it does not."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from zarrpack.errors import FormatError
from zarrpack.storage.sharded.descriptors import read_into
from zarrpack.storage.sharded.index import Field, open_for_reading, quoted, read_counter, read_fields
from zarrpack.storage.sharded.npy_payload import decode_payload
from zarrpack.storage.sharded.open_shard import OpenShard, cut_tail
from zarrpack.storage.sharded.sample_names import member_name
from zarrpack.storage.sharded.session import Session
from zarrpack.storage.sharded.shard_files import ShardFiles
from zarrpack.storage.sharded.tar_members import BLOCK_BYTES, END, member_bytes, member_header

__all__ = ["Problem", "VerifyReport", "record_digests", "repair_store", "verify_store"]

_PIECE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    Parameters
    ----------
    detail : str
        Where: what was expected, what was found.
    sample_id, field : str or None
        The array that cannot be read, if it is one.
    """

    detail: str
    sample_id: str | None = None
    field: str | None = None


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What a verification read and found.

    Parameters
    ----------
    samples : int
        Samples in the index.
    arrays : int
        Arrays that were read.
    bytes : int
        Bytes of their .npy files.
    problems : list of Problem
        What is wrong.
    """

    samples: int
    arrays: int
    bytes: int
    problems: list[Problem] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


class _Shard(NamedTuple):
    shard: int
    end: int
    members: int
    dead_members: int
    dead_bytes: int
    sha256: str | None


def verify_store(root: Path) -> VerifyReport:
    """Verify a whole store; see `ShardedDatasetReader.verify`. Also while a writer adds samples, but not while it
    compacts.

    Parameters
    ----------
    root : Path
        The store.
    """
    with closing(open_for_reading(root)) as connection:
        # One state of the index for the whole walk.
        connection.execute("BEGIN")
        problems = [
            Problem(f"{root}: the index is damaged: {row[0]}")
            for row in connection.execute("PRAGMA quick_check(10)")
            if row[0] != "ok"
        ]
        if problems:
            return VerifyReport(0, 0, 0, problems)
        problems += _check_counts(connection, root)
        arrays = size = 0
        for one in read_fields(connection).values():
            read, read_bytes, found = _check_field(connection, root, one)
            arrays, size, problems = arrays + read, size + read_bytes, problems + found
        return VerifyReport(read_counter(connection, "samples"), arrays, size, problems)


def repair_store(session: Session) -> VerifyReport:
    """Take what cannot be read out of the index; see `ShardedDatasetWriter.repair`.

    Parameters
    ----------
    session : Session
        The open store.
    """
    session.close_shards()
    report = verify_store(session.root)
    session.begin()
    execute = session.connection.execute
    for problem in report.problems:
        if problem.field is not None:
            columns = ", ".join(f"{column} = NULL" for column in session.fields[problem.field].columns)
            execute(f"UPDATE samples SET {columns} WHERE id = ?", (problem.sample_id,))
    for one in session.fields.values():
        _recount(session, one)
    session.samples = execute("SELECT count(*) FROM samples").fetchone()[0]
    session.commit()
    return report


def record_digests(session: Session) -> int:
    """Enter the SHA-256 of shards that have none; see `ShardedDatasetWriter.record_digests`.

    Parameters
    ----------
    session : Session
        The open store.
    """
    session.commit()
    count = 0
    for one in session.fields.values():
        rows = session.connection.execute(
            "SELECT shard FROM shards WHERE field = ? AND sha256 IS NULL ORDER BY shard", (one.number,)
        ).fetchall()
        for (shard,) in rows:
            digest = _sha256(one.shard_path(session.root, shard))
            session.connection.execute(
                "UPDATE shards SET sha256 = ? WHERE field = ? AND shard = ?", (digest, one.number, shard)
            )
            count += 1
    return count


def _check_counts(connection: sqlite3.Connection, root: Path) -> Iterator[Problem]:
    counted = connection.execute("SELECT count(*) FROM samples").fetchone()[0]
    noted = read_counter(connection, "samples")
    if counted != noted:
        yield Problem(f"{root}: expected {noted} samples as the counter says, found {counted} rows")
    if read_counter(connection, "bulk"):
        yield Problem(
            f"{root}: expected an index of the ids, found a bulk load that was not finished; open it for writing"
        )


def _check_field(connection: sqlite3.Connection, root: Path, one: Field) -> tuple[int, int, list[Problem]]:
    """Check a field's shards; give arrays and bytes read, and problems."""
    problems: list[Problem] = []
    arrays = size = 0
    files = ShardFiles(root, keep=True)
    rows = _locations(connection, one)
    row = next(rows, None)
    known = set()
    for shard in _shards(connection, one):
        known.add(one.shard_path(root, shard.shard).name)
        problems += _check_file(root, one, shard)
        living = living_bytes = 0
        while row is not None and row[0] <= shard.shard:
            living, living_bytes = living + 1, living_bytes + member_bytes(member_name(row[1]), row[3])
            arrays, size = arrays + 1, size + row[3]
            problems += _check_array(files, one, shard, row)
            row = next(rows, None)
        if living + shard.dead_members != shard.members or living_bytes + shard.dead_bytes != shard.end:
            problems.append(
                Problem(
                    f"{one.shard_path(root, shard.shard)}: expected {shard.members} members in {shard.end} bytes, found "
                    f"{living} living and {shard.dead_members} dead in {living_bytes + shard.dead_bytes}"
                )
            )
        files.close()
    while row is not None:
        problems.append(Problem(f"{one.name}: expected shard {row[0]}, found none", row[1], one.name))
        row = next(rows, None)
    if one.folder(root).is_dir():
        strange = sorted(path.name for path in one.folder(root).glob("*.tar") if path.name not in known)
        problems += [
            Problem(f"{one.folder(root) / name}: expected no such shard; the index does not know it")
            for name in strange
        ]
    return arrays, size, problems


def _check_file(root: Path, one: Field, shard: _Shard) -> Iterator[Problem]:
    path = one.shard_path(root, shard.shard)
    try:
        found = path.stat().st_size
    except OSError as exc:
        yield Problem(f"{path}: expected a shard, found none: {exc.strerror}")
        return
    if found < shard.end + len(END):
        yield Problem(f"{path}: expected at least {shard.end + len(END)} bytes, found {found}")
    elif shard.sha256 is not None and _sha256(path) != shard.sha256:
        yield Problem(f"{path}: expected the SHA-256 {shard.sha256}, found another")


def _check_array(
    files: ShardFiles, one: Field, shard: _Shard, row: tuple[int, str, int, int, int]
) -> Iterator[Problem]:
    number, sample_id, offset, size, checksum = row
    header = member_header(member_name(sample_id), size)
    where = f"{sample_id!r:.80}: {one.name}"
    if number != shard.shard or offset + size > shard.end or offset < len(header):
        yield Problem(f"{where}: expected a place in shard {shard.shard}, found {row[:4]}", sample_id, one.name)
        return
    try:
        file = files.file(one, number)
        decode_payload(files.read(one, number, offset, size, checksum, file), where)
        found = bytearray(len(header))
        read_into(file.number, found, offset - len(header))
    except (FormatError, OSError) as exc:
        yield Problem(f"{where}: {exc}", sample_id, one.name)
        return
    if found != header:
        yield Problem(f"{where}: expected its tar header before offset {offset}, found another; any tar will miss it")


def _recount(session: Session, one: Field) -> None:
    """Make a field's shards those of its rows and files: what no row points to is dead, what is cut ends before."""
    living: dict[int, tuple[int, int, int]] = {}
    for number, sample_id, offset, size, _ in _locations(session.connection, one):
        count, total, _ = living.get(number, (0, 0, 0))
        # Rows come in the order of their offsets.
        last = offset + size + -size % BLOCK_BYTES
        living[number] = count + 1, total + member_bytes(member_name(sample_id), size), last
    for shard in list(_shards(session.connection, one)):
        count, total, last = living.get(shard.shard, (0, 0, 0))
        end, members = shard.end, max(shard.members, count)
        path = one.shard_path(session.root, shard.shard)
        if not path.exists() or path.stat().st_size < end:
            end, members = last, count
            OpenShard(path, shard.shard, end, members).close()
            cut_tail(path, end)
            session.damaged.discard((one.number, shard.shard))
        session.connection.execute(
            'UPDATE shards SET "end" = ?, members = ?, dead_members = ?, dead_bytes = ?, sha256 = NULL '
            "WHERE field = ? AND shard = ?",
            (end, members, members - count, end - total, one.number, shard.shard),
        )


def _locations(connection: sqlite3.Connection, one: Field) -> Iterator[tuple[int, str, int, int, int]]:
    shard, offset, size, crc32 = one.columns
    return connection.execute(
        f"SELECT {shard}, id, {offset}, {size}, {crc32} FROM samples WHERE {offset} IS NOT NULL ORDER BY {shard}, {offset}"
    )


def _shards(connection: sqlite3.Connection, one: Field) -> Iterator[_Shard]:
    columns = ", ".join(quoted(name) for name in _Shard._fields)
    rows = connection.execute(f"SELECT {columns} FROM shards WHERE field = ? ORDER BY shard", (one.number,))
    return (_Shard(*row) for row in rows)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            digest.update(piece)
    return digest.hexdigest()
