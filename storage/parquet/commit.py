"""Commits: finished files move into place, then the manifest says so; a kill at any point leaves the old state or the new."""

from __future__ import annotations

import contextlib
import json
import shutil
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

from zarrpack import __version__
from zarrpack.errors import FormatError, OutputRefused
from zarrpack.storage.durability import publish_file, sync_file, sync_folder
from zarrpack.storage.parquet.locks import exclusive, try_exclusive
from zarrpack.storage.parquet.manifest import PRIVATE_FOLDER, FileEntry, Manifest, read_files, read_head, write_manifest

__all__ = ["READERS_LOCK", "leaving_files", "publish", "recover", "staging_folder", "writers_lock"]

#: Held by readers together, in the private folder.
READERS_LOCK = "readers.lock"

_WRITERS = "writers.lock"
_ALIVE = "alive"
_ATTEMPTS = 10


@contextlib.contextmanager
def writers_lock(base: Path, *, repair: bool = False) -> Iterator[None]:
    """Hold a dataset alone for a commit; what a killed writer has left is put in order first.

    Parameters
    ----------
    base : Path
        The dataset's folder; it is made where it is missing.
    repair : bool
        Whether the manifest may be damaged, because it is about to be made anew.

    Raises
    ------
    OutputRefused
        If it cannot be written.
    FormatError
        If the manifest is damaged, and `repair` is false or a commit was under way.
    """
    private = base / PRIVATE_FOLDER
    try:
        private.mkdir(parents=True, exist_ok=True)
        (private / READERS_LOCK).touch()
    except OSError as exc:
        raise OutputRefused(exc.errno, f"{base}: expected a folder that can be written, found: {exc.strerror}") from exc
    with exclusive(private / _WRITERS):
        try:
            recover(base)
        except FormatError:
            if not repair or any(private.glob("pending-*.json")):
                raise
        yield


@contextlib.contextmanager
def staging_folder(base: Path) -> Iterator[Path]:
    """Give a hidden folder on the dataset's file system to write to; it is removed at the end.

    Parameters
    ----------
    base : Path
        The dataset's folder; it is made where it is missing, and removed again if nothing came of it.

    Raises
    ------
    OutputRefused
        If it cannot be made.
    """
    for _ in range(_ATTEMPTS):
        staging = base / PRIVATE_FOLDER / "staging" / uuid.uuid4().hex
        try:
            staging.mkdir(parents=True)
        except FileNotFoundError:
            continue  # another writer has just removed the empty folder above it
        except OSError as exc:
            said = f"{base}: expected a folder that can be written, found: {exc.strerror}"
            raise OutputRefused(exc.errno, said) from exc
        try:
            # Held as long as this process lives: it tells others that the folder is not left over.
            with exclusive(staging / _ALIVE):
                if not (staging / _ALIVE).exists():
                    continue  # taken for a left one before the lock was held
                yield staging
                return
        finally:
            shutil.rmtree(staging, ignore_errors=True)
            _remove_unused(base)
    raise OutputRefused(f"{base}: expected a folder to write to, found that others remove it; try again")


def publish(
    base: Path, manifest: Manifest, moves: Iterable[tuple[Path, FileEntry]], removed: Iterable[FileEntry] = ()
) -> None:
    """Commit a new state of a dataset.

    Parameters
    ----------
    base : Path
        The dataset's folder; the caller holds the writers' lock.
    manifest : Manifest
        The new state.
    moves : iterable of (Path, FileEntry)
        Finished files on the same file system, and what they become.
    removed : iterable of FileEntry
        Files that are no part of it any more. They are deleted once no reader holds the dataset.
    """
    pairs = list(moves)
    pending = _pending_path(base, manifest.commit)
    document = {"add": [entry.path for _, entry in pairs], "remove": [entry.path for entry in removed]}
    temporary = pending.with_name(f"{pending.name}.tmp")
    temporary.write_text(json.dumps(document), encoding="utf-8")
    publish_file(temporary, pending)
    for source, _ in pairs:
        sync_file(source)
    folders: set[Path] = set()
    for source, entry in pairs:
        final = base / entry.path
        final.parent.mkdir(parents=True, exist_ok=True)
        source.replace(final)
        folders.update(_up_to(base, final.parent))
    for folder in folders:
        sync_folder(folder)
    write_manifest(base, manifest, __version__)
    recover(base)


