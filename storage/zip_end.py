"""Where a zip's central directory lies, as the records at the file's end say.

A zip ends with an *end record* (``PK\\5\\6``), with zip64 also with one of larger numbers (``PK\\6\\6``) and its
locator (``PK\\6\\7``). None is believed unless a directory is where it says.
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from struct import Struct
from typing import BinaryIO

from zarrpack.errors import FormatError

__all__ = ["UNKNOWN_16", "UNKNOWN_32", "DirectoryLocation", "file_name", "find_directory", "read_at"]

#: What a number is set to when the true one is in a zip64 field.
UNKNOWN_32 = 0xFFFFFFFF
UNKNOWN_16 = 0xFFFF

_END = Struct("<4sHHHHIIH")
_END_64_LOCATOR = Struct("<4sIQI")
_END_64 = Struct("<4sQHHIIQQQQ")
# The longest comment, and as much again for bytes that somebody has appended.
_TAIL_BYTES = _END.size + 2 * UNKNOWN_16


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
    comment : bytes
        The archive's comment.
    trailing : int
        Bytes after the archive's end; negative: that many bytes of the comment are missing.
    """

    offset: int
    size: int
    entries: int
    base: int
    comment: bytes
    trailing: int = 0


def read_at(file: BinaryIO | int, offset: int, size: int) -> bytes:
    """Read `size` bytes from `offset`; fewer only at the file's end.

    With a descriptor or a plain file the file's position is neither used nor changed (where the system
    has ``pread``), so that threads may share it.

    Examples
    --------
    >>> read_at(io.BytesIO(b"abcdef"), 2, 3)
    b'cde'
    """
    descriptor = file if isinstance(file, int) else _descriptor(file)
    if descriptor is not None and hasattr(os, "pread"):
        first = os.pread(descriptor, size, offset)
        if len(first) == size or not first:
            return first
        return first + read_at(descriptor, offset + len(first), size - len(first))
    if isinstance(file, int):
        os.lseek(file, offset, os.SEEK_SET)
        return os.read(file, size)
    file.seek(offset)
    return file.read(size)


def find_directory(file: BinaryIO) -> DirectoryLocation:
    """Find the central directory from the file's end.

    Parameters
    ----------
    file : binary file
        Seekable. Its position changes.

    Raises
    ------
    FormatError
        If there is no end record, or it contradicts the file.

    Examples
    --------
    >>> import zipfile
    >>> file = io.BytesIO()
    >>> with zipfile.ZipFile(file, "w") as archive:
    ...     archive.writestr("a.txt", b"hi")
    >>> find_directory(file).entries
    1
    """
    length = file.seek(0, os.SEEK_END)
    # Mostly there is no comment; only else the longest one is read.
    location = _search(file, length, _END.size)[0]
    if location is not None and location.entries and not location.trailing:
        return location
    location, refused = _search(file, length, _TAIL_BYTES)
    if location is not None:
        return location
    raise refused or FormatError(
        f"{file_name(file)}: expected a zip's end record in the last {min(length, _TAIL_BYTES)} bytes, found none; "
        "the file is not a zip, or its end is missing"
    )


def file_name(file: BinaryIO | int) -> str:
    """Name a file for a message; ``"zip"`` if it has no name."""
    name = getattr(file, "name", None)
    return str(name) if isinstance(name, str | os.PathLike) else "zip"


def _search(file: BinaryIO, length: int, size: int) -> tuple[DirectoryLocation | None, FormatError | None]:
    """Look for end records in the last `size` bytes, from the end.

    The best is one that has members and ends with the file; an empty one may be part of a comment.
    """
    start = max(0, length - size)
    tail = read_at(file, start, length - start)
    best: DirectoryLocation | None = None
    refused: FormatError | None = None
    position = tail.rfind(b"PK\5\6")
    while position >= 0:
        try:
            found = _location(file, length, start + position, tail[position:])
        except FormatError as error:
            refused = refused or error
        else:
            if best is None or (found.entries > 0, found.trailing == 0) > (best.entries > 0, best.trailing == 0):
                best = found
        position = tail.rfind(b"PK\5\6", 0, position)
    return best, refused


def _location(file: BinaryIO, length: int, position: int, tail: bytes) -> DirectoryLocation:
    """Read the end record at `position`, whose bytes `tail` starts with."""
    if len(tail) < _END.size:
        raise FormatError(
            f"{file_name(file)}: expected a zip's end record of {_END.size} bytes at offset {position}, found {len(tail)}"
        )
    _, disk, first_disk, _, entries, size, offset, comment_size = _END.unpack_from(tail)
    comment = tail[_END.size : _END.size + comment_size]
    end = position
    if UNKNOWN_16 in (entries, disk, first_disk) or UNKNOWN_32 in (size, offset):
        found = _location_64(file, position)
        if found is not None:
            end, disk, first_disk, entries, size, offset = found
    if disk or first_disk:
        raise FormatError(
            f"{file_name(file)}: expected a zip in one file, found part {disk} of several; join the parts first"
        )
    base = end - size - offset
    if base < 0 or not _is_directory(file, offset + base, size, end):
        # Perhaps there is no prefix, but a gap behind the directory.
        base = 0
    if not _is_directory(file, offset + base, size, end):
        raise FormatError(
            f"{file_name(file)}: expected the zip's directory of {size} bytes at offset {offset + base}, found something else; "
            "the file is damaged"
        )
    trailing = length - (position + _END.size + comment_size)
    return DirectoryLocation(offset + base, size, entries, base, comment, trailing)


def _location_64(file: BinaryIO, position: int) -> tuple[int, int, int, int, int, int] | None:
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
    raise FormatError(
        f"{file_name(file)}: expected a zip64 end record at offset {announced}, found none; the file is damaged"
    )


def _is_directory(file: BinaryIO, offset: int, size: int, end: int) -> bool:
    if size == 0:
        return 0 <= offset <= end
    return offset >= 0 and offset + size <= end and read_at(file, offset, 4) == b"PK\1\2"


def _descriptor(file: BinaryIO) -> int | None:
    """The descriptor of a plain file. Files that decompress have one too, but of other bytes."""
    raw = file.raw if isinstance(file, io.BufferedReader) else file
    return raw.fileno() if isinstance(raw, io.FileIO) else None
