"""Batches that threads read ahead: decoders release the interpreter, and nothing has to travel between processes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from zarrpack.dataset.item_order import epoch_random
from zarrpack.storage.made_ahead import made_ahead

__all__ = ["batch_positions", "threaded_batches"]


def batch_positions(
    count: int, batch_size: int, seed: int | None = None, epoch: int = 0, drop_last: bool = False
) -> Iterator[list[int]]:
    """Give the positions of items batch by batch.

    Parameters
    ----------
    count : int
        How many items.
    batch_size : int
        Items in a batch, at least 1.
    seed : int or None
        Shuffles; None: in order.
    epoch : int
        Another one has another order.
    drop_last : bool
        Whether a last batch that is not full is left out.

    Raises
    ------
    ValueError
        If a batch has no items.

    Examples
    --------
    >>> list(batch_positions(5, 2))
    [[0, 1], [2, 3], [4]]
    """
    if batch_size < 1:
        raise ValueError(f"expected batches of at least one item, found {batch_size}")
    order = list(range(count)) if seed is None else epoch_random(seed, epoch).permutation(count).tolist()
    for start in range(0, count, batch_size):
        batch = order[start : start + batch_size]
        if len(batch) == batch_size or not drop_last:
            yield batch


def threaded_batches(
    read: Callable[[int], Any],
    batches: Iterable[Sequence[int]],
    collate: Callable[[list[Any]], Any],
    threads: int,
    ahead: int = 2,
) -> Iterator[Any]:
    """Read batches in threads, and give them in their order.

    Parameters
    ----------
    read : callable
        Gives an item by its position; safe in threads.
    batches : iterable of sequence of int
        The positions of each batch.
    collate : callable
        Makes a batch of items; it runs in the threads, too.
    threads : int
        How many, at least 1.
    ahead : int
        Batches that each thread may be ahead.

    Yields
    ------
    object
        What `collate` gives. An error of `read` is raised in the batch's place, and ends it.

    Raises
    ------
    ValueError
        If there would be no thread.

    Examples
    --------
    >>> list(threaded_batches(lambda position: position * 10, [[0, 1], [2]], sum, threads=2))
    [10, 20]
    """
    if threads < 1:
        raise ValueError(f"expected at least one thread, found {threads}")

    def make(positions: Sequence[int]) -> Any:
        return collate([read(position) for position in positions])

    yield from made_ahead(make, batches, threads, waiting=threads * ahead, name="zarrpack-batches")
