"""One run per output: a lock file that the operating system releases when its holder dies."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from zarrpack.errors import OutputRefused
from zarrpack.storage.file_lock import acquire_lock, release_lock

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
    try:
        descriptor = acquire_lock(path)
    except BlockingIOError as error:
        raise OutputRefused(
            errno.EAGAIN, f"{path}: another run is writing this output; wait for it, or choose another --name"
        ) from error
    except OSError as error:
        raise OutputRefused(
            error.errno, f"{path.parent}: the output folder cannot be written: {error.strerror}; choose another one"
        ) from error
    try:
        yield
    finally:
        release_lock(path, descriptor)
