"""The central directory of a zip file, read in blocks; nothing in it is believed further than needed.

Each entry of the directory (``PK\\1\\2``) says where its *local header* (``PK\\3\\4``) lies; the payload follows
that header, whose own lengths count.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import BinaryIO, NamedTuple

from zarrpack.errors import FormatError
from zarrpack.storage.positional_reads import file_name, read_at
from zarrpack.storage.zip_end import UNKNOWN_16, UNKNOWN_32, DirectoryLocation, find_directory

__all__ = [
    "DirectoryEntry",
    "DirectoryLocation",
    "find_directory",
    "payload_offset",
    "read_at",
    "read_directory",
    "zip64_numbers",
]

_ENTRY = Struct("<I4xHHIIIIHHH4xII")
_LOCAL = Struct("<4s22xHH")
_ENTRY_SIGNATURE = int.from_bytes(b"PK\1\2", "little")
_BLOCK_BYTES = 256 << 10
# name, extra field and comment of at most 65,535 bytes each
_LONGEST_ENTRY = _ENTRY.size + 3 * UNKNOWN_16


class DirectoryEntry(NamedTuple):
    """What the central directory says of one member. A tuple, because millions of them are made.

    Parameters
    ----------
    raw_name : bytes
        The name as it lies in the file.
    flags : int
        General purpose bits: 0x1 encrypted, 0x8 sizes follow the payload, 0x800 the name is UTF-8.
    method : int
        Compression method: 0 stored, 8 deflate, 12 bzip2, 14 lzma, 93 zstd.
    date_time : int
        MS-DOS date in the upper, time in the lower 16 bits.
    crc32 : int
        Announced checksum of the content.
    compressed_size, size : int
        Announced bytes of the payload and of the content. 4,294,967,295 where a zip64 field should say it and none does.
    header_offset : int
        Where the local header starts, in bytes from the archive's start (`DirectoryLocation.base`).
    external_attributes : int
        The upper 16 bits are the Unix mode if a Unix program made the entry.
    extra : bytes
        The extra fields of the directory.
    """

    raw_name: bytes
    flags: int
    method: int
    date_time: int
    crc32: int
    compressed_size: int
    size: int
    header_offset: int
    external_attributes: int
    extra: bytes


def read_directory(file: BinaryIO, location: DirectoryLocation) -> Iterator[DirectoryEntry]:
    """Read the directory's entries in their order, holding one block of it at a time.

    Entries before a damaged place are given before the error is raised.

    Parameters
    ----------
    file : binary file
        The zip.
    location : DirectoryLocation
        From `find_directory`.

    Raises
    ------
    FormatError
        If the directory ends early, an entry is damaged (the message says where), or there are more or
        fewer entries than announced.

    Examples
    --------
    >>> import io, zipfile
    >>> file = io.BytesIO()
    >>> with zipfile.ZipFile(file, "w") as archive:
    ...     archive.writestr("a.txt", b"hi")
    >>> [entry.raw_name for entry in read_directory(file, find_directory(file))]
    [b'a.txt']
    """
    found = 0
    offset, end = location.offset, location.offset + location.size
    buffer = b""
    while offset + len(buffer) < end or buffer:
        position = offset + len(buffer)
        block = read_at(file, position, min(_BLOCK_BYTES, end - position)) if position < end else b""
        buffer += block
        entries, used = _parse(buffer)
        yield from entries
        found += len(entries)
        offset += used
        buffer = buffer[used:]
        if buffer and (not block or len(buffer) >= _LONGEST_ENTRY or not buffer.startswith(b"PK\1\2"[: len(buffer)])):
            raise FormatError(
                f"{file_name(file)}: expected entry {found} of {location.entries} of the zip's directory at offset {offset}, "
                f"found {buffer[:4]!r}; the directory is damaged"
            )
        if not block and offset < end:
            raise FormatError(
                f"{file_name(file)}: expected the zip's directory up to offset {end}, found the file's end at {offset}"
            )
    # Old writers count modulo 65,536.
    if found != location.entries and (found & UNKNOWN_16) != location.entries:
        raise FormatError(
            f"{file_name(file)}: expected {location.entries} entries in the zip's directory, found {found}"
        )


def payload_offset(file: BinaryIO | int, entry: DirectoryEntry, base: int) -> int:
    """Find where a member's payload starts, by the lengths in its local header.

    Parameters
    ----------
    file : binary file or int
        The zip, or a descriptor of it.
    entry : DirectoryEntry
        The member.
    base : int
        `DirectoryLocation.base`.

    Raises
    ------
    FormatError
        If there is no local header where the directory says.
    """
    start = entry.header_offset + base
    header = read_at(file, start, _LOCAL.size)
    if len(header) < _LOCAL.size or not header.startswith(b"PK\3\4"):
        raise FormatError(
            f"{file_name(file)}: expected the local header of {entry.raw_name!r} at offset {start}, found {header[:4]!r}; "
            "the file is damaged"
        )
    _, name_size, extra_size = _LOCAL.unpack(header)
    return start + _LOCAL.size + int(name_size) + int(extra_size)


def zip64_numbers(extra: bytes, *numbers: int) -> tuple[int, ...]:
    """Replace the numbers that a zip64 extra field tells.

    Parameters
    ----------
    extra : bytes
        The extra fields of a directory entry or a local header.
    *numbers : int
        Size, compressed size, header offset, each 4,294,967,295 if it is in the field; what no field tells stays so.

    Examples
    --------
    >>> zip64_numbers(bytes.fromhex("0100 0800 0000000001000000"), 0xFFFFFFFF, 7)
    (4294967296, 7)
    """
    known = list(numbers)
    position = 0
    while position + 4 <= len(extra):
        end = position + 4 + int.from_bytes(extra[position + 2 : position + 4], "little")
        if extra[position : position + 2] == b"\1\0":
            field = extra[position + 4 : end]
            for index, number in enumerate(known):
                if number == UNKNOWN_32 and len(field) >= 8:
                    known[index], field = int.from_bytes(field[:8], "little"), field[8:]
            break
        position = end
    return tuple(known)


def _parse(buffer: bytes) -> tuple[list[DirectoryEntry], int]:
    """Parse the whole entries at the buffer's start; give them and the bytes they take."""
    entries: list[DirectoryEntry] = []
    position, last = 0, len(buffer) - _ENTRY.size
    unpack = _ENTRY.unpack_from
    while position <= last:
        fields = unpack(buffer, position)
        mark, flags, method, date_time, crc32, packed, size, name_size, extra_size, comment_size, mode, header = fields
        name_end = position + 46 + name_size
        extra_end = name_end + extra_size
        end = extra_end + comment_size
        if mark != _ENTRY_SIGNATURE or end > len(buffer):
            break
        name, extra = buffer[position + 46 : name_end], buffer[name_end:extra_end]
        if packed == UNKNOWN_32 or size == UNKNOWN_32 or header == UNKNOWN_32:
            size, packed, header = zip64_numbers(extra, size, packed, header)
        entries.append(DirectoryEntry(name, flags, method, date_time, crc32, packed, size, header, mode, extra))
        position = end
    return entries, position
