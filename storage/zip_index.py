"""Finds entries of a zip by name without making an object for each of them."""

from __future__ import annotations

from struct import Struct

from zarrpack.errors import FormatError
from zarrpack.storage.zip_directory import DirectoryEntry, zip64_numbers
from zarrpack.storage.zip_end import UNKNOWN_32

__all__ = ["entry_at", "index_directory"]

_RECORD = Struct("<4s16xI4xHHH12x")
_FIELDS = Struct("<8xHHIIIIHH6xII")
_RECORD_BYTES = 46


def index_directory(directory: bytes, entries: int, where: str, room: int | None = None) -> dict[bytes, int]:
    """Find where in a central directory each name's record starts. Of equal names the last counts.

    Parameters
    ----------
    directory : bytes
        The whole central directory.
    entries : int
        How many records are announced.
    where : str
        The file, for messages.
    room : int or None
        Bytes of the file that all entries together may take; None: that is not looked at.

    Returns
    -------
    dict of bytes to int
        Raw name -> the record's offset in `directory`, for `entry_at`.

    Raises
    ------
    FormatError
        If a record is damaged, there are more or fewer than announced, or entries must share bytes: a small file could
        announce any number of large chunks that way.
    """
    index: dict[bytes, int] = {}
    unpack = _RECORD.unpack_from
    position, found, last = 0, 0, len(directory) - _RECORD_BYTES
    taken = 0
    while position <= last:
        signature, packed, name_size, extra_size, comment_size = unpack(directory, position)
        if signature != b"PK\1\2":
            break
        name_end = position + _RECORD_BYTES + name_size
        index[directory[position + _RECORD_BYTES : name_end]] = position
        position = name_end + extra_size + comment_size
        found += 1
        if packed != UNKNOWN_32:
            taken += packed
    if room is not None and taken > room:
        raise FormatError(
            f"{where}: expected entries of {room} bytes together, found {taken} announced; some share bytes"
        )
    if position != len(directory) or found != entries:
        raise FormatError(
            f"{where}: expected {entries} entries in {len(directory)} bytes of the zip's directory, found {found} "
            f"in {position}; the file is damaged"
        )
    return index


def entry_at(directory: bytes, position: int) -> DirectoryEntry:
    """Read the record that starts at `position` of a central directory.

    Parameters
    ----------
    directory : bytes
        The whole central directory.
    position : int
        From `index_directory`.

    Returns
    -------
    DirectoryEntry
        The record.
    """
    flags, method, date_time, crc32, packed, size, name_size, extra_size, mode, header = _FIELDS.unpack_from(
        directory, position
    )
    name_end = position + _RECORD_BYTES + name_size
    name = directory[position + _RECORD_BYTES : name_end]
    extra = directory[name_end : name_end + extra_size]
    if UNKNOWN_32 in (packed, size, header):
        size, packed, header = zip64_numbers(extra, size, packed, header)
    return DirectoryEntry(name, flags, method, date_time, crc32, packed, size, header, mode, extra)
