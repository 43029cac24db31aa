"""One run per output: a lock file that the operating system releases when its holder dies."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from zarrpack.errors import OutputRefused

__all__ = ["locked"]


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file; it is removed at the end.

    Works between processes of one machine. On network file systems it holds as far as these support
    ``flock``.

    Raises
    ------
    OutputRefused
        If another process holds it, or it cannot be made.
    """
    descriptor = _acquire(path)
    try:
        yield
    finally:
        if os.name == "nt":
            os.close(descriptor)  # an open file cannot be removed there
            path.unlink(missing_ok=True)
        else:
            path.unlink(missing_ok=True)
            os.close(descriptor)


def _acquire(path: Path) -> int:
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise OutputRefused(
                error.errno, f"{path.parent}: the output folder cannot be written: {error.strerror}; choose another one"
            ) from error
        try:
            _lock(descriptor)
        except OSError as error:
            os.close(descriptor)
            raise OutputRefused(
                errno.EAGAIN, f"{path}: another run is writing this output; wait for it, or choose another --name"
            ) from error
        if _is_still(path, descriptor):
            return descriptor
        os.close(descriptor)  # its last holder has just removed it: take the new one


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
