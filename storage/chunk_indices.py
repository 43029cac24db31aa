"""The places of an array's chunks, one after the other."""

from __future__ import annotations

import math
from collections.abc import Iterator

__all__ = ["chunk_indices"]


def chunk_indices(grid: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Give every index of a grid in row-major order.

    Nothing is made in advance, as `itertools.product` would: a document can announce more chunks than memory holds numbers.

    Parameters
    ----------
    grid : tuple of int
        Chunks along each axis.

    Yields
    ------
    tuple of int
        One index; for a grid without axes, the empty one.

    Examples
    --------
    >>> list(chunk_indices((2, 2)))
    [(0, 0), (0, 1), (1, 0), (1, 1)]
    """
    number, count = 0, math.prod(grid)
    while number < count:
        rest, index = number, []
        for length in reversed(grid):
            rest, place = divmod(rest, length)
            index.append(place)
        yield tuple(reversed(index))
        number += 1
