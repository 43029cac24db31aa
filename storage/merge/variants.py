"""Which arrays the output has: sources' arrays of one name, joined where their dtypes allow it.

Booleans, integers, floats, complex numbers, strings and bytes are *families*. Within a family dtypes promote, across
families nothing does: the array splits into variants, ``name`` and ``name__<dtype>``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from zarrpack.storage.merge.catalogue import ArrayKind, Catalogue, GroupKey, Unit
from zarrpack.storage.merge.columns import distinct

__all__ = ["Variant", "find_variants"]

Int64s = npt.NDArray[np.int64]
ObjectCodec = Literal["vlen-utf8", "vlen-bytes"] | None

_FAMILIES = {"b": "bool", "i": "int", "u": "int", "f": "float", "c": "complex", "U": "str", "S": "bytes"}
_UNSIGNED_64 = "uint64"
_OBJECTS: dict[str, tuple[str, ObjectCodec]] = {"str": ("|O", "vlen-utf8"), "bytes": ("|O", "vlen-bytes")}
_NO_DTYPES: Mapping[tuple[GroupKey, str], str] = {}


@dataclass(frozen=True, slots=True)
class Variant:
    """An array that the output will have.

    Parameters
    ----------
    kind : ArrayKind
        The kind of its first part; by rows if any part is.
    label : str
        Its true name with what tells it from earlier variants of that name, such as ``"price__float64"``.
    dtype : str
        As ``.zarray`` will say.
    object_codec : {"vlen-utf8", "vlen-bytes"} or None
        For the dtype ``"|O"``.
    dtypes : tuple of str
        The names of its parts' dtypes, in order of appearance; several: they were promoted.
    flat : bool
        Whether it is stored flat.
    tail : tuple of int
        Its shape without the first axis; empty if it is flat.
    shapes : int
        How many different trailing shapes the parts that are not flat have.
    parts : ndarray of int64
        The numbers of its parts, in source order.
    """

    kind: ArrayKind
    label: str
    dtype: str
    object_codec: ObjectCodec
    dtypes: tuple[str, ...]
    flat: bool
    tail: tuple[int, ...]
    shapes: int
    parts: Int64s


def find_variants(catalogue: Catalogue, dtypes: Mapping[tuple[GroupKey, str], str] = _NO_DTYPES) -> list[Variant]:
    """Find the arrays of the output, in order of first appearance.

    Parts none of whose rows are kept do not count. Parts that never had rows count only where no part of the same
    array has any.

    Parameters
    ----------
    catalogue : Catalogue
        What pass 1 has found.
    dtypes : mapping
        Group and true name -> the dtype of an array that does not split by its parts' dtypes, and whose values are
        converted.
    """
    used = _used_parts(catalogue)
    kind_of_part = catalogue.parts["kind"][used]
    first_places = _first_places(kind_of_part, len(catalogue.kinds))
    in_order = sorted(distinct(kind_of_part), key=first_places.__getitem__)
    variant_of_kind = np.full(len(catalogue.kinds), -1, np.int64)
    plans: list[tuple[list[ArrayKind], str]] = []
    names: dict[object, list[int]] = {}
    for number in in_order:
        kind = catalogue.kinds[number]
        names.setdefault((kind.group, kind.name), []).append(number)
    for same_name in names.values():
        for members, label in _split([catalogue.kinds[number] for number in same_name], dtypes):
            for kind in members:
                variant_of_kind[catalogue.kinds.number(kind)] = len(plans)
            plans.append((members, label))
    variant_of_part = variant_of_kind[kind_of_part]
    order = np.argsort(variant_of_part, kind="stable")
    borders = np.searchsorted(variant_of_part[order], np.arange(len(plans) + 1)).tolist()
    variants = [
        _variant(catalogue, members, label, used[order[start:stop]], dtypes)
        for (members, label), start, stop in zip(plans, borders[:-1], borders[1:], strict=True)
    ]
    first = _first_parts(catalogue, dtypes)
    return sorted(
        variants, key=lambda variant: first.get((variant.kind.group, variant.kind.name), int(variant.parts[0]))
    )


def _first_parts(catalogue: Catalogue, names: Iterable[tuple[GroupKey, str]]) -> dict[tuple[GroupKey, str], int]:
    """Give the first part of each of some arrays, with rows or without.

    A dataset among the sources may have padding where its own sources had no rows; its arrays must come in the same order.
    """
    data = np.flatnonzero(catalogue.parts["data"] == 1)
    kind_of_part = catalogue.parts["kind"][data]
    first_places = _first_places(kind_of_part, len(catalogue.kinds))
    of_kind = {number: int(data[first_places[number]]) for number in distinct(kind_of_part)}
    first: dict[tuple[GroupKey, str], int] = {}
    for number, part in of_kind.items():
        kind = catalogue.kinds[number]
        place = (kind.group, kind.name)
        first[place] = min(part, first.get(place, part))
    return {key: first[key] for key in names if key in first}


def _first_places(numbers: Int64s, count: int) -> Int64s:
    """Give for each number below `count` where it comes first among some; 0 for those that do not."""
    places = np.zeros(count, np.int64)
    # Of several values for one place the last stays.
    places[numbers[::-1]] = np.arange(len(numbers))[::-1]
    return places


def _used_parts(catalogue: Catalogue) -> Int64s:
    parts, row_sets = catalogue.parts, catalogue.row_sets
    identities: dict[object, int] = {}
    kinds = [catalogue.kinds[number] for number in range(len(catalogue.kinds))]
    identity_of_kind = np.array([identities.setdefault(kind.identity, len(identities)) for kind in kinds], np.int64)
    if not len(parts):
        return np.empty(0, np.int64)
    row_set, is_data = parts["row_set"], parts["data"] == 1
    filled = is_data & (row_sets["kept"][row_set] > 0)
    empty = is_data & (row_sets["rows"][row_set] == 0)
    identity = identity_of_kind[parts["kind"]]
    has_rows = np.zeros(len(identities), np.bool_)
    has_rows[identity[filled]] = True
    return np.flatnonzero(filled | (empty & ~has_rows[identity]))


def _split(kinds: Sequence[ArrayKind], dtypes: Mapping[tuple[GroupKey, str], str]) -> list[tuple[list[ArrayKind], str]]:
    """Split the kinds of one name into variants; give each variant's kinds and label."""
    variants: dict[tuple[tuple[str, ...], Unit, str], list[ArrayKind]] = {}
    families = [dtypes.get((kind.group, kind.name)) or _family(kind) for kind in kinds]
    by_rows = {(kind.dims, family) for kind, family in zip(kinds, families, strict=True) if kind.unit == "row"}
    for kind, family in zip(kinds, families, strict=True):
        # A user's store does not say what is one thing; where a converter's file does, it holds for both.
        unit: Unit = "row" if not kind.flat and (kind.dims, family) in by_rows else kind.unit
        variants.setdefault((kind.dims, unit, family), []).append(kind)
    for (dims, unit, family), members in list(variants.items()):
        if family == "int" and not _promotes(members):
            # No integer type holds both signs and 64 bits without one.
            for kind in [kind for kind in members if _name(kind) == _UNSIGNED_64]:
                members.remove(kind)
                variants.setdefault((dims, unit, _UNSIGNED_64), []).append(kind)
    labelled = []
    in_order = sorted(variants.items(), key=lambda variant: kinds.index(variant[1][0]))
    first_dims, _, first_family = in_order[0][0]
    for (dims, _, family), members in in_order:
        label = members[0].name
        if family != first_family:
            label += f"__{_resolved_name(members)}"
        if len(dims) != len(first_dims):
            label += f"__{len(dims)}d"
        labelled.append((members, label))
    return labelled


