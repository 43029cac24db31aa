"""The way back: a columnar file becomes the ``.data`` or ``.dataset`` that it was made of, byte for byte, and the tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from zarrpack.errors import FormatError
from zarrpack.storage.array_metadata import ArrayMetadata
from zarrpack.storage.chunk_indices import chunk_indices
from zarrpack.storage.codecs import encode_chunk
from zarrpack.storage.hdf5.attributes import read_own
from zarrpack.storage.hdf5.export import HDF5_FORMAT
from zarrpack.storage.hdf5.filters import ZSTD_FILTER
from zarrpack.storage.hdf5.tables import NULLS
from zarrpack.storage.hdf5.tree import refusal_of
from zarrpack.storage.hierarchy import FIRST_NAMES, hierarchy_documents
from zarrpack.storage.tables.members import MEMBER_COLUMNS
from zarrpack.storage.tables.parquet import Column, table_writer
from zarrpack.storage.zip_writer import ZipSummary, ZipWriter

__all__ = [
    "StoredNode",
    "columnar_kind",
    "read_table_columns",
    "restore_arrays",
    "restore_table",
    "stored_nodes",
    "table_names",
]

_READ_ROWS = 1 << 16


def columnar_kind(file: h5py.File) -> str:
    """Give what a columnar file of zarrpack's was made of: ``dataset``, ``pack``, ``store``; empty for any other file.

    Parameters
    ----------
    file : h5py.File
        Open for reading.

    Raises
    ------
    FormatError
        If the file is of a later format.
    """
    own = read_own(file)
    if own.get("layout") != "columnar" or not isinstance(own.get("own"), str):
        return ""
    if own.get("format") != HDF5_FORMAT:
        raise FormatError(f"{file.filename}: expected format {HDF5_FORMAT}, found {own.get('format')}; update zarrpack")
    return str(own.get("kind", "")) or "store"


class StoredNode:
    """An array of a columnar file, read as the array that it was.

    Parameters
    ----------
    file : h5py.File
        The file.
    place : str
        ``"group/array"``.

    Raises
    ------
    FormatError
        If it is not there, or not as the file says.
    """

    def __init__(self, file: h5py.File, place: str) -> None:
        where = f"{file.filename}: {place}"
        node = file.get(place)
        if not isinstance(node, h5py.Dataset):
            raise FormatError(f"{where}: expected a dataset, found none")
        refusal = refusal_of(place, node)
        own_zstd = refusal is not None and refusal.reason == "hdf5_filter" and h5py.h5z.filter_avail(ZSTD_FILTER)
        if refusal is not None and not own_zstd:
            raise FormatError(f"{where}: {refusal.detail}; export the dataset with gzip")
        own = read_own(node)
        if not isinstance(own.get("zarray"), dict) or not isinstance(own.get("zattrs"), dict):
            raise FormatError(f"{where}: expected a description of the array, found none")
        self._node = node
        self.metadata = ArrayMetadata.from_documents(own["zarray"], own["zattrs"], where)
        self._ends = file[own["offsets"]] if isinstance(own.get("offsets"), str) and own["offsets"] in file else None
        rows = int(np.prod(self.metadata.shape, dtype=np.int64))
        if (self._ends.shape != (rows + 1,)) if self._ends is not None else (node.shape != self.metadata.shape):
            raise FormatError(f"{where}: expected the shape {self.metadata.shape}, found {node.shape}")

    def read_chunk(self, index: tuple[int, ...]) -> npt.NDArray[Any]:
        """Give the values of a chunk, without what sticks out of the array.

        Parameters
        ----------
        index : tuple of int
            Place in the chunk grid.

        Raises
        ------
        FormatError
            If the values are not of the type that the array has.
        """
        metadata = self.metadata
        start = [number * length for number, length in zip(index, metadata.chunks, strict=True)]
        stop = [min(at + length, end) for at, length, end in zip(start, metadata.chunks, metadata.shape, strict=True)]
        box = tuple(slice(first, last) for first, last in zip(start, stop, strict=True))
        try:
            if self._ends is not None:
                values = self._flat_rows(box)
            elif metadata.dtype == "|O" or metadata.dtype[1] == "U":
                texts = np.asarray(self._node[box], object)
                values = np.empty(texts.shape, object)
                values.reshape(-1)[:] = [_text(one) for one in texts.reshape(-1).tolist()]
            else:
                return np.asarray(self._node[box]).astype(metadata.dtype)
            return values if metadata.dtype == "|O" else values.astype(metadata.dtype)
        except (OSError, TypeError, ValueError) as exc:
            raise FormatError(f"{self._node.file.filename}: {self._node.name}: {exc}") from exc

    def _flat_rows(self, box: tuple[slice, ...]) -> npt.NDArray[Any]:
        """Give rows that lie one behind the other; of several axes every row is looked up."""
        assert self._ends is not None
        shape = tuple(one.stop - one.start for one in box)
        numbers = np.arange(int(np.prod(self.metadata.shape, dtype=np.int64))).reshape(self.metadata.shape)[box]
        values = np.empty(numbers.size, object)
        first = int(numbers.min(initial=0)) if numbers.size else 0
        last = int(numbers.max(initial=-1)) + 1
        ends = self._ends[first : last + 1].tolist()
        buffer = self._node[ends[0] : ends[-1]].tobytes() if numbers.size else b""
        is_text = self.metadata.codec.object_codec == "vlen-utf8"
        for position, number in enumerate(numbers.reshape(-1).tolist()):
            row = buffer[ends[number - first] - ends[0] : ends[number - first + 1] - ends[0]]
            values[position] = row.decode() if is_text else row
        return values.reshape(shape)


def stored_nodes(file: h5py.File) -> Iterator[tuple[str, StoredNode]]:
    """Give the arrays of a columnar file, in the order that they had.

    Parameters
    ----------
    file : h5py.File
        Open for reading.
    """
    for place in _own(file)[1]["arrays"]:
        yield place, StoredNode(file, place)


def restore_arrays(file: h5py.File, out: Path) -> ZipSummary:
    """Write the file that a columnar file was made of.

    Parameters
    ----------
    file : h5py.File
        Open for reading.
    out : Path
        The ``.dataset`` or ``.data``; neither synced nor renamed.

    Raises
    ------
    FormatError
        If the file is damaged.
    """
    group, own = _own(file)
    nodes = dict(stored_nodes(file))
    arrays = {place: node.metadata for place, node in nodes.items()}
    text = group["metadata_json"].asstr()[()]
    documents = dict(hierarchy_documents(own["attributes"], own["groups"], arrays, text))
    with out.open("wb") as target:
        writer = ZipWriter(target)
        first = [name for name in FIRST_NAMES if name in documents]
        for name in (*first, *(name for name in documents if name not in FIRST_NAMES)):
            writer.add(name, documents[name])
        for place, node in nodes.items():
            for key, payload in _chunks(node):
                writer.add(f"{place}/{key}", payload)
        return writer.close(first)


def table_names(file: h5py.File) -> list[str]:
    """Name the tables that are in a columnar file.

    Parameters
    ----------
    file : h5py.File
        Open for reading.
    """
    group, _ = _own(file)
    return [name for name in group if isinstance(group[name], h5py.Group) and "columns" in read_own(group[name])]


def restore_table(file: h5py.File, name: str, out: Path) -> int:
    """Write one table as the Parquet file that it was; give its rows.

    Parameters
    ----------
    file : h5py.File
        Open for reading.
    name : str
        One of `table_names`.
    out : Path
        The file. What the HDF5 file leaves out, the seconds of the members, is missing.

    Raises
    ------
    FormatError
        If the table is damaged.
    """
    group = _own(file)[0][name]
    own = read_own(group)
    try:
        known = {column[0]: (column[1], Column(column[0], column[2], column[3])) for column in own["columns"]}
        sizes = [int(size) for size in own["row_groups"]]
        columns = list(MEMBER_COLUMNS) if name == "members" else [column for _, column in known.values()]
        with table_writer(out, columns) as table:
            first = 0
            for size in sizes:
                span = slice(first, first + size)
                table.write(
                    [
                        _column(group, known[one.name][0], one, span) if one.name in known else [None] * size
                        for one in columns
                    ]
                )
                first += size
    except (KeyError, IndexError, TypeError, ValueError) as exc:
        raise FormatError(f"{file.filename}: {name}: expected a table of columns: {exc}") from exc
    return first


def read_table_columns(file: h5py.File, name: str) -> int:
    """Read a table to its end; give its rows.

    Parameters
    ----------
    file : h5py.File
        Open for reading.
    name : str
        One of `table_names`.

    Raises
    ------
    FormatError
        If the table is damaged.
    """
    group = _own(file)[0][name]
    own = read_own(group)
    rows = 0
    try:
        for size in own["row_groups"]:
            for column, safe, kind, nullable in own["columns"]:
                _column(group, safe, Column(column, kind, nullable), slice(rows, rows + int(size)))
            rows += int(size)
    except (KeyError, IndexError, TypeError, ValueError, OSError) as exc:
        raise FormatError(f"{file.filename}: {name}: expected a table of columns: {exc}") from exc
    return rows


def _own(file: h5py.File) -> tuple[h5py.Group, dict[str, Any]]:
    group = file.get(str(read_own(file).get("own")))
    own = read_own(group) if isinstance(group, h5py.Group) else {}
    shapes = {"arrays": list, "groups": dict, "attributes": dict}
    if not all(isinstance(own.get(key), kind) for key, kind in shapes.items()) or "metadata_json" not in group:
        raise FormatError(f"{file.filename}: expected a columnar file that zarrpack has written, found another")
    return group, own


def _chunks(node: StoredNode) -> Iterator[tuple[str, bytes]]:
    metadata = node.metadata
    for index in chunk_indices(metadata.chunk_grid()):
        payload = encode_chunk(node.read_chunk(index), metadata.codec, metadata.dtype, metadata.chunks)
        yield metadata.chunk_key(index), payload


def _column(group: h5py.Group, name: str, column: Column, span: slice) -> Sequence[Any]:
    data = group[name]
    values: list[Any]
    if column.type in ("string", "binary"):
        offsets = group.get(f"{name}_offsets")
        if offsets is not None:
            ends = offsets[span.start : span.stop + 1].tolist()
            buffer = data[ends[0] : ends[-1]].tobytes()
            rows = [buffer[at - ends[0] : end - ends[0]] for at, end in pairwise(ends)]
            values = [row.decode() for row in rows] if column.type == "string" else rows
        else:
            values = [_text(one) for one in data[span].tolist()]
    else:
        values = data[span].astype(bool).tolist() if column.type == "bool" else data[span].tolist()
    if f"{name}{NULLS}" in group:
        mask = group[f"{name}{NULLS}"][span].tolist()
        values = [None if is_null else value for value, is_null in zip(values, mask, strict=True)]
    return values


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
