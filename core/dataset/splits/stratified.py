"""Iterative stratification of items with any number of labels (Sechidis, Tsoumakas and Vlahavas, 2011).

Again and again the rarest label that is left is taken, and each of its items goes to the subset that lacks most of that label.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from zarrpack.dataset.splits.fractions import apportion
from zarrpack.dataset.splits.label_sets import LabelSets, tie_keys

__all__ = ["stratified_subsets"]

Int64s = npt.NDArray[np.int64]


def stratified_subsets(labels: LabelSets, codes: Int64s, fractions: Sequence[float], seed: int) -> Int64s:
    """Give each item a subset, with the labels shared out as the items are.

    Parameters
    ----------
    labels : LabelSets
        The items' labels. Items without any fill up the subsets.
    codes : ndarray of shape (items,), int64
        Each once. The result depends on them, on the labels and on the seed, not on the order of the items.
    fractions : sequence of float
        One per subset, together 1.
    seed : int
        Decides among equals.

    Returns
    -------
    ndarray of shape (items,), int64
        Each item's subset. Subsets have the sizes that `apportion` gives.

    Examples
    --------
    >>> sets = LabelSets(4, np.arange(4), np.array([0, 0, 1, 1]))
    >>> subsets = stratified_subsets(sets, np.arange(4), [0.5, 0.5], 0)
    >>> sorted(subsets[:2].tolist()), sorted(subsets[2:].tolist())
    ([0, 1], [0, 1])
    """
    room = apportion(labels.count, fractions)
    keys = tie_keys(codes, seed)
    subsets = np.full(labels.count, -1, np.int64)
    if labels.label_count:
        _share_labels(labels, keys, np.asarray(fractions, np.float64), room, subsets)
    rest = np.flatnonzero(subsets < 0)
    rest = rest[np.argsort(keys[rest], kind="stable")]
    subsets[rest] = np.repeat(np.arange(len(room)), room)
    return subsets


def _share_labels(
    labels: LabelSets,
    keys: npt.NDArray[np.uint64],
    fractions: npt.NDArray[np.float64],
    room: Int64s,
    subsets: Int64s,
) -> None:
    """Assign every item that has a label; `room` and `subsets` are changed."""
    starts, members = labels.by_label()
    item_starts, item_labels = labels.by_item()
    left = np.diff(starts).astype(np.int64)
    demand = np.outer(left, fractions)
    order = _label_order(starts, members, keys)
    while True:
        waiting = np.flatnonzero(left > 0)
        if not len(waiting):
            return
        # The rarest; of equally rare ones the one that the items' own keys say, not the labels' numbers.
        label = int(waiting[np.lexsort((order[waiting], left[waiting]))[0]])
        items = members[starts[label] : starts[label + 1]]
        items = items[subsets[items] < 0]
        for item in items[np.argsort(keys[items], kind="stable")].tolist():
            subset = _neediest(demand[label], room, int(keys[item]))
            subsets[item] = subset
            room[subset] -= 1
            own = item_labels[item_starts[item] : item_starts[item + 1]]
            demand[own, subset] -= 1
            left[own] -= 1


def _neediest(demand: npt.NDArray[np.float64], room: Int64s, key: int) -> int:
    """Choose among the subsets with room: most demand for the label, then most room, then by the key."""
    candidates = [number for number, places in enumerate(room.tolist()) if places > 0]
    wants = demand.tolist()
    most = max(wants[number] for number in candidates)
    candidates = [number for number in candidates if wants[number] >= most - 1e-9]
    if len(candidates) > 1:
        places = room.tolist()
        largest = max(places[number] for number in candidates)
        candidates = [number for number in candidates if places[number] == largest]
    return candidates[key % len(candidates)]


def _label_order(starts: Int64s, members: Int64s, keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Give each label a number that depends on its items alone."""
    sums = np.zeros(len(starts) - 1, np.uint64)
    owners = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    with np.errstate(over="ignore"):
        np.add.at(sums, owners, keys[members])
    return sums
