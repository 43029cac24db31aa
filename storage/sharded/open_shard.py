"""A shard that is being written: members behind members, and an end that is true whenever it is committed."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from zarrpack.storage.durability import sync_folder
from zarrpack.storage.sharded.descriptors import write_at
from zarrpack.storage.sharded.tar_members import END, member_header, padding

__all__ = ["OpenShard", "cut_tail"]


class OpenShard:
    """The tail of one shard. Bytes go to the file at once; what lies behind the last committed end counts for nothing.

    Parameters
    ----------
    path : Path
        The shard's file; made if it is not there.
    shard : int
        Its number.
    end : int
        Where the last committed member ends, in bytes; the next one begins there.
    members : int
        Members up to there.

    Attributes
    ----------
    shard, end, members
        As given; the last two count what is appended.
    """

    __slots__ = ("_descriptor", "_is_new", "_path", "end", "members", "shard")

    def __init__(self, path: Path, shard: int, end: int, members: int) -> None:
        self._path = path
        self.shard = shard
        self.end = end
        self.members = members
        self._is_new = not path.exists()
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        self._descriptor = os.open(path, flags, 0o644)

    def append(self, name: str, size: int, buffers: tuple[Any, ...]) -> int:
        """Append a member.

        Parameters
        ----------
        name : str
            The member's name.
        size : int
            Bytes of its content.
        buffers : tuple of bytes-like
            The content in pieces.

        Returns
        -------
        int
            Where the content begins, in bytes from the file's start.
        """
        header = member_header(name, size)
        gap = padding(size)
        write_at(self._descriptor, (header, *buffers, gap), self.end)
        offset = self.end + len(header)
        self.end = offset + size + len(gap)
        self.members += 1
        return offset

    def finish(self) -> None:
        """Write the tar's end behind the last member and force everything to disk."""
        write_at(self._descriptor, (END,), self.end)
        os.ftruncate(self._descriptor, self.end + len(END))
        os.fsync(self._descriptor)
        if self._is_new:
            sync_folder(self._path.parent)
            self._is_new = False

    def close(self) -> None:
        """Close the file. Idempotent."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __del__(self) -> None:
        with suppress(OSError, AttributeError):
            self.close()


def cut_tail(path: Path, end: int) -> bool:
    """Remove what lies behind a shard's committed end, so that any tar reads it.

    Parameters
    ----------
    path : Path
        The shard.
    end : int
        Where its last committed member ends.

    Returns
    -------
    bool
        Whether there was something to mend.

    Raises
    ------
    EOFError
        If the file ends before: committed bytes are missing.
    """
    descriptor = os.open(path, os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0))
    try:
        size = os.fstat(descriptor).st_size
        if size < end:
            raise EOFError(f"{path} has {size} bytes of {end}")
        os.lseek(descriptor, end, os.SEEK_SET)
        if size == end + len(END) and os.read(descriptor, len(END)) == END:
            return False
        os.ftruncate(descriptor, end)
        write_at(descriptor, (END,), end)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return True
