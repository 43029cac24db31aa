"""The shared memory in which a worker says where it is.

It costs no system call, and it stays readable when the worker has been killed.
"""

from __future__ import annotations

__all__ = ["BATCH", "BYTES_DONE", "CURRENT", "FAILED", "FINISHING", "IDLE", "MEMBERS_DONE", "READY", "SLOT_SIZE"]

#: Fields of the array of int64: the member in hand, whether the worker is ready, members done, bytes read, members failed,
#: the batch in hand.
CURRENT, READY, MEMBERS_DONE, BYTES_DONE, FAILED, BATCH = range(6)
SLOT_SIZE = 6
#: `CURRENT` when no member is in hand.
IDLE = -1
#: `CURRENT` when all members of the batch have been read and what is left of them is being encoded.
FINISHING = -2
