"""The whole plan of a merge: every output group and array, before any chunk is read."""

from __future__ import annotations

from collections.abc import Sequence

from zarrpack.storage.array_names import NameTable
from zarrpack.storage.merge.catalogue import GroupKey
from zarrpack.storage.merge.flat_plan import plan_flat
from zarrpack.storage.merge.group_plan import GroupPlan, Planning, add_codes, merged_rows, plan_rows
from zarrpack.storage.merge.row_dimensions import RowDimension, member_dimension, shared_dimension
from zarrpack.storage.merge.row_sources import RowSource
from zarrpack.storage.merge.variants import Variant, find_variants

__all__ = ["plan_groups"]


def plan_groups(planning: Planning) -> list[GroupPlan]:
    """Plan every group of the output.

    Parameters
    ----------
    planning : Planning
        The merge; its catalogue does not grow any more.

    Returns
    -------
    list of GroupPlan
        In order of first appearance. Equal sources give equal plans.

    Raises
    ------
    FormatError
        If a source does not tell the shapes of a flat array's things.
    MergeError
        If rows are missing and must not be.
    """
    by_group: dict[GroupKey, list[Variant]] = {}
    variants = find_variants(planning.catalogue, planning.rules.dtypes)
    order = planning.rules.order
    if order:
        variants.sort(key=lambda variant: order.get((variant.kind.group, variant.kind.name), len(order)))
    for variant in variants:
        by_group.setdefault(variant.kind.group, []).append(variant)
    names = NameTable()
    signatures: dict[str, int] = {}
    plans = []
    for key, variants in by_group.items():
        number = signatures[key.family] = signatures.get(key.family, 0) + 1
        plans.append(_plan_group(planning, GroupPlan(key, names.safe_name(key.family, number, joint="_")), variants))
    return plans


def _plan_group(planning: Planning, group: GroupPlan, variants: Sequence[Variant]) -> GroupPlan:
    sharing: dict[str, list[Variant]] = {}
    for variant in variants:
        if not _has_own_dimension(variant):
            sharing.setdefault(variant.kind.dims[0], []).append(variant)
    shared = {
        plain: shared_dimension(planning.catalogue, group.names.row_dimension(plain), users, planning.count)
        for plain, users in sharing.items()
    }
    trailing = [
        () if variant.flat else group.names.trailing_dimensions(variant.kind.dims[1:], variant.tail)
        for variant in variants
    ]
    names = [group.names.array(variant.label) for variant in variants]
    first = shared.get(planning.rules.first_dimensions.get(group.key, ""))
    if first is not None:
        add_codes(planning, group, first)
    for variant, name, axes in zip(variants, names, trailing, strict=True):
        _note_variant(group, variant, name)
        dimension = _dimension(planning, group, shared, variant, name)
        if dimension.name not in group.rows:
            add_codes(planning, group, dimension)
        if variant.flat:
            plan_flat(planning, group, variant, name, dimension, _lengths(planning, variant, variants, dimension))
        else:
            plan_rows(planning, group, variant, name, dimension, axes)
    return group


def _has_own_dimension(variant: Variant) -> bool:
    """Whether the array's things are members, which lie along a dimension of their own."""
    return variant.flat and variant.kind.unit == "member"


def _dimension(
    planning: Planning, group: GroupPlan, shared: dict[str, RowDimension], variant: Variant, name: str
) -> RowDimension:
    if not _has_own_dimension(variant):
        return shared[variant.kind.dims[0]]
    return member_dimension(planning.catalogue, group.names.own_dimension(f"{name}_part"), variant, planning.count)


def _lengths(
    planning: Planning, variant: Variant, variants: Sequence[Variant], dimension: RowDimension
) -> list[RowSource] | None:
    """Give the arrays that hold the lengths of all things of a flat array; None if there are no such."""
    catalogue = planning.catalogue
    kinds = {catalogue.kinds[int(number)] for number in set(catalogue.parts["kind"][variant.parts].tolist())}
    if {kind.shape_from for kind in kinds} != {variant.kind.shape_from} or _has_own_dimension(variant):
        return None
    things = dimension.pieces(catalogue, variant)
    lengths: list[RowSource] = []
    for name in variant.kind.shape_from:
        named = [other for other in variants if other.kind.name == name]
        if len(named) != 1 or named[0].flat or named[0].kind.dims != variant.kind.dims[:1]:
            return None
        rows = merged_rows(planning, named[0], dimension)
        # A thing that a source lacks has no shape; all others must have one.
        if named[0].dtype[1] not in "iu" or not rows.pieces.covers(things):
            return None
        lengths.append(rows)
    return lengths if len(lengths) == variant.kind.flat_axes else None


def _note_variant(group: GroupPlan, variant: Variant, name: str) -> None:
    place = f"{group.name}/{name}"
    if variant.label != variant.kind.name:
        group.notes.append(
            f"{place}: kept apart from other arrays called {variant.kind.name!r:.80}, which have another type or other axes"
        )
    if len(variant.dtypes) > 1:
        stored = variant.dtype if variant.object_codec is None else variant.object_codec
        group.notes.append(f"{place}: {', '.join(variant.dtypes)} promoted to {stored}")
