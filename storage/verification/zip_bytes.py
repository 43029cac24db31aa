"""Every byte of a zip that zarrpack has written is one that can be told from its directory, or is under a checksum.

So a flipped bit anywhere is found: in a payload by its CRC-32, in a header, a gap or the directory because
:mod:`zarrpack.storage.zip_records` writes each of these in one way only.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from isal.isal_zlib import crc32

from zarrpack.errors import FormatError, SourceError
from zarrpack.storage.zip_directory import DirectoryEntry, find_directory, read_at, read_directory
from zarrpack.storage.zip_records import directory_record, end_records, local_header

__all__ = ["ZipCheck", "check_zip_bytes"]

_PIECE_BYTES = 1 << 20
#: A file that is not ours at all would give a problem for each entry.
_MOST_PROBLEMS = 100


@dataclass(frozen=True, slots=True)
class ZipCheck:
    """What the check of a zip has found.

    Parameters
    ----------
    size : int
        The file's length in bytes.
    entries : int
        How many entries its directory has.
    directory_sha256 : str
        Digest of its central directory in hexadecimal; empty if none was found.
    problems : tuple of str
        What is wrong, one sentence each, at most 100; empty if every byte is as it should be.
    """

    size: int
    entries: int
    directory_sha256: str
    problems: tuple[str, ...]


def check_zip_bytes(path: Path) -> ZipCheck:
    """Check every byte of a ``.data`` or ``.dataset`` file.

    Raises
    ------
    SourceError
        If the file cannot be opened or read.

    Examples
    --------
    >>> import tempfile
    >>> from zarrpack.storage.zip_writer import ZipWriter
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "a.data")
    ...     with path.open("wb") as file:
    ...         writer = ZipWriter(file)
    ...         writer.add("a", b"payload")
    ...         _ = writer.close()
    ...     raw = bytearray(path.read_bytes())
    ...     good = check_zip_bytes(path).problems
    ...     raw[70] ^= 1
    ...     _ = path.write_bytes(raw)
    ...     bad = check_zip_bytes(path).problems
    >>> good, len(bad)
    ((), 1)
    """
    try:
        with path.open("rb") as file:
            return _check(file)
    except OSError as error:
        raise SourceError(f"{path}: expected a readable file, found: {error.strerror or error}") from error


def _check(file: BinaryIO) -> ZipCheck:
    size = os.fstat(file.fileno()).st_size
    try:
        location = find_directory(file)
        entries = list(read_directory(file, location))
    except FormatError as error:
        return ZipCheck(size, 0, "", (str(error),))
    directory = read_at(file, location.offset, location.size)
    end = end_records(len(entries), location.offset, location.size)
    problems = list(islice(_entry_problems(file, entries, location.offset), _MOST_PROBLEMS))
    if directory != b"".join(directory_record(*_numbers(entry)) for entry in entries):
        problems.append("the zip's directory differs from what is written for such entries")
    if len({entry.raw_name for entry in entries}) != len(entries):
        problems.append("the zip's directory names an entry twice")
    if read_at(file, location.offset + location.size, len(end) + 1) != end:
        problems.append("what follows the zip's directory differs from what is written there")
    return ZipCheck(size, len(entries), hashlib.sha256(directory).hexdigest(), tuple(problems[:_MOST_PROBLEMS]))


def _numbers(entry: DirectoryEntry) -> tuple[bytes, int, int, int]:
    return entry.raw_name, entry.size, entry.crc32, entry.header_offset


def _entry_problems(file: BinaryIO, entries: list[DirectoryEntry], end: int) -> Iterator[str]:
    position = 0
    for entry in sorted(entries, key=lambda one: one.header_offset):
        name = entry.raw_name.decode("utf-8", "backslashreplace")
        if entry.header_offset != position:
            yield f"{name}: expected at offset {position}, found at {entry.header_offset}"
        header = local_header(*_numbers(entry))
        if read_at(file, entry.header_offset, len(header)) != header:
            yield f"{name}: the header at offset {entry.header_offset} differs from what the directory says"
        start = entry.header_offset + len(header)
        if start + entry.size > end:
            yield f"{name}: expected {entry.size} bytes before the zip's directory, found {max(0, end - start)}"
        elif _checksum(file, start, entry.size) != entry.crc32:
            yield f"{name}: the {entry.size} bytes at offset {start} do not have the checksum {entry.crc32:08x}"
        position = start + entry.size
    if position != end:
        yield f"expected the zip's directory at offset {position}, found it at {end}"


def _checksum(file: BinaryIO, offset: int, size: int) -> int:
    value = 0
    end = offset + size
    while offset < end:
        piece = read_at(file, offset, min(_PIECE_BYTES, end - offset))
        if not piece:
            break
        value = crc32(piece, value)
        offset += len(piece)
    return value
