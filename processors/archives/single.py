"""A plain file as a source: one member, the file itself."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, ClassVar

from zarrpack.errors import MemberError, SourceError
from zarrpack.processors.archives.base import Entry, Source
from zarrpack.processors.archives.files import file_blocks
from zarrpack.processors.archives.names import decode_name
from zarrpack.processors.archives.refusals import refuse_announced
from zarrpack.processors.archives.streams import checked, forward_by_opening, open_blocks

__all__ = ["SingleFileSource"]


@dataclass
class SingleFileSource(Source):
    """A file that is no archive; its one member has the file's name.

    Parameters
    ----------
    refusal : tuple of (reason, detail), or None
        Why its content is not read.

    Raises
    ------
    SourceError
        If it is no regular file.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as name:
    ...     path = Path(name, "a.txt")
    ...     _ = path.write_bytes(b"hi")
    ...     source = SingleFileSource(path)
    ...     contents = [(entry.name, source.read_content(entry)) for entry in source.entries()]
    >>> contents
    [('a.txt', b'hi')]
    """

    random_access: ClassVar[bool] = True

    refusal: tuple[str, str] | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if not self.path.is_file():
            raise SourceError(f"{self.path}: expected a file, found none; check the path")

    @property
    def kind(self) -> str:
        """``"file"``."""
        return "file"

    def entries(self) -> Iterator[Entry]:
        """List the one member; see `Source.entries`."""
        raw_name = os.fsencode(self.path.name)
        name, notes = decode_name(raw_name)
        size = self.path.stat().st_size
        refusal = self.refusal or refuse_announced(raw_name, size, self.limits)
        yield Entry(0, raw_name, name, size, offset=0, refusal=refusal, notes=notes)

    def open(self, entry: Entry) -> BinaryIO:
        """Open the file's content as a stream; see `Source.open`.

        Raises
        ------
        MemberError
            The entry's refusal, if it has one.
        """
        if entry.refusal is not None:
            raise MemberError(*entry.refusal)
        return open_blocks(checked(file_blocks(str(self.path), follow=True), self.limits, size=entry.size))

    def forward(self) -> Iterator[tuple[Entry, BinaryIO]]:
        """Give the one member; see `Source.forward`."""
        return forward_by_opening(self)

    def close(self) -> None:
        """Do nothing: no file stays open."""
