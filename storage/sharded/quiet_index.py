"""Looking up rows without locks, as long as nobody writes.

Every statement that SQLite runs takes and releases locks and looks for changes: several system calls, which take longer
than the look-up itself. A store that is at rest needs none of them. Whether it is still at rest is told by the time at
which its index was changed, which is looked at behind every look-up: a writer changes it before it commits anything.
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from zarrpack.storage.sharded.store_mark import INDEX_NAME

__all__ = ["QuietIndex"]

#: An index that was changed a moment ago could be changed again within what the file system's clock tells apart.
_REST_NS = 2_000_000_000

#: Connections of a parent process, which a child must not close.
_INHERITED: list[sqlite3.Connection] = []


class QuietIndex:
    """A connection without locks to an index at rest; closed when nobody has it any more. Safe in threads.

    A forked process must not use it, and leaves it open.

    Parameters
    ----------
    path : str
        The index.
    stamp : tuple of int
        What told that it is at rest.
    """

    __slots__ = ("_connection", "_path", "_pid", "_stamp")

    def __init__(self, path: str, stamp: tuple[int, int, int]) -> None:
        self._path = path
        self._stamp = stamp
        self._pid = os.getpid()
        uri = f"{Path(path).absolute().as_uri()}?mode=ro&immutable=1"
        self._connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)

    @classmethod
    def open(cls, root: Path) -> QuietIndex | None:
        """Open a store's index; None if it is not at rest.

        Parameters
        ----------
        root : Path
            The store.
        """
        path = str(root / INDEX_NAME)
        if Path(f"{path}-wal").exists() or Path(f"{path}-journal").exists():
            return None
        stamp = _stamp(path)
        if abs(time.time_ns() - stamp[0]) < _REST_NS:
            return None
        return cls(path, stamp)

    def row(self, statement: str, key: Any) -> Any:
        """Run a statement that gives at most one row.

        Returns
        -------
        tuple, None or False
            None: there is no such row. False: the index is no longer at rest, so what was found means nothing.
        """
        try:
            row = self._connection.execute(statement, (key,)).fetchone()
        except sqlite3.DatabaseError:
            return False  # the other way of reading tells what is wrong
        return row if _stamp(self._path) == self._stamp else False

    def __del__(self) -> None:
        with suppress(AttributeError, sqlite3.Error):
            if self._pid == os.getpid():
                self._connection.close()
            else:
                _INHERITED.append(self._connection)


def _stamp(path: str) -> tuple[int, int, int]:
    # By path: closing a descriptor of one's own would release SQLite's locks on the file.
    found = os.stat(path)  # noqa: PTH116 - a Path would cost as much again
    return found.st_mtime_ns, found.st_size, found.st_ino
