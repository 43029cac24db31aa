"""Reading and writing at a place in a file, without a position that threads and processes would share."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from typing import Any

__all__ = ["read_into", "write_at"]

# Where the system has no pread, reading moves the one position of a descriptor.
_POSITION = threading.Lock()


def read_into(descriptor: int, buffer: Any, offset: int) -> int:
    """Fill a buffer from a place in a file.

    Parameters
    ----------
    descriptor : int
        Open for reading.
    buffer : writable bytes-like
        One-dimensional, of bytes.
    offset : int
        In the file, in bytes.

    Returns
    -------
    int
        Bytes read; fewer than the buffer has only where the file ends.
    """
    if hasattr(os, "preadv"):
        count = os.preadv(descriptor, [buffer], offset)
        if count == len(buffer) or not count:
            return count
    else:
        count = _seek_and_read(descriptor, buffer, offset)
    view = memoryview(buffer)
    while 0 < count < len(view):
        more = (
            os.preadv(descriptor, [view[count:]], offset + count)
            if hasattr(os, "preadv")
            else _seek_and_read(descriptor, view[count:], offset + count)
        )
        if not more:
            break
        count += more
    return count


def write_at(descriptor: int, buffers: Sequence[Any], offset: int) -> None:
    """Write buffers one behind the other from a place in a file.

    Parameters
    ----------
    descriptor : int
        Open for writing.
    buffers : sequence of bytes-like
        One-dimensional, of bytes.
    offset : int
        In the file, in bytes.
    """
    if hasattr(os, "pwritev"):
        written = os.pwritev(descriptor, buffers, offset)
        if written == sum(map(len, buffers)):
            return
    else:
        written = 0
    rest = memoryview(b"".join(buffers))[written:]
    while rest:
        with _POSITION:
            os.lseek(descriptor, offset + written, os.SEEK_SET)
            count = os.write(descriptor, rest)
        written += count
        rest = rest[count:]


def _seek_and_read(descriptor: int, buffer: Any, offset: int) -> int:
    with _POSITION:
        os.lseek(descriptor, offset, os.SEEK_SET)
        data = os.read(descriptor, len(buffer))
    memoryview(buffer)[: len(data)] = data
    return len(data)
