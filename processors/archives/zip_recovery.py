"""The members of a zip whose directory is missing or damaged, found by their local headers one after the other."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from struct import Struct
from typing import BinaryIO

from zarrpack.errors import MemberError
from zarrpack.processors.archives.decoders import crc32
from zarrpack.processors.archives.files import read_range
from zarrpack.processors.archives.zip_descriptors import Descriptors
from zarrpack.processors.archives.zip_places import FoundMember
from zarrpack.storage.zip_directory import DirectoryEntry, read_at, zip64_numbers

__all__ = ["recover_members"]

_LOCAL_HEADER = Struct("<4s2xHHIIIIHH")
_LONGEST_DESCRIPTOR_BYTES = 24
# A record behind the payload, the directory, and what may stand before it or instead of it.
_FOLLOWING = (b"PK\7\x08", b"PK\1\2", b"PK\5\6", b"PK\6\6", b"PK\6\x08")
_SIZES_FOLLOW_FLAG = 0x8
_STORED = 0
_RECOVERED, _SALVAGED = ("recovered",), ("salvaged",)
# The next header is mostly near.
_FIRST_BLOCK_BYTES, _BLOCK_BYTES = 4 << 10, 1 << 20
# Of all that were ever defined; bytes that only look like a header mostly have another.
_LAST_METHOD = 99


def recover_members(
    file: BinaryIO,
    start: int,
    known: Mapping[int, tuple[int, bool]],
    descriptors: Descriptors | None = None,
    *,
    scan: bool = False,
) -> Iterator[FoundMember]:
    """Walk from local header to local header, as far as there is one where the last payload ends.

    Parameters
    ----------
    file : binary file
        The zip.
    start : int
        Where the archive starts in the file, in bytes.
    known : mapping of int to tuple of (int, bool)
        Header offset in the file -> compressed size, and whether bytes may be missing, of members that the directory
        told; they are passed over.
    descriptors : Descriptors or None
        Those of the file, where they are searched for more than once.
    scan : bool
        Whether to look for further headers, byte by byte, where there is none: behind a payload, and in it too if it
        is not known to be whole, for bytes of it may be missing.

    Yields
    ------
    FoundMember
        The last one may reach beyond the file's end. Links look like files: only the directory tells them. The note is
        ``"recovered"``, behind a place where headers had to be looked for ``"salvaged"``.
    """
    position, notes = start, _RECOVERED
    descriptors = descriptors or Descriptors(file)
    # Each whole payload is read once; what is not whole must not make that any number of times.
    room = 2 * file.seek(0, os.SEEK_END)
    while True:
        header = _read_header(file, position)
        if header is None:
            found = _scan(file, position) if scan else None
            if found is None:
                return
            position, notes = found, _SALVAGED
            continue
        member, payload = header
        is_known = position in known
        if is_known:
            packed_size, may_be_cut = known[position]
            described: DirectoryEntry | None = member._replace(compressed_size=packed_size)
        else:
            may_be_cut, described = True, _with_descriptor(descriptors, member, payload)
        if described is None:
            if not scan:
                return
            position, notes = payload, _SALVAGED
            continue
        end = payload + described.compressed_size
        is_sure = not scan or not may_be_cut or _is_followed(file, end)
        if not is_sure and described.method == _STORED and described.compressed_size <= room:
            room -= described.compressed_size
            is_sure = _is_whole(file, described, payload)
        if not is_known:
            yield FoundMember(described, notes, not is_sure)
        position = _next_header(file, end) if is_sure else payload
        notes = notes if is_sure else _SALVAGED


def _read_header(file: BinaryIO, position: int) -> tuple[DirectoryEntry, int] | None:
    """Read the local header at `position`, and give where its payload starts; None if there is none."""
    header = read_at(file, position, _LOCAL_HEADER.size)
    if len(header) < _LOCAL_HEADER.size or not header.startswith(b"PK\3\4"):
        return None
    _, flags, method, date_time, crc, packed_size, size, name_size, extra_size = _LOCAL_HEADER.unpack(header)
    variable = read_at(file, position + _LOCAL_HEADER.size, name_size + extra_size)
    name, extra = variable[:name_size], variable[name_size:]
    size, packed_size = zip64_numbers(extra, size, packed_size)
    member = DirectoryEntry(name, flags, method, date_time, crc, packed_size, size, position, 0, extra)
    return member, position + _LOCAL_HEADER.size + name_size + extra_size


def _with_descriptor(descriptors: Descriptors, member: DirectoryEntry, payload: int) -> DirectoryEntry | None:
    """Take checksum and sizes from the record behind the payload, if they stand there; None if it is not found."""
    if not member.flags & _SIZES_FOLLOW_FLAG:
        return member
    found = descriptors.behind(payload)
    if found is None:
        return None
    crc, packed_size, size = found
    return member._replace(crc32=crc, compressed_size=packed_size, size=size)


def _is_followed(file: BinaryIO, end: int) -> bool:
    """Whether a payload's end is followed by what may follow it in a zip, or by nothing."""
    behind = read_at(file, max(0, end - 1), 1 + _LONGEST_DESCRIPTOR_BYTES + 4)
    if len(behind) < 2:
        return len(behind) == 1  # else the file has ended before
    return behind.startswith(_FOLLOWING, 1) or b"PK\3\4" in behind[1:]


def _is_whole(file: BinaryIO, member: DirectoryEntry, payload: int) -> bool:
    """Whether a stored payload has its checksum: headers inside it belong to a zip that is a member."""
    found = 0
    try:
        for block in read_range(file, payload, payload + member.compressed_size):
            found = crc32(block, found)
    except MemberError:
        return False
    return found == member.crc32 and member.size == member.compressed_size


def _next_header(file: BinaryIO, end: int) -> int:
    """Find the header behind a payload, with or without a descriptor between them."""
    between = read_at(file, end, _LONGEST_DESCRIPTOR_BYTES + 4)
    at = between.find(b"PK\3\4")
    return end + max(at, 0)


def _scan(file: BinaryIO, position: int) -> int | None:
    """Find the next header that makes sense from `position` on; None if there is none."""
    size = _FIRST_BLOCK_BYTES
    while block := read_at(file, position, size + _LOCAL_HEADER.size):
        at = block.find(b"PK\3\4")
        while 0 <= at < size and at + _LOCAL_HEADER.size <= len(block):
            _, _, method, _, _, _, _, name_size, _ = _LOCAL_HEADER.unpack_from(block, at)
            if method <= _LAST_METHOD and name_size:
                return position + at
            at = block.find(b"PK\3\4", at + 1)
        position, size = position + size, min(4 * size, _BLOCK_BYTES)
    return None
