"""What an unfinished run has stored already, and whether it can be relied on."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

from zarrpack.converters.pipeline.journal import open_journal
from zarrpack.converters.pipeline.messages import Batch, BatchMember
from zarrpack.errors import SourceError, UsageError
from zarrpack.storage.verification.zip_bytes import check_zip_bytes

__all__ = ["DoneBatches", "drop_unsound_batches"]

_RECORDED = """
SELECT number, raw_name, size, crc32, offset, sha256, state FROM members WHERE number >= ? AND number < ? ORDER BY number
"""


def drop_unsound_batches(journal: sqlite3.Connection, packs: Path, kept: Path) -> int:
    """Let the journal forget batches whose pack is not as it was written, and remove what belongs to no batch.

    Parameters
    ----------
    journal : sqlite3.Connection
        An unfinished run's.
    packs : Path
        The folder in which its packs lie.
    kept : Path
        Where a run that was stopped while it published may have moved some of them; they are moved back.

    Returns
    -------
    int
        Batches that must be done again.
    """
    lost = []
    files = set()
    for number, file, size, digest in journal.execute("SELECT number, file, size, directory_sha256 FROM batches"):
        if not file or _is_whole(packs / file, size, digest) or _moved_back(kept / file, packs / file, size, digest):
            files.add(file)
        else:
            lost.append((number,))
    with journal:
        journal.executemany(
            "DELETE FROM members WHERE number IN (SELECT m.number FROM batches b JOIN members m"
            " ON m.number >= b.first AND m.number < b.first + b.members WHERE b.number = ?)",
            lost,
        )
        journal.executemany("DELETE FROM batches WHERE number = ?", lost)
    for path in packs.iterdir():
        if path.name not in files:
            path.unlink()
    return len(lost)


def _moved_back(kept: Path, pack: Path, size: int, digest: str) -> bool:
    if not _is_whole(kept, size, digest):
        return False
    kept.replace(pack)
    return True


def _is_whole(pack: Path, size: int, digest: str) -> bool:
    try:
        found = check_zip_bytes(pack)
    except SourceError:
        return False
    return (found.size, found.directory_sha256, found.problems) == (size, digest, ())


class DoneBatches:
    """The batches of an unfinished run that are not done again. Used by one thread.

    Parameters
    ----------
    path : Path
        The run's journal. It is opened for each check, so that nothing has to be closed.

    Attributes
    ----------
    members, failed : int
        Members in these batches, and those of them that have failed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with closing(open_journal(path)) as journal:
            self._first: dict[int, int] = dict(journal.execute("SELECT number, first FROM batches").fetchall())
            self.members, self.failed = journal.execute(
                "SELECT COUNT(*), COUNT(CASE state WHEN 'failed' THEN 1 END) FROM members"
            ).fetchone()

    def __contains__(self, batch: int) -> bool:
        return batch in self._first

    def check(self, batch: Batch, label: str) -> None:
        """See to it that a batch has the members that the unfinished run has read.

        Parameters
        ----------
        batch : Batch
            One of these, as the source gives it now.
        label : str
            What its source is called.

        Raises
        ------
        UsageError
            If the source has other members now.
        """
        first = self._first[batch.number]
        with closing(open_journal(self._path)) as journal:
            recorded = journal.execute(_RECORDED, (first, first + len(batch.members))).fetchall()
        if len(recorded) != len(batch.members) or not all(map(_is_same, recorded, batch.members)):
            raise UsageError(
                f"{label}: expected the members that the unfinished run has read, found others; if the source has changed "
                "since, start anew with --overwrite"
            )


def _is_same(
    row: tuple[int, bytes, int | None, int | None, int | None, bytes | None, str], member: BatchMember
) -> bool:
    number, raw_name, size, crc32, offset, sha256, state = row
    entry = member.entry
    if (number, raw_name, crc32, offset) != (
        member.number,
        entry.raw_name,
        _stored(entry.crc32),
        _stored(entry.offset),
    ):
        return False
    if state == "stored" and entry.size is not None and size != entry.size:
        return False
    if isinstance(member.content, bytes) and sha256 is not None:
        return hashlib.sha256(member.content).digest() == sha256
    return True


def _stored(value: int | None) -> int | None:
    """Give a number as the journal has it, which cannot hold all that headers may say."""
    return value if value is not None and -(2**63) <= value < 2**63 else None
