"""Splits that keep what belongs together in one subset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from zarrpack.dataset.splits.label_sets import LabelSets, tie_keys

__all__ = ["grouped_subsets", "number_groups"]

Int64s = npt.NDArray[np.int64]


def number_groups(values: Sequence[Any]) -> Int64s:
    """Number the groups that values name; a missing value (None) is a group of its own.

    Parameters
    ----------
    values : sequence
        One per item; hashable.

    Returns
    -------
    ndarray of shape (items,), int64
        From 0, by first appearance.

    Examples
    --------
    >>> number_groups(["a", None, "a", None])
    array([0, 1, 0, 2])
    """
    known: dict[Any, int] = {}
    numbers = [known.setdefault(object() if value is None else value, len(known)) for value in values]
    return np.array(numbers, np.int64)


def grouped_subsets(labels: LabelSets, codes: Int64s, groups: Int64s, fractions: Sequence[float], seed: int) -> Int64s:
    """Give each group of items a subset, with items and labels shared out as well as whole groups allow.

    Large groups go first, each to where it leaves the least squared distance from what was asked for, in items and in every label.

    Parameters
    ----------
    labels, codes, fractions, seed
        As in `stratified_subsets`.
    groups : ndarray of shape (items,), int64
        Each item's group, from 0.

    Returns
    -------
    ndarray of shape (items,), int64
        Each item's subset. With as many groups as subsets or more, none with a fraction above 0 is empty.

    Examples
    --------
    >>> groups = np.array([0, 0, 1, 1])
    >>> subsets = grouped_subsets(LabelSets.none(4), np.arange(4), groups, [0.5, 0.5], 0)
    >>> subsets[0] == subsets[1], subsets[2] == subsets[3], subsets[0] == subsets[2]
    (np.True_, np.True_, np.False_)
    """
    count = int(groups.max(initial=-1)) + 1
    wanted = np.asarray(fractions, np.float64)
    starts, columns, amounts = _profiles(labels, groups, count)
    totals = np.bincount(columns, amounts, 1 + labels.label_count)
    # The labels together weigh as much as the items.
    scale = 1 / np.maximum(totals, 1)
    scale[1:] /= max(1, labels.label_count)
    missing = np.outer(wanted, totals)
    keys = _group_keys(groups, codes, count, seed)
    of_group = np.full(count, -1, np.int64)
    waiting = set(np.flatnonzero(wanted > 0).tolist())
    sizes = np.bincount(groups, minlength=count)
    for place, group in enumerate(np.lexsort((keys, -sizes)).tolist()):
        allowed = sorted(waiting) if len(waiting) >= count - place else np.flatnonzero(wanted > 0).tolist()
        own, amount = columns[starts[group] : starts[group + 1]], amounts[starts[group] : starts[group + 1]]
        # Squared distance afterwards less that before, per subset.
        change = ((amount - 2 * missing[np.ix_(np.array(allowed), own)]) * amount * scale[own] ** 2).sum(axis=1)
        best = np.flatnonzero(change <= change.min() + 1e-15)
        subset = int(allowed[int(best[int(keys[group]) % len(best)])])
        of_group[group] = subset
        missing[subset, own] -= amount
        waiting.discard(subset)
    return of_group[groups]


def _profiles(labels: LabelSets, groups: Int64s, count: int) -> tuple[Int64s, Int64s, npt.NDArray[np.float64]]:
    """Give (starts, columns, amounts) by group: column 0 is its items, column k + 1 those with the label k."""
    width = 1 + labels.label_count
    cells = np.concatenate([groups * width, groups[labels.items] * width + labels.labels + 1])
    distinct, amounts = np.unique(cells, return_counts=True)
    starts = np.searchsorted(distinct, np.arange(count + 1) * width).astype(np.int64)
    return starts, (distinct % width).astype(np.int64), amounts.astype(np.float64)


def _group_keys(groups: Int64s, codes: Int64s, count: int, seed: int) -> npt.NDArray[np.uint64]:
    """Give each group a random number that depends on its items' codes alone."""
    keys = np.zeros(count, np.uint64)
    with np.errstate(over="ignore"):
        np.add.at(keys, groups, tie_keys(codes, seed))
    return keys
