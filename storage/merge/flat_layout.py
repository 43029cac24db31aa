"""Where the values of things of different shapes lie in one axis.

Parts follow each other in source order. A part whose chunks are copied starts on a chunk's border; the gap before it
holds zeros. Things keep their place in their part, so the order of items does not move any value.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zarrpack.storage.merge.catalogue import Catalogue
from zarrpack.storage.merge.columns import distinct
from zarrpack.storage.merge.encoding_choice import Encoding
from zarrpack.storage.merge.pieces import Pieces
from zarrpack.storage.merge.row_spaces import Runs, gather_runs
from zarrpack.storage.merge.variants import Variant

__all__ = ["FlatLayout", "MemberThings", "lay_out_values", "member_things"]

Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class MemberThings:
    """The things of an array whose things are members: runs of rows in parts that are not flat.

    Parameters
    ----------
    start : ndarray of shape (parts,), int64
        The number of each part's first thing in the other two.
    first, count : ndarray of shape (things,), int64
        The rows of each thing in its part.
    """

    start: Int64s
    first: Int64s
    count: Int64s


@dataclass(frozen=True, slots=True)
class FlatLayout:
    """Where each part's values lie in a flat array. Owners are positions in `parts`.

    Parameters
    ----------
    parts : ndarray of int64
        The parts' numbers, in source order.
    is_flat : ndarray of bool
        Whether a part is flat itself.
    row_values : ndarray of int64
        Values per row of a part that is not flat; 0 for one that is.
    offset_parts, shape_parts : ndarray of int64
        The parts that hold a flat part's offsets and shapes; -1: none.
    base : ndarray of int64
        Where a part's values start.
    pieces : Pieces
        The values.
    things : MemberThings or None
        If the things are members.
    """

    parts: Int64s
    is_flat: npt.NDArray[np.bool_]
    row_values: Int64s
    offset_parts: Int64s
    shape_parts: Int64s
    base: Int64s
    pieces: Pieces
    things: MemberThings | None

    @property
    def length(self) -> int:
        """How many values the flat array has, gaps included."""
        return int((self.pieces.out + self.pieces.count).max(initial=0))

    def first_row(self, owner: int, begin: int, end: int) -> Int64s:
        """The first rows of the things `begin` to `end` of a part that is not flat."""
        if self.things is None:
            return np.arange(begin, end, dtype=np.int64)
        start = int(self.things.start[owner])
        return self.things.first[start + begin : start + end]

    def row_count(self, owner: int, begin: int, end: int) -> Int64s:
        """The rows of the things `begin` to `end` of a part that is not flat."""
        if self.things is None:
            return np.ones(end - begin, np.int64)
        start = int(self.things.start[owner])
        return self.things.count[start + begin : start + end]


def lay_out_values(
    catalogue: Catalogue, variant: Variant, encoding: Encoding, things: MemberThings | None
) -> FlatLayout:
    """Lay out a flat array.

    Parameters
    ----------
    catalogue : Catalogue
        What pass 1 has found.
    variant : Variant
        The array.
    encoding : Encoding
        Its chunks.
    things : MemberThings or None
        If its things are members.
    """
    parts = variant.parts
    kind_numbers = catalogue.parts["kind"][parts]
    flat_kinds = [number for number in distinct(kind_numbers) if catalogue.kinds[number].flat]
    is_flat = np.isin(kind_numbers, flat_kinds)
    grids = catalogue.parts["grid"][parts]
    tails = np.zeros(len(catalogue.grids), np.int64)
    for number in distinct(grids):
        tails[number] = math.prod(catalogue.grids[number][0])
    row_values = np.where(is_flat, 0, tails[grids])
    length = catalogue.parts.of("rows", parts) * np.where(is_flat, 1, row_values)
    base = _places(length, encoding)
    filled = np.flatnonzero(length)
    pieces = Pieces(base[filled], np.zeros(len(filled), np.int64), length[filled], filled)
    own_parts = [catalogue.flat_parts.get(part, (-1, -1)) for part in parts.tolist()]
    offset_parts, shape_parts = np.array(own_parts, np.int64).reshape(-1, 2).T
    return FlatLayout(parts, is_flat, row_values, offset_parts, shape_parts, base, pieces, things)


def member_things(catalogue: Catalogue, variant: Variant, *, has_siblings: bool) -> tuple[Runs, MemberThings]:
    """Find the things of an array whose things are members.

    Parameters
    ----------
    catalogue : Catalogue
        What pass 1 has found.
    variant : Variant
        The array.
    has_siblings : bool
        Whether a source has several row sets of it.

    Returns
    -------
    tuple of (Runs, MemberThings)
        The things as runs, whose owners are positions in the variant's parts; and which rows they are.
    """
    runs = gather_runs(catalogue, catalogue.parts["row_set"][variant.parts], has_siblings=has_siblings)
    kinds = catalogue.parts["kind"][variant.parts]
    flat_kinds = [number for number in distinct(kinds) if catalogue.kinds[number].flat]
    is_flat = np.isin(kinds, flat_kinds)[runs.owner]
    start = np.searchsorted(runs.owner, np.arange(len(variant.parts)))
    number = np.arange(len(runs.owner)) - start[runs.owner]
    things = Runs(
        owner=runs.owner,
        source=runs.source,
        member=runs.member,
        code=runs.code,
        first=np.where(is_flat, runs.first, number),
        count=np.where(is_flat, runs.count, 1),
    )
    return things, MemberThings(start.astype(np.int64), runs.first, runs.count)


def _places(length: Int64s, encoding: Encoding) -> Int64s:
    if not encoding.copyable.any():
        return np.cumsum(length) - length
    base = np.zeros(len(length), np.int64)
    position = 0
    for number, (count, copyable) in enumerate(zip(length.tolist(), encoding.copyable.tolist(), strict=True)):
        if copyable:
            position = -(-position // encoding.rows) * encoding.rows
        base[number] = position
        position += count
    return base
