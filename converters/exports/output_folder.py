"""A folder that appears when it is complete."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from zarrpack.errors import OutputRefused
from zarrpack.storage.durability import sync_folder

__all__ = ["new_folder"]


@contextmanager
def new_folder(out: Path, *, overwrite: bool) -> Iterator[Path]:
    """Give a folder to fill; it gets its name when everything went well, and is gone if not.

    Parameters
    ----------
    out : Path
        Its name. An empty folder of this name is taken.
    overwrite : bool
        Whether a folder that is there may be replaced; it stays until the new one is complete.

    Yields
    ------
    Path
        Where to write, on the same file system.

    Raises
    ------
    OutputRefused
        If there is something, or the place cannot be written.
    """
    is_there = out.exists() and not (out.is_dir() and not any(out.iterdir()))
    if is_there and not (overwrite and out.is_dir()):
        raise OutputRefused(errno.EEXIST, f"{out}: expected no such folder, found one; choose another or --overwrite")
    work, old = out.parent / f".{out.name}.partial", out.parent / f".{out.name}.replaced"
    try:
        for left in (work, old):
            if left.exists():
                shutil.rmtree(left)
        work.mkdir(parents=True)
    except OSError as exc:
        raise OutputRefused(exc.errno, f"{out}: expected a place that can be written: {exc.strerror}") from exc
    try:
        yield work
        if out.exists():
            out.rename(old)
        work.rename(out)
        sync_folder(out.parent)
    finally:
        shutil.rmtree(work, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
