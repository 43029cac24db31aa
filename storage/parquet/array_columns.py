"""Arrays of a dataset as Arrow columns: numbers, texts, and whatever has more axes as fixed-size lists."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from zarrpack.storage.array_metadata import ArrayMetadata
from zarrpack.storage.stored_array import StoredArray

__all__ = ["FlatColumn", "RowColumn", "arrow_values", "value_type"]

_TIME_UNITS = ("s", "ms", "us", "ns")


def value_type(metadata: ArrayMetadata) -> pa.DataType:
    """Give the Arrow type of an array's values.

    Complex numbers are lists of two. Dates and times that Arrow has no unit for are their numbers.

    Parameters
    ----------
    metadata : ArrayMetadata
        Of the array.
    """
    if metadata.dtype == "|O":
        return pa.binary() if metadata.codec.object_codec == "vlen-bytes" else pa.string()
    dtype = np.dtype(str(metadata.attributes.get("zarrpack_dtype", metadata.dtype)))
    if dtype.kind in "mM":
        unit = np.datetime_data(dtype)[0]
        if unit in _TIME_UNITS and np.datetime_data(dtype)[1] == 1:
            return pa.timestamp(unit) if dtype.kind == "M" else pa.duration(unit)
        return pa.date32() if dtype.kind == "M" and np.datetime_data(dtype) == ("D", 1) else pa.int64()
    if dtype.kind in "US":
        return pa.string() if dtype.kind == "U" else pa.binary()
    if dtype.kind == "c":
        return pa.list_(pa.float64() if dtype.itemsize == 16 else pa.float32(), 2)
    return pa.from_numpy_dtype(dtype.newbyteorder("="))


def arrow_values(values: npt.NDArray[Any], type_: pa.DataType) -> pa.Array:
    """Give an array's rows as Arrow's; each further axis is a fixed-size list.

    Parameters
    ----------
    values : ndarray of shape (N, ...)
        As the file has them. Shared where Arrow can.
    type_ : pyarrow.DataType
        As :func:`value_type` gives it.

    Examples
    --------
    >>> import numpy as np
    >>> arrow_values(np.arange(4).reshape(2, 2), pa.int64()).to_pylist()
    [[0, 1], [2, 3]]
    """
    trailing = values.shape[1:]
    flat = np.ascontiguousarray(values).reshape(-1)
    if pa.types.is_fixed_size_list(type_):
        part = type_.value_type
        array = pa.FixedSizeListArray.from_arrays(pa.array(flat.view(part.to_pandas_dtype()), part), 2)
    elif flat.dtype.kind in "OUS":
        array = pa.array(flat.tolist(), type_)
    elif pa.types.is_temporal(type_):
        whole = flat.view("<i8").astype(np.int32 if pa.types.is_date32(type_) else np.int64)
        missing = flat.view("<i8") == np.iinfo(np.int64).min
        array = pa.array(whole, mask=missing).view(type_)
    else:
        array = pa.array(flat.astype(flat.dtype.newbyteorder("="), copy=False).view(_native(flat, type_)), type_)
    for length in reversed(trailing):
        array = pa.FixedSizeListArray.from_arrays(array, length)
    return array


def _native(flat: npt.NDArray[Any], type_: pa.DataType) -> np.dtype[Any]:
    """Dates of other units are read as their numbers."""
    return np.dtype("=i8") if flat.dtype.kind in "mM" and pa.types.is_integer(type_) else flat.dtype.newbyteorder("=")


class _Span:
    """The chunks of an array that were read last, so that no chunk is decoded twice in a row. Not safe for threads."""

    def __init__(self, array: StoredArray) -> None:
        self._array = array
        self._first = self._last = 0
        self._rows: npt.NDArray[Any] | None = None

    def rows(self, start: int, stop: int) -> npt.NDArray[Any]:
        if self._rows is None or start < self._first or stop > self._last:
            chunk = self._array.metadata.chunks[0]
            self._first = start // chunk * chunk
            self._last = min(-(-stop // chunk) * chunk, self._array.metadata.shape[0])
            self._rows = self._array.read(self._first, self._last)
        return self._rows[start - self._first : stop - self._first]


class RowColumn:
    """A column whose rows are an array's rows. Not safe for threads.

    Parameters
    ----------
    name : str
        The column's name.
    array : StoredArray
        The array.

    Attributes
    ----------
    name, type : str, pyarrow.DataType
        Of the column.
    row_bytes : int
        About how much a row takes in memory.
    """

    def __init__(self, name: str, array: StoredArray) -> None:
        self.name = name
        self._span = _Span(array)
        self._value_type = value_type(array.metadata)
        self._shape = array.metadata.shape
        type_ = self._value_type
        for length in reversed(self._shape[1:]):
            type_ = pa.list_(pa.field("element", type_), length)
        self.type = type_
        itemsize = 64 if array.metadata.dtype == "|O" else np.dtype(array.metadata.dtype).itemsize
        self.row_bytes = itemsize * math.prod(self._shape[1:])

    def read(self, start: int, stop: int) -> pa.Array:
        """Read rows.

        Parameters
        ----------
        start, stop : int
            Rows, as in a slice.
        """
        return arrow_values(self._span.rows(start, stop), self._value_type).cast(self.type)


class FlatColumn:
    """A column of lists: things of different shapes, whose values lie one after the other. Not safe for threads.

    Parameters
    ----------
    name : str
        The column's name.
    values : StoredArray
        The flat array.
    offsets : StoredArray
        Where each thing's values start.
    shapes : sequence of StoredArray
        One array of shape (things, axes), or one of shape (things,) per axis.

    Attributes
    ----------
    name, type : str, pyarrow.DataType
        Of the column.
    row_bytes : int
        About how much a thing takes in memory.
    """

    def __init__(self, name: str, values: StoredArray, offsets: StoredArray, shapes: list[StoredArray]) -> None:
        self.name = name
        self._values = _Span(values)
        self._offsets = _Span(offsets)
        self._shapes = [_Span(one) for one in shapes]
        self._value_type = value_type(values.metadata)
        self.type = pa.large_list(pa.field("element", self._value_type))
        itemsize = 64 if values.metadata.dtype == "|O" else np.dtype(values.metadata.dtype).itemsize
        self.row_bytes = itemsize * values.metadata.shape[0] // max(1, offsets.metadata.shape[0])

    def read(self, start: int, stop: int) -> pa.Array:
        """Read things.

        Parameters
        ----------
        start, stop : int
            Things, as in a slice.
        """
        offsets = self._offsets.rows(start, stop)
        shapes = np.stack([one.rows(start, stop) for one in self._shapes], axis=1).reshape(stop - start, -1)
        sizes = np.prod(shapes.astype(np.int64), axis=1)
        parts = [self._values.rows(int(at), int(at + size)) for at, size in zip(offsets, sizes, strict=True) if size]
        flat = np.concatenate(parts) if parts else self._values.rows(0, 0)
        borders = np.concatenate([[0], np.cumsum(sizes)])
        array = arrow_values(flat, self._value_type)
        return pa.LargeListArray.from_arrays(pa.array(borders), array).cast(self.type)
