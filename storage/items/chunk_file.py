"""A file's chunks, read with one system call each, from any thread and any process."""

from __future__ import annotations

import os
import threading
import weakref
from struct import Struct

from isal.isal_zlib import crc32

from zarrpack.errors import FormatError, SourceError
from zarrpack.storage.items.file_index import ArrayIndex, FileIdentity, FileIndex

__all__ = ["ChunkFile"]

_LOCAL = Struct("<4s22xHH")
# A local header's extra field is seldom longer: a zip64 field, and what aligns the payload.
_LIKELY_EXTRA = 128
_position_guard = threading.Lock()


class ChunkFile:
    """The file behind an index.

    Reads name their place, so that threads and forked processes do not disturb each other. Pickling carries the index, and
    the copy opens the file when it first reads.

    Parameters
    ----------
    index : FileIndex
        From `index_file`.
    """

    def __init__(self, index: FileIndex) -> None:
        self.index = index
        self._descriptor: int | None = None
        self._guard = threading.Lock()

    def __reduce__(self) -> tuple[type[ChunkFile], tuple[FileIndex]]:
        return ChunkFile, (self.index,)

    def close(self) -> None:
        """Close the file. Idempotent; reading opens it again."""
        with self._guard:
            if self._descriptor is not None:
                self._closing()
                self._descriptor = None

    def payload(self, array: ArrayIndex, chunk: int) -> bytes:
        """Read a chunk's bytes and check them.

        Parameters
        ----------
        array : ArrayIndex
            One of the index's.
        chunk : int
            The chunk's number in the order of the grid, last axis fastest.

        Raises
        ------
        FormatError
            If the chunk is missing or damaged, or the file is not the one that was indexed.
        """
        offset, size = int(array.payloads[chunk]), int(array.sizes[chunk])
        payload = self.read(offset, size) if offset >= 0 else self._first_read(array, chunk)
        if len(payload) != size or crc32(payload) != array.checksums[chunk]:
            raise FormatError(
                f"{self.index.path}: {array.name}: expected chunk {chunk} with the checksum "
                f"{int(array.checksums[chunk]):08x}, found other bytes; the file is damaged"
            )
        return payload

    def single_item(self, array: ArrayIndex, chunk: int) -> bytes | None:
        """Read the one item of an uncompressed chunk of bytes, without copying it.

        Parameters
        ----------
        array : ArrayIndex
            Of ``vlen-bytes``, one item per chunk, without compressor.
        chunk : int
            The chunk's number.

        Returns
        -------
        bytes or None
            None if the chunk is not known to be so: then `payload` tells more.
        """
        offset, size = int(array.payloads[chunk]) + 8, int(array.sizes[chunk]) - 8
        if offset < 8 or size < 0:
            return None
        item = self.read(offset, size)
        # What stands before it can only be the numbers 1 and the item's size, and the checksum covers them.
        if crc32(item, crc32(b"\1\0\0\0" + size.to_bytes(4, "little"))) != array.checksums[chunk]:
            return None
        return item

    def read(self, offset: int, size: int) -> bytes:
        """Read bytes at a place; fewer at the file's end.

        Raises
        ------
        SourceError
            If the system cannot read them.
        """
        descriptor = self._descriptor
        if descriptor is None:
            descriptor = self._open()
        try:
            if hasattr(os, "pread"):
                piece = os.pread(descriptor, size, offset)
                # Linux reads at most 2 GiB at a time.
                while 0 < len(piece) < size and (more := os.pread(descriptor, size - len(piece), offset + len(piece))):
                    piece += more
                return piece
            with _position_guard:
                os.lseek(descriptor, offset, os.SEEK_SET)
                return os.read(descriptor, size)
        except OSError as exc:
            raise SourceError(f"{self.index.path}: expected {size} readable bytes at {offset}, found: {exc}") from exc

    def _first_read(self, array: ArrayIndex, chunk: int) -> bytes:
        """Read a chunk with the local header before it, whose length is not known."""
        header, size = int(array.headers[chunk]), int(array.sizes[chunk])
        if header < 0:
            raise FormatError(
                f"{self.index.path}: {array.name}: expected chunk {chunk}, found none; the file is not complete"
            )
        most = _LOCAL.size + len(array.name) + 2 + 12 * len(array.metadata.shape) + _LIKELY_EXTRA + size
        piece = self.read(header, most)
        if len(piece) < _LOCAL.size or not piece.startswith(b"PK\3\4"):
            raise FormatError(
                f"{self.index.path}: {array.name}: expected the local header of chunk {chunk} at {header}, found "
                f"{piece[:4]!r}; the file is damaged"
            )
        _, name_size, extra_size = _LOCAL.unpack_from(piece)
        skipped = _LOCAL.size + int(name_size) + int(extra_size)
        array.payloads[chunk] = header + skipped
        payload = piece[skipped : skipped + size]
        return payload if len(payload) == size else self.read(header + skipped, size)

    def _open(self) -> int:
        path = self.index.path
        with self._guard:
            if self._descriptor is not None:
                return self._descriptor
            try:
                descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0))
            except OSError as exc:
                raise SourceError(f"{path}: expected a readable file, found: {exc.strerror}") from exc
            if FileIdentity.of(os.fstat(descriptor)) != self.index.identity:
                os.close(descriptor)
                raise FormatError(
                    f"{path}: expected the file that was opened, found another in its place; open it anew"
                )
            self._closing = weakref.finalize(self, os.close, descriptor)
            self._descriptor = descriptor
            return descriptor
