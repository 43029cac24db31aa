"""Exact quantiles of values that come piece by piece, in bounded memory.

Numbers become unsigned keys of the same order. A pass counts the keys' leading 16 bits, the next one the following 16 bits of
those that can still be asked for, until the whole key is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["order_statistics", "quantiles"]

Values = npt.NDArray[Any]

#: Values up to which they are gathered and sorted: 64 MiB of float64.
_GATHERED = 1 << 23
_DIGIT_BITS = 16


def quantiles(
    pieces: Callable[[], Iterable[Values]], count: int, wanted: Sequence[float], gathered: int = _GATHERED
) -> list[float]:
    """Give quantiles, interpolated linearly between neighbours as numpy does.

    Parameters
    ----------
    pieces : callable
        Gives the values, without NaN, piece by piece; called once for each pass.
    count : int
        How many values there are, at least 1.
    wanted : sequence of float
        0 to 1.
    gathered : int
        Values up to which they are held in memory together.

    Examples
    --------
    >>> quantiles(lambda: [np.array([1.0, 4.0]), np.array([2.0, 3.0])], 4, [0.5, 1.0])
    [2.5, 4.0]
    """
    places = [quantile * (count - 1) for quantile in wanted]
    lower = [int(place) for place in places]
    ranks = sorted({*lower, *(min(rank + 1, count - 1) for rank in lower)})
    known = dict(zip(ranks, order_statistics(pieces, count, ranks, gathered), strict=True))
    found = []
    for place, rank in zip(places, lower, strict=True):
        low, high = float(known[rank]), float(known[min(rank + 1, count - 1)])
        # Between equal infinities the difference would be NaN.
        found.append(low if low == high or place == rank else low + (high - low) * (place - rank))
    return found


def order_statistics(
    pieces: Callable[[], Iterable[Values]], count: int, ranks: Sequence[int], gathered: int = _GATHERED
) -> list[Any]:
    """Give the values that would stand at some places if all were sorted.

    Parameters
    ----------
    pieces, count, gathered
        As in `quantiles`.
    ranks : sequence of int
        Places from 0, ascending.

    Returns
    -------
    list of numpy scalar
        One per rank.
    """
    if count <= gathered:
        values = np.concatenate([piece.reshape(-1) for piece in pieces()])
        values.partition(ranks)
        return [values[rank] for rank in ranks]
    return _by_digits(pieces, ranks)


def _by_digits(pieces: Callable[[], Iterable[Values]], ranks: Sequence[int]) -> list[Any]:
    dtype = next(iter(pieces())).dtype
    bits = dtype.itemsize * 8
    digit_bits = min(_DIGIT_BITS, bits)
    prefixes, left = [0] * len(ranks), list(ranks)
    for shift in range(bits - digit_bits, -1, -digit_bits):
        counts = {prefix: np.zeros(1 << digit_bits, np.int64) for prefix in prefixes}
        for piece in pieces():
            keys = _keys(piece.reshape(-1)).astype(np.uint64)
            leading = keys >> np.uint64(shift)
            digits = (leading & np.uint64((1 << digit_bits) - 1)).astype(np.int64)
            above = leading >> np.uint64(digit_bits)
            for prefix, histogram in counts.items():
                chosen = digits if shift == bits - digit_bits else digits[above == np.uint64(prefix)]
                histogram += np.bincount(chosen, minlength=len(histogram))
        for number, prefix in enumerate(prefixes):
            sums = np.cumsum(counts[prefix])
            digit = int(np.searchsorted(sums, left[number], "right"))
            left[number] -= int(sums[digit - 1]) if digit else 0
            prefixes[number] = prefix << digit_bits | digit
    return [_value(prefix, dtype) for prefix in prefixes]


def _keys(values: Values) -> Values:
    """Give unsigned integers that have the values' order."""
    values = np.ascontiguousarray(values.astype(values.dtype.newbyteorder("="), copy=False))
    unsigned = np.dtype(f"u{values.dtype.itemsize}")
    keys = values.view(unsigned)
    sign = unsigned.type(1 << (unsigned.itemsize * 8 - 1))
    if values.dtype.kind == "i":
        flipped: Values = keys ^ sign
        return flipped
    if values.dtype.kind == "f":
        return np.where(keys & sign, ~keys, keys | sign)
    return keys


def _value(key: int, dtype: np.dtype[Any]) -> Any:
    """Give the value that has a key."""
    native = dtype.newbyteorder("=")
    bits = native.itemsize * 8
    sign = 1 << (bits - 1)
    if native.kind == "i":
        key ^= sign
    elif native.kind == "f":
        key = key ^ sign if key & sign else key ^ ((1 << bits) - 1)
    return np.array([key], f"u{native.itemsize}").view(native)[0]
