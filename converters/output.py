"""The output folder: claimed by one run, filled under temporary names, published at the end."""

from __future__ import annotations

import errno
import os
import re
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from zarrpack.converters.output_lock import locked
from zarrpack.converters.pipeline.lifeline import signals_held
from zarrpack.errors import OutputRefused, ZarrpackError
from zarrpack.storage.durability import sync_file, sync_folder

__all__ = ["SUFFIXES", "OutputSet", "claimed", "default_name"]

#: The files of a conversion in the order in which they are published; the last is the commit.
SUFFIXES = (".dataset", ".infoset", ".attribset", ".members.parquet", ".flow")
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

    Examples
    --------
    >>> OutputSet(Path("out"), "photos").path(".dataset").name
    'photos.dataset'
    """

    folder: Path
    name: str
    suffixes: tuple[str, ...] = SUFFIXES

    def path(self, suffix: str) -> Path:
        """Give the final path of one file of the set."""
        return self.folder / f"{self.name}{suffix}"

    def temporary(self, suffix: str) -> Path:
        """Give the path under which that file is written."""
        return self.work / f"{self.name}{suffix}"

    @property
    def work(self) -> Path:
        """The folder that holds everything unfinished; on the same file system as the result."""
        return self.folder / f".{self.name}.partial"

    @property
    def packs(self) -> Path:
        """The folder in which packs are written."""
        return self.work / "encoded"

    def publish(self) -> None:
        """Give every file of the set its final name, in the set's order."""
        for suffix in self.suffixes:
            sync_file(self.temporary(suffix))
        with signals_held():
            # While the set is mixed of old and new files it has no commit.
            self.path(self.suffixes[-1]).unlink(missing_ok=True)
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
def claimed(output: OutputSet, *, overwrite: bool, needed_bytes: int) -> Iterator[None]:
    """Hold an output set for one run: nobody else writes it, and nothing unfinished is left behind.

    Parameters
    ----------
    output : OutputSet
        What is to be written.
    overwrite : bool
        Whether files of the set that exist may be replaced, when the new ones are complete.
    needed_bytes : int
        Bytes that the run will need on the disk at the least.

    Raises
    ------
    OutputRefused
        If files exist, another run holds the set, the folder cannot be written, or the disk is too full.
    """
    try:
        output.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _refused(output.folder, error) from error
    with locked(output.folder / f".{output.name}.lock"):
        _refuse_existing(output, overwrite)
        _refuse_full_disk(output.folder, needed_bytes)
        shutil.rmtree(output.work, ignore_errors=True)  # what a killed run has left
        try:
            output.packs.mkdir(parents=True)
            yield
        except ZarrpackError:
            raise
        except OSError as error:
            raise _refused(output.folder, error) from error
        except sqlite3.OperationalError as error:
            raise _refused(output.folder, OSError(None, f"journal: {error}")) from error
        finally:
            shutil.rmtree(output.work, ignore_errors=True)


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
