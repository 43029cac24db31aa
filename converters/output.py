"""The output folder: claimed by one run, filled under temporary names, published at the end."""

from __future__ import annotations

import errno
import os
import re
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from zarrpack.converters.output_lock import locked
from zarrpack.converters.pipeline.lifeline import signals_held
from zarrpack.errors import (
    ConservationError,
    MergeError,
    NothingUsable,
    OutputRefused,
    StrictFailure,
    UsageError,
    ZarrpackError,
)
from zarrpack.storage.durability import sync_file, sync_folder

__all__ = ["SUFFIXES", "OutputSet", "claimed", "default_name"]

#: The files of a conversion in the order in which they are published; the last is the commit.
SUFFIXES = (".dataset", ".infoset", ".attribset", ".members.parquet", ".flow")
#: Errors after which the same command would end in the same way.
_FINAL = (ConservationError, MergeError, NothingUsable, StrictFailure, UsageError)
_ARCHIVE_SUFFIXES = (".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst")


@dataclass(frozen=True, slots=True)
class OutputSet:
    """Where the files of one run go.

    Parameters
    ----------
    folder : Path
        The output folder.
    name : str
        Stem of all files.
    suffixes : tuple of str
        The files of the set, in the order in which they are published.
    stage : str
        Names the work folder: what one kind of run leaves there is no other's to go on with.

    Examples
    --------
    >>> OutputSet(Path("out"), "photos").path(".dataset").name
    'photos.dataset'
    """

    folder: Path
    name: str
    suffixes: tuple[str, ...] = SUFFIXES
    stage: str = "partial"

    def path(self, suffix: str) -> Path:
        """Give the final path of one file of the set."""
        return self.folder / f"{self.name}{suffix}"

    def temporary(self, suffix: str) -> Path:
        """Give the path under which that file is written."""
        return self.work / f"{self.name}{suffix}"

    @property
    def work(self) -> Path:
        """The folder that holds everything unfinished; on the same file system as the result."""
        return self.folder / f".{self.name}.{self.stage}"

    @property
    def packs(self) -> Path:
        """The folder in which packs are written."""
        return self.work / "encoded"

    @property
    def journal(self) -> Path:
        """The run's journal."""
        return self.work / "journal.sqlite"

    @property
    def kept_journal(self) -> Path:
        """The journal that stays with a set some of whose members failed, so that they can be read again."""
        return self.folder / f".{self.name}.journal"

    @property
    def journal_to_keep(self) -> Path:
        """Where that journal is written."""
        return self.work / "kept.sqlite"

    def discard(self) -> None:
        """Remove everything unfinished; the journal first, for without it nothing of the rest counts."""
        with suppress(OSError):
            self.journal.unlink()
        shutil.rmtree(self.work, ignore_errors=True)

    def publish(self) -> None:
        """Give every file of the set its final name, in the set's order."""
        for suffix in self.suffixes:
            sync_file(self.temporary(suffix))
        has_journal = self.journal_to_keep.exists()
        if has_journal:
            sync_file(self.journal_to_keep)
        with signals_held():
            # While the set is mixed of old and new files it has no commit.
            self.path(self.suffixes[-1]).unlink(missing_ok=True)
            self.kept_journal.unlink(missing_ok=True)
            if has_journal:
                self.journal_to_keep.replace(self.kept_journal)
            for suffix in self.suffixes:
                self.temporary(suffix).replace(self.path(suffix))
        sync_folder(self.folder)

    def remove_old_packs(self) -> None:
        """Remove the packs that an earlier run of this name left in ``encoded/``."""
        ours = re.compile(re.escape(self.name) + r"-[0-9]{6,}\.data")
        for old in (self.folder / "encoded").glob("*.data"):
            if ours.fullmatch(old.name):
                old.unlink()

    def keep_packs(self) -> None:
        """Move the packs to ``encoded/``."""
        kept = self.folder / "encoded"
        kept.mkdir(exist_ok=True)
        for pack in sorted(self.packs.glob("*.data")):
            pack.replace(kept / pack.name)
        sync_folder(kept)


@contextmanager
def claimed(
    output: OutputSet, *, overwrite: bool, needed_bytes: int, resume: bool = False
) -> Iterator[Literal["fresh", "unfinished", "finished"]]:
    """Hold an output set for one run: nobody else writes it, and nothing unfinished is left behind but what can be resumed.

    Parameters
    ----------
    output : OutputSet
        What is to be written.
    overwrite : bool
        Whether files of the set that exist may be replaced, when the new ones are complete, and what an unfinished run
        has stored may be thrown away.
    needed_bytes : int
        Bytes that the run will need on the disk at the least.
    resume : bool
        Whether to go on with what an unfinished run has left.

    Yields
    ------
    {"fresh", "unfinished", "finished"}
        What was found: nothing (or nothing that counts), a run to go on with, or with `resume` a complete set.

    Raises
    ------
    OutputRefused
        If files exist, another run holds the set, the folder cannot be written, or the disk is too full.
    """
    made = _made_folders(output.folder)
    try:
        with locked(output.folder / f".{output.name}.lock"):
            state = _found(output, overwrite=overwrite, resume=resume)
            if state == "finished":
                yield state
                return
            _refuse_full_disk(
                output.folder, needed_bytes - _size_of(output.packs) if state == "unfinished" else needed_bytes
            )
            with _filled(output, state):
                yield state
    finally:
        for folder in made:
            with suppress(OSError):  # it holds something now
                folder.rmdir()


