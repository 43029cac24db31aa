"""Where a zip's central directory lies, as the records at the file's end say.

A zip ends with an *end record* (``PK\\5\\6``), with zip64 also with one of larger numbers (``PK\\6\\6``) and its
locator (``PK\\6\\7``). None is believed unless a directory is where it says.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from struct import Struct
from typing import BinaryIO, TypeAlias

from zarrpack.errors import FormatError
from zarrpack.storage.positional_reads import file_name, read_at

__all__ = ["UNKNOWN_16", "UNKNOWN_32", "DirectoryLocation", "find_directory"]

#: What a number is set to when the true one is in a zip64 field.
UNKNOWN_32 = 0xFFFFFFFF
UNKNOWN_16 = 0xFFFF

_END = Struct("<4sHHHHIIH")
_END_64_LOCATOR = Struct("<4sIQI")
_END_64 = Struct("<4sQHHIIQQQQ")
# The longest comment, and as much again for bytes that somebody has appended.
_TAIL_BYTES = _END.size + 2 * UNKNOWN_16
# Zeros behind a zip are passed over in blocks of so many, and no more of them than so many.
_PADDING_BLOCK_BYTES = 1 << 20
# What disks and tapes are divided into.
_BLOCK_BYTES = 512
_MOST_PADDING_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class DirectoryLocation:
    """Where a zip's central directory lies.

    Parameters
    ----------
    offset : int
        Where it starts in the file, in bytes; `base` is included.
    size : int
        Its length in bytes.
    entries : int
        How many entries are announced.
    base : int
        Bytes before the archive's start (a self-extracting program, for instance); added to every header offset.
        Negative, if that was asked for: so many bytes before the directory are missing.
    comment : bytes
        The archive's comment.
    trailing : int
        Bytes after the archive's end; negative: that many bytes of the comment are missing.
    padding : int
        Zeros after these, counted if that was asked for.
    """

    offset: int
    size: int
    entries: int
    base: int
    comment: bytes
    trailing: int = 0
    padding: int = 0


def find_directory(file: BinaryIO, *, lenient: bool = False) -> DirectoryLocation:
    """Find the central directory from the file's end.

    Parameters
    ----------
    file : binary file
        Seekable. Its position changes.
    lenient : bool
        Whether zeros behind the archive that fill a block are padding, and a directory that lies further to the front than the end
        record says is taken all the same (`DirectoryLocation.base` is negative then). For archives of others only.

    Raises
    ------
    FormatError
        If there is no end record, or it contradicts the file.

    Examples
    --------
    >>> import io, zipfile
    >>> file = io.BytesIO()
    >>> with zipfile.ZipFile(file, "w") as archive:
    ...     archive.writestr("a.txt", b"hi")
    >>> find_directory(file).entries
    1
    """
    length = file.seek(0, os.SEEK_END)
    # Mostly there is no comment; only else the longest one is read.
    location = _search(_Extent(file, length), _END.size)[0]
    if location is not None and location.entries and not location.trailing:
        return location
    extent = _Extent(file, length, _padding(file, length), lenient=True) if lenient else _Extent(file, length)
    location, refused = _search(extent, _TAIL_BYTES)
    if location is not None:
        return location
    raise refused or FormatError(
        f"{file_name(file)}: expected a zip's end record in the last {min(length, _TAIL_BYTES)} bytes, found none; "
        "the file is not a zip, or its end is missing"
    )


@dataclass(frozen=True, slots=True)
class _Extent:
    """What is searched: a file, its length, how many of its last bytes are padding, and how strictly."""

    file: BinaryIO
    length: int
    padding: int = 0
    lenient: bool = False


def _padding(file: BinaryIO, length: int) -> int:
    """Count the zeros that a file ends with, if they fill a block; a few more bytes are none, but a wrong length."""
    zeros = _zeros_at_end(file, length)
    return zeros if zeros >= _BLOCK_BYTES or length % _BLOCK_BYTES == 0 else 0


def _zeros_at_end(file: BinaryIO, length: int) -> int:
    """Count the zeros that a file ends with."""
    position = length
    while position > 0 and length - position < _MOST_PADDING_BYTES:
        start = max(0, position - _PADDING_BLOCK_BYTES)
        rest = len(read_at(file, start, position - start).rstrip(b"\0"))
        if rest:
            return length - start - rest
        position = start
    return length - position


def _search(extent: _Extent, size: int) -> tuple[DirectoryLocation | None, FormatError | None]:
    """Look for end records in the last `size` bytes before the padding, from the end.

    The best is one that has members and ends with the file; an empty one may be part of a comment.
    """
    # An end record's own last bytes are mostly zeros, too.
    stop = min(extent.length, extent.length - extent.padding + _END.size)
    start = max(0, stop - size)
    tail = read_at(extent.file, start, stop - start)
    best: DirectoryLocation | None = None
    refused: FormatError | None = None
    position = tail.rfind(b"PK\5\6")
    while position >= 0:
        try:
            found = _location(extent, start + position, tail[position : position + _END.size])
        except FormatError as error:
            refused = refused or error
        else:
            if best is None or _rank(found) > _rank(best):
                best = found
        position = tail.rfind(b"PK\5\6", 0, position)
    return best, refused


def _rank(location: DirectoryLocation) -> tuple[bool, bool, bool]:
    return location.entries > 0, location.trailing == 0, location.base >= 0


def _location(extent: _Extent, position: int, record: bytes) -> DirectoryLocation:
    """Read the end record at `position`."""
    file = extent.file
    if len(record) < _END.size:
        raise FormatError(
            f"{file_name(file)}: expected a zip's end record of {_END.size} bytes at offset {position}, "
            f"found {len(record)}"
        )
    _, disk, first_disk, _, entries, size, offset, comment_size = _END.unpack(record)
    end, (disk, first_disk, entries, size, offset) = _numbers(file, position, (disk, first_disk, entries, size, offset))
    if disk or first_disk:
        raise FormatError(
            f"{file_name(file)}: expected a zip in one file, found part {disk} of several; join the parts first"
        )
    base = _base(extent, size, offset, end)
    if base is None:
        raise FormatError(
            f"{file_name(file)}: expected the zip's directory of {size} bytes at offset {offset}, found something else; "
            "the file is damaged"
        )
    stop = position + _END.size + comment_size
    padding = max(0, min(extent.padding, extent.length - stop))
    comment = read_at(file, position + _END.size, comment_size)
    return DirectoryLocation(offset + base, size, entries, base, comment, extent.length - stop - padding, padding)


def _base(extent: _Extent, size: int, offset: int, end: int) -> int | None:
    """Find out what must be added to the directory's written offset; None if there is no directory."""
    base = end - size - offset
    if base >= 0 and _is_directory(extent.file, offset + base, size, end):
        return base
    # Perhaps there is no prefix, but a gap behind the directory.
    if _is_directory(extent.file, offset, size, end):
        return 0
    if not extent.lenient or not size or offset == UNKNOWN_32:
        return None
    return base if _is_directory(extent.file, end - size, size, end) else None


