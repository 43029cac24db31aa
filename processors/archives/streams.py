"""Streams of members: blocks of bytes in, a binary file out, counted and checked on the way.

Every kind of source makes its content as an iterator of blocks that raises MemberError. A block that completes
the content is given away only once all checks have passed, so whoever reads a member to its
announced size has seen the error, if there is one.
"""

from __future__ import annotations

import io
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, BinaryIO

from zarrpack.errors import MemberError
from zarrpack.processors.archives.base import Entry, Finding, Source
from zarrpack.processors.archives.decoders import crc32
from zarrpack.processors.limits import Limits

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = [
    "check_archive",
    "check_limits",
    "check_ratio",
    "checked",
    "failing_stream",
    "forward_by_opening",
    "open_blocks",
    "too_many_entries",
]

_BUFFER_BYTES = 64 << 10


class _BlockFile(io.RawIOBase):
    """A raw file over blocks. What has failed once fails again."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._rest = memoryview(b"")
        self._error: Exception | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        target = memoryview(buffer).cast("B")
        block = self._rest or memoryview(self._next())
        count = min(len(block), len(target))
        target[:count] = block[:count]
        self._rest = block[count:]
        return count

    def readall(self) -> bytes:
        parts: list[bytes | memoryview] = [self._rest] if self._rest else []
        self._rest = memoryview(b"")
        while block := self._next():
            parts.append(block)
        return bytes(parts[0]) if len(parts) == 1 else b"".join(parts)

    def close(self) -> None:
        if not self.closed and isinstance(self._blocks, Generator):
            self._blocks.close()
        super().close()

    def _next(self) -> bytes:
        if self._error is not None:
            raise self._error
        try:
            return next(filter(None, self._blocks), b"")
        except Exception as error:
            self._error = error
            raise


def open_blocks(blocks: Iterator[bytes]) -> BinaryIO:
    """Open blocks of bytes as a binary stream; an error of the blocks comes out of every read from then on.

    Examples
    --------
    >>> open_blocks(iter([b"ab", b"c"])).read()
    b'abc'
    """
    return io.BufferedReader(_BlockFile(blocks), _BUFFER_BYTES)


def failing_stream(error: MemberError) -> BinaryIO:
    """Give a stream whose first read raises `error`."""
    return open_blocks(_failing(error))


def checked(
    blocks: Iterator[bytes],
    limits: Limits,
    *,
    size: int | None = None,
    crc: int | None = None,
    packed_size: int | None = None,
) -> Iterator[bytes]:
    """Pass blocks on, and hold back the last until the content is known to be what was announced.

    Parameters
    ----------
    blocks : iterator of bytes
        The content.
    limits : Limits
        What the content may cost.
    size : int or None
        Announced bytes; None: not known.
    crc : int or None
        Announced CRC-32; None: not known.
    packed_size : int or None
        Bytes that the content takes in the archive; None: the ratio is not looked at here.

    Raises
    ------
    MemberError
        ``size_mismatch``, ``crc_mismatch``, ``limit_member_bytes``, ``limit_ratio``, and what the blocks raise.

    Examples
    --------
    >>> b"".join(checked(iter([b"ab", b"c"]), Limits(), size=3, crc=0x352441C2))
    b'abc'
    """
    produced, found, held = 0, 0, b""
    for block in blocks:
        produced += len(block)
        if size is not None and produced > size:
            raise MemberError(
                "size_mismatch", f"expected {size} bytes as announced, found more; the archive is damaged"
            )
        check_limits(produced, packed_size, limits)
        if crc is not None:
            found = crc32(block, found)
        if size is not None and produced < size:
            yield block
        else:
            yield held
            held = block
    if size is not None and produced != size:
        raise MemberError(
            "size_mismatch", f"expected {size} bytes as announced, found {produced}; the archive is damaged"
        )
    if crc is not None and found != crc:
        raise MemberError("crc_mismatch", f"expected the CRC {crc:08x}, found {found:08x}; the archive is damaged")
    yield held


def check_limits(produced: int, packed_size: int | None, limits: Limits) -> None:
    """Compare bytes that were really produced with the limits.

    Parameters
    ----------
    produced : int
        Bytes after decompression so far.
    packed_size : int or None
        Bytes before decompression; None: the ratio is not looked at.
    limits : Limits
        The limits.

    Raises
    ------
    MemberError
        ``limit_member_bytes`` or ``limit_ratio``.
    """
    if produced > limits.member_bytes:
        raise MemberError(
            "limit_member_bytes",
            f"expected at most {limits.member_bytes} bytes, found more; raise the limit member_bytes",
        )
    if packed_size is not None:
        check_ratio(produced, packed_size, limits)


def check_ratio(produced: int, packed_size: int, limits: Limits) -> None:
    """Compare the expansion with its limit; see `check_limits`.

    Raises
    ------
    MemberError
        ``limit_ratio``.
    """
    if produced > limits.ratio_grace_bytes and produced > limits.ratio * packed_size:
        raise MemberError(
            "limit_ratio",
            f"expected at most {limits.ratio} bytes per compressed byte, found {produced} bytes out of {packed_size}; "
            "raise the limit ratio if the content is meant to be so",
        )


def check_archive(produced: int, limits: Limits) -> None:
    """Compare the bytes of all members of a source together with their limit.

    Raises
    ------
    MemberError
        ``limit_archive_bytes``.
    """
    if produced > limits.archive_bytes:
        raise MemberError(
            "limit_archive_bytes",
            f"expected at most {limits.archive_bytes} bytes in all members, found more; raise the limit archive_bytes",
        )


def forward_by_opening(source: Source) -> Iterator[tuple[Entry, BinaryIO]]:
    """Go through a random-access source in order; see `Source.forward`."""
    for entry in source.entries():
        try:
            stream = source.open(entry)
        except MemberError as error:
            stream = failing_stream(error)
        with stream:
            yield entry, stream


def _failing(error: MemberError) -> Iterator[bytes]:
    yield b""
    raise error


def too_many_entries(limits: Limits) -> Finding:
    """Say that members beyond the limit were not looked at."""
    return Finding("limit_entries", f"expected at most {limits.entries} members, found more; raise the limit entries")
