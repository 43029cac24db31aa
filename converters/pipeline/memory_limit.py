"""A bound on what one worker process may allocate."""

from __future__ import annotations

import sys

__all__ = ["limit_memory"]


def limit_memory(limit: int) -> None:
    """Let allocations of this process fail beyond a limit, so that one member cannot starve the machine.

    Counts private memory that can be written to, not files that are mapped. Does nothing but on Linux.

    Parameters
    ----------
    limit : int
        In bytes. Where the system's own limit is lower, that one stays.
    """
    if not sys.platform.startswith("linux"):
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    lowest = min([limit, *(one for one in (soft, hard) if one != resource.RLIM_INFINITY)])
    resource.setrlimit(resource.RLIMIT_DATA, (lowest, hard))
