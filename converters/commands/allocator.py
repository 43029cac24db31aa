"""The C library's allocator, set up for a process that handles large blocks in several threads."""

from __future__ import annotations

import ctypes
import os
import sys

__all__ = ["return_large_blocks"]

_M_MMAP_THRESHOLD = -3  # of <malloc.h>
_LARGE_BYTES = 192 << 10


def return_large_blocks() -> None:
    """Let glibc give freed blocks of 192 KiB and more back to the system at once.

    By itself it raises that bound to 32 MiB as such blocks come and go, and keeps what it gets in the arena of every
    thread: a merge then holds half as much memory again, and the more the longer it runs. Arrow, whose own allocators
    keep what they get too, is told to use this one unless the user has chosen. Both hold for the whole process, so only
    the command line does it, not the library. Does nothing where the C library is another.
    """
    if not sys.platform.startswith("linux"):
        return
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    try:
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
    except (OSError, AttributeError):
        return  # musl has no mallopt, and no such habit
