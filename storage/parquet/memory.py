"""Arrow's memory counted per scan, without touching the pool that the process uses."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import pyarrow as pa

__all__ = ["CountingPool", "counting_pool"]

# Buffers keep no reference to their pool, so that a pool must outlive all that was allocated from it: none is ever
# freed. One that is empty again is used for the next scan.
_pools: list[pa.MemoryPool] = []
_idle: list[pa.MemoryPool] = []
_guard = threading.Lock()


class CountingPool:
    """A memory pool for one scan. Not safe for threads.

    Parameters
    ----------
    pool : pyarrow.MemoryPool
        What Arrow is given.

    Attributes
    ----------
    peak_bytes : int
        The most that was allocated whenever :meth:`look` was called.
    """

    __slots__ = ("_highest", "peak_bytes", "pool")

    def __init__(self, pool: pa.MemoryPool) -> None:
        self.pool = pool
        self.peak_bytes = 0
        self._highest = pool.max_memory() or 0

    def look(self) -> None:
        """Take note of what is allocated now, and of a height that the pool never had before."""
        highest = self.pool.max_memory() or 0
        now = highest if highest > self._highest else self.pool.bytes_allocated()
        self.peak_bytes = max(self.peak_bytes, now)


@contextlib.contextmanager
def counting_pool() -> Iterator[CountingPool]:
    """Lend a pool that nothing else uses meanwhile; what was allocated from it stays valid afterwards."""
    with _guard:
        pool = _take()
    counted = CountingPool(pool)
    try:
        yield counted
    finally:
        counted.look()
        with _guard:
            _idle.append(pool)


def _take() -> pa.MemoryPool:
    for index, pool in enumerate(_idle):
        if pool.bytes_allocated() == 0:
            return _idle.pop(index)
    pool = pa.proxy_memory_pool(pa.default_memory_pool())
    _pools.append(pool)
    return pool
