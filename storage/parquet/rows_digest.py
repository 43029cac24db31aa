"""A digest of rows that depends neither on their order nor on how they lie in files: to compare before anything is removed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["RowsDigest"]

_Hashes = npt.NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_MISSING = np.uint64(0x5851F42D4C957F2D)


@dataclass(slots=True)
class RowsDigest:
    """Collects rows; equal for equal rows in any order. Not safe for threads.

    Two sums of 64 bits of a hash of every row, and their number: it shows what was lost, doubled or changed by
    mistake. It is no proof against somebody who wants to deceive.

    Parameters
    ----------
    rows : int
        How many rows there were.

    Examples
    --------
    >>> one, two = RowsDigest(), RowsDigest()
    >>> one.add(pa.table({"a": [1, 2], "b": ["x", None]}))
    >>> two.add(pa.table({"b": [None, "x"], "a": [2, 1]}))
    >>> one == two
    True
    """

    rows: int = 0
    _sum: int = 0
    _mixed: int = 0

    def add(self, rows: pa.Table | pa.RecordBatch) -> None:
        """Take rows; the order of the columns does not matter, their names do."""
        table = pa.Table.from_batches([rows]) if isinstance(rows, pa.RecordBatch) else rows
        for batch in table.to_batches():
            if batch.num_rows:
                self._add(batch)

    @property
    def hexdigest(self) -> str:
        """The digest as 48 hexadecimal digits."""
        return f"{self.rows:016x}{self._sum:016x}{self._mixed:016x}"

    def _add(self, batch: pa.RecordBatch) -> None:
        total = np.zeros(batch.num_rows, np.uint64)
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            seed = np.uint64(int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little"))
            total += _mix(_hashes(column) ^ seed)
        hashes = _mix(total)
        self.rows += batch.num_rows
        self._sum = (self._sum + int(hashes.sum(dtype=np.uint64))) % 2**64
        self._mixed = (self._mixed + int(_mix(hashes ^ _GOLDEN).sum(dtype=np.uint64))) % 2**64


def _mix(values: _Hashes) -> _Hashes:
    """Scatter bits (the finalizer of SplitMix64)."""
    mixed = values + _GOLDEN
    mixed = (mixed ^ (mixed >> np.uint64(30))) * _FIRST
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _SECOND
    result: _Hashes = mixed ^ (mixed >> np.uint64(31))
    return result


def _hashes(array: pa.Array) -> _Hashes:
    values = _values(array)
    if array.null_count:
        values = np.where(array.is_null().to_numpy(zero_copy_only=False), _MISSING, values)
    return values


def _values(array: pa.Array) -> _Hashes:
    type_ = array.type
    if pa.types.is_dictionary(type_):
        return _values(array.dictionary_decode())
    if pa.types.is_null(type_):
        return np.full(len(array), _MISSING)
    if pa.types.is_fixed_size_list(type_) or pa.types.is_list(type_) or pa.types.is_large_list(type_):
        return _of_lists(array)
    if pa.types.is_struct(type_):
        total = np.zeros(len(array), np.uint64)
        for index, field in enumerate(type_):
            total += _mix(_hashes(pc.struct_field(array, index)) ^ np.uint64(index)) + np.uint64(len(field.name))
        return total
    if pa.types.is_boolean(type_):
        array = array.cast(pa.uint8())
    elif pa.types.is_floating(type_):
        array = array.cast(pa.float64()).view(pa.int64())
    elif pa.types.is_temporal(type_) and type_.bit_width in (32, 64):
        array = array.view(pa.int64() if type_.bit_width == 64 else pa.int32())
    if pa.types.is_integer(array.type):
        numbers: npt.NDArray[Any] = array.fill_null(0).to_numpy(zero_copy_only=False)
        whole = numbers if numbers.dtype == np.uint64 else numbers.astype(np.int64).view(np.uint64)
        return _mix(whole)
    return _of_distinct(array)


def _of_distinct(array: pa.Array) -> _Hashes:
    """Hash every distinct value once, where Arrow can tell them apart."""
    if pa.types.is_nested(array.type):
        return np.frombuffer(b"".join(map(_digest_of, array.to_pylist())), "<u8").astype(np.uint64)
    encoded = (array.cast(_wide(array.type)) if _is_text(array.type) else array).dictionary_encode()
    digests = b"".join(map(_digest_of, encoded.dictionary.to_pylist()))
    table = np.append(np.frombuffer(digests, "<u8").astype(np.uint64), _MISSING)
    places = encoded.indices.fill_null(len(table) - 1).to_numpy(zero_copy_only=False)
    found: _Hashes = table[places]
    return found


def _digest_of(value: Any) -> bytes:
    content = value if isinstance(value, bytes) else repr(value).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(content, digest_size=8).digest()


def _is_text(type_: pa.DataType) -> bool:
    return bool(pa.types.is_string(type_) or pa.types.is_large_string(type_))


def _wide(type_: pa.DataType) -> pa.DataType:
    return pa.binary() if pa.types.is_string(type_) else pa.large_binary()


def _of_lists(array: pa.Array) -> _Hashes:
    lists = array.cast(pa.large_list(array.type.value_type)) if pa.types.is_fixed_size_list(array.type) else array
    lengths = pc.list_value_length(lists).fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    child = _hashes(lists.flatten())
    starts = np.concatenate([[0], np.cumsum(lengths)])
    places = np.arange(len(child), dtype=np.int64) - np.repeat(starts[:-1], lengths)
    scattered = _mix(child ^ _mix(places.view(np.uint64)))
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(scattered, dtype=np.uint64)])
    found: _Hashes = sums[starts[1:]] - sums[starts[:-1]] + lengths.view(np.uint64) * _SECOND
    return found
