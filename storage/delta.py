"""Differences of neighbouring elements, byte for byte as numcodecs' ``Delta(dtype, astype=dtype)``.

All arithmetic is modulo the width of the type, so that every integer array comes back exactly.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["decode_delta", "encode_delta"]

# Elements that are worked on at a time, so few that they stay in the processor's cache.
_PIECE = 1 << 16


def encode_delta(values: npt.NDArray[Any], in_place: bool = False, before: Any = 0) -> npt.NDArray[Any]:
    """Replace each element by its difference from the one before.

    Parameters
    ----------
    values : ndarray of shape (N,), any integer type
        Not changed unless `in_place`.
    in_place : bool
        Whether the differences take the values' place, which saves as much memory as these take.
    before : integer of the values' type
        The element before the first; 0: none, so that the first is kept.

    Returns
    -------
    ndarray of shape (N,), the same type
        The differences.

    Examples
    --------
    >>> encode_delta(np.array([5, 7, 6], np.uint8))
    array([  5,   2, 255], dtype=uint8)
    """
    if in_place:
        for end in range(values.size, 1, -_PIECE):
            start = max(1, end - _PIECE)
            values[start:end] = values[start:end] - values[start - 1 : end - 1]
        values[:1] -= values.dtype.type(before)
        return values
    differences = np.empty_like(values)
    np.subtract(values[:1], values.dtype.type(before), out=differences[:1])
    np.subtract(values[1:], values[:-1], out=differences[1:])
    return differences


def decode_delta(differences: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Sum up what `encode_delta` gives.

    Parameters
    ----------
    differences : ndarray of shape (N,), any integer type
        Not changed.

    Returns
    -------
    ndarray of shape (N,), the same type
        The values.

    Examples
    --------
    >>> decode_delta(np.array([5, 2, 255], np.uint8))
    array([5, 7, 6], dtype=uint8)
    """
    if differences.dtype.itemsize >= 4:
        # numpy gives its own byte order.
        return np.cumsum(differences, dtype=differences.dtype).astype(differences.dtype, copy=False)
    # numpy sums 8- and 16-bit integers four times more slowly than 32-bit ones; the low bits are the same.
    values = np.empty_like(differences)
    sums = np.empty(min(_PIECE, differences.size), np.int32)
    carry = differences.dtype.type(0)
    for start in range(0, differences.size, _PIECE):
        piece = values[start : start + _PIECE]
        piece[...] = np.cumsum(differences[start : start + _PIECE], dtype=np.int32, out=sums[: piece.size])
        piece += carry
        carry = piece[-1]
    return values
