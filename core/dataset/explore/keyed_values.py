"""What a key means: an array of a group, or a column of the infoset."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from zarrpack.dataset.explore.value_stream import Pieces, array_pieces, row_codes
from zarrpack.dataset.item_table import ItemTable
from zarrpack.storage.items.item_reader import ItemReader
from zarrpack.storage.items.row_spans import code_array

__all__ = ["KeyedValues", "column_values", "find_values", "groups_with"]

_ROWS_AT_ONCE = 1 << 20


@dataclass(frozen=True, slots=True)
class KeyedValues:
    """Values with the code of the item that each belongs to.

    Parameters
    ----------
    name : str
        For messages.
    dtype : numpy.dtype
        Of the values; of objects for text.
    pieces : callable
        Gives them piece by piece; may be called again.
    """

    name: str
    dtype: np.dtype[Any]
    pieces: Callable[[], Pieces]


def groups_with(reader: ItemReader, array: str) -> list[str]:
    """Name the groups that have an array of that name.

    Parameters
    ----------
    reader : ItemReader
        The file.
    array : str
        The array's name in its group.
    """
    return [one.group for one in reader.arrays.values() if one.name == f"{one.group}/{array}"]


def find_values(reader: ItemReader | None, table: ItemTable, key: str, group: str | None = None) -> KeyedValues:
    """Find what a key means: an array of the group, else a column of the infoset, else an array of another group.

    Parameters
    ----------
    reader : ItemReader or None
        The dataset.
    table : ItemTable
        Its items.
    key : str
        An array's name, ``"group/array"``, or a column's name.
    group : str, optional
        The array's group, or the group to whose rows a column's values are given; if nothing is said, the one group that has such an array.

    Raises
    ------
    ValueError
        If no group is given and several have such an array.
    KeyError
        If there is nothing of that name.
    """
    if reader is not None:
        if group is not None and f"{group}/{key}" in reader.arrays:
            return _array_values(reader, f"{group}/{key}")
        groups = groups_with(reader, key)
        if group is None and key in reader.arrays and not groups:
            return _array_values(reader, key)
        if group is None and len(groups) > 1:
            raise ValueError(f"expected the group of {key!r}, found none given; choose one of {sorted(groups)}")
        if group is None and groups:
            return _array_values(reader, f"{groups[0]}/{key}")
    if key in table.column_names:
        return _column_of_rows(reader, table, key, group)
    if reader is not None and groups:
        warnings.warn(f"{key!r} is not in the group {group!r}; it is taken from {groups[0]!r}", stacklevel=3)
        return _array_values(reader, f"{groups[0]}/{key}")
    if reader is not None and key in reader.arrays:
        return _array_values(reader, key)
    known = sorted({*table.column_names, *(reader.arrays if reader is not None else ())})
    where = f" in group {group!r}" if group is not None else ""
    raise KeyError(f"Key {key!r} not found{where}; choose one of {known}")


def column_values(values: Iterable[Any]) -> npt.NDArray[Any]:
    """Make an array of a column: of numbers if all values are, with NaN for missing ones; else of objects.

    Parameters
    ----------
    values : iterable
        Python's values; None: missing.

    Examples
    --------
    >>> column_values([1, 2]), column_values([1, None]), column_values(["a", None]).dtype
    (array([1, 2]), array([ 1., nan]), dtype('O'))
    """
    listed = list(values)
    present = [value for value in listed if value is not None]
    kinds = {type(value) for value in present}
    if (kinds and kinds <= {int, float}) or not present:
        if len(present) == len(listed) and kinds == {int}:
            return np.array(listed, np.int64)
        return np.array([np.nan if value is None else value for value in listed], np.float64)
    if kinds == {bool} and len(present) == len(listed):
        return np.array(listed, bool)
    objects = np.empty(len(listed), object)
    objects[:] = listed
    return objects


def _array_values(reader: ItemReader, name: str) -> KeyedValues:
    return KeyedValues(name, reader.array(name).dtype, lambda: array_pieces(reader, name))


def _column_of_rows(reader: ItemReader | None, table: ItemTable, key: str, group: str | None) -> KeyedValues:
    """Give a column's values: one per item, or where there is such a group one per row of it."""
    values = column_values(table.column(key))
    of_group = [one for one in reader.arrays.values() if one.group == group] if reader is not None else []
    if reader is None or not of_group:
        return KeyedValues(key, values.dtype, lambda: iter([(values, table.codes)]))
    dimension = of_group[0].dimension
    named = code_array(reader.index, of_group[0].group, dimension)
    if named is None:
        return KeyedValues(key, values.dtype, lambda: iter([(values, table.codes)]))
    rows = len(reader.array(named))
    codes_of = row_codes(reader, of_group[0].group, dimension)

    def pieces() -> Pieces:
        for first in range(0, rows, _ROWS_AT_ONCE):
            codes = codes_of(first, min(rows, first + _ROWS_AT_ONCE))
            positions = table.positions(codes)
            is_known = positions >= 0
            yield values[positions[is_known]], codes[is_known]

    return KeyedValues(key, values.dtype, pieces)
