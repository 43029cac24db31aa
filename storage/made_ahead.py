"""Things made in threads and given in their order, a few of them ahead."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

__all__ = ["made_ahead"]

Wanted = TypeVar("Wanted")
Made = TypeVar("Made")


def made_ahead(
    make: Callable[[Wanted], Made], wanted: Iterable[Wanted], threads: int, *, waiting: int, name: str
) -> Iterator[Made]:
    """Make things in threads and give them in order.

    Parameters
    ----------
    make : callable
        Makes one; must be safe in threads. What it raises is raised in the thing's place, and ends it.
    wanted : iterable
        What to make, asked for in the caller's thread.
    threads : int
        How many are made at once.
    waiting : int
        How many may be under way or made already beside the one that is given.
    name : str
        Of the threads.

    Yields
    ------
    object
        What `make` gives. Whoever stops in the middle waits for what is being made, not for what was to come.

    Examples
    --------
    >>> list(made_ahead(str, [3, 1, 2], 2, waiting=2, name="example"))
    ['3', '1', '2']
    """
    futures: deque[Future[Made]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix=name) as pool:
        try:
            for one in wanted:
                futures.append(pool.submit(make, one))
                if len(futures) > waiting:
                    yield futures.popleft().result()
            while futures:
                yield futures.popleft().result()
        finally:
            for future in futures:
                future.cancel()
