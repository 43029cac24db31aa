"""Gzip members. Their headers are read here: ISA-L loses its place in one that its input cuts in two."""

from __future__ import annotations

import zlib

from zarrpack.errors import MemberError
from zarrpack.processors.archives.decoders import Decoder, ZlibDecoder, gzip_body_decoder

__all__ = ["GzipDecoder", "gzip_decoder", "gzip_header_length"]

_MAGIC = b"\x1f\x8b\x08"
_FIXED_BYTES = 10
_CHECKSUM, _EXTRA, _NAME, _COMMENT, _RESERVED = 2, 4, 8, 16, 0xE0


def gzip_header_length(head: bytes) -> int | None:
    """Tell where the header of a gzip member ends.

    Parameters
    ----------
    head : bytes
        The member from its first byte on.

    Returns
    -------
    int or None
        The offset of the deflate stream; None if the header goes on behind `head`.

    Raises
    ------
    MemberError
        ``payload_damaged`` if it is no gzip header, ``crc_mismatch`` if its own checksum is wrong.

    Examples
    --------
    >>> import gzip
    >>> head = gzip.compress(b"abc")
    >>> gzip_header_length(head), gzip_header_length(head[:9])
    (10, None)
    """
    flags = head[3] if len(head) > 3 else 0
    if not _MAGIC.startswith(head[:3]) or flags & _RESERVED:
        raise MemberError("payload_damaged", f"expected a gzip header, found {head[:4].hex()}; the archive is damaged")
    end = _FIXED_BYTES
    if len(head) < end:
        return None
    if flags & _EXTRA:
        end += 2 + int.from_bytes(head[end : end + 2], "little")
    for flag in (_NAME, _COMMENT):
        if flags & flag:
            if (zero := head.find(0, end)) < 0:
                return None
            end = zero + 1
    if flags & _CHECKSUM:
        end += 2
    if end > len(head):
        return None
    if flags & _CHECKSUM and zlib.crc32(head[: end - 2]) & 0xFFFF != int.from_bytes(head[end - 2 : end], "little"):
        raise MemberError(
            "crc_mismatch", "expected the gzip header's own checksum, found another; the archive is damaged"
        )
    return end


class GzipDecoder:
    """Decompresses one gzip member; header, CRC and length are checked.

    Parameters
    ----------
    body : Decoder
        Of what follows the header: the deflate stream, whose CRC and length it checks.
    header_bytes : int
        How long the header may be; an extra field alone has up to 64 KiB.

    Examples
    --------
    >>> import gzip
    >>> gzip_decoder().decompress(gzip.compress(b"abc"), 2)
    b'ab'
    """

    def __init__(self, body: Decoder, header_bytes: int) -> None:
        self._head: bytes | None = b""
        self._body = body
        self._header_bytes = header_bytes

    @property
    def eof(self) -> bool:
        """Whether the member's end has been reached, and CRC and length were right."""
        return self._body.eof

    @property
    def needs_input(self) -> bool:
        """Whether more input is needed."""
        return self._body.needs_input

    @property
    def unused_data(self) -> bytes:
        """Input behind the member's end."""
        return self._body.unused_data

    def decompress(self, data: bytes, max_length: int = -1, /) -> bytes:
        """Give at most `max_length` bytes.

        Raises
        ------
        MemberError
            ``payload_damaged``, ``crc_mismatch`` or ``limit_header_bytes`` if the header is bad or too long.
        """
        if self._head is None:
            return self._body.decompress(data, max_length)
        head = self._head + data
        start = gzip_header_length(head)
        if start is not None:
            self._head = None
            return self._body.decompress(head[start:], max_length)
        if len(head) > self._header_bytes:
            detail = f"expected at most {self._header_bytes} bytes in a gzip header, found more"
            raise MemberError("limit_header_bytes", f"{detail}; raise the limit special_header_bytes")
        self._head = head
        return b""


def gzip_decoder(header_bytes: int = 1 << 20) -> Decoder:
    """Make a decoder of one gzip member; header, CRC and length are checked.

    Parameters
    ----------
    header_bytes : int
        How long the header may be. Without ISA-L it is not kept in memory, and may have any length.
    """
    body = gzip_body_decoder()
    return ZlibDecoder(31) if body is None else GzipDecoder(body, header_bytes)
