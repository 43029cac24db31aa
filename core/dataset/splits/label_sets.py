"""The labels of items, as a split sees them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["LabelSets", "tie_keys"]

Int64s = npt.NDArray[np.int64]
_UINT64 = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class LabelSets:
    """Which labels each item has.

    Parameters
    ----------
    count : int
        How many items.
    items, labels : ndarray of shape (n,), int64
        Each pair once: an item's position, and a label's number.

    Examples
    --------
    >>> LabelSets(3, np.array([0, 0, 2]), np.array([0, 1, 1])).label_count
    2
    """

    count: int
    items: Int64s
    labels: Int64s

    @property
    def label_count(self) -> int:
        """How many labels there are."""
        return int(self.labels.max(initial=-1)) + 1

    @classmethod
    def none(cls, count: int) -> LabelSets:
        """Give items without labels."""
        return cls(count, np.zeros(0, np.int64), np.zeros(0, np.int64))

    def by_item(self) -> tuple[Int64s, Int64s]:
        """Give (starts, labels): item i has ``labels[starts[i]:starts[i + 1]]``."""
        order = np.lexsort((self.labels, self.items))
        starts = np.searchsorted(self.items[order], np.arange(self.count + 1)).astype(np.int64)
        return starts, self.labels[order]

    def by_label(self) -> tuple[Int64s, Int64s]:
        """Give (starts, items): label k is that of ``items[starts[k]:starts[k + 1]]``."""
        order = np.lexsort((self.items, self.labels))
        starts = np.searchsorted(self.labels[order], np.arange(self.label_count + 1)).astype(np.int64)
        return starts, self.items[order]


def tie_keys(codes: Int64s, seed: int) -> npt.NDArray[np.uint64]:
    """Give a random number per item that depends on its code and the seed alone, not on its place.

    Parameters
    ----------
    codes : ndarray of shape (items,), int64
        The items' codes.
    seed : int
        Any.

    Examples
    --------
    >>> bool(tie_keys(np.array([3, 5]), 0)[1] == tie_keys(np.array([5]), 0)[0])
    True
    """
    # splitmix64 of the code, begun at a place that the seed chooses.
    state = codes.astype(np.uint64) + np.uint64((seed * 0xD1342543DE82EF95 + 1) & _UINT64)
    with np.errstate(over="ignore"):
        for _ in range(2):
            state = state + np.uint64(0x9E3779B97F4A7C15)
            state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            state = state ^ (state >> np.uint64(31))
    return state
