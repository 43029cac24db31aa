"""Pass 2: every chunk of the output, copied or encoded, in a fixed order."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from zarrpack.errors import FormatError
from zarrpack.storage.hierarchy import FIRST_NAMES, FORMAT, hierarchy_documents, root_attributes
from zarrpack.storage.merge.chunk_encoders import ChunkEncoders, PendingChunk
from zarrpack.storage.merge.damage import DamagedSource
from zarrpack.storage.merge.group_plan import GroupPlan
from zarrpack.storage.merge.merged_schema import merged_schema
from zarrpack.storage.merge.output_array import OutputArray
from zarrpack.storage.merge.part_reader import PartReader
from zarrpack.storage.zip_writer import ZipSummary

__all__ = ["EntryWriter", "schema_of", "write_chunks", "write_documents"]

# Chunks that may wait, so that some are encoded while those before them are copied.
_MOST_WAITING = 4096


class _Copy(NamedTuple):
    """A chunk that is copied."""

    array: OutputArray
    block: int
    chunk: int


class _Encoded(NamedTuple):
    """A chunk that is being encoded."""

    array: OutputArray
    block: int
    payload: PendingChunk


class EntryWriter(Protocol):
    """Takes the entries of an output: a zip or a folder."""

    def add(self, name: str, payload: bytes | memoryview) -> None:
        """Append an entry."""

    def add_from(
        self, name: str, source_fd: int, offset: int, size: int, crc32: int, *, is_trusted: bool = False
    ) -> None:
        """Append an entry whose payload lies in another file."""

    def close(self, first: Sequence[str] = ()) -> ZipSummary:
        """End it."""


def write_documents(
    writer: EntryWriter,
    groups: Sequence[GroupPlan],
    own: Mapping[str, Any],
    metadata: Mapping[str, Any],
    schema: Mapping[str, Any] | None = None,
    is_consolidated: bool = True,
) -> Sequence[str]:
    """Write everything but the chunks.

    Parameters
    ----------
    writer : EntryWriter
        The output.
    groups : sequence of GroupPlan
        What it holds.
    own : mapping
        What ``metadata.json`` says of the codes.
    metadata : mapping
        More keys for ``metadata.json``.
    schema : mapping or None
        What has been declared of the output; it is completed by what the output holds.
    is_consolidated : bool
        Whether there is a ``.zmetadata``.

    Returns
    -------
    sequence of str
        The entries that come first in the directory.
    """
    attributes = {
        group.name: {"zarrpack_family": group.key.family, "zarrpack_signature": group.key.signature} for group in groups
    }
    arrays = {array.place: array.metadata for group in groups for array in group.arrays}
    found = schema_of(groups)
    values = {
        "zarrpack": {"format": FORMAT, "kind": "dataset", **own},
        "schema": found if schema is None else merged_schema(schema, found),
    }
    documents = dict(
        hierarchy_documents(root_attributes("dataset"), attributes, arrays, json.dumps({**values, **metadata}))
    )
    if not is_consolidated:
        del documents[".zmetadata"]
    first = [name for name in FIRST_NAMES if name in documents]
    for name in (*first, *(name for name in documents if name not in FIRST_NAMES)):
        writer.add(name, documents[name])
    return first


def schema_of(groups: Sequence[GroupPlan]) -> dict[str, Any]:
    """Describe the output's groups and data arrays, as ``metadata.json`` does.

    Parameters
    ----------
    groups : sequence of GroupPlan
        What the output holds.
    """
    described: dict[str, Any] = {}
    for group in groups:
        arrays = {}
        for array in group.arrays:
            metadata = array.metadata
            if metadata.attributes["zarrpack_role"] == "data":
                dtype = metadata.codec.object_codec or metadata.dtype
                arrays[array.place.partition("/")[2]] = {"dims": list(metadata.dims), "dtype": dtype}
        described[group.name] = {"primary_dimension": next(iter(group.rows)), "arrays": arrays}
    return {"groups": described}


def write_chunks(
    writer: EntryWriter,
    arrays: Sequence[OutputArray],
    reader: PartReader,
    encoders: ChunkEncoders,
    progress: Callable[[int], None] | None,
    trusted: Container[str] = (),
) -> tuple[int, int]:
    """Write all chunks. The bytes do not depend on who encodes them.

    Parameters
    ----------
    writer : EntryWriter
        The output.
    arrays : sequence of OutputArray
        What to write, in order.
    reader : PartReader
        Where copied chunks come from.
    encoders : ChunkEncoders
        Encode the others.
    progress : callable or None
        Told the bytes of each chunk that was written.
    trusted : container of str
        Sources whose chunks are copied unread.

    Returns
    -------
    tuple of (int, int)
        Chunks copied and chunks encoded.

    Raises
    ------
    FormatError
        If a source is damaged.
    """
    copied = encoded = 0
    for task in _in_order(arrays, encoders):
        if isinstance(task, _Copy):
            size = _copy(writer, reader, task, trusted)
            copied += 1
        else:
            payload = task.payload.result()
            writer.add(task.array.entry(task.block), payload)
            size = len(payload)
            encoded += 1
        if progress is not None:
            progress(size)
    return copied, encoded


def _in_order(arrays: Sequence[OutputArray], encoders: ChunkEncoders) -> Iterator[_Copy | _Encoded]:
    """Give the chunks in order, a few of those that are encoded ahead of the writer."""
    waiting: deque[_Copy | _Encoded] = deque()
    encoding = 0
    for array in arrays:
        for block in range(array.blocks):
            chunk = array.copies.chunk_number(block) if array.copies is not None else None
            if chunk is not None:
                waiting.append(_Copy(array, block, chunk))
            else:
                waiting.append(_Encoded(array, block, encoders.submit(array, block)))
                encoding += 1
            while encoding > encoders.width or len(waiting) > _MOST_WAITING:
                task = waiting.popleft()
                encoding -= isinstance(task, _Encoded)
                yield task
    yield from waiting


def _copy(writer: EntryWriter, reader: PartReader, task: _Copy, trusted: Container[str]) -> int:
    source, offset, size, crc32 = reader.location(task.chunk)
    name, path = task.array.entry(task.block), reader.catalogue.paths[source]
    with reader.files.descriptor(source) as descriptor:
        try:
            writer.add_from(name, descriptor, offset, size, crc32, is_trusted=path in trusted)
        except FormatError as exc:
            raise DamagedSource(path, f"{path}: {exc}") from exc
    return size
