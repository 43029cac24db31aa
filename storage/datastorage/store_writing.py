"""Writes groups and arrays as a folder of Zarr format 2."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from zarrpack.storage.array_metadata import ArrayMetadata
from zarrpack.storage.base import Compression
from zarrpack.storage.chunk_indices import chunk_indices
from zarrpack.storage.chunking import chunk_shape
from zarrpack.storage.codecs import choose_codec, encode_chunk
from zarrpack.storage.datastorage.nested import Segments
from zarrpack.storage.datastorage.store_nodes import ArrayNode, GroupNode, Node, dimension_names, safe_name
from zarrpack.storage.datastorage.stored_values import StorableArray

__all__ = ["array_metadata", "write_node"]

_GROUP = b'{"zarr_format": 2}'
# Chunks of one array that are encoded at a time; each holds about a million numbers.
_THREADS = 4


def array_metadata(
    values: StorableArray, dims: tuple[str, ...], compression: Compression, attributes: Mapping[str, Any]
) -> ArrayMetadata:
    """Choose chunks and codec of an array.

    Parameters
    ----------
    values : StorableArray
        The array.
    dims : tuple of str
        A name per axis.
    compression : {"spec", "fast", "none"}
        The set of codecs.
    attributes : mapping
        More attributes.

    Returns
    -------
    ArrayMetadata
        Its chunks are divided along the first axis alone, at about a million numbers, and never longer than the array.
    """
    shape = values.values.shape
    dtype = "|O" if values.object_codec is not None else values.values.dtype.str
    chunks: tuple[int, ...] = ()
    if shape:
        rows, *tail = chunk_shape(shape[1:], dtype, "values", None)
        chunks = (max(1, min(shape[0], rows)), *tail)
    codec = choose_codec(
        *(dtype, len(shape), "values", compression, chunks[0] if chunks else 1, False),
        object_codec=values.object_codec or "vlen-utf8",
    )
    attributes = {"zarrpack_role": "data", **values.attributes, **attributes}
    return ArrayMetadata(shape, chunks, dtype, codec, dims, attributes)


def write_node(
    folder: str,
    parent: GroupNode,
    true_name: str,
    name: str,
    value: StorableArray | Mapping[str, Any],
    compression: Compression,
) -> tuple[Node, dict[Segments, int]]:
    """Write an array or a whole group into a new folder.

    Parameters
    ----------
    folder : str
        Where; must not exist. It may have any name: the node is described as what it will be in `parent`.
    parent : GroupNode
        The group that it will be in. Not changed.
    true_name, name : str
        Its name there, and its safe name.
    value : StorableArray, or mapping of str to such values
        What to write.
    compression : {"spec", "fast", "none"}
        The set of codecs.

    Returns
    -------
    tuple of (node, dict)
        What is there now, and for each array in it, by its segments below the node, the bytes of its chunks.
    """
    path = f"{parent.path}/{name}" if parent.path else name
    attributes = {} if name == true_name else {"name": true_name}
    os.mkdir(folder)  # noqa: PTH102 - here and below strings, which cost a third of the time of paths
    if isinstance(value, StorableArray):
        dims = dimension_names(parent, true_name, path, value.values.ndim)
        metadata = array_metadata(value, dims, compression, attributes)
        array = ArrayNode(path, metadata.to_zarray(), metadata.to_zattrs())
        _write(f"{folder}/.zarray", json.dumps(array.zarray).encode())
        _write(f"{folder}/.zattrs", json.dumps(array.zattrs).encode())
        return array, {(): _write_chunks(folder, value, metadata)}
    group = GroupNode(path)
    _write(f"{folder}/.zgroup", _GROUP)
    _write(f"{folder}/.zattrs", json.dumps(attributes).encode())
    sizes: dict[Segments, int] = {}
    for member, content in value.items():
        safe = safe_name(group, member)
        node, below = write_node(f"{folder}/{safe}", group, member, safe, content, compression)
        group.members[member] = node
        sizes.update({(member, *segments): size for segments, size in below.items()})
    return group, sizes


def _write_chunks(folder: str, array: StorableArray, metadata: ArrayMetadata) -> int:
    """Write every chunk; give their bytes."""
    values, chunks = array.values, metadata.chunks

    def write(index: tuple[int, ...]) -> int:
        at = tuple(slice(n * length, (n + 1) * length) for n, length in zip(index, chunks, strict=True))
        payload = encode_chunk(values[at] if at else values, metadata.codec, metadata.dtype, chunks)
        _write(f"{folder}/{metadata.chunk_key(index)}", payload)
        return len(payload)

    indices = chunk_indices(metadata.chunk_grid())
    if math.prod(metadata.chunk_grid()) <= 1:
        return sum(map(write, indices))
    # The codecs release the lock of the interpreter.
    with ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as threads:
        return sum(threads.map(write, indices))


def _write(path: str, payload: bytes) -> None:
    with open(path, "wb", buffering=0) as file:  # noqa: PTH123
        rest = memoryview(payload)
        while rest:  # the system takes 2 GiB at a time, and on a full disk what still fits
            rest = rest[file.write(rest) :]
