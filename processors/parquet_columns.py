"""The columns of a Parquet table as arrays: what numpy has no type for, and what is missing, becomes something it has."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from zarrpack.processors.base import Block
from zarrpack.processors.csv_columns import column_names
from zarrpack.storage.blocks import Rows
from zarrpack.storage.parquet.layout import infer_partition_types, partition_texts, typed_value

__all__ = ["TableReader"]

_NOTE = b"zarrpack.partitions"


class TableReader:
    """Turns the batches of one table into blocks. Not safe for threads.

    Parameters
    ----------
    name : str
        The member's name, whose ``key=value`` folders are columns that the table does not have itself.
    schema : pyarrow.Schema
        Of the file.

    Attributes
    ----------
    notes : set of str
        What was odd.
    """

    def __init__(self, name: str, schema: pa.Schema) -> None:
        self.notes: set[str] = set()
        self._partition = _partition(name, schema)
        self._schema = pa.schema([pa.field(one.name, one.type) for one in schema])
        flat = _flattened(self._schema.empty_table())
        self._names = column_names([*flat.schema.names, *self._partition])
        self._signature = hashlib.sha256("\x1f".join(self._names).encode("utf-8", "backslashreplace")).hexdigest()[:12]
        self._rows = 0
        self._masks: dict[str, str] = {}
        self._lost = 0

    def blocks(self, batches: Iterable[pa.RecordBatch]) -> Iterator[Block]:
        """Give the columns of all batches; a table without rows still has columns.

        Parameters
        ----------
        batches : iterable of pyarrow.RecordBatch
            Of the file's schema.
        """
        is_empty = True
        for batch in batches:
            is_empty = False
            yield from self._of_table(pa.Table.from_batches([batch.replace_schema_metadata(None)]))
        if is_empty:
            yield from self._of_table(self._schema.empty_table())
        if self._lost:
            self.notes.add(f"null_elements:{self._lost}")

    def _of_table(self, table: pa.Table) -> Iterator[Block]:
        count = table.num_rows
        flat = _flattened(table)
        columns = [flat.column(index).combine_chunks() for index in range(flat.num_columns)]
        columns += [pa.repeat(value, count) for value in self._partition.values()]
        for name, column in zip(self._names, columns, strict=True):
            array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
            yield from self._column(name, _plain(array))
        self._rows += count

    def _column(self, name: str, array: pa.Array) -> Iterator[Block]:
        rows, says_missing = self._values(array)
        attributes = {"timezone": array.type.tz} if pa.types.is_timestamp(array.type) and array.type.tz else {}
        yield self._block(name, rows, attributes)
        if says_missing:
            return
        if array.null_count and name not in self._masks:
            self._masks[name] = self._free_name(f"{name}_is_null")
            if self._rows:
                yield self._block(self._masks[name], np.zeros(self._rows, np.bool_))
        if name in self._masks:
            yield self._block(self._masks[name], array.is_null().to_numpy(zero_copy_only=False))

    def _block(self, name: str, rows: Rows, attributes: dict[str, Any] | None = None) -> Block:
        axes = rows.ndim if isinstance(rows, np.ndarray) else 1
        dims = ("row", *(f"{name}_dim_{axis}" for axis in range(1, axes)))
        return Block("table", name, dims, rows, signature=self._signature, attributes=attributes or {})

    def _free_name(self, name: str) -> str:
        taken = {*self._names, *self._masks.values()}
        while name in taken:
            name += "_"
        return name

    def _values(self, array: pa.Array) -> tuple[Rows, bool]:
        """Give the rows, and whether they show themselves which of them are missing."""
        type_ = array.type
        if pa.types.is_floating(type_):
            return np.array(array.to_numpy(zero_copy_only=False), type_.to_pandas_dtype()), True
        if pa.types.is_integer(type_) or pa.types.is_boolean(type_):
            filled = array.fill_null(pa.scalar(0).cast(type_)) if array.null_count else array
            return np.array(filled.to_numpy(zero_copy_only=False), type_.to_pandas_dtype()), False
        if pa.types.is_temporal(type_) and (times := _times(array)) is not None:
            return times, True
        if pa.types.is_fixed_size_list(type_) and _is_numeric(type_):
            return self._axes(array), False
        if pa.types.is_binary(type_) or pa.types.is_fixed_size_binary(type_):
            return [b"" if one is None else one for one in array.to_pylist()], False
        if pa.types.is_string(type_):
            return self._texts(array), False
        return [_json(one) for one in array.to_pylist()], False

    def _texts(self, array: pa.Array) -> list[str]:
        try:
            return ["" if one is None else one for one in array.to_pylist()]
        except UnicodeDecodeError:
            self.notes.add("bad_unicode")
            raw = array.view(pa.binary()).to_pylist()
            return ["" if one is None else one.decode("utf-8", "backslashreplace") for one in raw]

    def _axes(self, array: pa.Array) -> npt.NDArray[Any]:
        shape = [len(array)]
        while pa.types.is_fixed_size_list(array.type):
            size = array.type.list_size
            missing = array.is_null().to_numpy(zero_copy_only=False)
            values = array.values.slice(array.offset * size, len(array) * size)
            if array.null_count:  # what lies under a missing list means nothing
                keep = pa.array(np.repeat(~missing, size))
                values = pc.if_else(keep, values, pa.scalar(None, values.type))
            array, shape = values, [*shape, size]
        rows, _ = self._values(array)
        self._lost += 0 if pa.types.is_floating(array.type) else array.null_count
        return np.asarray(rows).reshape(shape)


def _partition(name: str, schema: pa.Schema) -> dict[str, pa.Scalar]:
    texts = {key: value for key, value in partition_texts(name).items() if key not in schema.names}
    types = dict(infer_partition_types([texts])) if texts else {}
    # One file's folders do not show what other files' are like: what is not known stays text.
    types = {key: pa.string() if type_ == pa.int64() else type_ for key, type_ in types.items()}
    for part in (schema.metadata or {}).get(_NOTE, b"").decode("utf-8", "replace").split(","):
        key, _, alias = part.rpartition(":")
        if key in texts:
            types[key] = _type_named(alias)
    return {key: pa.scalar(typed_value(text, types[key]), types[key]) for key, text in texts.items()}


def _type_named(alias: str) -> pa.DataType:
    if alias == "date32[day]":
        return pa.date32()
    try:
        return pa.type_for_alias(alias)
    except ValueError:
        return pa.string()


def _flattened(table: pa.Table) -> pa.Table:
    while any(pa.types.is_struct(_storage(one.type)) for one in table.schema):
        for index, one in enumerate(table.schema):
            if isinstance(one.type, pa.BaseExtensionType):
                table = table.set_column(index, one.name, table.column(index).cast(one.type.storage_type))
        table = table.flatten()
    return table


def _storage(type_: pa.DataType) -> pa.DataType:
    return type_.storage_type if isinstance(type_, pa.BaseExtensionType) else type_


def _plain(array: pa.Array) -> pa.Array:
    """Give the values without dictionaries, extensions, views and 64 bit offsets."""
    if isinstance(array, pa.ExtensionArray):
        return _plain(array.storage)
    type_ = array.type
    if pa.types.is_dictionary(type_):
        return _plain(array.dictionary_decode())
    if pa.types.is_large_string(type_) or pa.types.is_string_view(type_):
        return array.cast(pa.string())
    if pa.types.is_large_binary(type_) or pa.types.is_binary_view(type_):
        return array.cast(pa.binary())
    if pa.types.is_decimal(type_):
        return array.cast(pa.string())
    return array.cast(pa.string()) if pa.types.is_null(type_) else array


def _times(array: pa.Array) -> npt.NDArray[Any] | None:
    """Give instants, days, durations and times of day as numpy's; a missing one is NaT."""
    type_ = array.type
    if pa.types.is_date32(type_):
        dtype, array = "M8[D]", array.cast(pa.int32()).cast(pa.int64())
    elif pa.types.is_date64(type_):
        dtype, array = "M8[ms]", array.cast(pa.int64())
    elif pa.types.is_timestamp(type_) or pa.types.is_duration(type_):
        dtype = f"{'M8' if pa.types.is_timestamp(type_) else 'm8'}[{type_.unit}]"
        array = array.cast(pa.int64())
    elif pa.types.is_time(type_):
        dtype = f"m8[{type_.unit}]"
        array = (array.cast(pa.int32()) if type_.bit_width == 32 else array).cast(pa.int64())
    else:
        return None
    missing = int(np.iinfo(np.int64).min)
    filled = array.fill_null(missing) if array.null_count else array
    return np.array(filled.to_numpy(zero_copy_only=False), np.int64).view(dtype)


def _is_numeric(type_: pa.DataType) -> bool:
    while pa.types.is_fixed_size_list(type_):
        type_ = type_.value_type
    return bool(pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_boolean(type_))


def _json(value: Any) -> str:
    return "" if value is None else json.dumps(value, ensure_ascii=False, default=str)
