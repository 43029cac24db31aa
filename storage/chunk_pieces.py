"""Chunks whose rows come in pieces, so that nobody has a whole one in memory."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from zarrpack.storage.base import Codec
from zarrpack.storage.codecs import check_size, check_type
from zarrpack.storage.delta import encode_delta
from zarrpack.storage.zstd import compress_pieces

__all__ = ["PIECE_BYTES", "encode_pieces", "takes_pieces"]

#: How large pieces should be: small beside what Zstd needs itself, and large beside the cost of a call.
PIECE_BYTES = 256 << 10


def takes_pieces(codec: Codec, ndim: int) -> bool:
    """Whether `encode_pieces` can encode chunks of so many axes: numbers, row by row."""
    return codec.object_codec is None and (codec.order == "C" or ndim < 2)


def encode_pieces(pieces: Iterable[npt.NDArray[Any]], codec: Codec, dtype: str, chunk_shape: tuple[int, ...]) -> bytes:
    """Encode one chunk whose rows come in pieces, as `encode_chunk` encodes the whole. Never has the whole in memory.

    Parameters
    ----------
    pieces : iterable of ndarray
        Rows, in order; fewer than the chunk has are padded with zeros at the end. A piece that owns its memory is
        overwritten.
    codec : Codec
        How to encode; one for which `takes_pieces` holds.
    dtype : str
        As in ``.zarray``; must be the pieces' own type, in any byte order.
    chunk_shape : tuple of int
        The chunk's full shape.

    Raises
    ------
    ValueError
        If the pieces are of another type or shape, have more rows, or the chunk is larger than 4 GiB.

    Examples
    --------
    >>> codec = Codec(level=1, delta=True)
    >>> payload = encode_pieces([np.arange(2), np.arange(2, 5)], codec, "<i8", (8,))
    >>> payload == encode_pieces([np.arange(5)], codec, "<i8", (8,))
    True
    """
    size = math.prod(chunk_shape) * np.dtype(dtype).itemsize
    check_size(size)
    buffers = _filtered(_all_rows(pieces, np.dtype(dtype), chunk_shape), codec)
    return b"".join(buffers) if codec.level is None else compress_pieces(buffers, size, codec.level)


def _all_rows(
    pieces: Iterable[npt.NDArray[Any]], dtype: np.dtype[Any], chunk_shape: tuple[int, ...]
) -> Iterator[npt.NDArray[Any]]:
    """Give pieces and padding that are a chunk together."""
    left = chunk_shape[0]
    for piece in pieces:
        check_type(piece, dtype)
        if piece.shape[1:] != chunk_shape[1:]:
            raise ValueError(f"chunk: expected rows of the shape {chunk_shape[1:]}, found {piece.shape[1:]}")
        left -= len(piece)
        if left < 0:
            raise ValueError(f"chunk: expected at most {chunk_shape[0]} rows, found more")
        yield piece.astype(dtype, copy=False)
    step = max(1, PIECE_BYTES // max(1, math.prod(chunk_shape[1:]) * dtype.itemsize))
    for start in range(0, left, step):
        yield np.zeros((min(step, left - start), *chunk_shape[1:]), dtype)


def _filtered(pieces: Iterable[npt.NDArray[Any]], codec: Codec) -> Iterator[memoryview]:
    """Give the bytes of pieces, their differences if the codec asks for them."""
    before: Any = 0
    for piece in pieces:
        flat = np.ascontiguousarray(piece).reshape(-1)
        if codec.delta and flat.size:
            last = flat[-1]
            flat = encode_delta(flat, in_place=piece.base is None and flat.flags.writeable, before=before)
            before = last
        yield flat.view(np.uint8).data
