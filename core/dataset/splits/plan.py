"""What a split is to be, and the subsets that come of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from zarrpack.dataset.splits.grouped import grouped_subsets, number_groups
from zarrpack.dataset.splits.label_sets import LabelSets
from zarrpack.dataset.splits.stable import stable_subsets
from zarrpack.dataset.splits.stratified import stratified_subsets

__all__ = ["SUBSETS", "SplitPlan", "assign"]

#: The subsets' names, in the order of their numbers.
SUBSETS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class SplitPlan:
    """How items are to be shared out.

    Parameters
    ----------
    fractions : tuple of float
        One per subset, together 1.
    seed : int
        Decides among equals.
    stable : bool
        Whether an item's subset depends on its name alone.
    """

    fractions: tuple[float, ...]
    seed: int = 42
    stable: bool = False


def assign(
    plan: SplitPlan,
    codes: npt.NDArray[np.int64],
    names: Sequence[str],
    labels: LabelSets,
    groups: Sequence[Any] | None = None,
) -> npt.NDArray[np.int64]:
    """Give each item a subset.

    Parameters
    ----------
    plan : SplitPlan
        How.
    codes : ndarray of shape (items,), int64
        The items' codes.
    names : sequence of str
        Their names.
    labels : LabelSets
        Their labels; what is stable does not ask for them.
    groups : sequence, optional
        What each item belongs to; items of equal values are kept together, None belongs to nothing.

    Returns
    -------
    ndarray of shape (items,), int64
        Each item's subset.

    Examples
    --------
    >>> assign(SplitPlan((1.0,)), np.arange(2), ["a", "b"], LabelSets.none(2)).tolist()
    [0, 0]
    """
    if plan.stable:
        # A group's own name decides; the prefix keeps a group and an item of one name apart.
        keys = names if groups is None else [_stable_key(*pair) for pair in zip(names, groups, strict=True)]
        return stable_subsets(keys, plan.fractions, plan.seed)
    if groups is not None:
        return grouped_subsets(labels, codes, number_groups(groups), plan.fractions, plan.seed)
    return stratified_subsets(labels, codes, plan.fractions, plan.seed)


def _stable_key(name: str, group: Any) -> str:
    return f"item {name}" if group is None else f"group {group}"
