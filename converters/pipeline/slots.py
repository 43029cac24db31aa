"""The shared memory in which a worker says where it is.

It costs no system call, and it stays readable when the worker has been killed.
"""

from __future__ import annotations

__all__ = ["BYTES_DONE", "CURRENT", "FAILED", "IDLE", "MEMBERS_DONE", "READY", "SLOT_SIZE"]

#: Fields of the array of int64: the member in hand, whether the worker is ready, members done, bytes read, members failed.
CURRENT, READY, MEMBERS_DONE, BYTES_DONE, FAILED = range(5)
SLOT_SIZE = 5
#: `CURRENT` when no member is in hand.
IDLE = -1
