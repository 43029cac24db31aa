"""Decompressors of one interface, that of `bz2.BZ2Decompressor`: never more output than was asked for.

Deflate and gzip go through ISA-L where `isal` is installed (about twice as fast), else through zlib.
"""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, cast

from zarrpack.errors import MemberError
from zarrpack.processors.limits import Limits

__all__ = [
    "Decoder",
    "ZlibDecoder",
    "ZstdDecoder",
    "crc32",
    "decoded",
    "deflate_decoder",
    "gzip_body_decoder",
    "lzma_decoder",
    "xz_decoder",
    "zstd_decoder",
]

#: Bytes of memory that a foreign .xz may ask for; `xz -9` needs 65 MiB.
_LZMA_MEMORY_BYTES = 512 << 20
#: What `zstd --ultra` needs, and zstd's own limit.
_ZSTD_WINDOW_BYTES = 128 << 20
# At most 128 KiB come out of 4 bytes, so 64 MiB out of this many.
_ZSTD_PIECE_BYTES = 2048

_errors: tuple[type[Exception], ...] = (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError)
crc32: Callable[[bytes, int], int] = zlib.crc32
try:
    from isal import igzip_lib, isal_zlib
except ImportError:  # not built for every platform
    HAS_ISAL = False
else:
    HAS_ISAL = True
    crc32 = isal_zlib.crc32
    _errors = (*_errors, cast("type[Exception]", igzip_lib.IsalError))


class Decoder(Protocol):
    """Decompresses one frame: one gzip member, one bzip2 or xz stream, one zstd frame, one deflate stream."""

    @property
    def eof(self) -> bool:
        """Whether the frame's end has been reached, and its checksum, if it has one, was right."""

    @property
    def needs_input(self) -> bool:
        """Whether more input is needed before more output can be had."""

    @property
    def unused_data(self) -> bytes:
        """Input behind the frame's end."""

    def decompress(self, data: bytes, max_length: int = -1, /) -> bytes:
        """Give at most `max_length` bytes; call it with ``b""`` for more while `needs_input` is false."""


class ZlibDecoder:
    """zlib's decompressor with the interface of bz2's.

    Parameters
    ----------
    wbits : int
        -15 for raw deflate, 31 for gzip.

    Examples
    --------
    >>> import gzip
    >>> ZlibDecoder(31).decompress(gzip.compress(b"abc"), 2)
    b'ab'
    """

    def __init__(self, wbits: int) -> None:
        self._decoder = zlib.decompressobj(wbits)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        """Whether the stream's end has been reached."""
        return self._decoder.eof

    @property
    def unused_data(self) -> bytes:
        """Input behind the stream's end."""
        return self._decoder.unused_data

    def decompress(self, data: bytes, max_length: int = -1, /) -> bytes:
        """Give at most `max_length` bytes."""
        pending = self._decoder.unconsumed_tail + data
        output = self._decoder.decompress(pending, max(max_length, 0))
        # zlib may keep output back although it has taken all input.
        self.needs_input = not self._decoder.unconsumed_tail and (max_length < 0 or len(output) < max_length)
        return output


class ZstdDecoder:
    """zstandard's decompressor with the interface of bz2's; `max_length` may be exceeded by 64 MiB at most.

    Parameters
    ----------
    window_bytes : int
        How long a window a frame may ask for, at most 2 GiB.

    Examples
    --------
    >>> import zstandard
    >>> ZstdDecoder().decompress(zstandard.compress(b"abc"))
    b'abc'
    """

    def __init__(self, window_bytes: int = _ZSTD_WINDOW_BYTES) -> None:
        import zstandard

        self._frame = zstandard.ZstdDecompressor(max_window_size=min(window_bytes, 2 << 30)).decompressobj()
        self._error = zstandard.ZstdError
        self._input = b""
        self._position = 0

    @property
    def eof(self) -> bool:
        """Whether the frame's end has been reached."""
        return self._frame.eof

    @property
    def needs_input(self) -> bool:
        """Whether more input is needed."""
        return self._position >= len(self._input)

    @property
    def unused_data(self) -> bytes:
        """Input behind the frame's end."""
        return self._frame.unused_data + self._input[self._position :]

    def decompress(self, data: bytes, max_length: int = -1, /) -> bytes:
        """Give about `max_length` bytes.

        Raises
        ------
        OSError
            If the frame is damaged.
        """
        if data:
            self._input, self._position = self._input[self._position :] + data, 0
        parts: list[bytes] = []
        produced = 0
        while not self.eof and not self.needs_input and (max_length < 0 or produced < max_length):
            piece = self._input[self._position : self._position + _ZSTD_PIECE_BYTES]
            self._position += len(piece)
            try:
                part = self._frame.decompress(piece)
            except self._error as error:
                raise OSError(str(error)) from error
            parts.append(part)
            produced += len(part)
        return b"".join(parts)


