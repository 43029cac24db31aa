"""Dimensions' names in one group of a pack.

A name stands for one length, and along the first axis for the same rows of the same members. What a
processor calls by one name but is not the same gets a number: ``image``, ``image__2``.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zarrpack.storage.array_names import NameTable, is_reserved, safe_text
from zarrpack.storage.pack_array import PackArray

__all__ = ["CodedDimension", "DimensionTable"]


@dataclass(frozen=True, slots=True)
class CodedDimension:
    """A dimension along which members' rows lie.

    Parameters
    ----------
    name : str
        The dimension.
    code_name : str
        Its code array: ``file_id`` for a group's first, else ``file_id_<name>``.
    codes : ndarray of shape (rows,), int64
        The member of each row; -1: none.
    """

    name: str
    code_name: str
    codes: npt.NDArray[np.int64]


class DimensionTable:
    """Names the dimensions of one group once all its rows are known.

    Parameters
    ----------
    names : NameTable
        The group's array names, which no dimension gets.
    arrays : sequence of PackArray
        The group's arrays, in order of appearance.
    """

    def __init__(self, names: NameTable, arrays: Sequence[PackArray]) -> None:
        self._names = names
        self._known: dict[tuple[str, Hashable], str] = {}
        self._used: set[str] = set()
        self.coded: list[CodedDimension] = []
        for array in arrays:
            self._claim_rows(array)

    def dims(self, array: PackArray) -> tuple[str, ...]:
        """Name the axes of an array that is not flat."""
        return (self.row_dimension(array), *self._trailing(array.block.dims[1:], array.type.tail))

    def row_dimension(self, array: PackArray) -> str:
        """Name the dimension of an array's rows, or of a flat array's things."""
        return self._claim(array.block.dims[0], ("rows", array.members.tobytes(), array.counts.tobytes()))

    def own_dimension(self, array: PackArray, suffix: str) -> str:
        """Name a dimension that one array has for itself, such as ``pixels_value``."""
        return self._claim(array.name + suffix, ("own", array.name))

    def _claim_rows(self, array: PackArray) -> None:
        known = len(self._known)
        name = self.row_dimension(array)
        if len(self._known) > known:
            code_name = f"file_id_{name}" if self.coded else "file_id"
            codes = np.repeat(np.array(array.members, np.int64), array.counts)
            self.coded.append(CodedDimension(name, code_name, codes))

    def _trailing(self, plain: Sequence[str], lengths: Sequence[int]) -> tuple[str, ...]:
        # Two axes of one array never share a name, whatever their lengths.
        return tuple(
            self._claim(dim, ("axis", length, plain[:axis].count(dim)))
            for axis, (dim, length) in enumerate(zip(plain, lengths, strict=True))
        )

    def _claim(self, plain: str, identity: Hashable) -> str:
        name = self._known.get((plain, identity))
        if name is None:
            number = 1 + sum(dim == plain for dim, _ in self._known)
            name = safe_text(plain) + (f"__{number}" if number > 1 else "")
            if is_reserved(name):
                name = f"_{name}_"
            while name.lower() in self._used or self._names.is_used(name) or self._names.is_used(f"file_id_{name}"):
                name += "_"
            self._known[plain, identity] = name
            self._used.add(name.lower())
        return name
