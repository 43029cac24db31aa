"""A zip member's payload: where it starts, and what it holds once it is decompressed."""

from __future__ import annotations

import bz2
from collections.abc import Iterator
from itertools import repeat
from typing import BinaryIO

from zarrpack.errors import MemberError
from zarrpack.processors.archives.base import Entry
from zarrpack.processors.archives.decoders import (
    Decoder,
    decoded,
    deflate_decoder,
    lzma_decoder,
    zstd_decoder,
)
from zarrpack.processors.archives.files import block_sizes, read_bytes, read_range
from zarrpack.processors.archives.streams import checked
from zarrpack.processors.archives.zip_local import LOCAL_HEADER_BYTES, check_descriptor, check_header, fields_end
from zarrpack.processors.limits import Limits

__all__ = ["METHODS", "payload_blocks", "read_small"]

_STORED, _DEFLATE, _BZIP2, _LZMA, _ZSTD = 0, 8, 12, 14, 93

#: The compression methods that can be read.
METHODS = (_STORED, _DEFLATE, _BZIP2, _LZMA, _ZSTD)

_UNUSED = "unused_bytes"
# Extra fields of a local header are mostly times and owners; what is longer costs a second read.
_EXTRA_GUESS = 64
# Members of at most so many bytes, before and after decompression, are read in one go.
_SMALL_BYTES = 8 << 20


def payload_blocks(file: BinaryIO, entry: Entry, limits: Limits, notes: list[str]) -> Iterator[bytes]:
    """Give a member's content block by block; sizes and CRC are left to `checked`.

    Parameters
    ----------
    file : binary file
        The zip.
    entry : Entry
        With the locator (header offset, compressed size, method).
    limits : Limits
        How much memory a decoder may take.
    notes : list of str
        ``"local_extra_damaged"`` is added if the extra fields of the member's own header (where they are short) have
        lengths that contradict the header's, and at the end ``"unused_bytes"`` if the compressed bytes end before the
        payload does.

    Raises
    ------
    MemberError
        ``header_damaged``, ``size_mismatch``, ``crc_mismatch``, ``truncated``, ``payload_damaged``, ``limit_memory``,
        ``unreadable``.
    """
    offset, packed_size, method = entry.locator
    data = read_bytes(file, offset, LOCAL_HEADER_BYTES + len(entry.raw_name) + _EXTRA_GUESS)
    header_size, has_descriptor = check_header(entry, data)
    notes += _extra_notes(entry, data, header_size)
    offset += header_size
    end = offset + packed_size
    if has_descriptor:
        check_descriptor(entry, file, end)
    if method == _STORED:
        yield from read_range(file, offset, end)
        return
    if method == _LZMA:
        prefix = read_bytes(file, offset, min(packed_size, 9))
        offset += 4 + int.from_bytes(prefix[2:4], "little")
        decoder = lzma_decoder(prefix[4:], entry.size or 0)
    else:
        decoder = _decoder(method, limits)
    pieces = read_range(file, offset, end)
    yield from decoded(decoder, pieces, block_sizes())
    if not decoder.eof and method != _LZMA:  # whose end may be unmarked
        raise _truncated(packed_size)
    if decoder.eof and (decoder.unused_data or next(pieces, b"")):
        notes.append(_UNUSED)


def read_small(file: BinaryIO, entry: Entry, limits: Limits, notes: list[str]) -> bytes | None:
    """Read a small stored or deflated member with one read and one call; None if it is no such member.

    The parameters are those of `payload_blocks` and `checked`.

    Raises
    ------
    MemberError
        As `payload_blocks` and `checked`.
    """
    offset, packed_size, method = entry.locator
    size = entry.size or 0
    if method not in (_STORED, _DEFLATE) or max(packed_size, size) > _SMALL_BYTES:
        return None
    wanted = LOCAL_HEADER_BYTES + len(entry.raw_name) + packed_size + _EXTRA_GUESS
    data = read_bytes(file, offset, wanted)
    header_size, has_descriptor = check_header(entry, data)
    notes += _extra_notes(entry, data, header_size)
    end = header_size + packed_size
    if end > len(data) == wanted:
        data += read_bytes(file, offset + wanted, end - wanted)
    content = data[header_size:end]
    if len(content) < packed_size:
        raise _truncated(packed_size)
    if has_descriptor:
        check_descriptor(entry, file, offset + end, data[end:])
    if method == _DEFLATE:
        decoder = deflate_decoder()
        content = next(decoded(decoder, [content], repeat(size + 1)), b"")
        if not decoder.eof and len(content) <= size:
            raise _truncated(packed_size)
        if decoder.eof and decoder.unused_data:
            notes.append(_UNUSED)
    return b"".join(checked(iter([content]), limits, size=size, crc=entry.crc32, packed_size=packed_size))


def _decoder(method: int, limits: Limits) -> Decoder:
    if method == _DEFLATE:
        return deflate_decoder()
    return bz2.BZ2Decompressor() if method == _BZIP2 else zstd_decoder(limits)


def _extra_notes(entry: Entry, data: bytes, header_size: int) -> tuple[str, ...]:
    """Look at the extra fields of a local header, as far as they have been read; nothing is taken from them."""
    start = LOCAL_HEADER_BYTES + len(entry.raw_name)
    if start == header_size or header_size > len(data):
        return ()
    return ("local_extra_damaged",) if fields_end(data[start:header_size]) > header_size - start else ()


def _truncated(packed_size: int) -> MemberError:
    return MemberError(
        "truncated", f"expected the content to end within its {packed_size} bytes, found that it goes on"
    )