def recover(base: Path) -> None:
    """Finish or undo what commits have left; the caller holds the writers' lock.

    Files of a commit that the manifest does not know are deleted; so are files that a commit has replaced,
    if no reader holds the dataset at this moment. Only files that a commit has named are ever deleted.

    Raises
    ------
    FormatError
        If the manifest is damaged: then nothing is deleted.
    """
    private = base / PRIVATE_FOLDER
    _remove_left_staging(private)
    leftovers = [*private.glob("pending-*.json"), *private.glob("*.tmp")]
    head = read_head(base)
    lists = [
        path for path in private.glob("files-*.json") if head is None or path.name != f"files-{head['token']}.json"
    ]
    if not leftovers and not lists:
        return
    commit, known = 0, frozenset[str]()
    if head is not None:
        try:
            manifest = read_files(base, head)
        except FileNotFoundError as exc:
            raise FormatError(
                f"{base}: expected the manifest's list of files, found none; use update_manifest"
            ) from exc
        commit, known = manifest.commit, frozenset(one.path for one in manifest.files)
    for path in private.glob("*.tmp"):
        path.unlink(missing_ok=True)
    with try_exclusive(private / READERS_LOCK) as alone:
        for path in sorted(private.glob("pending-*.json")):
            _settle(base, path, commit, known, alone)
        if alone:
            for path in lists:
                path.unlink(missing_ok=True)


def leaving_files(base: Path) -> set[str]:
    """Name files that a commit has replaced and that are still there for the sake of readers.

    Parameters
    ----------
    base : Path
        The dataset's folder.
    """
    pending = (base / PRIVATE_FOLDER).glob("pending-*.json")
    return {path for one in pending for path in json.loads(one.read_text(encoding="utf-8"))["remove"]}


def _settle(base: Path, pending: Path, commit: int, known: frozenset[str], alone: bool) -> None:
    document = json.loads(pending.read_text(encoding="utf-8"))
    is_committed = int(pending.stem.rpartition("-")[2]) <= commit
    if is_committed and not alone and document["remove"]:
        return  # the next commit will find it again
    for path in document["remove" if is_committed else "add"]:
        if path not in known:
            (base / path).unlink(missing_ok=True)
            _remove_empty(base, (base / path).parent)
    pending.unlink()


def _pending_path(base: Path, commit: int) -> Path:
    return base / PRIVATE_FOLDER / f"pending-{commit:012d}.json"


def _up_to(base: Path, folder: Path) -> Iterator[Path]:
    while True:
        yield folder
        if folder == base:
            return
        folder = folder.parent


def _remove_empty(base: Path, folder: Path) -> None:
    while folder != base:
        try:
            folder.rmdir()
        except OSError:
            return
        folder = folder.parent


def _remove_left_staging(private: Path) -> None:
    """Remove the folders of writers that live no more."""
    for folder in private.glob("staging/*"):
        if not (folder / _ALIVE).exists():
            continue  # just being made, or just being removed
        with contextlib.suppress(OSError), try_exclusive(folder / _ALIVE) as is_dead:
            if is_dead:
                shutil.rmtree(folder, ignore_errors=True)


def _remove_unused(base: Path) -> None:
    """Remove folders that a failed first write has made."""
    if read_head(base) is not None:
        return
    # Only what is empty: a lock file that vanished could be held by two.
    for folder in (base / PRIVATE_FOLDER / "staging", base / PRIVATE_FOLDER, base):
        with contextlib.suppress(OSError):
            folder.rmdir()
