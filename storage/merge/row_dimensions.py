"""The dimensions of an output group along which items' rows lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zarrpack.storage.merge.catalogue import Catalogue
from zarrpack.storage.merge.columns import distinct
from zarrpack.storage.merge.flat_layout import MemberThings, member_things
from zarrpack.storage.merge.pieces import Pieces
from zarrpack.storage.merge.row_spaces import RowSpace, gather_runs, plan_space
from zarrpack.storage.merge.variants import Variant

__all__ = ["RowDimension", "member_dimension", "shared_dimension"]

Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class RowDimension:
    """A dimension whose rows belong to items.

    Parameters
    ----------
    name : str
        Its name in the group.
    space : RowSpace
        Its rows; the pieces' owners are positions in `row_sets`.
    row_sets : ndarray of int64
        Numbers of the sources' row sets, ascending.
    things : MemberThings or None
        For the things of one flat array, if they are members.
    """

    name: str
    space: RowSpace
    row_sets: Int64s
    things: MemberThings | None = None

    def pieces(self, catalogue: Catalogue, variant: Variant) -> Pieces:
        """Give the pieces of one array; their owners are positions in the array's parts."""
        numbers = np.full(len(self.row_sets), -1, np.int64)
        row_sets = catalogue.parts["row_set"][variant.parts]
        numbers[np.searchsorted(self.row_sets, row_sets)] = np.arange(len(row_sets))
        return self.space.pieces.owned_by(numbers)


def shared_dimension(catalogue: Catalogue, name: str, variants: Sequence[Variant], count: int) -> RowDimension:
    """Lay out the dimension that the rows of some arrays share.

    Parameters
    ----------
    catalogue : Catalogue
        What pass 1 has found.
    name : str
        The dimension's name.
    variants : sequence of Variant
        The arrays.
    count : int
        Number of codes.
    """
    row_sets = np.array(
        distinct(np.concatenate([catalogue.parts["row_set"][variant.parts] for variant in variants])), np.int64
    )
    names: dict[int, set[str]] = {}
    has_siblings = _has_siblings(catalogue, row_sets)
    if has_siblings:
        for variant in variants:
            for owner in np.searchsorted(row_sets, catalogue.parts["row_set"][variant.parts]).tolist():
                names.setdefault(owner, set()).add(variant.kind.name)
    runs = gather_runs(catalogue, row_sets, has_siblings=has_siblings)
    space = plan_space(runs, {owner: tuple(sorted(known)) for owner, known in names.items()}, count)
    return RowDimension(name, space, row_sets)


def member_dimension(catalogue: Catalogue, name: str, variant: Variant, count: int) -> RowDimension:
    """Lay out the things of a flat array whose things are members.

    Parameters
    ----------
    catalogue, name, count
        As for `shared_dimension`.
    variant : Variant
        The array.
    """
    row_sets = catalogue.parts["row_set"][variant.parts]
    has_siblings = _has_siblings(catalogue, row_sets)
    runs, things = member_things(catalogue, variant, has_siblings=has_siblings)
    names: dict[int, tuple[str, ...]] = {}
    if has_siblings:
        names = dict.fromkeys(range(len(row_sets)), (variant.kind.name,))
    return RowDimension(name, plan_space(runs, names, count), row_sets, things)


def _has_siblings(catalogue: Catalogue, row_sets: Int64s) -> bool:
    """Whether a source has several of the row sets."""
    sources = catalogue.row_sets["source"][row_sets]
    return bool((sources[1:] == sources[:-1]).any())
