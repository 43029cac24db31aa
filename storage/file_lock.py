"""A lock file that the operating system releases when its holder dies."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["acquire_lock", "release_lock"]


def acquire_lock(path: Path) -> int:
    """Take a lock file, and make it if it is not there.

    Works between processes of one machine. On network file systems it holds as far as these support ``flock``.

    Returns
    -------
    int
        An open descriptor, for `release_lock`. Child processes that are forked share it.

    Raises
    ------
    BlockingIOError
        If another process, or this one, holds it.
    OSError
        If the file cannot be made.
    """
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o644)
        try:
            _lock(descriptor)
        except OSError as error:
            os.close(descriptor)
            raise BlockingIOError(error.errno, f"{path} is locked") from error
        if _is_still(path, descriptor):
            return descriptor
        os.close(descriptor)  # its last holder has just removed it: take the new one


def release_lock(path: Path, descriptor: int) -> None:
    """Give a lock back and remove its file.

    Parameters
    ----------
    path : Path
        The lock file.
    descriptor : int
        From `acquire_lock`; closed here.
    """
    if os.name == "nt":
        os.close(descriptor)  # an open file cannot be removed there
        path.unlink(missing_ok=True)
    else:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _is_still(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _lock(descriptor: int) -> None:
    if os.name == "nt":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
