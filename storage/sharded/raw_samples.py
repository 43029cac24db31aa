"""What exports, imports and views ask of a store beyond single samples: bytes as they are, sizes, values of all."""

from __future__ import annotations

import sqlite3
from typing import Any

import numpy as np
import numpy.typing as npt

from zarrpack.errors import FormatError
from zarrpack.storage.sharded.metadata_indexes import json_path
from zarrpack.storage.sharded.reader import ShardedDatasetReader

__all__ = ["read_payloads", "sample_sizes", "sample_values"]


def sample_values(reader: ShardedDatasetReader, key: str, *, is_metadata: bool = False) -> list[tuple[int, Any]]:
    """Give every sample's number with its id, or with a value of its metadata.

    Parameters
    ----------
    reader : ShardedDatasetReader
        The store.
    key : str
        ``"id"``, or a metadata key, ``a/b`` for nested ones.
    is_metadata : bool
        Which of them `key` is.
    """
    value, params = ("json_extract(meta_json, ?)", (json_path(key),)) if is_metadata else ("id", ())
    return reader.rows().execute(f"SELECT number, {value} FROM samples", params).fetchall()


def read_payloads(
    reader: ShardedDatasetReader, number: int, *, with_arrays: bool = True
) -> tuple[str, dict[str, npt.NDArray[np.uint8]]]:
    """Give a sample as it is stored, by its number.

    Returns
    -------
    tuple of (str, dict of str to ndarray of uint8)
        The metadata's JSON text, and field -> bytes of its .npy file, checked.

    Raises
    ------
    NotFound
        If there is no such sample.
    FormatError
        If the bytes are not those that were written, or not there.
    """
    selection = reader.selection(None if with_arrays else [])
    statement = f"SELECT {selection.columns} FROM samples WHERE number = ?"
    row = reader.rows().execute(statement, (number,)).fetchone()
    if row is None:
        raise reader.missing(number)
    payloads = {}
    for place, field in enumerate(selection.fields):
        shard, offset, size, checksum = row[4 + 4 * place : 8 + 4 * place]
        if offset is not None:
            try:
                payloads[field.name] = reader.files.read(field, shard, offset, size, checksum)
            except FileNotFoundError as exc:
                raise FormatError(f"{exc.filename}: expected a shard, found none; verify() tells more") from exc
    return row[2], payloads


def sample_sizes(reader: ShardedDatasetReader, after: int, limit: int) -> list[tuple[int, str, int, int]]:
    """Give number, id, bytes of metadata and bytes of arrays of the samples behind a number, in order.

    Parameters
    ----------
    reader : ShardedDatasetReader
        The store.
    after : int
        Number of the last one that is not wanted; -1 to begin.
    limit : int
        At most so many.

    Raises
    ------
    FormatError
        If the index is damaged.
    """
    parts = [f"coalesce({field.columns[2]}, 0)" for field in reader.selection(None).fields]
    statement = (
        f"SELECT number, id, length(meta_json), {' + '.join(parts) or '0'} FROM samples WHERE number > ? "
        "ORDER BY number LIMIT ?"
    )
    try:
        return reader.rows().execute(statement, (after, limit)).fetchall()
    except sqlite3.DatabaseError as exc:
        raise FormatError(f"{reader.root}: the index is damaged: {exc}") from exc
