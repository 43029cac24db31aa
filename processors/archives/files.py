"""Opening and reading the files that sources lie in, with the system's errors told as ours."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from zarrpack.errors import MemberError, SourceError
from zarrpack.storage.zip_directory import read_at

__all__ = ["block_sizes", "file_blocks", "open_file", "read_bytes", "read_range", "unreadable"]

_FIRST_BLOCK_BYTES = 16 << 10
# Larger ones are mapped anew by malloc each time, page by page.
_BLOCK_BYTES = 64 << 10


def open_file(path: Path, file: BinaryIO | None = None) -> tuple[BinaryIO, int]:
    """Open a source's file without a buffer, for reads at offsets.

    Parameters
    ----------
    path : Path
        The file.
    file : binary file or None
        The same, open already, such as an archive that lies inside another one.

    Returns
    -------
    file : binary file
        Read it with `read_bytes`.
    length : int
        In bytes.

    Raises
    ------
    SourceError
        If the file cannot be opened or is no file that can be read at offsets.
    """
    try:
        file = file or path.open("rb", buffering=0)
        try:
            return file, file.seek(0, os.SEEK_END)
        except BaseException:
            file.close()
            raise
    except OSError as exc:
        raise SourceError(
            f"{path}: expected a file that can be read, found: {exc.strerror or exc}; check the path"
        ) from exc


def read_bytes(file: BinaryIO, offset: int, size: int) -> bytes:
    """Read `size` bytes from `offset`; fewer only at the file's end.

    Raises
    ------
    MemberError
        ``unreadable`` if the operating system fails.
    """
    try:
        return read_at(file, offset, size)
    except OSError as exc:
        raise unreadable(exc) from exc


def read_range(file: BinaryIO, offset: int, end: int) -> Iterator[bytes]:
    """Read the bytes from `offset` to `end` block by block.

    Raises
    ------
    MemberError
        ``truncated`` if the file ends before, ``unreadable``.
    """
    for size in block_sizes():
        if offset >= end:
            return
        block = read_bytes(file, offset, min(size, end - offset))
        if not block:
            raise MemberError(
                "truncated",
                f"expected content up to offset {end}, found the file's end at {offset}; the file is cut off",
            )
        yield block
        offset += len(block)


def file_blocks(path: str, *, follow: bool) -> Iterator[bytes]:
    """Read a whole file block by block. It is opened when the first block is asked for.

    Parameters
    ----------
    path : str
        Of a regular file; anything else is refused, and waited for by nobody.
    follow : bool
        Whether a symbolic link is followed.

    Raises
    ------
    MemberError
        ``unreadable``.
    """
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        descriptor = os.open(path, flags if follow else flags | getattr(os, "O_NOFOLLOW", 0))
    except (OSError, ValueError) as exc:
        raise unreadable(exc) from exc
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise MemberError("unreadable", "expected a regular file, found something else in its place")
        for size in block_sizes():
            block = os.read(descriptor, size)
            if not block:
                return
            yield block
    except OSError as exc:
        raise unreadable(exc) from exc
    finally:
        os.close(descriptor)


def block_sizes() -> Iterator[int]:
    """Give how many bytes to read next: few at first (many readers want only a header), then more."""
    size = _FIRST_BLOCK_BYTES
    while True:
        yield size
        size = min(4 * size, _BLOCK_BYTES)


def unreadable(error: Exception) -> MemberError:
    """Say that the operating system could not read the bytes."""
    return MemberError("unreadable", f"expected to read the bytes, found: {error}; check the disk and the permissions")
