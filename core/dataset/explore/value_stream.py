"""The values of an array, each with the code of the item that it belongs to, piece by piece.

Padding that no file had, and what lies between the things of a flat array, is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from zarrpack.storage.items.data_arrays import DataArray
from zarrpack.storage.items.item_reader import ItemReader
from zarrpack.storage.items.row_spans import code_array

__all__ = ["Pieces", "array_pieces", "row_codes"]

Values = npt.NDArray[Any]
Int64s = npt.NDArray[np.int64]
#: Pairs of values and codes, both of shape (n,).
Pieces: TypeAlias = Iterator[tuple[Values, Int64s]]


def array_pieces(reader: ItemReader, name: str) -> Pieces:
    """Read an array element by element, never whole.

    Parameters
    ----------
    reader : ItemReader
        The file.
    name : str
        ``"group/array"``, an array of data.

    Yields
    ------
    tuple of (ndarray of shape (n,), ndarray of shape (n,), int64)
        Values, and the code of the item that each belongs to; -1: none.
    """
    array = reader.arrays[name]
    return _flat_pieces(reader, array) if array.offsets is not None else _row_pieces(reader, array)


def row_codes(reader: ItemReader, group: str, dimension: str) -> Callable[[int, int], Int64s]:
    """Give what tells the codes of rows along a dimension.

    Parameters
    ----------
    reader : ItemReader
        The file.
    group, dimension : str
        The group and the rows' dimension.

    Returns
    -------
    callable
        (first row, last row) -> ndarray of int64; -1: nothing says it.
    """
    name = code_array(reader.index, group, dimension)
    if name is not None:
        codes = reader.array(name)
        return lambda first, last: codes.read(first, last)
    if reader.index.kind == "store":
        return lambda first, last: np.zeros(last - first, np.int64)
    return lambda first, last: np.full(last - first, -1, np.int64)


def _row_pieces(reader: ItemReader, array: DataArray) -> Pieces:
    codes_of = row_codes(reader, array.group, array.dimension)
    for first, rows in reader.array(array.name).pieces():
        codes = codes_of(first, first + len(rows))
        is_padding = np.zeros(len(rows), bool)
        for begin, count in array.padded:
            is_padding[max(0, begin - first) : max(0, begin + count - first)] = True
        if is_padding.any():
            rows, codes = rows[~is_padding], codes[~is_padding]
        each = rows.size // len(rows) if len(rows) else 1
        yield rows.reshape(-1), codes if each == 1 else np.repeat(codes, each)


def _flat_pieces(reader: ItemReader, array: DataArray) -> Pieces:
    things = reader.things(array.name)
    order = np.argsort(things.offsets, kind="stable")
    order = order[things.lengths[order] > 0]
    starts, lengths = things.offsets[order], things.lengths[order]
    ends = starts + lengths
    codes = row_codes(reader, array.group, array.dimension)(0, len(things))[order]
    for first, values in reader.array(array.name).pieces():
        last = first + len(values)
        low, high = np.searchsorted(ends, first, "right"), np.searchsorted(starts, last, "left")
        begins = np.maximum(starts[low:high], first) - first
        counts = np.minimum(ends[low:high], last) - first - begins
        total = int(counts.sum())
        if total == len(values):
            yield values, np.repeat(codes[low:high], counts)
            continue
        before = np.cumsum(counts) - counts
        places = np.repeat(begins - before, counts) + np.arange(total)
        yield values[places], np.repeat(codes[low:high], counts)