def _made_folders(folder: Path) -> list[Path]:
    """Make a folder; give those that were missing, the deepest first."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        for one in missing:
            with suppress(OSError):
                one.rmdir()
        raise _refused(folder, error) from error
    return missing


def _found(output: OutputSet, *, overwrite: bool, resume: bool) -> Literal["fresh", "unfinished", "finished"]:
    done = _members_done(output)
    if resume and done:
        return "unfinished"
    if resume and all(output.path(suffix).is_file() for suffix in output.suffixes):
        return "finished"
    _refuse_existing(output, overwrite)
    if done and not overwrite:
        raise OutputRefused(
            errno.EEXIST,
            f"{output.folder}: an unfinished run of the set {output.name!r} has stored {done} members; "
            "give --resume to go on with it, or --overwrite to start anew",
        )
    return "fresh"


def _members_done(output: OutputSet) -> int:
    """Count the members that an unfinished run has in its journal; 0 if there is no journal that can be read."""
    if not output.journal.is_file():
        return 0
    try:
        with closing(sqlite3.connect(output.journal)) as journal:
            return int(journal.execute("SELECT COUNT(*) FROM members").fetchone()[0])
    except sqlite3.DatabaseError:
        return 0


@contextmanager
def _filled(output: OutputSet, state: str) -> Iterator[None]:
    """Make the work folder, and remove it at the end unless a later run can go on with it."""
    keeps = False
    try:
        if state == "fresh":
            output.discard()
        output.packs.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException as error:
        # Wrong usage, or --strict given late, does not cost what an earlier run has stored.
        is_late = state == "unfinished" and isinstance(error, (StrictFailure, UsageError))
        is_final = isinstance(error, _FINAL) and not is_late
        is_final = is_final or output.stage != "partial"
        done = 0 if is_final else _members_done(output)
        keeps = done > 0
        told = _told(output, error)
        if keeps:
            told.add_note(f"{done} members are stored: the same command with --resume goes on from there")
        if told is error:
            raise
        raise told from error
    finally:
        if not keeps:
            output.discard()


def _told(output: OutputSet, error: BaseException) -> BaseException:
    """Give what is raised for what has happened."""
    if isinstance(error, OSError) and not isinstance(error, ZarrpackError):
        return _refused(output.folder, error)
    if isinstance(error, sqlite3.OperationalError):
        return _refused(output.folder, OSError(None, f"journal: {error}"))
    return error


def default_name(sources: Sequence[Path], folder: Path) -> str:
    """Give the stem of the files written: the first source's, of several sources the output folder's.

    Examples
    --------
    >>> default_name([Path("data/photos.tar.gz")], Path("out"))
    'photos'
    """
    name = (sources[0] if len(sources) == 1 else folder).resolve().name
    # File names need not be UTF-8, but tables and JSON hold nothing else.
    name = os.fsencode(name).decode("utf-8", "replace")
    if len(sources) != 1:
        return name.lstrip(".") or "dataset"
    for suffix in _ARCHIVE_SUFFIXES:
        if name.lower().endswith(suffix) and len(name) > len(suffix):
            return name[: -len(suffix)].lstrip(".") or "dataset"
    stem = name if sources[0].is_dir() else Path(name).stem
    return stem.lstrip(".") or "dataset"


def _refuse_existing(output: OutputSet, overwrite: bool) -> None:
    existing = [output.path(suffix).name for suffix in output.suffixes if os.path.lexists(output.path(suffix))]
    if existing and not overwrite:
        raise OutputRefused(
            errno.EEXIST,
            f"{output.folder}: expected no files of the set {output.name!r}, found {', '.join(existing)}; "
            "give --overwrite to replace them, or another --name or output folder",
        )


def _size_of(folder: Path) -> int:
    return sum(one.stat().st_size for one in folder.iterdir()) if folder.is_dir() else 0


def _refuse_full_disk(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise OutputRefused(
            errno.ENOSPC,
            f"{folder}: expected at least {needed / 1e6:.0f} MB of free disk, found {free / 1e6:.0f} MB; "
            "free some space or choose another output folder",
        )


def _refused(folder: Path, error: OSError) -> OutputRefused:
    where = error.filename or folder
    return OutputRefused(
        error.errno or errno.EIO,
        f"{where}: the output cannot be written: {error.strerror or error}; nothing was published",
    )
