"""The tables beside a dataset, a dataset for each column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from zarrpack.errors import FormatError
from zarrpack.storage.array_metadata import ArrayMetadata
from zarrpack.storage.array_names import NameTable
from zarrpack.storage.base import Codec
from zarrpack.storage.hdf5.attributes import write_own, write_text
from zarrpack.storage.hdf5.chunked import ChunkedArray
from zarrpack.storage.hdf5.file import make_group, make_small
from zarrpack.storage.hdf5.number_rows import write_numbers
from zarrpack.storage.hdf5.object_rows import text_form, write_bytes, write_texts
from zarrpack.storage.hdf5.options import Hdf5Compression
from zarrpack.storage.hdf5.scales import DimensionScales

__all__ = ["NULLS", "write_table"]

#: What stands behind the name of a column's mask of missing values.
NULLS = "_is_null"
_CHUNK_ROWS = 1 << 16


class _Column:
    """A column of a Parquet table that reads like an array; missing values are 0, NaN or empty."""

    def __init__(self, values: Any, dtype: str, codec: Codec) -> None:
        self._values = values
        self.metadata = ArrayMetadata((len(values),), (_CHUNK_ROWS,), dtype, codec, ("row",))

    def read_chunk(self, index: tuple[int, ...]) -> npt.NDArray[Any]:
        part = self._values.slice(index[0] * _CHUNK_ROWS, _CHUNK_ROWS)
        if self.metadata.dtype == "|O":
            empty = b"" if self.metadata.codec.object_codec == "vlen-bytes" else ""
            texts = np.empty(len(part), object)
            texts[:] = [empty if value is None else value for value in part.to_pylist()]
            return texts
        filler = np.nan if self.metadata.dtype[1] == "f" else 0
        dtype = np.dtype(self.metadata.dtype)
        return np.array([filler if value is None else value for value in part.to_pylist()], dtype)


def write_table(
    parent: h5py.Group,
    name: str,
    table: Path,
    compression: Hdf5Compression,
    scales: DimensionScales,
    *,
    left_out: Sequence[str] = (),
) -> None:
    """Write a Parquet table as a group of columns. Memory holds one column.

    Parameters
    ----------
    parent : h5py.Group
        Where.
    name : str
        The group's name.
    table : Path
        A table of flat columns of numbers, booleans, texts and bytes.
    compression : {"gzip", "lzf", "zstd", "none"}
        How to compress.
    scales : DimensionScales
        Those of the file.
    left_out : sequence of str
        Columns that are not written, as they differ between equal runs.

    Raises
    ------
    FormatError
        If it is no such table.
    """
    import pyarrow
    import pyarrow.parquet

    group = make_group(parent, name)
    names = NameTable(["row"])
    try:
        with pyarrow.parquet.ParquetFile(table) as source:
            fields = [field for field in source.schema_arrow if field.name not in left_out]
            safe = {field.name: names.safe_name(field.name) for field in fields}
            path = group.name.strip("/")
            for written in safe.values():
                scales.reserve(path, (written, written + NULLS, f"{written}_offsets"))
            for field in fields:
                values = source.read(columns=[field.name], use_threads=False).column(0)
                _write_column(group, safe[field.name], field, values, compression, scales)
            sizes = [source.metadata.row_group(number).num_rows for number in range(source.num_row_groups)]
    except (pyarrow.ArrowException, OSError) as exc:
        raise FormatError(f"{table}: expected a Parquet table: {exc}") from exc
    own = {"columns": [[f.name, safe[f.name], _alias(f.type), f.nullable] for f in fields], "row_groups": sizes}
    write_own(group, own)


def _write_column(
    group: h5py.Group, name: str, field: Any, values: Any, compression: Hdf5Compression, scales: DimensionScales
) -> None:
    path, alias = group.name.strip("/"), _alias(field.type)
    if alias in ("string", "binary"):
        column = _Column(values, "|O", Codec(object_codec="vlen-utf8" if alias == "string" else "vlen-bytes"))
        form = text_form(column) if alias == "string" else "flat"
        if form == "flat":
            data, ends = write_bytes(group, name, column, compression)
            scales.attach(data, path, (f"{name}_byte",))
            scales.attach(make_small(group, f"{name}_offsets", ends), path, (f"{name}_offset",))
        else:
            data = write_texts(group, name, column, form, compression)
            scales.attach(data, path, ("row",))
    else:
        data = _numbers(group, name, _Column(values, _DTYPES[alias], Codec()), compression)
        scales.attach(data, path, ("row",))
        if alias == "bool":
            write_text(data, "dtype", "bool")
    if name != field.name and "\0" not in field.name:
        write_text(data, "name", field.name)
    if values.null_count:
        mask = _numbers(group, name + NULLS, _Column(values.is_null(), "|b1", Codec()), compression)
        write_text(mask, "dtype", "bool")
        scales.attach(mask, path, ("row",))


def _numbers(group: h5py.Group, name: str, column: ChunkedArray, compression: Hdf5Compression) -> h5py.Dataset:
    return write_numbers(group, name, column, compression, 1)


def _alias(kind: Any) -> str:
    text = {"float": "float32", "double": "float64"}.get(str(kind), str(kind))
    if text not in _DTYPES and text not in ("string", "binary"):
        raise FormatError(f"expected columns of numbers, booleans, texts and bytes, found {text}")
    return text


_DTYPES: Mapping[str, str] = {
    **{
        f"{word}{bits}": f"{'|' if bits == 8 else '<'}{word[0]}{bits // 8}"
        for word in ("int", "uint")
        for bits in (8, 16, 32, 64)
    },
    "float32": "<f4",
    "float64": "<f8",
    "bool": "|b1",
}
