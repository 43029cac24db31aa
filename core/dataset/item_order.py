"""Orders in which items are read in an epoch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

__all__ = ["block_order", "epoch_random"]


def epoch_random(seed: int, epoch: int) -> np.random.Generator:
    """Give random numbers that depend on the seed and the epoch alone."""
    return np.random.Generator(np.random.PCG64([seed & (1 << 64) - 1, epoch]))


def block_order(
    count: int, block: int, seed: int | None, epoch: int, part: int = 0, parts: int = 1
) -> Iterator[list[int]]:
    """Give the positions of items block by block.

    Parameters
    ----------
    count : int
        How many items.
    block : int
        Items that lie together.
    seed : int or None
        Shuffles the blocks, and the items in each; None: in order.
    epoch : int
        Another one has another order.
    part, parts : int
        Which share of the blocks: every `parts`-th, from the `part`-th on.

    Yields
    ------
    list of int
        Positions. All parts together have each position once.

    Examples
    --------
    >>> list(block_order(5, 2, None, 0)), list(block_order(5, 2, None, 0, part=1, parts=2))
    ([[0, 1], [2, 3], [4]], [[2, 3]])
    """
    starts = np.arange(0, count, block)
    random = None if seed is None else epoch_random(seed, epoch)
    if random is not None:
        random.shuffle(starts)
    for number, start in enumerate(starts.tolist()):
        positions = np.arange(start, min(count, start + block))
        if random is not None:
            # Drawn by all parts, so that they agree on what follows.
            random.shuffle(positions)
        if number % parts == part:
            yield positions.tolist()
