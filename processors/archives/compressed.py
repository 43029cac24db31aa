"""Files compressed as one stream (gzip, bzip2, xz, zstd), decompressed forward to their real end.

Such a file is one or more *frames* (gzip members, bzip2 or xz streams, zstd frames), perhaps with zeros between and
behind them. Each frame must end, with its checksum right; what follows the last is looked at, too.
"""

from __future__ import annotations

import bz2
import lzma
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from zarrpack.errors import MemberError
from zarrpack.processors.archives.base import Finding
from zarrpack.processors.archives.decoders import Decoder, decoded, xz_decoder, zstd_decoder
from zarrpack.processors.archives.files import block_sizes, read_bytes
from zarrpack.processors.archives.gzip_member import gzip_decoder
from zarrpack.processors.archives.streams import check_archive, check_ratio
from zarrpack.processors.limits import Limits

__all__ = ["COMPRESSIONS", "Compression", "Decompression", "compression_of"]

_READ_BYTES = 64 << 10
_LONGEST_MAGIC = 6
# What `xz -9` and `zstd --ultra` need, and more.
_LEAST_MEMORY_BYTES = 128 << 20


@dataclass(frozen=True, slots=True)
class Compression:
    """One way to compress a file.

    Parameters
    ----------
    name : str
        Such as ``"gz"``; with a dot before it, also the usual suffix.
    magics : tuple of bytes
        What a frame may start with.
    decoder : callable
        Makes the decoder of one frame within the limits.
    """

    name: str
    magics: tuple[bytes, ...]
    decoder: Callable[[Limits], Decoder]


def _gz(limits: Limits) -> Decoder:
    return gzip_decoder(limits.special_header_bytes)


def _bz2(_: Limits) -> Decoder:
    return bz2.BZ2Decompressor()


def _xz(limits: Limits) -> Decoder:
    return xz_decoder(max(limits.memory_bytes // 8, _LEAST_MEMORY_BYTES))


# Frames that zstd tools put before, between or behind the others: sixteen magics, no content.
_ZSTD_SKIPPABLE = tuple(bytes([0x50 + number, 0x2A, 0x4D, 0x18]) for number in range(16))

#: All that are known, by name.
COMPRESSIONS = {
    one.name: one
    for one in (
        Compression("gz", (b"\x1f\x8b",), _gz),
        Compression("bz2", (b"BZh",), _bz2),
        Compression("xz", (b"\xfd7zXZ\0",), _xz),
        Compression("zst", (b"\x28\xb5\x2f\xfd", *_ZSTD_SKIPPABLE), zstd_decoder),
    )
}


def compression_of(head: bytes) -> Compression | None:
    """Tell the compression by a file's first bytes.

    Examples
    --------
    >>> compression_of(b"BZh91AY").name
    'bz2'
    >>> compression_of(b"PK") is None
    True
    """
    return next((one for one in COMPRESSIONS.values() if head.startswith(one.magics)), None)


class Decompression:
    """One pass through a compressed file.

    Parameters
    ----------
    file : binary file
        Read at offsets; its position is not used where the system has ``pread``.
    length : int
        Of the file, in bytes.
    compression : Compression
        What it is taken for.
    limits : Limits
        How far it may expand.

    Attributes
    ----------
    trailing : Finding or None
        Bytes that belong to nothing behind the last frame; known once the blocks have ended.
    unverified : Finding or None
        The first frame whose checksum is of a kind that cannot be checked here.
    """

    def __init__(self, file: BinaryIO, length: int, compression: Compression, limits: Limits) -> None:
        self.trailing: Finding | None = None
        self.unverified: Finding | None = None
        self._file = file
        self._length = length
        self._compression = compression
        self._limits = limits
        self._pending = b""
        self._read = 0
        self._produced = 0
        self._frame = 0
        self._is_damaged = False

    @property
    def findings(self) -> list[Finding]:
        """What is odd and did not end the blocks; complete once they have ended."""
        return [one for one in (self.unverified, self.trailing) if one is not None]

    def blocks(self) -> Iterator[bytes]:
        """Give the content, block by block; call it once.

        Raises
        ------
        MemberError
            ``truncated``, ``crc_mismatch``, ``payload_damaged``, ``limit_ratio``, ``limit_archive_bytes``,
            ``limit_header_bytes``, ``limit_memory``, ``unreadable``; the detail says in which frame and where that starts.
        """
        sizes = block_sizes()
        while self._find_frame():
            start = self._frame = self._read - len(self._pending)
            decoder = self._compression.decoder(self._limits)
            try:
                for block in decoded(decoder, self._pieces(), sizes):
                    self._produced += len(block)
                    check_ratio(self._produced, self._read, self._limits)
                    check_archive(self._produced, self._limits)
                    yield block
            except MemberError as error:
                raise self._placed(error.reason, error.detail, start) from error
            if not decoder.eof:
                raise self._placed("truncated", "expected it to end, found the file's end; the file is cut off", start)
            if self.unverified is None and not _is_verified(decoder):
                self.unverified = self._unverified(start)
            self._pending = decoder.unused_data

    def behind_damage(self) -> Iterator[bytes] | None:
        """After an error of the blocks: give those of the frames behind it; None if no further one is found."""
        if not self._is_damaged:
            return None
        start = self._frame + 1
        while piece := read_bytes(self._file, start, _READ_BYTES):
            places = [at for magic in self._compression.magics if (at := piece.find(magic)) >= 0]
            if places:
                self._read, self._pending = start + min(places), b""
                return self.blocks()
            start += max(1, len(piece) - _LONGEST_MAGIC + 1)
        return None

    def _find_frame(self) -> bool:
        """Pass over zeros; tell whether a frame is next. The file's first bytes are always taken for one."""
        while True:
            at_start = self._read == 0
            if not at_start:
                self._pending = self._pending.lstrip(b"\0")
            if len(self._pending) < _LONGEST_MAGIC:
                more = self._more()
                self._pending += more
                if more:
                    continue
            if not self._pending:
                return False
            start = self._read - len(self._pending)
            if start == 0 or self._pending.startswith(self._compression.magics):
                return True
            detail = f"expected the end of the {self._compression.name} file, found {self._length - start} more bytes from offset {start}"
            self.trailing = Finding("trailing_data", detail, start)
            return False

    def _pieces(self) -> Iterator[bytes]:
        piece, self._pending = self._pending, b""
        while piece:
            yield piece
            piece = self._more()

    def _more(self) -> bytes:
        piece = read_bytes(self._file, self._read, _READ_BYTES)
        self._read += len(piece)
        return piece

    def _unverified(self, start: int) -> Finding:
        found = f"in the {self._compression.name} frame at offset {start}: expected a CRC or SHA-256, found another checksum"
        detail = f"{found}, that is not known; the content was read, but nothing has verified it; compress it anew"
        return Finding("unverified", detail, start)

    def _placed(self, reason: str, detail: str, start: int) -> MemberError:
        self._is_damaged = reason in ("crc_mismatch", "payload_damaged", "truncated")
        return MemberError(reason, f"in the {self._compression.name} frame at offset {start}: {detail}")


def _is_verified(decoder: Decoder) -> bool:
    # Only liblzma passes over a checksum that it does not know.
    return not isinstance(decoder, lzma.LZMADecompressor) or lzma.is_check_supported(decoder.check)
