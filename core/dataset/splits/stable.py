"""Splits in which an item's subset depends on nothing but its own name."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["stable_subsets"]


def stable_subsets(names: Sequence[str], fractions: Sequence[float], seed: int) -> npt.NDArray[np.int64]:
    """Give each item a subset by a keyed hash of its name, so that more items never move those that are there.

    Sizes are as asked for on average; nothing is stratified.

    Parameters
    ----------
    names : sequence of str
        One per item; those of one name, such as the group's, are in one subset.
    fractions : sequence of float
        One per subset, together 1.
    seed : int
        The key.

    Returns
    -------
    ndarray of shape (items,), int64
        Each item's subset.

    Examples
    --------
    >>> stable_subsets(["a", "b", "c"], [0.5, 0.5], 1)[:2].tolist() == stable_subsets(["a", "b"], [0.5, 0.5], 1).tolist()
    True
    """
    key = str(seed).encode()
    borders = np.cumsum(np.asarray(fractions, np.float64))
    subsets = np.empty(len(names), np.int64)
    for number, name in enumerate(names):
        digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8, key=key[:64]).digest()
        # 53 bits make every number below 1 exact.
        subsets[number] = np.searchsorted(borders, (int.from_bytes(digest) >> 11) / (1 << 53), "right")
    # Where rounding leaves the last border below 1, or the last fractions are 0.
    return np.minimum(subsets, int(np.flatnonzero(np.asarray(fractions) > 0)[-1]))
