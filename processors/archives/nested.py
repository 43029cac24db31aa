"""Archives inside archives: opened on request, to a depth, under one budget for all of them together.

Each is copied to a temporary file without a name first (in memory, as long as it is small), for its members may lie
anywhere in it.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, ClassVar, Literal, cast

from zarrpack.errors import MemberError
from zarrpack.processors.archives.base import Entry, Finding, Source, add_finding
from zarrpack.processors.archives.recognition import archive_in, holds_zip, is_archive_name, may_be_archive
from zarrpack.processors.archives.streams import (
    check_archive,
    check_ratio,
    failing_stream,
    open_blocks,
    too_many_entries,
)
from zarrpack.processors.archives.tar_headers import BLOCK_BYTES
from zarrpack.processors.limits import Limits

__all__ = ["NestedSource"]

_PIECE_BYTES = 1 << 18
# An archive of up to so many bytes is held in memory while its members are read.
_MEMORY_BYTES = 16 << 20


@dataclass(slots=True)
class _Budget:
    """Bytes that all archives inside a source have given so far."""

    limits: Limits
    packed_size: int | None
    produced: int = 0
    error: MemberError | None = None

    def count(self, stream: BinaryIO) -> Iterator[bytes]:
        """Pass on a stream's content.

        Raises
        ------
        MemberError
            ``limit_archive_bytes`` or ``limit_ratio``; nothing may be read any more then.
        """
        while piece := stream.read(_PIECE_BYTES):
            self.produced += len(piece)
            try:
                check_archive(self.produced, self.limits)
                if self.packed_size is not None:
                    check_ratio(self.produced, self.packed_size, self.limits)
            except MemberError as error:
                self.error = error
                raise
            yield piece


@dataclass
class NestedSource(Source):
    """A source whose archives are opened as well; their members follow them, as ``outer.zip/inner.txt``.

    An archive that has been opened is an entry of the kind ``"archive"``. One that lies deeper than
    `Limits.nesting` is refused. What all of them give counts against `Limits.archive_bytes` and, compared with the source's
    own bytes, against `Limits.ratio`; beyond, the source ends.

    Parameters
    ----------
    outer : Source
        What is read. Closed with this one.

    Examples
    --------
    >>> import tempfile, zipfile
    >>> from zarrpack.processors.archives.zip import ZipSource
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "a.zip")
    ...     inner = io.BytesIO()
    ...     with zipfile.ZipFile(inner, "w") as archive:
    ...         archive.writestr("b.txt", b"hi")
    ...     with zipfile.ZipFile(path, "w") as archive:
    ...         archive.writestr("inner.zip", inner.getvalue())
    ...     source = NestedSource(path, Limits(nesting=1), outer=ZipSource(path))
    ...     contents = [(entry.name, stream.read()) for entry, stream in source.forward()]
    ...     source.close()
    >>> contents
    [('inner.zip', b''), ('inner.zip/b.txt', b'hi')]
    """

    random_access: ClassVar[bool] = False

    outer: Source = field(kw_only=True)

    @property
    def kind(self) -> str:
        """That of the outer source."""
        return self.outer.kind

    def entries(self) -> Iterator[Entry]:
        """Not possible without unpacking everything; use `forward`.

        Raises
        ------
        TypeError
            Always.
        """
        raise TypeError(f"{self.path}: archives inside archives cannot be read at random; use forward()")

    def open(self, entry: Entry) -> BinaryIO:
        """Not possible without unpacking everything; use `forward`.

        Raises
        ------
        TypeError
            Always.
        """
        raise TypeError(f"{self.path}: archives inside archives cannot be read at random; use forward()")

    def forward(self) -> Iterator[tuple[Entry, BinaryIO]]:
        """Go through all members; see `Source.forward`."""
        self.findings.clear()
        packed_size = self.path.stat().st_size if self.path.is_file() else None
        budget = _Budget(self.limits, packed_size)
        for index, (entry, stream) in enumerate(self._members(self.outer, budget, 0)):
            if index == self.limits.entries:
                self.findings.append(too_many_entries(self.limits))
                break
            with stream:
                yield replace(entry, index=index), stream
        if budget.error is not None:
            self.findings.append(Finding(budget.error.reason, budget.error.detail))
        self.findings.extend(self.outer.findings)

    def close(self) -> None:
        """Close the outer source."""
        self.outer.close()

    def _members(self, source: Source, budget: _Budget, depth: int) -> Iterator[tuple[Entry, BinaryIO]]:
        for entry, stream in source.forward():
            looks = _looks(entry, stream)
            if looks in ("archive", "prefixed"):
                yield from self._opened(entry, stream, budget, depth, is_sure=looks == "archive")
                if budget.error is not None:
                    return
                continue
            entry = _noted(entry) if looks == "named" else entry
            if depth:
                content = budget.count(stream)
                # The stream must not close the content: what it leaves is still to be counted.
                yield entry, open_blocks(block for block in content)
                if not source.random_access:
                    with suppress(MemberError):
                        for _ in content:
                            pass
            else:
                yield entry, stream
            if budget.error is not None:
                return

    def _opened(
        self, entry: Entry, stream: BinaryIO, budget: _Budget, depth: int, *, is_sure: bool
    ) -> Iterator[tuple[Entry, BinaryIO]]:
        """Give an archive's own entry and its members; if it cannot be opened, only the entry, with the reason."""
        if is_sure and depth == self.limits.nesting:
            yield _refused(entry, _too_deep(depth))
            return
        with SpooledTemporaryFile(_MEMORY_BYTES) as spool:
            file = cast(BinaryIO, spool)
            try:
                for piece in budget.count(stream):
                    file.write(piece)
                length = file.tell()
                is_archive = is_sure or holds_zip(file)
                if is_archive and depth == self.limits.nesting:
                    raise _too_deep(depth)
                inner = None
                if is_archive:
                    inner = archive_in(file, length, Path(entry.name), self.limits, salvage=self.salvage)
            except MemberError as error:
                yield _refused(entry, error)
                return
            if inner is None:
                file.seek(0)
                yield _noted(entry), open_blocks(iter(lambda: file.read(_PIECE_BYTES), b""))
                return
            with closing(inner):
                yield replace(entry, kind="archive"), io.BytesIO()
                for member, content in self._members(inner, budget, depth + 1):
                    yield _below(entry, member), content
                for one in inner.findings:
                    add_finding(self.findings, replace(one, detail=f"{entry.name!r}: {one.detail}"))


