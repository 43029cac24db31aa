"""One writer per store: between processes by a lock file, within one process by handing over."""

from __future__ import annotations

import atexit
import errno
import os
import weakref
from pathlib import Path
from typing import Protocol

from zarrpack.errors import OutputRefused
from zarrpack.storage.file_lock import acquire_lock, release_lock

__all__ = ["Claim", "Closable"]

_LOCK_NAME = ".writer.lock"


class Closable(Protocol):
    """What holds a claim."""

    def close(self) -> None:
        """Commit, and release the claim."""


_holders: dict[Path, weakref.ref[Closable]] = {}


class Claim:
    """The right to write to a store, until it is released or the process ends.

    A writer of the same process that still has it is closed, with everything that it was given stored: a program that
    opens the store again without having closed it goes on where it was.

    Parameters
    ----------
    root : Path
        The store's folder.
    holder : Closable
        Who writes. Only weakly referenced; closed when the process ends.

    Raises
    ------
    OutputRefused
        If another process writes to the store, or the folder cannot be written.
    """

    def __init__(self, root: Path, holder: Closable) -> None:
        self._root = root.resolve()
        self._pid = os.getpid()
        earlier = _holders.get(self._root, lambda: None)()
        if earlier is not None:
            earlier.close()
        path = self._root / _LOCK_NAME
        try:
            self._descriptor = acquire_lock(path)
        except BlockingIOError as exc:
            raise OutputRefused(
                errno.EAGAIN, f"{root}: another process is writing to this store; wait until it has closed its writer"
            ) from exc
        except OSError as exc:
            raise OutputRefused(exc.errno, f"{root}: expected a folder that can be written: {exc.strerror}") from exc
        _holders[self._root] = weakref.ref(holder)

    @property
    def is_own(self) -> bool:
        """Whether this is the process that made the claim, not one that was forked from it."""
        return os.getpid() == self._pid

    def release(self) -> None:
        """Let others write. Idempotent; does nothing in a forked process."""
        if self._descriptor < 0 or not self.is_own:
            return
        _holders.pop(self._root, None)
        release_lock(self._root / _LOCK_NAME, self._descriptor)
        self._descriptor = -1


def _close_all() -> None:
    for reference in list(_holders.values()):
        holder = reference()
        if holder is not None:
            holder.close()


atexit.register(_close_all)
