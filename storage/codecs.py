"""Chunks to bytes and back: filters, memory order, compression.

The bytes are those of Zarr format 2: the elements in the chunk's memory order, through Delta or one of the
``vlen`` filters, through Zstd.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from zarrpack.errors import FormatError
from zarrpack.storage.base import Codec, Compression
from zarrpack.storage.chunking import CHUNK_BYTES
from zarrpack.storage.delta import decode_delta, encode_delta
from zarrpack.storage.memory_order import from_fortran, to_fortran
from zarrpack.storage.vlen import PackedItems, decode_bytes, decode_strings, encode_bytes, join_items, packed_items
from zarrpack.storage.zstd import compress, decompress

__all__ = [
    "check_size",
    "check_type",
    "choose_codec",
    "decode_chunk",
    "decode_items",
    "encode_chunk",
    "encode_items",
]

_LEVELS = {"spec": 12, "fast": 1, "none": None}


def choose_codec(
    dtype: str,
    ndim: int,
    content: Literal["values", "pixels"],
    compression: Compression | None,
    rows_per_chunk: int,
    flat: bool,
    object_codec: Literal["vlen-utf8", "vlen-bytes"] = "vlen-utf8",
    is_encoded: bool = False,
) -> Codec:
    """Choose the codec of an array by the table in ``docs/formats.md``.

    Parameters
    ----------
    dtype : str
        As in ``.zarray``.
    ndim : int
        The array's axes, the rows' included.
    content : {"values", "pixels"}
        What the array holds.
    compression : {"spec", "fast", "none"} or None
        The set of codecs; None: pixels ``fast``, everything else ``spec``.
    rows_per_chunk : int
        Rows that share a chunk.
    flat : bool
        Whether pictures of mixed size lie one behind the other in one axis.
    object_codec : {"vlen-utf8", "vlen-bytes"}
        The filter of strings or bytes; counts only with the dtype ``"|O"``.
    is_encoded : bool
        Whether the rows are files' own bytes, which are not compressed again.

    Returns
    -------
    Codec
        What ``.zarray`` will say.

    Examples
    --------
    >>> choose_codec("|u1", 4, "pixels", None, rows_per_chunk=1, flat=False)
    Codec(level=1, delta=True, order='F', object_codec=None)
    >>> choose_codec("<f4", 1, "values", None, rows_per_chunk=1 << 20, flat=False)
    Codec(level=12, delta=False, order='C', object_codec=None)
    """
    named = compression or ("fast" if content == "pixels" else "spec")
    level = _LEVELS[named]
    if dtype == "|O":
        return Codec(level=None if is_encoded else level, object_codec=object_codec)
    if level is None or dtype[1] not in "iu" or ndim == 0:
        return Codec(level=level)
    if content == "pixels" and named == "fast" and not flat:
        # With several pictures a chunk, column-major order puts different pictures side by side.
        alone = rows_per_chunk == 1 and ndim > 1
        return Codec(level=level, delta=alone, order="F" if alone else "C")
    return Codec(level=level, delta=True)


def encode_chunk(
    values: npt.NDArray[Any] | Sequence[str] | Sequence[bytes],
    codec: Codec,
    dtype: str,
    chunk_shape: tuple[int, ...],
) -> bytes:
    """Encode one chunk. Equal values give equal bytes; safe in threads.

    Parameters
    ----------
    values : ndarray, or sequence of str or bytes
        Fewer elements along any axis than the chunk has are padded at the end: zeros, ``""`` or ``b""``. Not changed.
        Strings may come as their UTF-8 bytes.
    codec : Codec
        How to encode.
    dtype : str
        As in ``.zarray``; must be the values' own type, in any byte order.
    chunk_shape : tuple of int
        The chunk's full shape.

    Returns
    -------
    bytes
        The chunk as it lies in the file.

    Raises
    ------
    ValueError
        If the values are of another type, do not fit into the chunk, or the chunk is larger than 4 GiB.

    Examples
    --------
    >>> payload = encode_chunk(np.arange(3, dtype=np.int32), Codec(level=1), "<i4", (4,))
    >>> decode_chunk(payload, Codec(level=1), "<i4", (4,))
    array([0, 1, 2, 0], dtype=int32)
    """
    if codec.object_codec is not None:
        buffer: bytes | memoryview = _object_buffer(values, codec.object_codec, chunk_shape)
    else:
        buffer = _number_buffer(np.asarray(values), codec, np.dtype(dtype), chunk_shape)
    return _compressed(buffer, codec)


def encode_items(runs: Sequence[bytes | memoryview], count: int, codec: Codec, chunk_rows: int) -> bytes:
    """Encode a chunk of strings or bytes along one axis whose items lie in buffers already; as `encode_chunk` would.

    Parameters
    ----------
    runs : sequence of bytes or memoryview
        Items with their lengths, as `PackedItems.run` gives them.
    count : int
        How many items these are.
    codec : Codec
        How to encode.
    chunk_rows : int
        The chunk's length; what is missing is padded with empty items.

    Raises
    ------
    ValueError
        If the chunk is larger than 4 GiB.
    """
    return _compressed(join_items(runs, count, chunk_rows - count), codec)


def decode_items(payload: bytes | memoryview, codec: Codec, count: int) -> PackedItems:
    """Decompress and check a chunk of strings or bytes, without taking its items apart.

    Parameters
    ----------
    payload : bytes or memoryview
        The chunk as it lies in the file.
    codec : Codec
        As in `encode_chunk`.
    count : int
        How many items it must hold.

    Raises
    ------
    FormatError
        If the payload is damaged or does not hold exactly one such chunk.
    """
    items = packed_items(_object_content(payload, codec), codec.object_codec == "vlen-utf8")
    if len(items) != count:
        raise FormatError(f"chunk: expected {count} items, found {len(items)}")
    return items


def decode_chunk(
    payload: bytes | memoryview, codec: Codec, dtype: str, chunk_shape: tuple[int, ...]
) -> npt.NDArray[Any]:
    """Decode one chunk. Safe in threads.

    Parameters
    ----------
    payload : bytes or memoryview
        The chunk as it lies in the file.
    codec, dtype, chunk_shape
        As in `encode_chunk`.

    Returns
    -------
    ndarray of shape `chunk_shape`
        C-contiguous; of objects (str or bytes) for the dtype ``"|O"``. It may be read-only.

    Raises
    ------
    FormatError
        If the payload is damaged or does not hold exactly one such chunk.
    """
    if codec.object_codec is not None:
        return _decode_objects(payload, codec, chunk_shape)
    stored = np.dtype(dtype)
    size = math.prod(chunk_shape) * stored.itemsize
    if size > CHUNK_BYTES:
        raise FormatError(f"chunk: expected at most {CHUNK_BYTES} bytes, found {size} announced")
    buffer = payload if codec.level is None else decompress(payload, size)
    if len(buffer) != size:
        raise FormatError(f"chunk: expected {size} bytes for shape {chunk_shape}, found {len(buffer)}")
    flat = np.frombuffer(buffer, stored)
    if codec.delta:
        flat = decode_delta(flat)
    return from_fortran(flat, chunk_shape) if codec.order == "F" else flat.reshape(chunk_shape)


def check_size(size: int) -> None:
    """Check how many bytes a chunk has.

    Parameters
    ----------
    size : int
        Before compression.

    Raises
    ------
    ValueError
        If it is more than 4 GiB.

    Examples
    --------
    >>> check_size(1 << 20)
    """
    if size > CHUNK_BYTES:
        raise ValueError(f"chunk: expected at most {CHUNK_BYTES} bytes, found {size}; use smaller rows")


def check_type(values: npt.NDArray[Any], dtype: np.dtype[Any]) -> None:
    """Check that values are of a chunk's type, in any byte order.

    Parameters
    ----------
    values : ndarray
        The values.
    dtype : dtype
        The chunk's.

    Raises
    ------
    ValueError
        If they are of another.

    Examples
    --------
    >>> check_type(np.zeros(2, ">i4"), np.dtype("<i4"))
    """
    if not np.can_cast(values.dtype, dtype, "equiv"):
        raise ValueError(f"chunk: expected values of type {dtype.str}, found {values.dtype.str}")


def _compressed(buffer: bytes | memoryview, codec: Codec) -> bytes:
    check_size(len(buffer))
    return bytes(buffer) if codec.level is None else compress(buffer, codec.level)


def _object_content(payload: bytes | memoryview, codec: Codec) -> bytes | memoryview:
    return payload if codec.level is None else decompress(payload, CHUNK_BYTES)


def _number_buffer(
    values: npt.NDArray[Any], codec: Codec, dtype: np.dtype[Any], chunk_shape: tuple[int, ...]
) -> memoryview:
    check_type(values, dtype)
    _check_shape(values.shape, chunk_shape)
    if values.shape != chunk_shape:
        values = _padded(values, np.zeros(chunk_shape, dtype))
    values = values.astype(dtype, copy=False)
    flat = to_fortran(values) if codec.order == "F" else np.ascontiguousarray(values).reshape(-1)
    if codec.delta:
        flat = encode_delta(flat)
    return flat.view(np.uint8).data


def _object_buffer(
    values: npt.NDArray[Any] | Sequence[str] | Sequence[bytes],
    object_codec: Literal["vlen-utf8", "vlen-bytes"],
    chunk_shape: tuple[int, ...],
) -> bytes:
    shape = values.shape if isinstance(values, np.ndarray) else (len(values),)
    _check_shape(shape, chunk_shape)
    if len(shape) == 1:
        items = [*values, *[b""] * (chunk_shape[0] - shape[0])]
    else:
        items = _padded(values, np.full(chunk_shape, b"", object)).reshape(-1).tolist()
    if object_codec == "vlen-utf8":
        items = [item.encode() if isinstance(item, str) else item for item in items]
    return encode_bytes(items)


def _padded(values: npt.ArrayLike, filler: npt.NDArray[Any]) -> npt.NDArray[Any]:
    spans: list[Any] = [slice(length) for length in np.shape(values)]
    filler[(*spans, ...)] = values
    return filler


def _check_shape(shape: tuple[int, ...], chunk_shape: tuple[int, ...]) -> None:
    if len(shape) != len(chunk_shape) or any(found > most for found, most in zip(shape, chunk_shape, strict=True)):
        raise ValueError(f"chunk: expected values of at most the shape {chunk_shape}, found {shape}")


def _decode_objects(payload: bytes | memoryview, codec: Codec, chunk_shape: tuple[int, ...]) -> npt.NDArray[Any]:
    buffer = _object_content(payload, codec)
    items: Sequence[str | bytes] = decode_strings(buffer) if codec.object_codec == "vlen-utf8" else decode_bytes(buffer)
    if len(items) != math.prod(chunk_shape):
        raise FormatError(f"chunk: expected {math.prod(chunk_shape)} items for shape {chunk_shape}, found {len(items)}")
    values = np.empty(len(items), object)
    values[:] = items
    return values.reshape(chunk_shape)
