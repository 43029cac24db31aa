"""Reading many samples at once: one look-up, then the payloads in the order in which they lie on disk."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from zarrpack.errors import FormatError
from zarrpack.storage.sharded.index import Field
from zarrpack.storage.sharded.npy_payload import decode_payload
from zarrpack.storage.sharded.shard_files import ShardFiles

if TYPE_CHECKING:
    from zarrpack.storage.sharded.reader import Sample, ShardedDatasetReader

__all__ = ["read_batch"]

#: Samples whose payloads are announced to the system and then read.
_BATCH = 4096
#: Shards that are open for that at a time.
_SHARDS = 256


def read_batch(
    reader: ShardedDatasetReader, column: str, keys: Sequence[Any], fields: Sequence[str] | None
) -> list[tuple[str, Sample]]:
    """Read samples by id or by number.

    Parameters
    ----------
    reader : ShardedDatasetReader
        The store.
    column : {"id", "number"}
        What the keys are.
    keys : sequence
        In any order, also repeated.
    fields : sequence of str or None
        As in `ShardedDatasetReader.get_sample`.

    Returns
    -------
    list of (str, (dict, dict))
        Id, arrays and metadata, in the order of the keys.

    Raises
    ------
    NotFound
        If there is no such sample or field.
    FormatError
        If bytes are not those that were written, or shards are missing.
    """
    samples: list[tuple[str, Sample]] = []
    for first in range(0, len(keys), _BATCH):
        part = keys[first : first + _BATCH]
        for is_last in (False, False, True):
            try:
                samples += _read(reader, column, part, fields)
                break
            except FileNotFoundError as exc:
                # Compaction has moved it since the rows were read.
                if is_last:
                    raise FormatError(f"{exc.filename}: expected a shard, found none; verify() tells more") from exc
    return samples


def _read(
    reader: ShardedDatasetReader, column: str, keys: Sequence[Any], fields: Sequence[str] | None
) -> list[tuple[str, Sample]]:
    selected, rows = _rows(reader, column, keys, fields)
    places = []
    for position, row in enumerate(rows):
        for number, field in enumerate(selected):
            shard, offset, size, checksum = row[4 + 4 * number : 8 + 4 * number]
            if offset is not None:
                places.append((field.number, shard, offset, size, checksum, position, field))
    places.sort(key=lambda place: place[:3])
    arrays: list[dict[str, npt.NDArray[Any]]] = [{} for _ in rows]
    shards = groupby(places, key=lambda place: place[:2])
    while group := [list(found) for _, found in islice(shards, _SHARDS)]:
        _read_shards(reader.files, group, arrays)
    names = [field.name for field in selected]
    return [
        (row[1], ({name: found[name] for name in names if name in found}, json.loads(row[2])))
        for row, found in zip(rows, arrays, strict=True)
    ]


def _read_shards(files: ShardFiles, group: list[list[Any]], arrays: list[dict[str, npt.NDArray[Any]]]) -> None:
    """Read what lies in memory and announce the rest, so that the disk can work on many at a time; then read that."""
    waiting = []
    for places in group:
        file = files.file(places[0][-1], places[0][1])
        for place in places:
            _, _, offset, size, checksum, position, field = place
            payload = files.read_or_announce(file, offset, size, checksum)
            if payload is None:
                waiting.append((file, place))
            else:
                arrays[position][field.name] = decode_payload(payload, field.name)
    for file, (_, shard, offset, size, checksum, position, field) in waiting:
        payload = files.read(field, shard, offset, size, checksum, file)
        arrays[position][field.name] = decode_payload(payload, field.name)


def _rows(
    reader: ShardedDatasetReader, column: str, keys: Sequence[Any], fields: Sequence[str] | None
) -> tuple[tuple[Field, ...], list[Any]]:
    """Give the selected fields and a row for each key."""
    selection = reader.selection(fields)
    statement = f"FROM samples WHERE {column} IN (SELECT value FROM json_each(?))"
    wanted = json.dumps(list(dict.fromkeys(keys)))
    place = 0 if column == "number" else 1
    for _ in range(3):
        rows = reader.rows().execute(f"SELECT {selection.columns} {statement}", (wanted,)).fetchall()
        if rows and rows[0][3] != selection.generation:
            selection = reader.selection(fields, again=True)
            continue
        found = {row[place]: row for row in rows}
        lost = next((key for key in keys if key not in found), None)
        if lost is not None:
            raise reader.missing(lost)
        return selection.fields, [found[key] for key in keys]
    raise FormatError(f"{reader.root}: expected an index at rest, found that fields are added all the time")
