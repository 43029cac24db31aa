"""A zip member's payload: where it starts, and what it holds once it is decompressed."""

from __future__ import annotations

import bz2
from collections.abc import Iterator
from itertools import repeat
from struct import Struct
from typing import BinaryIO

from zarrpack.errors import MemberError
from zarrpack.processors.archives.base import Entry
from zarrpack.processors.archives.decoders import (
    Decoder,
    ZstdDecoder,
    decoded,
    deflate_decoder,
    lzma_decoder,
)
from zarrpack.processors.archives.files import block_sizes, read_bytes, read_range
from zarrpack.processors.archives.streams import checked
from zarrpack.processors.limits import Limits

__all__ = ["METHODS", "agrees_with_header", "payload_blocks", "read_small"]

_STORED, _DEFLATE, _BZIP2, _LZMA, _ZSTD = 0, 8, 12, 14, 93

#: The compression methods that can be read.
METHODS = (_STORED, _DEFLATE, _BZIP2, _LZMA, _ZSTD)

_LOCAL_HEADER = Struct("<4s2xH10xI4xHH")
_SIZES_FOLLOW_FLAG = 0x8
_IN_ZIP64_FIELD = 0xFFFFFFFF
# Extra fields of a local header are mostly times and owners; what is longer costs a second read.
_EXTRA_GUESS = 64
# Members of at most so many bytes, before and after decompression, are read in one go.
_SMALL_BYTES = 8 << 20


def payload_blocks(file: BinaryIO, entry: Entry) -> Iterator[bytes]:
    """Give a member's content block by block; sizes and CRC are left to `checked`.

    Parameters
    ----------
    file : binary file
        The zip.
    entry : Entry
        With the locator (header offset, compressed size, method).

    Raises
    ------
    MemberError
        ``header_damaged``, ``truncated``, ``payload_damaged``, ``unreadable``.
    """
    offset, packed_size, method = entry.locator
    offset += _header_size(entry, read_bytes(file, offset, _LOCAL_HEADER.size + len(entry.raw_name)))
    end = offset + packed_size
    if method == _STORED:
        yield from read_range(file, offset, end)
        return
    if method == _LZMA:
        prefix = read_bytes(file, offset, min(packed_size, 9))
        offset += 4 + int.from_bytes(prefix[2:4], "little")
        decoder = lzma_decoder(prefix[4:], entry.size or 0)
    else:
        decoder = _decoder(method)
    yield from decoded(decoder, read_range(file, offset, end), block_sizes())
    if not decoder.eof and method != _LZMA:  # whose end may be unmarked
        raise _truncated(packed_size)


def read_small(file: BinaryIO, entry: Entry, limits: Limits) -> bytes | None:
    """Read a small stored or deflated member with one read and one call; None if it is no such member.

    Raises
    ------
    MemberError
        As `payload_blocks` and `checked`.
    """
    offset, packed_size, method = entry.locator
    size = entry.size or 0
    if method not in (_STORED, _DEFLATE) or max(packed_size, size) > _SMALL_BYTES:
        return None
    wanted = _LOCAL_HEADER.size + len(entry.raw_name) + packed_size + _EXTRA_GUESS
    data = read_bytes(file, offset, wanted)
    header_size = _header_size(entry, data)
    if header_size + packed_size > len(data) == wanted:
        data += read_bytes(file, offset + wanted, header_size + packed_size - wanted)
    content = data[header_size : header_size + packed_size]
    if len(content) < packed_size:
        raise _truncated(packed_size)
    if method == _DEFLATE:
        decoder = deflate_decoder()
        content = next(decoded(decoder, [content], repeat(size + 1)), b"")
        if not decoder.eof and len(content) <= size:
            raise _truncated(packed_size)
    return b"".join(checked(iter([content]), limits, size=size, crc=entry.crc32, packed_size=packed_size))


def agrees_with_header(file: BinaryIO, offset: int, raw_name: bytes, packed_size: int) -> bool:
    """Whether a member's own header has the name and the compressed size that the directory tells.

    Parameters
    ----------
    file : binary file
        The zip.
    offset : int
        Where the header should be in the file.
    raw_name : bytes
        The name.
    packed_size : int
        The compressed size; not compared where the header leaves it to a later record.
    """
    data = read_bytes(file, offset, _LOCAL_HEADER.size + len(raw_name))
    if len(data) < _LOCAL_HEADER.size or data[_LOCAL_HEADER.size :] != raw_name:
        return False
    signature, flags, announced, name_size, _ = _LOCAL_HEADER.unpack_from(data)
    is_told = not flags & _SIZES_FOLLOW_FLAG and announced != _IN_ZIP64_FIELD
    return signature == b"PK\3\4" and name_size == len(raw_name) and (not is_told or announced == packed_size)


def _header_size(entry: Entry, data: bytes) -> int:
    """Check the local header at the start of `data`; give the bytes up to the payload."""
    name_end = _LOCAL_HEADER.size + len(entry.raw_name)
    if len(data) < name_end:
        raise MemberError("truncated", f"expected a local header at offset {entry.offset}, found the file's end")
    signature, _, _, name_size, extra_size = _LOCAL_HEADER.unpack_from(data)
    if signature != b"PK\3\4":
        raise MemberError("header_damaged", f"expected a local header at offset {entry.offset}, found {signature!r}")
    if name_size != len(entry.raw_name) or not data.startswith(entry.raw_name, _LOCAL_HEADER.size):
        found = data[_LOCAL_HEADER.size : min(_LOCAL_HEADER.size + name_size, name_end)]
        raise MemberError("header_damaged", f"expected the directory's name in the local header, found {found!r}")
    return name_end + int(extra_size)


def _decoder(method: int) -> Decoder:
    if method == _DEFLATE:
        return deflate_decoder()
    return bz2.BZ2Decompressor() if method == _BZIP2 else ZstdDecoder()


def _truncated(packed_size: int) -> MemberError:
    return MemberError(
        "truncated", f"expected the content to end within its {packed_size} bytes, found that it goes on"
    )
