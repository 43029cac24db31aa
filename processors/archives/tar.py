"""Plain tar archives, read at random: headers and members are read where they lie."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, ClassVar

from zarrpack.errors import MemberError
from zarrpack.processors.archives.base import Entry, Source
from zarrpack.processors.archives.files import open_file, read_bytes, read_range
from zarrpack.processors.archives.streams import forward_by_opening, open_blocks
from zarrpack.processors.archives.tar_walk import TarWalk

__all__ = ["TarSource"]


class _FileReader:
    """Reads a tar where it lies, and leaps over members."""

    def __init__(self, file: BinaryIO, length: int) -> None:
        self._file = file
        self.length: int | None = length
        self._end = length
        self.position = 0

    def read(self, size: int) -> bytes:
        if self.position >= self._end:
            return b""
        data = read_bytes(self._file, self.position, size)
        self.position += len(data)
        return data

    def skip_to(self, offset: int) -> None:
        self.position = offset

    def push_back(self, data: bytes) -> None:
        self.position -= len(data)

    def resume(self) -> bool:
        return False


@dataclass
class TarSource(Source):
    """The members of a tar that is not compressed, as they lie.

    Raises
    ------
    SourceError
        If the file cannot be opened.

    Examples
    --------
    >>> import tarfile, tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "a.tar")
    ...     with tarfile.open(path, "w") as archive:
    ...         member = tarfile.TarInfo("a.txt")
    ...         member.size = 2
    ...         archive.addfile(member, io.BytesIO(b"hi"))
    ...     source = TarSource(path)
    ...     contents = [(entry.name, source.read_content(entry)) for entry in source.entries()]
    ...     source.close()
    >>> contents, source.findings
    ([('a.txt', b'hi')], [])
    """

    random_access: ClassVar[bool] = True

    def __post_init__(self) -> None:
        self._file, self._length = open_file(self.path, self.file)

    @property
    def kind(self) -> str:
        """``"tar"``."""
        return "tar"

    def entries(self) -> Iterator[Entry]:
        """List the members; see `Source.entries`. Only headers are read."""
        self.findings.clear()
        reader = _FileReader(self._file, self._length)
        return TarWalk(reader, self.limits, self.findings, self.salvage).entries()

    def open(self, entry: Entry) -> BinaryIO:
        """Open a member's content as a stream; see `Source.open`.

        Raises
        ------
        MemberError
            The entry's refusal, if it has one.
        """
        if entry.refusal is not None:
            raise MemberError(*entry.refusal)
        if entry.kind != "file":
            return io.BytesIO()
        offset, size = entry.locator
        return open_blocks(read_range(self._file, offset, offset + size))

    def forward(self) -> Iterator[tuple[Entry, BinaryIO]]:
        """Go through all members; see `Source.forward`."""
        return forward_by_opening(self)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
