"""Names in one group of the output: arrays, dimensions, and the arrays that zarrpack adds."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from zarrpack.storage.array_names import NameTable, safe_text

__all__ = ["GroupNames"]


class GroupNames:
    """Gives names that are unique in their group; no array is named like a dimension.

    Dimensions that sources name come first, then arrays, then what is named after these.

    Examples
    --------
    >>> names = GroupNames()
    >>> names.row_dimension("node"), names.trailing_dimensions(("node", "node", "xyz"), (4, 4, 3))
    ('node', ('node__2', 'node__3', 'xyz'))
    >>> names.array("node"), names.array("weight"), names.own_array("file_id")
    ('node_', 'weight', 'file_id')
    >>> names.own_dimension("weight_value")
    'weight_value'
    """

    def __init__(self) -> None:
        self._arrays = NameTable()
        self._labels: dict[str, int] = {}
        self._own: set[str] = set()
        #: (what a source calls it, what it is) -> name
        self._dimensions: dict[tuple[str, Hashable], str] = {}
        self._used: set[str] = set()

    def row_dimension(self, plain: str) -> str:
        """Name the dimension of a row space."""
        return self._claim(plain, "rows")

    def trailing_dimensions(self, plain: Sequence[str], lengths: Sequence[int]) -> tuple[str, ...]:
        """Name an array's other axes: equal names and lengths share a dimension, but not in one array."""
        return tuple(
            self._claim(dim, (length, plain[:axis].count(dim)))
            for axis, (dim, length) in enumerate(zip(plain, lengths, strict=True))
        )

    def own_dimension(self, name: str) -> str:
        """Name a dimension that nothing else has."""
        return self._claim(name, ("own", len(self._dimensions)))

    def array(self, label: str) -> str:
        """Name a data array; a second one of the same label gets a number."""
        number = self._labels[label] = self._labels.get(label, 0) + 1
        return self._arrays.safe_name(label, number)

    def own_array(self, name: str) -> str:
        """Name an array that the merge adds."""
        while name.lower() in self._own or name.lower() in self._used or self._arrays.is_used(name):
            name += "_"
        self._own.add(name.lower())
        return name

    def _claim(self, plain: str, identity: Hashable) -> str:
        known = self._dimensions.get((plain, identity))
        if known is not None:
            return known
        number = 1 + sum(dim == plain for dim, _ in self._dimensions)
        name = safe_text(plain) + (f"__{number}" if number > 1 else "")
        while name.lower() in self._used or name.lower() in self._own or self._arrays.is_used(name):
            name += "_"
        self._dimensions[plain, identity] = name
        self._used.add(name.lower())
        self._arrays.reserve([name])
        return name