def _variant(
    catalogue: Catalogue,
    kinds: Sequence[ArrayKind],
    label: str,
    parts: Int64s,
    dtypes: Mapping[tuple[GroupKey, str], str],
) -> Variant:
    given = dtypes.get((kinds[0].group, kinds[0].name))
    dtype, object_codec = _resolve(kinds) if given is None else _OBJECTS.get(given, (given, None))
    flat = np.isin(catalogue.parts["kind"][parts], [catalogue.kinds.number(kind) for kind in kinds if kind.flat])
    grids = distinct(catalogue.parts["grid"][parts[~flat]])
    tails = {catalogue.grids[grid][0] for grid in grids}
    # Where nothing has rows, no shape is wrong: the first will do.
    first_tail = catalogue.grids[int(catalogue.parts["grid"][parts[0]])][0]
    has_rows = bool(catalogue.row_sets["kept"][catalogue.parts["row_set"][parts]].any())
    is_flat = bool(flat.any()) or (len(tails) > 1 and has_rows)
    first_kind = catalogue.kinds[int(catalogue.parts["kind"][parts[0]])]
    return Variant(
        kind=replace(first_kind, unit="row") if any(kind.unit == "row" for kind in kinds) else first_kind,
        label=label,
        dtype=dtype,
        object_codec=object_codec,
        dtypes=tuple(dict.fromkeys(_name(kind) for kind in kinds)),
        flat=is_flat,
        tail=() if is_flat else first_tail,
        shapes=len(tails),
        parts=parts,
    )


def _family(kind: ArrayKind) -> str:
    if kind.stands_for:
        return kind.stands_for
    if kind.dtype == "|O":
        return "str" if kind.codec.object_codec == "vlen-utf8" else "bytes"
    return _FAMILIES[kind.dtype[1]]


def _name(kind: ArrayKind) -> str:
    """The dtype as a reader would call it."""
    if kind.dtype == "|O" or kind.dtype[1] in "US":
        return _family(kind)
    try:
        return np.dtype(kind.stands_for or kind.dtype).name
    except TypeError:
        return kind.stands_for


def _resolved_name(kinds: Sequence[ArrayKind]) -> str:
    dtype, _ = _resolve(kinds)
    return _name(replace(kinds[0], dtype=dtype))


def _promotes(kinds: Iterable[ArrayKind]) -> bool:
    """Whether integers have an integer type in common."""
    return np.result_type(*(np.dtype(kind.dtype) for kind in kinds)).kind in "iu"


def _resolve(kinds: Sequence[ArrayKind]) -> tuple[str, ObjectCodec]:
    """Give the dtype and the object codec that hold the values of kinds of one family."""
    dtypes = {kind.dtype for kind in kinds}
    letters = {dtype[1] for dtype in dtypes}
    if "O" in letters or len(letters & set("US")) > 1:
        return "|O", "vlen-utf8" if _family(kinds[0]) == "str" else "vlen-bytes"
    return np.result_type(*(np.dtype(dtype) for dtype in dtypes)).newbyteorder("<").str, None