_Numbers: TypeAlias = tuple[int, int, int, int, int]


def _numbers(file: BinaryIO, position: int, written: _Numbers) -> tuple[int, _Numbers]:
    """Take the numbers of the zip64 end record, if there is one, for those of the end record at `position`.

    Gives where the directory must end, and disk, first disk, entries, size and offset.
    """
    masks = (UNKNOWN_16, UNKNOWN_16, UNKNOWN_16, UNKNOWN_32, UNKNOWN_32)
    is_masked = any(number == mask for number, mask in zip(written, masks, strict=True))
    found = _location_64(file, position, is_needed=is_masked)
    if found is None:
        return position, written
    end, *numbers = found
    for number, mask, large in zip(written, masks, numbers, strict=True):
        # Some writers give what fits, others count anew where it does not.
        if number not in (mask, large & mask):
            raise FormatError(
                f"{file_name(file)}: expected {large} in the zip's end record as in its zip64 end record, "
                f"found {number}; the file is damaged"
            )
    disk, first_disk, entries, size, offset = numbers
    return end, (disk, first_disk, entries, size, offset)


def _location_64(file: BinaryIO, position: int, *, is_needed: bool) -> tuple[int, int, int, int, int, int] | None:
    """Read the zip64 end record before the end record at `position`; None if there is none."""
    locator = position - _END_64_LOCATOR.size
    if locator < 0:
        return None
    signature, _, announced, _ = _END_64_LOCATOR.unpack(read_at(file, locator, _END_64_LOCATOR.size))
    if signature != b"PK\6\7":
        return None
    # Where the archive has a prefix, the record lies right before its locator.
    for start in (announced, locator - _END_64.size):
        if 0 <= start <= locator - _END_64.size:
            record = _END_64.unpack(read_at(file, start, _END_64.size))
            if record[0] == b"PK\6\6":
                return start, *record[4:6], *record[7:10]
    if not is_needed:
        return None
    raise FormatError(
        f"{file_name(file)}: expected a zip64 end record at offset {announced}, found none; the file is damaged"
    )


def _is_directory(file: BinaryIO, offset: int, size: int, end: int) -> bool:
    if size == 0:
        return 0 <= offset <= end
    return offset >= 0 and offset + size <= end and read_at(file, offset, 4) == b"PK\1\2"
