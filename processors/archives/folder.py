"""A folder as a source: its files, in the order of their raw paths."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO, ClassVar, Literal

from zarrpack.errors import MemberError, SourceError
from zarrpack.processors.archives.base import Entry, Finding, Source, add_finding
from zarrpack.processors.archives.files import file_blocks
from zarrpack.processors.archives.names import decode_name
from zarrpack.processors.archives.refusals import refuse_announced
from zarrpack.processors.archives.streams import checked, forward_by_opening, open_blocks, too_many_entries

__all__ = ["FolderSource"]


@dataclass
class FolderSource(Source):
    """The files below a folder, named relative to it with ``/``; links are listed and never followed.

    Folders are no members. One that cannot be read is a finding. Memory is bounded by the folders on the way to a
    file, not by all files.

    Raises
    ------
    SourceError
        If it is no folder.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as name:
    ...     _ = Path(name, "a.txt").write_bytes(b"hi")
    ...     source = FolderSource(Path(name))
    ...     contents = [(entry.name, source.read_content(entry)) for entry in source.entries()]
    >>> contents
    [('a.txt', b'hi')]
    """

    random_access: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not self.path.is_dir():
            raise SourceError(f"{self.path}: expected a folder, found none; check the path")

    @property
    def kind(self) -> str:
        """``"folder"``."""
        return "folder"

    def entries(self) -> Iterator[Entry]:
        """List the files, links and special files; see `Source.entries`."""
        self.findings.clear()
        for index, raw_name in enumerate(self._walk()):
            if index == self.limits.entries:
                self.findings.append(too_many_entries(self.limits))
                return
            yield self._entry(index, raw_name)

    def open(self, entry: Entry) -> BinaryIO:
        """Open a file's content as a stream; see `Source.open`.

        Raises
        ------
        MemberError
            The entry's refusal, if it has one; the stream raises ``size_mismatch`` if the file has
            changed, and ``unreadable``.
        """
        if entry.refusal is not None:
            raise MemberError(*entry.refusal)
        if entry.kind != "file":
            return io.BytesIO()
        blocks = file_blocks(self._path_of(entry.raw_name), follow=False)
        return open_blocks(checked(blocks, self.limits, size=entry.size))

    def forward(self) -> Iterator[tuple[Entry, BinaryIO]]:
        """Go through all files; see `Source.forward`."""
        return forward_by_opening(self)

    def close(self) -> None:
        """Do nothing: no file stays open."""

    def _path_of(self, raw_name: bytes) -> str:
        return os.path.join(self.path, *os.fsdecode(raw_name).split("/"))  # noqa: PTH118 - raw names, no normalisation

    def _walk(self) -> Iterator[bytes]:
        """Give raw relative paths in their order: a folder sorts as its name with a ``/``."""
        stack = [self._listing(b"")]
        while stack:
            raw_name = next(stack[-1], None)
            if raw_name is None:
                stack.pop()
            elif raw_name.endswith(b"/"):
                stack.append(self._listing(raw_name))
            else:
                yield raw_name

    def _listing(self, folder: bytes) -> Iterator[bytes]:
        try:
            with os.scandir(self._path_of(folder)) as found:
                names = [
                    folder + os.fsencode(one.name) + (b"/" if one.is_dir(follow_symlinks=False) else b"")
                    for one in found
                ]
        except OSError as error:
            shown = decode_name(folder)[0] or str(self.path)
            detail = f"expected to read the folder {shown!r}, found: {error.strerror}; check its permissions"
            add_finding(self.findings, Finding("unreadable", detail))
            return iter(())
        return iter(sorted(names))

    def _entry(self, index: int, raw_name: bytes) -> Entry:
        name, notes = decode_name(raw_name)
        size: int | None = None
        target: str | None = None
        kind: Literal["file", "link", "special"] = "file"
        refusal = refuse_announced(raw_name, 0, self.limits)
        try:
            status = os.lstat(self._path_of(raw_name))
        except OSError as error:
            refusal = "unreadable", f"expected a file, found: {error.strerror}"
        else:
            if stat.S_ISLNK(status.st_mode):
                kind = "link"
                with suppress(OSError):
                    target = decode_name(os.fsencode(os.readlink(self._path_of(raw_name))))[0]  # noqa: PTH115 - of raw names
            elif not stat.S_ISREG(status.st_mode):
                kind = "special"
            else:
                size = status.st_size
                refusal = refuse_announced(raw_name, size, self.limits)
        return Entry(index, raw_name, name, size, None, None, kind, refusal, notes, target=target)
