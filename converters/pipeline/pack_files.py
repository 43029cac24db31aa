"""Pack files being written: one per batch, under a temporary name until it is whole."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from zarrpack.converters.pipeline.messages import ChunkTuple, EndTuple, MemberResult
from zarrpack.storage.zip_writer import ZipWriter

__all__ = ["FinishedBatch", "PackFiles", "pack_name"]


def pack_name(stem: str, batch: int) -> str:
    """Give the file name of a batch's pack.

    Examples
    --------
    >>> pack_name("photos", 7)
    'photos-000007.data'
    """
    return f"{stem}-{batch:06}.data"


@dataclass(frozen=True, slots=True)
class FinishedBatch:
    """A batch whose members have all been dealt with, not yet durable.

    Parameters
    ----------
    number : int
        The batch.
    members : list of MemberResult
        Every member of it.
    temporary : Path or None
        The pack, whole but under its temporary name; None if nothing was stored.
    file : str
        The name it is to have; empty if nothing was stored.
    size : int
        Bytes of the pack.
    directory_sha256 : str
        Digest of its central directory.
    """

    number: int
    members: list[MemberResult]
    temporary: Path | None
    file: str
    size: int
    directory_sha256: str


class PackFiles:
    """Lays one worker's chunks into pack files. Used by one thread.

    Parameters
    ----------
    folder : Path
        Where the packs go.
    stem : str
        First part of their names.
    """

    def __init__(self, folder: Path, stem: str) -> None:
        self._folder = folder
        self._stem = stem
        self._key: tuple[int, int] | None = None
        self._file: IO[Any] | None = None
        self._zip: ZipWriter | None = None

    def chunk(self, entry: ChunkTuple) -> None:
        """Write one chunk or document of the pack in hand; a new batch starts a new file."""
        _, batch, attempt, key, payload, crc32 = entry
        if self._key != (batch, attempt) or self._zip is None:
            self.discard()
            self._key = (batch, attempt)
            self._file = self._temporary(batch).open("w+b")
            self._zip = ZipWriter(self._file)
        self._zip.add(key, payload, crc32)

    def end(self, entry: EndTuple) -> FinishedBatch:
        """Finish the pack in hand, or say that the batch stored nothing."""
        _, batch, attempt, first, members = entry
        if self._zip is None or self._file is None or self._key != (batch, attempt) or not first:
            self.discard()
            return FinishedBatch(batch, members, None, "", 0, "")
        summary = self._zip.close(first)
        self._file.close()
        temporary = self._temporary(batch)
        self._key = self._zip = self._file = None
        name = pack_name(self._stem, batch)
        return FinishedBatch(batch, members, temporary, name, summary.size, summary.directory_sha256)

    def discard(self) -> None:
        """Remove the unfinished file in hand, if there is one."""
        if self._file is not None and self._key is not None:
            self._file.close()
            self._temporary(self._key[0]).unlink(missing_ok=True)
        self._key = self._zip = self._file = None

    def _temporary(self, batch: int) -> Path:
        return self._folder / f".{pack_name(self._stem, batch)}.part{os.getpid()}-{id(self)}"
