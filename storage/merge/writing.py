"""Pass 2: every chunk of the output, copied or encoded, in a fixed order."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

from zarrpack.errors import FormatError
from zarrpack.storage.hierarchy import FIRST_NAMES, FORMAT, hierarchy_documents, root_attributes
from zarrpack.storage.merge.group_plan import GroupPlan
from zarrpack.storage.merge.output_array import OutputArray
from zarrpack.storage.merge.part_reader import PartReader
from zarrpack.storage.zip_writer import ZipWriter

__all__ = ["schema_of", "write_chunks", "write_documents"]

# Chunks that may wait for one that is being encoded.
_MOST_WAITING = 256


class _Copy(NamedTuple):
    """A chunk that is copied."""

    array: OutputArray
    block: int
    chunk: int


class _Encoded(NamedTuple):
    """A chunk that is being encoded."""

    array: OutputArray
    block: int
    payload: Future[bytes]


def write_documents(
    writer: ZipWriter, groups: Sequence[GroupPlan], count: int, metadata: Mapping[str, Any]
) -> Sequence[str]:
    """Write everything but the chunks.

    Parameters
    ----------
    writer : ZipWriter
        The output.
    groups : sequence of GroupPlan
        What it holds.
    count : int
        Number of codes.
    metadata : mapping
        More keys for ``metadata.json``.

    Returns
    -------
    sequence of str
        The entries that come first in the directory.
    """
    attributes = {
        group.name: {"zarrpack_family": group.key.family, "zarrpack_signature": group.key.signature} for group in groups
    }
    arrays = {array.place: array.metadata for group in groups for array in group.arrays}
    own = {"zarrpack": {"format": FORMAT, "kind": "dataset", "codes": count}, "schema": schema_of(groups)}
    documents = dict(
        hierarchy_documents(root_attributes("dataset"), attributes, arrays, json.dumps({**own, **metadata}))
    )
    for name in (*FIRST_NAMES, *(name for name in documents if name not in FIRST_NAMES)):
        writer.add(name, documents[name])
    return FIRST_NAMES


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
    writer: ZipWriter,
    arrays: Sequence[OutputArray],
    reader: PartReader,
    threads: int,
    progress: Callable[[int], None] | None,
) -> tuple[int, int]:
    """Write all chunks. The bytes do not depend on the number of threads.

    Parameters
    ----------
    writer : ZipWriter
        The output.
    arrays : sequence of OutputArray
        What to write, in order.
    reader : PartReader
        Where copied chunks come from.
    threads : int
        How many chunks are encoded at once.
    progress : callable or None
        Told the bytes of each chunk that was written.

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
    with ThreadPoolExecutor(threads, thread_name_prefix="zarrpack-merge") as pool:
        for task in _in_order(arrays, pool, threads):
            if isinstance(task, _Copy):
                size = _copy(writer, reader, task)
                copied += 1
            else:
                payload = task.payload.result()
                writer.add(task.array.entry(task.block), payload)
                size = len(payload)
                encoded += 1
            if progress is not None:
                progress(size)
    return copied, encoded


def _in_order(arrays: Sequence[OutputArray], pool: ThreadPoolExecutor, threads: int) -> Iterator[_Copy | _Encoded]:
    """Give the chunks in order, a few of those that are encoded ahead of the writer."""
    waiting: deque[_Copy | _Encoded] = deque()
    encoding = 0
    for array in arrays:
        for block in range(array.blocks):
            chunk = array.copies.chunk_number(block) if array.copies is not None else None
            if chunk is not None:
                waiting.append(_Copy(array, block, chunk))
            else:
                waiting.append(_Encoded(array, block, pool.submit(array.encode, block)))
                encoding += 1
            while waiting and (encoding > threads + 1 or len(waiting) > _MOST_WAITING or isinstance(waiting[0], _Copy)):
                task = waiting.popleft()
                encoding -= isinstance(task, _Encoded)
                yield task
    yield from waiting


def _copy(writer: ZipWriter, reader: PartReader, task: _Copy) -> int:
    source, offset, size, crc32 = reader.location(task.chunk)
    name = task.array.entry(task.block)
    with reader.files.descriptor(source) as descriptor:
        try:
            writer.add_from(name, descriptor, offset, size, crc32)
        except FormatError as exc:
            raise FormatError(f"{reader.catalogue.paths[source]}: {exc}") from exc
    return size
