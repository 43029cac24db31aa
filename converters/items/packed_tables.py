"""Reads one member's table back from its pack, row by row."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from zarrpack.errors import UsageError
from zarrpack.storage.data_file import DataFile
from zarrpack.storage.stored_array import StoredArray

__all__ = ["PackedTable"]

_FAMILY = "table"
#: Rows that are in memory at a time.
_BLOCK_ROWS = 1 << 16
#: Below this a float64 holds every whole number.
_EXACT = float(1 << 53)


class PackedTable:
    """One member's table in a pack. Not safe for threads.

    Parameters
    ----------
    path : Path
        The pack.
    local : int
        The member's number in it.
    name : str
        The member's name, for messages.
    """

    def __init__(self, path: Path, local: int, name: str) -> None:
        self._name = name
        self._local = local
        self._file = DataFile(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def rows(self, column: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Give the table's rows, in order.

        Parameters
        ----------
        column : str
            The column whose cells are wanted as text.

        Yields
        ------
        cell : str
            What the column says in this row; empty if nothing.
        fields : dict of str to JSON value
            The whole row by the columns' true names, without missing values.

        Raises
        ------
        UsageError
            If the member holds no table, or one without that column.
        """
        columns = self._columns()
        if columns and column not in columns:
            near = get_close_matches(column, columns, 3, 0.5) or list(columns)[:10]
            raise UsageError(
                f"join: expected a column {column!r} in {self._name!r}, found none; "
                f"did you mean {', '.join(map(repr, near))}?"
            )
        read = [_whole_numbers if _is_gapped(*part) else _as_they_are for part in columns.values()]
        for blocks in zip(*(_blocks(*part) for part in columns.values()), strict=True):
            values = [function(block) for function, block in zip(read, blocks, strict=True)]
            for row in zip(*values, strict=True):
                fields = {name: value for name, value in zip(columns, row, strict=True) if _is_present(value)}
                yield _cell_text(fields.get(column)), fields

    def _columns(self) -> dict[str, tuple[StoredArray, int, int]]:
        """Give the member's columns by true name: the array, and the rows that are the member's."""
        columns = {}
        holds_other = False
        for group, attributes in self._file.groups.items():
            arrays = {name: array for name, array in self._file.arrays.items() if name.rpartition("/")[0] == group}
            extents = self._extents(arrays)
            if attributes.get("zarrpack_family") != _FAMILY:
                holds_other = holds_other or bool(extents)
                continue
            for name, array in arrays.items():
                if array.metadata.attributes.get("zarrpack_role") == "data" and array.metadata.dims[0] in extents:
                    true_name = str(array.metadata.attributes.get("name", name.rpartition("/")[2]))
                    if true_name in columns:
                        raise UsageError(
                            f"join: expected one type per column of {self._name!r}, found several in {true_name!r}; "
                            "make the column's values alike"
                        )
                    columns[true_name] = (array, *extents[array.metadata.dims[0]])
        if holds_other and not columns:
            raise UsageError(f"join: expected a table, found that {self._name!r} holds none; name a CSV or TSV member")
        return columns

    def _extents(self, arrays: Mapping[str, StoredArray]) -> dict[str, tuple[int, int]]:
        """Give the range of the member's rows along each dimension that has any. A member's rows lie together."""
        extents = {}
        for array in arrays.values():
            if array.metadata.attributes.get("zarrpack_role") == "code":
                rows: npt.NDArray[np.intp] = np.flatnonzero(array.read() == self._local)
                if rows.size:
                    extents[str(array.metadata.attributes["zarrpack_of"])] = int(rows[0]), int(rows[-1]) + 1
        return extents


def _blocks(array: StoredArray, start: int, stop: int) -> Iterator[npt.NDArray[Any]]:
    for first in range(start, stop, _BLOCK_ROWS):
        yield array.read(first, min(first + _BLOCK_ROWS, stop))


def _is_gapped(array: StoredArray, start: int, stop: int) -> bool:
    """Whether a column is of whole numbers that are floats only because some are missing."""
    if array.metadata.dtype != "<f8":
        return False
    is_gapped = False
    for block in _blocks(array, start, stop):
        missing = np.isnan(block)
        is_gapped = is_gapped or bool(missing.any())
        if not np.all(missing | ((block == np.trunc(block)) & (np.abs(block) < _EXACT))):
            return False
    return is_gapped


def _whole_numbers(block: npt.NDArray[Any]) -> list[Any]:
    return [None if math.isnan(value) else int(value) for value in block.tolist()]


def _as_they_are(block: npt.NDArray[Any]) -> list[Any]:
    return list(block.tolist())


def _is_present(value: object) -> bool:
    return value is not None and not (isinstance(value, float) and math.isnan(value))


def _cell_text(value: object) -> str:
    """Give a value as the names of files would spell it."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # beside 1.5 the text 1 is a float, too
    return str(value)
