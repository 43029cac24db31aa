"""Gathers the infoset's rows into row groups of bounded size."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from zarrpack.storage.tables.fields import FieldKind, flat_fields, json_text
from zarrpack.storage.tables.parquet import GROUP_ROWS, TableWriter

__all__ = ["RowGroups"]

#: Cells of a row group, empty ones included, and characters of all its text.
_GROUP_CELLS = 500_000
_GROUP_CHARACTERS = 1 << 25
# The footer holds something of every column of every group, so groups must not be small.
_FEWEST_ROWS = 1000

_CONVERSIONS: dict[FieldKind, Callable[[Any], Any]] = {"float": float, "json": json_text}


class RowGroups:
    """Turns rows with few fields of many into columns. Not safe for threads.

    Parameters
    ----------
    table : TableWriter
        Where the groups go. Its columns are the fixed ones, one per field, and the one for the rest.
    fixed : int
        How many columns every row has a value for.
    kinds : mapping of str to {"bool", "int", "float", "string", "json"}
        The fields that have a column, in the columns' order.
    overflows : bool
        Whether the last column holds the fields without a column, as one JSON object.
    """

    def __init__(self, table: TableWriter, fixed: int, kinds: Mapping[str, FieldKind], *, overflows: bool) -> None:
        self._table = table
        self._fixed = fixed
        self._columns: list[list[Any]] = [[] for _ in range(fixed + len(kinds) + overflows)]
        self._slots = {
            name: (self._columns[fixed + position], _CONVERSIONS.get(kind))
            for position, (name, kind) in enumerate(kinds.items())
        }
        self._group_rows = max(_FEWEST_ROWS, min(GROUP_ROWS, _GROUP_CELLS // len(self._columns)))
        self._rows = 0
        self._characters = 0

    def add(self, fixed_values: Sequence[Any], fields: Mapping[str, Any]) -> None:
        """Add one row; the group is written when it is full."""
        for column, value in zip(self._columns, fixed_values, strict=False):
            column.append(value)
        rest = {}
        for name, value in flat_fields(fields).items():
            slot = self._slots.get(name)
            if slot is None:
                rest[name] = value
            elif value is not None:
                self._put(slot[0], value if slot[1] is None else slot[1](value))
        if rest:
            self._put(self._columns[-1], json_text(rest))
        self._rows += 1
        if self._rows >= self._group_rows or self._characters >= _GROUP_CHARACTERS:
            self.flush()

    def flush(self) -> None:
        """Write what has been gathered."""
        for column in self._columns:
            column.extend([None] * (self._rows - len(column)))
        self._table.write(self._columns)
        for column in self._columns:
            column.clear()
        self._rows = self._characters = 0

    def _put(self, column: list[Any], value: Any) -> None:
        if len(column) < self._rows:
            column.extend([None] * (self._rows - len(column)))
        column.append(value)
        if type(value) is str:
            self._characters += len(value)
