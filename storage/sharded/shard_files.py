"""Open shards of a reader: a bounded number of descriptors, read at any place by any thread."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt
from isal.isal_zlib import crc32

from zarrpack.errors import FormatError
from zarrpack.storage.sharded.descriptors import read_into
from zarrpack.storage.sharded.index import Field

__all__ = ["Descriptor", "ShardFiles"]

#: Shards that are kept open; half of what most systems allow a process.
_MOST_OPEN = 512
_NOWAIT = getattr(os, "RWF_NOWAIT", 0)
_FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


class Descriptor:
    """An open file; closed when nobody has it any more, so that a thread can still read what another one dropped.

    Parameters
    ----------
    path : Path
        The file.
    """

    __slots__ = ("number",)

    def __init__(self, path: Path) -> None:
        self.number = os.open(path, _FLAGS)

    def __del__(self) -> None:
        with suppress(OSError, AttributeError):
            os.close(self.number)


class ShardFiles:
    """Reads payloads. Safe in threads and in forked processes, for no position is shared.

    Parameters
    ----------
    root : Path
        The store.
    keep : bool
        Whether files stay open.
    """

    def __init__(self, root: Path, *, keep: bool) -> None:
        self._root = root
        self._keep = keep
        self._open: dict[tuple[int, int], Descriptor] = {}
        self._guard = threading.Lock()

    def read(
        self, field: Field, shard: int, offset: int, size: int, checksum: int, file: Descriptor | None = None
    ) -> npt.NDArray[np.uint8]:
        """Read one payload and check it; from a given file, or from the shard's.

        Returns
        -------
        ndarray of shape (size,), uint8
            Owned by the caller.

        Raises
        ------
        FileNotFoundError
            If there is no such shard.
        FormatError
            If the file ends before, or the bytes are not those that were written.
        """
        # Held until it was read from: without anybody it would be closed.
        file = file or self._open.get((field.number, shard)) or self.file(field, shard)
        payload = np.empty(size, np.uint8)
        count = read_into(file.number, payload, offset)
        if count != size or crc32(payload) != checksum:
            found = "other bytes" if count == size else f"the file's end after {count}"
            raise FormatError(
                f"{field.shard_path(self._root, shard)}: expected {size} bytes with the checksum {checksum:08x} at offset "
                f"{offset}, found {found}; repair() takes what is lost out of the index"
            )
        return payload

    def read_or_announce(self, file: Descriptor, offset: int, size: int, checksum: int) -> npt.NDArray[np.uint8] | None:
        """Read a payload if it lies in memory; else tell the system that it will be read soon.

        Returns
        -------
        ndarray of shape (size,), uint8, or None
            None if it is to be read by `read`, which then waits less, or says what is wrong.
        """
        if _NOWAIT:
            payload = np.empty(size, np.uint8)
            try:
                count = os.preadv(file.number, [payload.data], offset, _NOWAIT)
            except OSError:
                count = 0  # not in memory, or a file system that cannot tell
            if count == size and crc32(payload) == checksum:
                return payload
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(file.number, offset, size, os.POSIX_FADV_WILLNEED)
        return None

    def file(self, field: Field, shard: int) -> Descriptor:
        """Open a shard, or give the one that is open. It is closed when nobody holds it any more."""
        key = field.number, shard
        file = self._open.get(key)
        if file is None:
            file = Descriptor(field.shard_path(self._root, shard))
            if self._keep:
                with self._guard:
                    while len(self._open) >= _MOST_OPEN:
                        del self._open[next(iter(self._open))]
                    self._open[key] = file
        return file

    def close(self) -> None:
        """Close all files."""
        with self._guard:
            self._open.clear()
