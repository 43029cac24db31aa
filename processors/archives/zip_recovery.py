"""The members of a zip whose directory is missing or damaged, found by their local headers one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from struct import Struct
from typing import BinaryIO, TypeAlias

from zarrpack.storage.zip_directory import DirectoryEntry, read_at, zip64_numbers

__all__ = ["RecoveredMember", "recover_members"]

#: A member and the notes that say how it was found.
RecoveredMember: TypeAlias = tuple[DirectoryEntry, tuple[str, ...]]

_LOCAL_HEADER = Struct("<4s2xHHIIIIHH")
_DESCRIPTOR = Struct("<4sIII")
_DESCRIPTOR_64 = Struct("<4sIQQ")
_SIZES_FOLLOW_FLAG = 0x8
_BLOCK_BYTES = 1 << 20
# Of all that were ever defined; bytes that only look like a header mostly have another.
_LAST_METHOD = 99


def recover_members(
    file: BinaryIO, base: int, known: Mapping[int, int], *, scan: bool = False
) -> Iterator[RecoveredMember]:
    """Walk from local header to local header, as far as there is one where the last payload ends.

    Parameters
    ----------
    file : binary file
        The zip.
    base : int
        Where the archive starts in the file, in bytes.
    known : mapping of int to int
        Header offset -> compressed size of members that the directory told; they are passed over.

    scan : bool
        Whether to look for further headers, byte by byte, where there is none.

    Yields
    ------
    tuple of (DirectoryEntry, tuple of str)
        The last one may reach beyond the file's end. Links look like files: only the directory tells them. The note is
        ``"recovered"``, behind a place where headers had to be looked for ``"salvaged"``.
    """
    position, notes = base, ("recovered",)
    while True:
        header = read_at(file, position, _LOCAL_HEADER.size)
        if len(header) < _LOCAL_HEADER.size or not header.startswith(b"PK\3\4"):
            found = _scan(file, position) if scan else None
            if found is None:
                return
            position, notes = found, ("salvaged",)
            continue
        _, flags, method, date_time, crc, packed_size, size, name_size, extra_size = _LOCAL_HEADER.unpack(header)
        variable = read_at(file, position + _LOCAL_HEADER.size, name_size + extra_size)
        name, extra = variable[:name_size], variable[name_size:]
        size, packed_size = zip64_numbers(extra, size, packed_size)
        start = position + _LOCAL_HEADER.size + name_size + extra_size
        offset = position - base
        if offset in known:
            packed_size = known[offset]
        else:
            if flags & _SIZES_FOLLOW_FLAG:
                descriptor = _find_descriptor(file, start)
                if descriptor is None:
                    if not scan:
                        return
                    position = start
                    continue
                crc, packed_size, size = descriptor
            yield DirectoryEntry(name, flags, method, date_time, crc, packed_size, size, offset, 0, extra), notes
        position = _next_header(file, start + packed_size)


def _find_descriptor(file: BinaryIO, start: int) -> tuple[int, int, int] | None:
    """Find the record behind a payload of unknown size: CRC, compressed size, size.

    It is one that starts with the signature ``PK\\7\\8``, tells the very distance from the payload's start, and has a
    header or the file's end behind it.
    """
    position = start
    while block := read_at(file, position, _BLOCK_BYTES + _DESCRIPTOR_64.size + 4):
        at = block.find(b"PK\7\x08")
        while 0 <= at < _BLOCK_BYTES:
            for form in (_DESCRIPTOR, _DESCRIPTOR_64):
                behind = block[at + form.size : at + form.size + 4]
                if at + form.size <= len(block) and any(one.startswith(behind) for one in (b"PK\3\4", b"PK\1\2")):
                    _, crc, packed_size, size = form.unpack_from(block, at)
                    if packed_size == position + at - start:
                        return crc, packed_size, size
            at = block.find(b"PK\7\x08", at + 1)
        position += _BLOCK_BYTES
    return None


def _next_header(file: BinaryIO, end: int) -> int:
    """Find the header behind a payload, with or without a descriptor between them."""
    between = read_at(file, end, _DESCRIPTOR_64.size + 4)
    at = between.find(b"PK\3\4")
    return end + max(at, 0)


def _scan(file: BinaryIO, position: int) -> int | None:
    """Find the next header that makes sense from `position` on; None if there is none."""
    while block := read_at(file, position, _BLOCK_BYTES + _LOCAL_HEADER.size):
        at = block.find(b"PK\3\4")
        while 0 <= at < _BLOCK_BYTES and at + _LOCAL_HEADER.size <= len(block):
            _, _, method, _, _, _, _, name_size, _ = _LOCAL_HEADER.unpack_from(block, at)
            if method <= _LAST_METHOD and name_size:
                return position + at
            at = block.find(b"PK\3\4", at + 1)
        position += _BLOCK_BYTES
    return None
