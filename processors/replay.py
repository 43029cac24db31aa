"""A member's stream with its first bytes put back, hashed and counted as it is read."""

from __future__ import annotations

import hashlib
import io
from typing import BinaryIO

__all__ = ["ReplayStream"]

_DRAIN_BYTES = 1 << 20


class ReplayStream(io.RawIOBase):
    """A forward stream that starts with bytes which have been read from it already.

    Parameters
    ----------
    head : bytes
        What has been read from `stream` so far.
    stream : binary stream
        Positioned behind `head`. Not closed with this one.

    Examples
    --------
    >>> stream = ReplayStream(b"ab", io.BytesIO(b"cdef"))
    >>> stream.read(3), stream.drain()
    (b'abc', 6)
    """

    def __init__(self, head: bytes, stream: BinaryIO) -> None:
        super().__init__()
        self._head = head
        self._stream = stream
        self._digest = hashlib.sha256()
        self._size = 0

    def readable(self) -> bool:
        """True: it can be read; it cannot be sought."""
        return True

    def read(self, size: int | None = -1) -> bytes:
        """Give up to `size` bytes, all that is left if negative; fewer only at the end."""
        wanted = -1 if size is None or size < 0 else size
        taken, self._head = (self._head, b"") if wanted < 0 else (self._head[:wanted], self._head[wanted:])
        parts = [taken]
        missing = -1 if wanted < 0 else wanted - len(taken)
        while missing != 0:
            piece = self._stream.read(missing)
            if not piece:
                break
            parts.append(piece)
            missing = -1 if wanted < 0 else missing - len(piece)
        payload = b"".join(parts)
        self._digest.update(payload)
        self._size += len(payload)
        return payload

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill `buffer` and give the number of bytes put in."""
        payload = self.read(len(buffer))
        buffer[: len(payload)] = payload
        return len(payload)

    def drain(self) -> int:
        """Read to the end, so that the source can check the whole; give the bytes of the whole."""
        while self.read(_DRAIN_BYTES):
            pass
        return self._size

    def sha256(self) -> bytes:
        """Give the digest of what has been read so far, 32 bytes."""
        return self._digest.digest()
