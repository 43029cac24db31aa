"""Finding the next header of a tar behind a damaged place."""

from __future__ import annotations

import re
from typing import Protocol

from zarrpack.processors.archives.tar_headers import BLOCK_BYTES, has_valid_checksum

__all__ = ["TarReader", "find_header", "is_at_member"]

_PIECE_BYTES = 1 << 20
# Looked for at every byte, for bytes may be missing; headers from before 1988 have no magic and are not found.
_MAGIC = b"ustar"
_MAGIC_OFFSET = 257
# What only looks like a header mostly has other bytes where the checksum is written.
_CHECKSUM = re.compile(rb"[0-7 ]{6}[0-7 \0]{2}")
_CHECKSUM_OFFSET = 148


class TarReader(Protocol):
    """Where the bytes of a tar come from."""

    @property
    def position(self) -> int:
        """Offset in the tar of the next byte to read."""

    @property
    def length(self) -> int | None:
        """Bytes of the tar; None where that is not known."""

    def read(self, size: int) -> bytes:
        """Give `size` bytes; fewer only at the end. Raises MemberError if they cannot be had."""

    def skip_to(self, offset: int) -> None:
        """Go forward to an offset; beyond the end nothing can be read. Raises as `read`."""

    def push_back(self, data: bytes) -> None:
        """Take back the bytes that were read last."""

    def resume(self) -> bool:
        """After an error of the reader's own: go on behind it; tell whether that is possible."""


def find_header(reader: TarReader) -> int | None:
    """Go forward to the next block that is a header by its magic and its checksum.

    Parameters
    ----------
    reader : TarReader
        Left at the header's first byte.

    Returns
    -------
    int or None
        Where it starts; None if there is none up to the end.

    Raises
    ------
    MemberError
        What the reader raises.

    Examples
    --------
    >>> import tarfile
    >>> from zarrpack.processors.archives.tar_stream import BlockReader
    >>> find_header(BlockReader(iter([bytes(100), tarfile.TarInfo("a").tobuf()])))
    100
    """
    buffer = b""
    while piece := reader.read(_PIECE_BYTES):
        buffer += piece
        at = buffer.find(_MAGIC, _MAGIC_OFFSET)
        while 0 <= (start := at - _MAGIC_OFFSET) <= len(buffer) - BLOCK_BYTES:
            is_likely = _CHECKSUM.match(buffer, start + _CHECKSUM_OFFSET)
            if is_likely and has_valid_checksum(buffer[start : start + BLOCK_BYTES]):
                reader.push_back(buffer[start:])
                return reader.position
            at = buffer.find(_MAGIC, at + 1)
        buffer = buffer[-(BLOCK_BYTES - 1) :]
    return None


def is_at_member(reader: TarReader, size: int) -> bool:
    """Whether a header or the tar's end mark is next, and no content; nothing is taken from the reader.

    Parameters
    ----------
    reader : TarReader
        Behind a header.
    size : int
        Bytes of the content, if it is there. Zeros are taken for the end mark only if they cannot be more than a part of it.

    Raises
    ------
    MemberError
        What the reader raises.

    Examples
    --------
    >>> from zarrpack.processors.archives.tar_stream import BlockReader
    >>> is_at_member(BlockReader(iter([bytes(1024)])), 7), is_at_member(BlockReader(iter([b"content"])), 7)
    (True, False)
    """
    blocks = reader.read(2 * BLOCK_BYTES)
    reader.push_back(blocks)
    return has_valid_checksum(blocks[:BLOCK_BYTES]) or (size <= BLOCK_BYTES and blocks == bytes(2 * BLOCK_BYTES))
