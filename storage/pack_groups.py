"""The groups of a pack and their arrays while it is being written."""

from __future__ import annotations

from collections.abc import Hashable, Iterator

from zarrpack.storage.array_names import NameTable
from zarrpack.storage.base import EncodingOptions
from zarrpack.storage.blocks import Block
from zarrpack.storage.pack_array import PackArray, RowTap, Sink
from zarrpack.storage.row_values import RowType

__all__ = ["PackGroup", "PackGroups"]


class PackGroup:
    """One group: its arrays in order of appearance.

    Parameters
    ----------
    name : str
        Safe name.
    family, signature : str
        What the blocks call it, and what tells it apart from others of that name.

    Attributes
    ----------
    names : NameTable
        The arrays' names.
    """

    def __init__(self, name: str, family: str, signature: str) -> None:
        self.name, self.family, self.signature = name, family, signature
        self.names = NameTable()
        self._arrays: dict[Hashable, PackArray] = {}
        # True name -> variants in use.
        self._variants: dict[str, set[int]] = {}

    @property
    def arrays(self) -> list[PackArray]:
        """The arrays in order of appearance."""
        return list(self._arrays.values())

    def find(self, block: Block, rows: RowType, is_flat: bool) -> PackArray | None:
        """Give the variant that takes such rows; None if there is none yet."""
        return self._arrays.get(_key(block, rows, is_flat))

    def create(
        self,
        block: Block,
        rows: RowType,
        is_flat: bool,
        options: EncodingOptions,
        sink: Sink,
        tap: RowTap | None = None,
    ) -> PackArray:
        """Make the variant that takes such rows."""
        self.names.reserve(block.dims)
        used = self._variants.setdefault(block.array, set())
        variant = max(used, default=0) + 1
        used.add(variant)
        name = self.names.safe_name(block.array, variant)
        array = PackArray(self.name, name, variant, block, rows, is_flat, options, sink, tap)
        self._arrays[_key(block, rows, is_flat)] = array
        return array

    def remove(self, array: PackArray) -> None:
        """Forget an array that has no rows; its name can be given again."""
        self._variants[array.block.array].remove(array.variant)
        del self._arrays[_key(array.block, array.type, array.is_flat)]


class PackGroups:
    """The groups in order of appearance; iterates over those that have arrays."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, str], PackGroup] = {}
        self._names = NameTable()
        self._signatures: dict[str, int] = {}

    def __iter__(self) -> Iterator[PackGroup]:
        return (group for group in self._groups.values() if group.arrays)

    def group(self, block: Block) -> PackGroup:
        """Give the block's group; a new one where its name and signature come for the first time."""
        key = (block.group, block.signature)
        group = self._groups.get(key)
        if group is None:
            number = self._signatures[block.group] = self._signatures.get(block.group, 0) + 1
            name = self._names.safe_name(block.group, number, joint="_")
            group = self._groups[key] = PackGroup(name, *key)
        return group

    def beside(self, array: PackArray) -> list[PackArray]:
        """Give the arrays that have had the same rows as `array`, itself among them."""
        return [other for group in self for other in group.arrays if other.is_beside(array)]

    def remove(self, array: PackArray) -> None:
        """Forget an array that has no rows."""
        self.group(array.block).remove(array)


def _key(block: Block, rows: RowType, is_flat: bool) -> Hashable:
    tail = None if is_flat else rows.tail
    return (block.array, rows.dtype, tail, rows.object_codec, rows.stands_for, block.dims, block.content, is_flat)
