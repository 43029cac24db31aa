"""Writes zips of stored (uncompressed) entries, each payload on a 64-byte border.

It needs no numpy, for the process that does nothing but write.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

from isal import isal_zlib

from zarrpack.errors import FormatError
from zarrpack.storage.zip_directory import read_at
from zarrpack.storage.zip_records import directory_record, end_records, local_header, record_size

__all__ = ["ZipSummary", "ZipWriter"]

_BUFFER_BYTES = 1 << 20
# Below this size reading and buffering a payload costs less than the calls that let the kernel copy it.
_KERNEL_COPY_BYTES = 128 << 10
# What copy_file_range says where the file system or the kernel cannot do it.
_CANNOT_COPY = {errno.EXDEV, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, errno.EPERM, errno.EBADF}


@dataclass(frozen=True, slots=True)
class ZipSummary:
    """What a finished zip is.

    Parameters
    ----------
    entries : int
        How many it holds.
    size : int
        The file's length in bytes.
    directory_sha256 : str
        Digest of the central directory in hexadecimal. The directory holds every name, size, place
        and checksum, so it stands for the whole file.
    """

    entries: int
    size: int
    directory_sha256: str


class ZipWriter:
    """Writes a zip from its first byte to its last, once. Not safe in threads.

    The file is neither synced nor renamed nor closed here. Until `close` has ended it is no zip.

    Parameters
    ----------
    file : binary file
        Empty, open for writing. Nobody else may write to it in the meantime.

    Examples
    --------
    >>> import io, zipfile
    >>> file = io.BytesIO()
    >>> writer = ZipWriter(file)
    >>> writer.add("a/0", b"payload")
    >>> writer.add(".zgroup", b"{}")
    >>> writer.close(first=[".zgroup"]).entries
    2
    >>> zipfile.ZipFile(file).namelist()
    ['.zgroup', 'a/0']
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._buffer = bytearray()
        self._position = 0
        self._directory = bytearray()
        # Name -> where its record starts in the directory.
        self._records: dict[str, int] = {}

    def add(self, name: str, payload: bytes | memoryview, crc32: int | None = None) -> None:
        """Append an entry.

        Parameters
        ----------
        name : str
            Root-relative, with ``/``.
        payload : bytes or memoryview of bytes
            Copied or written before this returns.
        crc32 : int, optional
            The payload's checksum if it is known; otherwise it is computed.

        Raises
        ------
        ValueError
            If there is an entry of this name.
        """
        self._begin(name, len(payload), isal_zlib.crc32(payload) if crc32 is None else crc32)
        if len(self._buffer) + len(payload) < _BUFFER_BYTES:
            self._buffer += payload
        else:
            self._flush()
            _write_all(self._file, payload)
        self._position += len(payload)

    def add_from(
        self, name: str, source_fd: int, offset: int, size: int, crc32: int, *, is_trusted: bool = False
    ) -> None:
        """Append an entry whose payload lies in another file; the kernel copies it where it can.

        Parameters
        ----------
        name : str
            Root-relative, with ``/``.
        source_fd : int
            Descriptor of the other file; its position is neither used nor changed.
        offset, size : int
            Where the payload lies there, in bytes.
        crc32 : int
            The payload's checksum.
        is_trusted : bool
            Whether the payload is known to have it, and is copied unread.

        Raises
        ------
        ValueError
            If there is an entry of this name.
        FormatError
            If the other file holds other bytes there, or ends. Nothing has been written then, unless it was trusted.
        """
        if not is_trusted:
            _check_payload(name, source_fd, offset, size, crc32)
        self._begin(name, size, crc32)
        copied = self._copy_in_kernel(source_fd, offset, size) if size >= _KERNEL_COPY_BYTES else 0
        while copied < size:
            piece = read_at(source_fd, offset + copied, min(size - copied, _BUFFER_BYTES))
            if not piece:
                raise FormatError(f"{name}: expected {size} bytes at offset {offset} of its source, found {copied}")
            if len(self._buffer) + len(piece) > _BUFFER_BYTES:
                self._flush()
            self._buffer += piece
            copied += len(piece)
        self._position += size

    def close(self, first: Sequence[str] = ()) -> ZipSummary:
        """Write the central directory. The writer cannot be used afterwards.

        Parameters
        ----------
        first : sequence of str
            Names whose records come first in the directory, in this order; the rest follow as they were added.

        Returns
        -------
        ZipSummary
            What the zip is.

        Raises
        ------
        ValueError
            If a name in `first` is of no entry, or comes twice.
        """
        directory = self._ordered_directory(first)
        offset = self._position
        self._flush()
        _write_all(self._file, directory)
        end = end_records(len(self._records), offset, len(directory))
        _write_all(self._file, end)
        self._file.flush()
        return ZipSummary(len(self._records), offset + len(directory) + len(end), hashlib.sha256(directory).hexdigest())

    def _begin(self, name: str, size: int, crc32: int) -> None:
        """Buffer the local header and note the directory's record."""
        if name in self._records:
            raise ValueError(f"{name}: expected each entry once, found it again")
        raw_name = name.encode()
        self._records[name] = len(self._directory)
        self._directory += directory_record(raw_name, size, crc32, self._position)
        header = local_header(raw_name, size, crc32, self._position)
        self._buffer += header
        self._position += len(header)

    def _ordered_directory(self, first: Sequence[str]) -> bytearray:
        missing = [name for name in first if name not in self._records]
        if missing or len(set(first)) != len(first):
            raise ValueError(f"expected different names of entries to come first, found {missing or list(first)}")
        moved = []
        for name in first:
            start = self._records[name]
            moved.append((start, start + record_size(self._directory, start)))
        head = b"".join(self._directory[start:end] for start, end in moved)
        for start, end in sorted(moved, reverse=True):
            del self._directory[start:end]
        self._directory[:0] = head
        return self._directory

    def _copy_in_kernel(self, source_fd: int, offset: int, size: int) -> int:
        """Let the kernel copy; give how many bytes it did."""
        copy = getattr(os, "copy_file_range", None)
        self._flush()
        self._file.flush()
        try:
            target_fd = self._file.fileno()
        except OSError:
            return 0
        copied = 0
        try:
            while copy is not None and copied < size:
                count = copy(source_fd, target_fd, size - copied, offset + copied)
                if not count:
                    break
                copied += count
        except OSError as exc:
            if exc.errno not in _CANNOT_COPY:
                raise
        return copied

    def _flush(self) -> None:
        if self._buffer:
            _write_all(self._file, self._buffer)
            self._buffer = bytearray()


def _check_payload(name: str, source_fd: int, offset: int, size: int, crc32: int) -> None:
    """Read a payload once to see that it is what it was; copied unseen, damage would get a right checksum."""
    found = checksum = 0
    while found < size:
        piece = read_at(source_fd, offset + found, min(size - found, _BUFFER_BYTES))
        if not piece:
            raise FormatError(f"{name}: expected {size} bytes at offset {offset} of its source, found {found}")
        found += len(piece)
        checksum = isal_zlib.crc32(piece, checksum)
    if checksum != crc32:
        raise FormatError(
            f"{name}: expected {size} bytes with the checksum {crc32:08x} at offset {offset} of its source, found "
            f"{checksum:08x}; the file is damaged"
        )


def _write_all(file: BinaryIO, payload: bytes | bytearray | memoryview) -> None:
    written = file.write(payload)
    if written == len(payload):
        return
    # An unbuffered file may take a part of it.
    rest = memoryview(payload)[written:]
    while rest:
        rest = rest[file.write(rest) :]
