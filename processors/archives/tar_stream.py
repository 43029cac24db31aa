"""Compressed tar archives: one forward pass, in which both the tar and its compression are checked to their ends."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, ClassVar

from zarrpack.errors import MemberError
from zarrpack.processors.archives.base import Entry, Finding, Source
from zarrpack.processors.archives.compressed import COMPRESSIONS, Compression, Decompression
from zarrpack.processors.archives.files import open_file
from zarrpack.processors.archives.streams import failing_stream, open_blocks
from zarrpack.processors.archives.tar_walk import TarWalk

__all__ = ["BlockReader", "TarStreamSource"]


class BlockReader:
    """Reads forward from blocks; an error of theirs comes out of every later read.

    Parameters
    ----------
    blocks : iterator of bytes
        The content.
    further : callable, optional
        Gives the blocks behind a damaged place, or None if there are none.

    Examples
    --------
    >>> BlockReader(iter([b"ab", b"c"])).read(3)
    b'abc'
    """

    def __init__(self, blocks: Iterator[bytes], further: Callable[[], Iterator[bytes] | None] = lambda: None) -> None:
        self.position = 0
        self.length: int | None = None
        self._blocks = blocks
        self._block = b""
        self._at = 0
        self._further = further
        self._error: MemberError | None = None

    @property
    def has_failed(self) -> bool:
        """Whether the blocks have raised an error."""
        return self._error is not None

    def read(self, size: int) -> bytes:
        """Give `size` bytes; fewer only at the end."""
        part = self.read_some(size)
        if len(part) == size:
            return part
        parts = []
        while part:
            parts.append(part)
            size -= len(part)
            part = self.read_some(size)
        return b"".join(parts)

    def read_some(self, size: int) -> bytes:
        """Give up to `size` bytes without joining blocks; none only at the end."""
        if self._at >= len(self._block) and size:
            self._next()
        part = self._block[self._at : self._at + size]
        self._at += len(part)
        self.position += len(part)
        return part

    def push_back(self, data: bytes) -> None:
        """Take back the bytes that were read last."""
        self._block, self._at = data + self._block[self._at :], 0
        self.position -= len(data)

    def resume(self) -> bool:
        """After an error: go on behind the damaged place; tell whether there is something."""
        blocks = self._further() if self._error is not None else None
        if blocks is None:
            return False
        self._blocks, self._error = blocks, None
        return True

    def skip_to(self, offset: int) -> None:
        """Go forward to an offset, or to the end."""
        while self.position < offset:
            if self._at >= len(self._block) and not self._next():
                return
            step = min(offset - self.position, len(self._block) - self._at)
            self._at += step
            self.position += step

    def _next(self) -> bool:
        if self._error is not None:
            raise self._error
        try:
            self._block, self._at = next(self._blocks, b""), 0
        except MemberError as error:
            self._block, self._error = b"", error
            raise
        return bool(self._block)


@dataclass
class TarStreamSource(Source):
    """The members of a compressed tar, as they come.

    Parameters
    ----------
    compression : Compression
        What the tar is compressed with.

    Raises
    ------
    SourceError
        If the file cannot be opened.
    """

    random_access: ClassVar[bool] = False

    compression: Compression = COMPRESSIONS["gz"]

    def __post_init__(self) -> None:
        self._file, self._length = open_file(self.path, self.file)

    @property
    def kind(self) -> str:
        """Such as ``"tar.gz"``."""
        return f"tar.{self.compression.name}"

    def entries(self) -> Iterator[Entry]:
        """Not possible without decompressing everything; use `forward`.

        Raises
        ------
        TypeError
            Always.
        """
        raise TypeError(f"{self.path}: a {self.kind} cannot be read at random; use forward()")

    def open(self, entry: Entry) -> BinaryIO:
        """Not possible without decompressing everything before the member; use `forward`.

        Raises
        ------
        TypeError
            Always.
        """
        raise TypeError(f"{self.path}: a {self.kind} cannot be read at random; use forward()")

    def forward(self) -> Iterator[tuple[Entry, BinaryIO]]:
        """Go through all members; see `Source.forward`. Offsets are those in the tar inside."""
        self.findings.clear()
        decompression = Decompression(self._file, self._length, self.compression, self.limits)
        reader = BlockReader(decompression.blocks(), decompression.behind_damage)
        for entry in TarWalk(reader, self.limits, self.findings, self.salvage).entries():
            with _open_member(reader, entry) as stream:
                yield entry, stream
        if not reader.has_failed:
            try:
                reader.skip_to(sys.maxsize)
            except MemberError as error:
                self.findings.append(Finding(error.reason, error.detail))
        self.findings.extend(decompression.findings)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _open_member(reader: BlockReader, entry: Entry) -> BinaryIO:
    if entry.refusal is not None:
        return failing_stream(MemberError(*entry.refusal))
    return open_blocks(_payload(reader, *entry.locator)) if entry.kind == "file" else io.BytesIO()


def _payload(reader: BlockReader, offset: int, size: int) -> Iterator[bytes]:
    end = offset + size
    while reader.position < end:
        part = reader.read_some(end - reader.position)
        if not part:
            missing = end - reader.position
            raise MemberError(
                "truncated", f"expected {size} bytes, found {missing} of them missing; the tar is cut off"
            )
        yield part
