"""What a writer does between two commits: appended bytes, changed rows, and the counts that go with them.

Bytes reach the disk before the row that tells of them is committed, so the index never points past the data.
"""

from __future__ import annotations

import errno
import sqlite3
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from zarrpack.errors import OutputRefused
from zarrpack.storage.durability import sync_folder
from zarrpack.storage.sharded.index import Field, open_for_writing, read_counter, read_fields, write_counter
from zarrpack.storage.sharded.npy_payload import NpyPayload
from zarrpack.storage.sharded.open_shard import OpenShard
from zarrpack.storage.sharded.recovery import mend_shards, remove_discarded
from zarrpack.storage.sharded.sample_names import auto_id
from zarrpack.storage.sharded.tar_members import member_bytes

__all__ = ["Location", "Session"]

#: Samples, bytes and seconds after which what was added is committed without being asked.
COMMIT_SAMPLES = 10_000
COMMIT_BYTES = 64 << 20
COMMIT_SECONDS = 1.0


class Location(NamedTuple):
    """Where a payload lies: shard number, offset and size in bytes, checksum."""

    shard: int
    offset: int
    size: int
    crc32: int


class Session:
    """An open store and the transaction that is under way. Not safe for threads.

    Parameters
    ----------
    root : Path
        The folder; it exists.
    samples_per_shard : int
        Members in a shard before the next is begun.
    max_shard_bytes : int or None
        Bytes in a shard before the next is begun; a single member may be larger.

    Attributes
    ----------
    damaged : set of (int, int)
        Field number and shard of files that lack committed bytes; nothing is appended to them.

    Raises
    ------
    OutputRefused
        If the store cannot be written.
    """

    def __init__(self, root: Path, samples_per_shard: int, max_shard_bytes: int | None) -> None:
        self.root = root
        self._members_limit = samples_per_shard
        self._bytes_limit = max_shard_bytes
        self.connection = open_for_writing(root)
        try:
            self.connection.execute("BEGIN IMMEDIATE")
            self.fields = read_fields(self.connection)
            self.damaged = mend_shards(self.connection, root, self.fields)
            remove_discarded(self.connection, root, self.fields)
            self.connection.execute("COMMIT")
        except BaseException as exc:
            self.connection.close()
            if isinstance(exc, OSError | sqlite3.OperationalError) and not isinstance(exc, OutputRefused):
                raise OutputRefused(
                    getattr(exc, "errno", None) or errno.EIO, f"{root}: expected a store that can be written: {exc}"
                ) from exc
            raise
        self._read_counters()

    def _read_counters(self) -> None:
        """Take up what the index says; forget everything that is not committed."""
        self._current: dict[int, OpenShard] = {}
        self._changed: dict[tuple[int, int], tuple[int, int]] = {}
        self._dead: dict[tuple[int, int], list[int]] = {}
        self.samples = read_counter(self.connection, "samples")
        self.next_number = read_counter(self.connection, "next_number")
        # Ids up to the reserved one may have been handed out by a writer that was killed.
        self.last_auto = self._reserved = read_counter(self.connection, "sample_id")
        self._hands_out = False
        self._marks: list[tuple[int, OpenShard, int, int]] = []
        self.pending = self._pending_bytes = 0
        self._committed_at = time.monotonic()

    def begin(self) -> None:
        """Begin a transaction if none is under way.

        Raises
        ------
        OutputRefused
            If another program holds the index.
        """
        if not self.connection.in_transaction:
            try:
                self.connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as exc:
                raise OutputRefused(errno.EAGAIN, f"{self.root}: expected to write to the index, found: {exc}") from exc

    def next_auto_id(self) -> str:
        """Give an id that was never given before, not even by a writer that was killed before it committed."""
        if self.last_auto >= self._reserved:
            self._hands_out = True
            self.begin()
            self.commit()
        self.last_auto += 1
        return auto_id(self.last_auto)

    def note_auto_number(self, number: int) -> None:
        """Keep an id of the automatic form, chosen by the user, from being given again."""
        self.last_auto = max(self.last_auto, number)

    def execute(self, statement: str, values: Sequence[Any]) -> sqlite3.Cursor:
        """Change the index within the transaction.

        Raises
        ------
        IntegrityError
            If an id is there already.
        OutputRefused
            If the index cannot be written. SQLite has then undone the whole transaction.
        """
        try:
            return self.connection.execute(statement, values)
        except sqlite3.IntegrityError:
            raise
        except sqlite3.Error as exc:
            lost = self.pending
            self.abort()
            raise OutputRefused(
                errno.EIO, f"{self.root}: the index could not be written: {exc}; the last {lost} samples are not stored"
            ) from exc

    def start(self) -> None:
        """Begin a sample: `take_back` goes back to here."""
        self.begin()
        self._marks.clear()

    def take_back(self) -> None:
        """Forget what was appended since `start`; its bytes lie behind the end and will be written over."""
        for field, current, end, members in self._marks:
            current.end, current.members = end, members
            self._changed[field, current.shard] = end, members
        self._marks.clear()

    def append(self, field: Field, name: str, payload: NpyPayload, shard: int | None = None) -> Location:
        """Append a payload to a field's current shard, or to a given one.

        Parameters
        ----------
        field : Field
            The field.
        name : str
            The member's name.
        payload : NpyPayload
            Its content.
        shard : int, optional
            A shard's number; that shard is the current one from then on.
        """
        return self.append_buffers(field, name, (payload.header, payload.values), payload.size, payload.crc32, shard)

    def append_buffers(
        self, field: Field, name: str, buffers: tuple[Any, ...], size: int, crc32: int, shard: int | None = None
    ) -> Location:
        """Append content as it is; see `append`.

        Raises
        ------
        OutputRefused
            If it cannot be written.
        """
        try:
            current = self._current.get(field.number)
            if current is None or (shard is not None and current.shard != shard):
                current = self._open(field, shard)
            elif shard is None and self._is_full(current.members, current.end, size):
                current = self._open(field, self._last_shard(field.number) + 1)
            self._marks.append((field.number, current, current.end, current.members))
            offset = current.append(name, size, buffers)
        except OSError as exc:
            if isinstance(exc, OutputRefused):
                raise
            raise OutputRefused(exc.errno, f"{self.root}: {field.name} could not be stored: {exc.strerror}") from exc
        self._changed[field.number, current.shard] = current.end, current.members
        self._pending_bytes += size
        return Location(current.shard, offset, size, crc32)

    def _is_full(self, members: int, end: int, size: int) -> bool:
        if members >= self._members_limit:
            return True
        return self._bytes_limit is not None and members > 0 and end + size > self._bytes_limit

    def _open(self, field: Field, shard: int | None) -> OpenShard:
        """Open a shard to append to: a given one, else the last one or the next."""
        self._set_aside(field.number)
        if shard is None:
            shard = max(0, self._last_shard(field.number))
            end, members = self._tail(field.number, shard)
            if self._is_full(members, end, 0) or (field.number, shard) in self.damaged:
                shard += 1
        if (field.number, shard) in self.damaged:
            raise OutputRefused(
                errno.EIO,
                f"{field.shard_path(self.root, shard)}: expected all bytes that the index knows, found fewer; "
                "repair() drops what is lost",
            )
        end, members = self._tail(field.number, shard)
        current = OpenShard(field.shard_path(self.root, shard), shard, end, members)
        self._current[field.number] = current
        return current

    def _last_shard(self, field: int) -> int:
        row = self.connection.execute("SELECT max(shard) FROM shards WHERE field = ?", (field,)).fetchone()
        changed = [shard for number, shard in self._changed if number == field]
        return max([*changed, -1 if row[0] is None else int(row[0])])

    def _tail(self, field: int, shard: int) -> tuple[int, int]:
        if (field, shard) in self._changed:
            return self._changed[field, shard]
        row = self.connection.execute(
            'SELECT "end", members FROM shards WHERE field = ? AND shard = ?', (field, shard)
        ).fetchone()
        return (0, 0) if row is None else (row[0], row[1])

    def _set_aside(self, field: int) -> None:
        """Finish and close a field's current shard; its row waits for the commit."""
        current = self._current.pop(field, None)
        if current is not None:
            if (field, current.shard) in self._changed:
                current.finish()
            current.close()

    def leave_shard(self, field: Field, shard: int) -> None:
        """See that nothing is appended to a shard any more: the current one becomes one behind all others."""
        current = self._current.get(field.number)
        last = self._last_shard(field.number)
        if shard == (last if current is None else current.shard):
            self._open(field, last + 1)
            # It is there from now on, even if nothing should follow: a number is never given twice.
            self._changed[field.number, last + 1] = 0, 0

    def end_shard(self, field: Field) -> None:
        """Go back to the last shard after one that was asked for by number."""
        self._set_aside(field.number)

    def close_shards(self) -> None:
        """Commit, and close all shards."""
        self.commit()
        for field in list(self._current):
            self._set_aside(field)

    def mark_dead(self, field: Field, shard: int, name: str, size: int) -> None:
        """Count a member that nothing points at any more."""
        dead = self._dead.setdefault((field.number, shard), [0, 0])
        dead[0] += 1
        dead[1] += member_bytes(name, size)

    def drop_shard(self, field: Field, shard: int) -> None:
        """Forget a shard of which no row tells any more; its file goes once that is committed."""
        key = field.number, shard
        self._changed.pop(key, None)
        self._dead.pop(key, None)
        self.damaged.discard(key)
        self.connection.execute("DELETE FROM shards WHERE field = ? AND shard = ?", key)
        self.connection.execute("INSERT OR IGNORE INTO discarded VALUES (?, ?)", key)

    def added(self, samples: int = 1) -> None:
        """Count what was written, and commit if it is time."""
        self.pending += samples
        if (
            self.pending >= COMMIT_SAMPLES
            or self._pending_bytes >= COMMIT_BYTES
            or time.monotonic() - self._committed_at > COMMIT_SECONDS
        ):
            self.commit()

    def commit(self) -> None:
        """Make everything durable that was written so far.

        Raises
        ------
        OutputRefused
            If that is not possible, such as on a full disk. Nothing since the last commit is stored then.
        """
        if not self.connection.in_transaction:
            self._committed_at = time.monotonic()
            return
        try:
            for current in self._current.values():
                current.finish()
            self._write_rows()
            self.connection.execute("COMMIT")
        except (OSError, sqlite3.Error) as exc:
            lost = self.pending
            self.abort()
            raise OutputRefused(
                getattr(exc, "errno", None) or errno.EIO,
                f"{self.root}: the last {lost} samples could not be stored: {exc}; what was committed before is safe",
            ) from exc
        self._changed.clear()
        self._dead.clear()
        self.pending = self._pending_bytes = 0
        self._committed_at = time.monotonic()

    def _write_rows(self) -> None:
        execute = self.connection.execute
        for (field, shard), (end, members) in self._changed.items():
            execute(
                'INSERT INTO shards (field, shard, "end", members) VALUES (?, ?, ?, ?) ON CONFLICT (field, shard) '
                'DO UPDATE SET "end" = excluded."end", members = excluded.members, sha256 = NULL',
                (field, shard, end, members),
            )
        for (field, shard), (members, size) in self._dead.items():
            execute(
                "UPDATE shards SET dead_members = dead_members + ?, dead_bytes = dead_bytes + ? "
                "WHERE field = ? AND shard = ?",
                (members, size, field, shard),
            )
        write_counter(self.connection, "samples", self.samples)
        write_counter(self.connection, "next_number", self.next_number)
        # As many more as may be handed out before the next commit.
        self._reserved = max(self._reserved, self.last_auto + COMMIT_SAMPLES * self._hands_out)
        write_counter(self.connection, "sample_id", self._reserved)

    def abort(self) -> None:
        """Forget everything since the last commit."""
        for current in self._current.values():
            current.close()
        with suppress(sqlite3.Error):
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
        handed_out = self.last_auto
        self._read_counters()
        # Not even ids that were lost are given again.
        self.last_auto = max(self.last_auto, handed_out)

    def close(self) -> None:
        """Commit, and leave one plain file as the index."""
        try:
            self.begin()
            self._hands_out, self._reserved = False, self.last_auto
            self.commit()
        finally:
            for current in self._current.values():
                current.close()
            self._current.clear()
            with suppress(sqlite3.Error):
                # Readers that are open keep the write-ahead log; the last one to leave folds it in.
                self.connection.execute("PRAGMA busy_timeout = 0")
                self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                self.connection.execute("PRAGMA journal_mode = DELETE")
            self.connection.close()
        sync_folder(self.root)
