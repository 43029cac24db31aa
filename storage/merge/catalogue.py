"""What pass 1 remembers of the sources: a few bytes for each array, run and chunk, and each kind of array once."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from zarrpack.storage.base import Codec
from zarrpack.storage.merge.columns import Columns, Interned
from zarrpack.storage.merge.padding import Runs

__all__ = ["ArrayKind", "Catalogue", "GroupKey", "Unit"]

#: What is one thing of an array in the flat form.
Unit: TypeAlias = Literal["row", "member"]


@dataclass(frozen=True, slots=True)
class GroupKey:
    """What groups of different sources must have in common to become one.

    Parameters
    ----------
    family : str
        The group's name as the processor gave it.
    signature : str
        Tells groups of one family apart.
    """

    family: str
    signature: str


@dataclass(frozen=True, slots=True)
class ArrayKind:
    """All that is said of an array but its lengths. Sources have few kinds, however many they are.

    Parameters
    ----------
    group : GroupKey
        Where it lies.
    name : str
        Its true name.
    dims : tuple of str
        Its plain dimensions; for a flat array those it would have if it were not flat.
    dtype : str
        As in ``.zarray``.
    codec : Codec
        How its chunks are encoded; of a draft how a merge is to encode them.
    stands_for : str
        The dtype that the stored one stands for; empty: itself.
    flat : bool
        Whether its values lie one behind the other in one axis.
    content : {"values", "pixels"}
        What it holds.
    unit : {"row", "member"}
        What is one thing in the flat form.
    shape_from : tuple of str
        True names of the arrays that hold each row's trailing shape.
    draft : bool
        Whether its chunks are at another Zstd level than `codec` says, so that they cannot be copied.
    """

    group: GroupKey
    name: str
    dims: tuple[str, ...]
    dtype: str
    codec: Codec
    stands_for: str = ""
    flat: bool = False
    content: Literal["values", "pixels"] = "values"
    unit: Unit = "member"
    shape_from: tuple[str, ...] = ()
    draft: bool = False

    @property
    def identity(self) -> tuple[GroupKey, str, tuple[str, ...]]:
        """What arrays of different sources must have in common to be the same array, dtypes aside."""
        return (self.group, self.name, self.dims)

    @property
    def flat_axes(self) -> int:
        """How many axes a thing has in the flat form."""
        return len(self.dims) - (self.unit == "row")


class Catalogue:
    """What pass 1 has found. Rows of the tables are known by number.

    A *part* is an array of a source: a data array (`data` is 1), or a flat array's offsets or shapes. A flat array's row
    set is that of its things. `chunk` is the number of its first chunk.
    """

    def __init__(self) -> None:
        #: As text, which takes a quarter of the memory of a Path.
        self.paths: list[str] = []
        #: The numbers of the sources that are datasets.
        self.datasets: set[int] = set()
        self.kinds = Interned[ArrayKind]()
        #: What tells the kind of an array without attributes -> the kind.
        self.plain_kinds: dict[Hashable, ArrayKind] = {}
        #: (shape without the first axis, chunk shape)
        self.grids = Interned[tuple[tuple[int, ...], tuple[int, ...]]]()
        #: An array's place in its file, such as ``"images/pixels"``.
        self.places = Interned[str]()
        self.parts = Columns(
            source="i",
            kind="i",
            grid="i",
            place="i",
            row_set="i",
            rows="q",
            chunk="q",
            chunks="i",
            data="b",
        )
        #: Flat array's part -> the parts of its offsets and shapes, or -1.
        self.flat_parts: dict[int, tuple[int, int]] = {}
        #: Dataset's part -> which of its rows are padding.
        self.padded_parts: dict[int, Runs] = {}
        self.row_sets = Columns(source="i", rows="q", kept="q", run="q", runs="q")
        self.runs = Columns(member="i", code="q", first="q", count="q")
        self.chunks = Columns(source="i", offset="q", size="q", crc32="I")
        #: Attributes of a user's that all parts of an array share.
        self.attributes: dict[tuple[GroupKey, str, tuple[str, ...]], dict[str, Any]] = {}

    @cached_property
    def payload_ends(self) -> npt.NDArray[np.int64]:
        """The bytes of all chunks up to each, its own excluded; one more entry than there are chunks."""
        return np.concatenate([np.zeros(1, np.int64), np.cumsum(self.chunks["size"])])

    def note_attributes(self, kind: ArrayKind, attributes: Mapping[str, Any]) -> None:
        """Keep of an array's attributes what all its parts agree on."""
        known = self.attributes.get(kind.identity)
        if known is None:
            self.attributes[kind.identity] = dict(attributes)
        elif known != attributes:
            for key in [key for key in known if key not in attributes or attributes[key] != known[key]]:
                del known[key]