def _looks(entry: Entry, stream: BinaryIO) -> Literal["archive", "prefixed", "named", "file"]:
    """Tell an archive by its first bytes, what may be a zip behind other bytes, and what only has the name of either."""
    if entry.kind != "file" or entry.refusal is not None:
        return "file"
    try:
        head = stream.peek(BLOCK_BYTES)[:BLOCK_BYTES]  # type: ignore[attr-defined]
    except MemberError:
        return "file"  # it stays so, and whoever reads the stream is told
    if may_be_archive(head, entry.name):
        return "archive"
    if not is_archive_name(entry.name):
        return "file"
    return "prefixed" if head and entry.name.lower().endswith(".zip") else "named"


def _noted(entry: Entry) -> Entry:
    return replace(entry, notes=(*entry.notes, "not_an_archive"))


def _too_deep(depth: int) -> MemberError:
    detail = f"expected archives inside others at most {depth} deep, found one deeper; raise the limit nesting"
    return MemberError("limit_nesting", detail)


def _refused(entry: Entry, error: MemberError) -> tuple[Entry, BinaryIO]:
    return replace(entry, refusal=(error.reason, error.detail)), failing_stream(error)


def _below(archive: Entry, member: Entry) -> Entry:
    raw_name = archive.raw_name + b"/" + member.raw_name
    return replace(member, raw_name=raw_name, name=f"{archive.name}/{member.name}")
