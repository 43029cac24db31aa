"""Reads at offsets, which threads may share a file for, and a file's name for messages."""

from __future__ import annotations

import io
import os
from typing import BinaryIO

__all__ = ["file_name", "read_at"]

#: No file has bytes beyond it.
_LARGEST_OFFSET = (1 << 63) - 1


def read_at(file: BinaryIO | int, offset: int, size: int) -> bytes:
    """Read `size` bytes from `offset`; fewer only at the file's end, and none where no file has any.

    With a descriptor or a plain file the file's position is neither used nor changed (where the system
    has ``pread``), so that threads may share it.

    Examples
    --------
    >>> read_at(io.BytesIO(b"abcdef"), 2, 3)
    b'cde'
    """
    if offset > _LARGEST_OFFSET - size:
        return b""
    descriptor = file if isinstance(file, int) else _descriptor(file)
    if descriptor is not None and hasattr(os, "pread"):
        first = os.pread(descriptor, size, offset)
        if len(first) == size or not first:
            return first
        return first + read_at(descriptor, offset + len(first), size - len(first))
    if isinstance(file, int):
        os.lseek(file, offset, os.SEEK_SET)
        return os.read(file, size)
    file.seek(offset)
    return file.read(size)


def file_name(file: BinaryIO | int) -> str:
    """Name a file for a message; ``"zip"`` if it has no name."""
    name = getattr(file, "name", None)
    return str(name) if isinstance(name, str | os.PathLike) else "zip"


def _descriptor(file: BinaryIO) -> int | None:
    """The descriptor of a plain file. Files that decompress have one too, but of other bytes."""
    raw = file.raw if isinstance(file, io.BufferedReader) else file
    return raw.fileno() if isinstance(raw, io.FileIO) else None
