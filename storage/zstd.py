"""Zstandard frames, by one binding everywhere, so that equal input gives equal bytes."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterable
from typing import TypeAlias

import zstandard

from zarrpack.errors import FormatError

__all__ = ["compress", "compress_pieces", "decompress"]

Buffer: TypeAlias = bytes | bytearray | memoryview

#: Larger inputs are compressed as a stream, which looks back 2**20 bytes at most, with tables of at most 2**20 entries,
#: as inputs of this size have anyway. At level 12 that is 11 MB for each thread instead of 47, whatever the input's size.
_LARGE_BYTES = 256 << 10
_MOST_LOG = 20


class _Contexts(threading.local):
    """One compressor per level and one decompressor for each thread; making one costs as much as a small array."""

    def __init__(self) -> None:
        #: (level, whether the input is large) -> compressor
        self.compressors: dict[tuple[int, bool], zstandard.ZstdCompressor] = {}
        self.decompressor = zstandard.ZstdDecompressor()


_contexts = _Contexts()


def compress(buffer: Buffer, level: int) -> bytes:
    """Compress to one frame that says how many bytes it holds. Releases the GIL; safe in threads.

    Parameters
    ----------
    buffer : bytes-like
        Contiguous.
    level : int
        Zstd level, 1 to 22.

    Returns
    -------
    bytes
        The frame.

    Examples
    --------
    >>> decompress(compress(b"abc", 1), most=3)
    b'abc'
    """
    return compress_pieces([buffer], memoryview(buffer).nbytes, level)


def compress_pieces(pieces: Iterable[Buffer], size: int, level: int) -> bytes:
    """Compress what comes in pieces to the frame that `compress` makes of the whole, without having the whole.

    Parameters
    ----------
    pieces : iterable of bytes-like
        Contiguous; cut wherever. Making one may decompress, but not compress.
    size : int
        The bytes of all together.
    level : int
        Zstd level, 1 to 22.

    Returns
    -------
    bytes
        The frame.

    Raises
    ------
    ValueError
        If the pieces have another size together.

    Examples
    --------
    >>> compress_pieces([b"a", b"bc"], 3, level=1) == compress(b"abc", 1)
    True
    """
    if size <= _LARGE_BYTES:
        whole, *more = pieces
        if more:
            whole = b"".join([whole, *more])
        _check_size(memoryview(whole).nbytes, size)
        return _compressor(level, is_large=False).compress(whole)
    stream = _compressor(level, is_large=True).compressobj(size=size)
    found, frame = 0, io.BytesIO()
    for piece in pieces:
        found += memoryview(piece).nbytes
        if found <= size:
            frame.write(stream.compress(piece))
    _check_size(found, size)
    frame.write(stream.flush())
    return frame.getvalue()


def _check_size(found: int, size: int) -> None:
    if found != size:
        raise ValueError(f"pieces: expected {size} bytes together, found {found}")


def _compressor(level: int, is_large: bool) -> zstandard.ZstdCompressor:
    """Give this thread's compressor."""
    compressor = _contexts.compressors.get((level, is_large))
    if compressor is None:
        if is_large:
            usual = zstandard.ZstdCompressionParameters.from_level(level)
            logs = {name: min(getattr(usual, name), _MOST_LOG) for name in ("window_log", "hash_log", "chain_log")}
            bounded = zstandard.ZstdCompressionParameters.from_level(level, **logs)
            compressor = zstandard.ZstdCompressor(compression_params=bounded)
        else:
            compressor = zstandard.ZstdCompressor(level=level)
        _contexts.compressors[level, is_large] = compressor
    return compressor


def decompress(payload: Buffer, most: int) -> bytes:
    """Decompress one frame. Releases the GIL; safe in threads.

    Parameters
    ----------
    payload : bytes-like
        The frame.
    most : int
        How many bytes it may hold. Compared with the frame's header before anything is allocated.

    Returns
    -------
    bytes
        The content.

    Raises
    ------
    FormatError
        If it is no such frame, or holds or announces more than `most` bytes.
    """
    try:
        size = zstandard.frame_content_size(payload)
        if size > most:
            raise FormatError(f"Zstd frame: expected at most {most} bytes, found {size} announced")
        if size < 0:
            return _decompress_stream(payload, most)
        return _contexts.decompressor.decompress(payload, allow_extra_data=False)
    except zstandard.ZstdError as exc:
        raise FormatError(
            f"Zstd frame: expected at most {most} bytes of content, found a damaged frame ({exc})"
        ) from exc


def _decompress_stream(payload: Buffer, most: int) -> bytes:
    """Decompress a frame that does not say its size, as writers of streams make them."""
    pieces, size = [], 0
    for piece in _contexts.decompressor.read_to_iter(payload):
        pieces.append(piece)
        size += len(piece)
        if size > most:
            raise FormatError(f"Zstd frame: expected at most {most} bytes, found more")
    return b"".join(pieces)
