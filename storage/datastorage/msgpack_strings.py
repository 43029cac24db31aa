"""Reads arrays of objects in MsgPack, as zarr-python 2 wrote strings. zarrpack writes none."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt

from zarrpack.errors import FormatError
from zarrpack.storage.array_metadata import ArrayMetadata
from zarrpack.storage.chunk_indices import chunk_indices
from zarrpack.storage.chunking import CHUNK_BYTES
from zarrpack.storage.stored_array import EntryReader
from zarrpack.storage.zstd import decompress

__all__ = ["is_msgpack", "read_msgpack"]

# Compressors that do nothing but compress.
_COMPRESSORS = ("blosc", "bz2", "gzip", "lz4", "lzma", "zlib")


def is_msgpack(zarray: Mapping[str, Any]) -> bool:
    """Whether an array's document says that its values are in MsgPack.

    Examples
    --------
    >>> is_msgpack({"dtype": "|O", "filters": [{"id": "msgpack2"}]})
    True
    """
    filters = zarray.get("filters")
    if zarray.get("dtype") != "|O" or not isinstance(filters, list) or len(filters) != 1:
        return False
    return isinstance(filters[0], dict) and filters[0].get("id") in ("msgpack", "msgpack2")


def read_msgpack(entries: EntryReader, path: str, zarray: Mapping[str, Any]) -> npt.NDArray[Any]:
    """Read such an array.

    Parameters
    ----------
    entries : EntryReader
        Where the chunks are.
    path : str
        The array.
    zarray : mapping
        Its document.

    Returns
    -------
    ndarray of objects
        Mostly str.

    Raises
    ------
    FormatError
        If the package ``msgpack`` is missing, or the array is damaged.
    """
    unpack = _unpacker(path)
    # Chunks and shape follow the same rules as for strings that zarrpack writes.
    checked = {**zarray, "filters": [{"id": "vlen-utf8"}], "compressor": None}
    metadata = ArrayMetadata.from_documents(checked, None, path)
    # Looked for before anything is allocated: a shape can announce more than any machine holds.
    for index in chunk_indices(metadata.chunk_grid()):
        if not entries.has_entry(f"{path}/{metadata.chunk_key(index)}"):
            raise FormatError(
                f"{path}: expected chunk {metadata.chunk_key(index)}, found none; the store is not complete"
            )
    values = np.empty(metadata.shape, object)
    for index in chunk_indices(metadata.chunk_grid()):
        name = f"{path}/{metadata.chunk_key(index)}"
        buffer = _decompress(entries.payload(name), zarray.get("compressor"), path)
        try:
            chunk = _chunk(unpack(buffer), metadata.chunks)
        except Exception as exc:
            raise FormatError(f"{path}: expected MsgPack of shape {metadata.chunks} in {name}, found: {exc}") from exc
        at = [number * length for number, length in zip(index, metadata.chunks, strict=True)]
        part = values[tuple(slice(start, start + length) for start, length in zip(at, metadata.chunks, strict=True))]
        part[...] = chunk[tuple(map(slice, part.shape))]
    return values


def _unpacker(path: str) -> Callable[[bytes], Any]:
    try:
        msgpack = import_module("msgpack")
    except ImportError as exc:
        raise FormatError(
            f"{path}: expected strings as vlen-utf8, found MsgPack; install the package msgpack to read this array"
        ) from exc
    return lambda buffer: msgpack.unpackb(buffer, raw=False, strict_map_key=False)


def _decompress(payload: bytes, compressor: object, path: str) -> bytes:
    if compressor is None:
        return payload
    config = compressor if isinstance(compressor, dict) else {}
    name = config.get("id")
    if name == "zstd":
        return decompress(payload, CHUNK_BYTES)
    if name not in _COMPRESSORS:
        raise FormatError(f"{path}: expected a compressor of {', '.join(_COMPRESSORS)}, found {compressor!r:.80}")
    try:
        return bytes(import_module("numcodecs").get_codec(dict(config)).decode(payload))
    except Exception as exc:
        raise FormatError(f"{path}: expected a chunk compressed by {name}, found a damaged one: {exc}") from exc


def _chunk(items: Any, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """Give a chunk's values: nested lists, then the dtype and the shape."""
    *nested, _, found = items
    for _ in shape[1:]:
        nested = [entry for part in nested for entry in part]
    if tuple(found) != shape or len(nested) != math.prod(shape):
        raise ValueError(f"{len(nested)} values of shape {found}")
    values = np.empty(len(nested), object)
    for number, entry in enumerate(nested):
        values[number] = entry
    return values.reshape(shape)
