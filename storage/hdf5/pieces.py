"""How chunks of Zarr are divided into chunks of HDF5.

HDF5 before 2.0 caches 1 MiB of chunks. A larger chunk is decoded again for every row that is read, hundreds of times slower
than it could be, so larger ones are cut.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["PIECE_BYTES", "cut", "piece_shape"]

#: Bytes of a piece before compression, at most, where rows allow it.
PIECE_BYTES = 1 << 20


def piece_shape(shape: tuple[int | None, ...], chunks: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """Choose the shape of the HDF5 chunks of an array whose Zarr chunks have the shape `chunks`.

    Each Zarr chunk consists of whole pieces, those at the array's end aside.

    Parameters
    ----------
    shape : tuple of int or None
        The array's lengths; None: not known, and more than one chunk.
    chunks : tuple of int
        Of the Zarr array.
    itemsize : int
        Bytes of a stored value.

    Examples
    --------
    >>> piece_shape((40, 1000, 1300, 3), (1, 1000, 1300, 3), 1)
    (1, 250, 1300, 3)
    >>> piece_shape((5000000,), (1048576,), 8)
    (131072,)
    """
    piece = [
        chunk if length is None else min(chunk, max(1, length)) for length, chunk in zip(shape, chunks, strict=True)
    ]
    for axis, length in enumerate(piece):
        rest = itemsize * math.prod(piece[axis + 1 :])
        if length * rest <= PIECE_BYTES:
            break
        known = shape[axis]
        is_whole = known is not None and chunks[axis] >= known
        piece[axis] = _part(length, max(1, PIECE_BYTES // rest), is_whole)
        if piece[axis] > 1:
            break
    return tuple(piece)


def cut(
    values: npt.NDArray[Any], piece: tuple[int, ...], extent: tuple[int, ...] | None = None
) -> Iterator[tuple[tuple[int, ...], npt.NDArray[Any]]]:
    """Give the pieces of a chunk, and where each starts in it.

    Parameters
    ----------
    values : ndarray
        The chunk.
    piece : tuple of int
        Shape of the pieces; those that stick out at the end are filled up with zeros.
    extent : tuple of int or None
        How much of the chunk lies inside the array; None: all.

    Examples
    --------
    >>> [(at, part.tolist()) for at, part in cut(np.arange(3), (2,))]
    [((0,), [0, 1]), ((2,), [2, 0])]
    """
    inside = values.shape if extent is None else extent
    steps = [
        range(0, min(length, within), size) for length, within, size in zip(values.shape, inside, piece, strict=True)
    ]
    for at in product(*steps):
        part = values[tuple(slice(start, start + size) for start, size in zip(at, piece, strict=True))]
        if part.shape != piece:
            whole = np.zeros(piece, values.dtype)
            whole[tuple(slice(length) for length in part.shape)] = part
            part = whole
        yield at, part


def _part(length: int, most: int, is_whole: bool) -> int:
    """Give the length of parts of an axis: equal ones if it has one chunk, else such that they fill each chunk."""
    if is_whole:
        return -(-length // -(-length // most))
    divisor = next((part for part in range(most, 0, -1) if length % part == 0), 1)
    # Where nothing divides well, thousands of small pieces cost more than a large one.
    return divisor if divisor * 8 >= most or divisor * 64 >= length else length