def zstd_decoder(limits: Limits) -> Decoder:
    """Give a Zstd decoder whose window may take a 32nd of the limit on memory, and 128 MiB in any case."""
    return ZstdDecoder(max(limits.memory_bytes // 32, _ZSTD_WINDOW_BYTES))


def deflate_decoder() -> Decoder:
    """Make a decoder of a raw deflate stream."""
    return igzip_lib.IgzipDecompressor(igzip_lib.DECOMP_DEFLATE) if HAS_ISAL else ZlibDecoder(-15)


def gzip_body_decoder() -> Decoder | None:
    """Make a decoder of what follows a gzip header, CRC and length included; None without ISA-L."""
    return igzip_lib.IgzipDecompressor(igzip_lib.DECOMP_GZIP_NO_HDR_VER) if HAS_ISAL else None


def xz_decoder(memory_bytes: int = _LZMA_MEMORY_BYTES) -> Decoder:
    """Make a decoder of one xz stream; its checksums are checked, and no more memory is taken than that."""
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=memory_bytes)


def lzma_decoder(properties: bytes, size: int) -> Decoder:
    """Make a decoder of a raw LZMA stream, as in a zip.

    Parameters
    ----------
    properties : bytes
        The five bytes lc/lp/pb and dictionary size.
    size : int
        Bytes of the content; a dictionary need not be larger.

    Raises
    ------
    MemberError
        ``payload_damaged`` if there are no such properties.
    """
    try:
        packed, dictionary = properties[0], int.from_bytes(properties[1:5], "little")
        lzma_filter = {
            "id": lzma.FILTER_LZMA1,
            "lc": packed % 9,
            "lp": packed // 9 % 5,
            "pb": packed // 45,
            "dict_size": max(4096, min(dictionary, size, _LZMA_MEMORY_BYTES)),
        }
        return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[lzma_filter])
    except (IndexError, lzma.LZMAError, ValueError) as exc:
        raise MemberError("payload_damaged", f"expected LZMA properties, found {properties.hex()}") from exc


def decoded(decoder: Decoder, pieces: Iterable[bytes], sizes: Iterator[int]) -> Iterator[bytes]:
    """Decompress one frame; whoever iterates looks at `decoder.eof` afterwards.

    Parameters
    ----------
    decoder : Decoder
        A new one.
    pieces : iterable of bytes
        The compressed bytes.
    sizes : iterator of int
        How many bytes to give at most, block by block.

    Raises
    ------
    MemberError
        ``crc_mismatch``, ``payload_damaged`` or ``limit_memory``.

    Examples
    --------
    >>> import bz2
    >>> list(decoded(bz2.BZ2Decompressor(), [bz2.compress(b"abc")], iter([2, 2])))
    [b'ab', b'c']
    """
    for piece in pieces:
        data = piece
        while True:
            try:
                block = decoder.decompress(data, next(sizes))
            except _errors as exc:
                raise _damage(exc) from exc
            if block:
                yield block
            if decoder.eof:
                return
            if decoder.needs_input:
                break
            data = b""


def _damage(error: Exception) -> MemberError:
    words = str(error).lower()
    if "checksum" in words or "data check" in words or "length check" in words or "crc mismatch" in words:
        return MemberError("crc_mismatch", f"expected the announced checksum, found: {error}; the archive is damaged")
    if "memory" in words:
        detail = f"expected a smaller dictionary or window, found: {error}"
        return MemberError("limit_memory", f"{detail}; raise the limit memory_bytes, or compress it anew")
    return MemberError("payload_damaged", f"expected compressed bytes, found: {error}; the archive is damaged")
