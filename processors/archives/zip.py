"""Zip archives, read at random by their directory; every member is checked against what the directory announces."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from typing import BinaryIO, ClassVar

from zarrpack.errors import FormatError, MemberError
from zarrpack.processors.archives.base import Entry, Finding, Source
from zarrpack.processors.archives.files import open_file
from zarrpack.processors.archives.names import decode_name
from zarrpack.processors.archives.refusals import refuse_archive
from zarrpack.processors.archives.streams import checked, forward_by_opening, open_blocks, too_many_entries
from zarrpack.processors.archives.zip_entries import describe_member
from zarrpack.processors.archives.zip_local import agrees_with_header
from zarrpack.processors.archives.zip_payload import payload_blocks, read_small
from zarrpack.processors.archives.zip_recovery import RecoveredMember, recover_members
from zarrpack.processors.archives.zip_survey import survey_members
from zarrpack.storage.zip_directory import DirectoryEntry, DirectoryLocation, find_directory, read_at, read_directory

__all__ = ["ZipSource"]

# The end record with the longest comment.
_TAIL_BYTES = 22 + 0xFFFF


@dataclass
class ZipSource(Source):
    """The members of a zip, in the order of its directory.

    A directory that is missing or damaged is a finding; the members that can still be found by their local
    headers follow those that the directory tells, with the note ``"recovered"``.

    Raises
    ------
    SourceError
        If the file cannot be opened.

    Examples
    --------
    >>> import tempfile, zipfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "a.zip")
    ...     with zipfile.ZipFile(path, "w") as archive:
    ...         archive.writestr("a.txt", b"hi")
    ...     source = ZipSource(path)
    ...     contents = [(entry.name, source.read_content(entry)) for entry in source.entries()]
    ...     source.close()
    >>> contents
    [('a.txt', b'hi')]
    """

    random_access: ClassVar[bool] = True

    def __post_init__(self) -> None:
        self._file, self._length = open_file(self.path, self.file)

    @property
    def kind(self) -> str:
        """``"zip"``."""
        return "zip"

    def entries(self) -> Iterator[Entry]:
        """List the members; see `Source.entries`. The directory is gone through twice, in blocks."""
        self.findings.clear()
        location = self._locate()
        base, end = (location.base, location.offset) if location is not None else (0, self._length)

        def members() -> Iterator[DirectoryEntry]:
            return (member for member, _ in islice(self._members(location, []), self.limits.entries))

        def is_genuine(member: DirectoryEntry) -> bool:
            return agrees_with_header(self._file, member.header_offset + base, member.raw_name, member.compressed_size)

        survey = survey_members(members, base, end, is_genuine)
        announced = 0
        for index, (member, notes) in enumerate(self._members(location, self.findings)):
            if index == self.limits.entries:
                self.findings.append(too_many_entries(self.limits))
                return
            entry = describe_member(index, member, base, end, self.limits, survey, notes)
            if entry.kind == "file" and entry.refusal is None:
                # No member gives more than it announces, so the sum of these bounds the whole.
                announced += member.size
                if announced > self.limits.archive_bytes:
                    entry = replace(entry, refusal=refuse_archive(announced, self.limits))
            yield entry if entry.kind != "link" else replace(entry, target=self._target_of(entry))

    def open(self, entry: Entry) -> BinaryIO:
        """Open a member's content as a stream; see `Source.open`.

        Raises
        ------
        MemberError
            The entry's refusal, if it has one; what is wrong with the content is raised by the stream.
        """
        if entry.refusal is not None:
            raise MemberError(*entry.refusal)
        if entry.kind != "file":
            return io.BytesIO()
        blocks = payload_blocks(self._file, entry)
        packed_size = entry.locator[1]
        return open_blocks(checked(blocks, self.limits, size=entry.size, crc=entry.crc32, packed_size=packed_size))

    def read_content(self, entry: Entry) -> bytes:
        """Read a member's whole content; see `Source.read_content`."""
        if entry.refusal is None and entry.kind == "file":
            content = read_small(self._file, entry, self.limits)
            if content is not None:
                return content
        return super().read_content(entry)

    def forward(self) -> Iterator[tuple[Entry, BinaryIO]]:
        """Go through all members; see `Source.forward`."""
        return forward_by_opening(self)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _locate(self) -> DirectoryLocation | None:
        try:
            location = find_directory(self._file)
        except FormatError as error:
            reason = self._damage()
            beyond = "and beyond, where there are more" if self.salvage else "(and beyond with --salvage)"
            detail = f"{error}; members are read as far as their own headers lead {beyond}"
            self.findings.append(Finding(reason, detail))
            return None
        if location.trailing > 0:
            detail = f"expected the file to end with the zip, found {location.trailing} more bytes"
            self.findings.append(Finding("trailing_data", detail, self._length - location.trailing))
        elif location.trailing < 0:
            detail = f"expected the zip's comment, found {-location.trailing} bytes of it missing"
            self.findings.append(Finding("truncated", detail, self._length))
        if location.base and read_at(self._file, 0, 4) == b"PK\3\4":
            detail = f"expected one zip, found another one in the {location.base} bytes before it; split them"
            self.findings.append(Finding("trailing_data", detail, location.base))
        return location

    def _damage(self) -> str:
        """Why there is no directory."""
        if b"PK\5\6" in read_at(self._file, max(0, self._length - _TAIL_BYTES), _TAIL_BYTES):
            return "header_damaged"
        return "truncated" if read_at(self._file, 0, 4) == b"PK\3\4" else "not_an_archive"

    def _target_of(self, link: Entry) -> str | None:
        """Where a link leads: its content. It is shown, and never followed."""
        try:
            content = read_small(self._file, replace(link, kind="file"), self.limits)
        except MemberError:
            return None
        return None if content is None else decode_name(content)[0]

    def _members(self, location: DirectoryLocation | None, findings: list[Finding]) -> Iterator[RecoveredMember]:
        """The directory's members, and behind a damaged place of it those that their own headers tell."""
        if location is None:
            yield from recover_members(self._file, 0, {}, scan=self.salvage)
            return
        try:
            for member in read_directory(self._file, location):
                yield member, ()
        except FormatError as error:
            findings.append(Finding("header_damaged", str(error), location.offset))
            known: dict[int, int] = {}
            with suppress(FormatError):
                known.update(
                    (member.header_offset, member.compressed_size) for member in read_directory(self._file, location)
                )
            yield from recover_members(self._file, location.base, known, scan=self.salvage)
