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
from zarrpack.processors.archives.zip_descriptors import Descriptors
from zarrpack.processors.archives.zip_entries import describe_member
from zarrpack.processors.archives.zip_payload import payload_blocks, read_small
from zarrpack.processors.archives.zip_places import FoundMember, Places
from zarrpack.processors.archives.zip_recovery import recover_members
from zarrpack.processors.archives.zip_survey import survey_members
from zarrpack.storage.zip_directory import DirectoryLocation, find_directory, read_at, read_directory

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
        self._descriptors = Descriptors(self._file)

    @property
    def kind(self) -> str:
        """``"zip"``."""
        return "zip"

    def entries(self) -> Iterator[Entry]:
        """List the members; see `Source.entries`. The directory is gone through twice, in blocks."""
        self.findings.clear()
        location = self._locate()
        places = Places(self._file, location or DirectoryLocation(self._length, 0, 0, 0, b""))
        end = places.location.offset

        def members(findings: list[Finding]) -> Iterator[FoundMember]:
            if location is None:
                return recover_members(self._file, 0, {}, self._descriptors, scan=self.salvage)
            return self._members(places, findings)

        survey = survey_members(lambda: islice(members([]), self.limits.entries), end, places.agrees)
        if (finding := places.finding()) is not None:
            self.findings.append(finding)
        announced = 0
        for index, (member, notes, _) in enumerate(members(self.findings)):
            if index == self.limits.entries:
                self.findings.append(too_many_entries(self.limits))
                return
            entry = describe_member(index, member, end, self.limits, survey, notes)
            if entry.kind == "file" and entry.refusal is None:
                # No member gives more than it announces, so the sum of these bounds the whole.
                announced += member.size
                if announced > self.limits.archive_bytes:
                    entry = replace(entry, refusal=refuse_archive(announced, self.limits))
            is_link = entry.kind == "link" and entry.offset is not None
            yield replace(entry, target=self._target_of(entry)) if is_link else entry

    def open(self, entry: Entry) -> BinaryIO:
        """Open a member's content as a stream; see `Source.open`.

        Raises
        ------
        MemberError
            The entry's refusal, if it has one; what is wrong with the content is raised by the stream.
        """
        self.content_notes = []
        if entry.refusal is not None:
            raise MemberError(*entry.refusal)
        if entry.kind != "file":
            return io.BytesIO()
        blocks = payload_blocks(self._file, entry, self.limits, self.content_notes)
        packed_size = entry.locator[1]
        return open_blocks(checked(blocks, self.limits, size=entry.size, crc=entry.crc32, packed_size=packed_size))

    def read_content(self, entry: Entry) -> bytes:
        """Read a member's whole content; see `Source.read_content`."""
        self.content_notes = []
        if entry.refusal is None and entry.kind == "file":
            content = read_small(self._file, entry, self.limits, self.content_notes)
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
            location = find_directory(self._file, lenient=True)
            if location.base < 0:
                # The end record's word against itself: the directory must be whole.
                for _ in read_directory(self._file, location):
                    pass
        except FormatError as error:
            reason = self._damage()
            beyond = "and beyond, where there are more" if self.salvage else "(and beyond with --salvage)"
            detail = f"{error}; members are read as far as their own headers lead {beyond}"
            self.findings.append(Finding(reason, detail))
            return None
        if location.trailing > 0:
            detail = f"expected the file to end with the zip, found {location.trailing} more bytes"
            self.findings.append(Finding("trailing_data", detail, self._length - location.trailing - location.padding))
        elif location.trailing < 0:
            detail = f"expected the zip's comment, found {-location.trailing} bytes of it missing"
            self.findings.append(Finding("truncated", detail, self._length))
        return location

    def _damage(self) -> str:
        """Why there is no directory."""
        if b"PK\5\6" in read_at(self._file, max(0, self._length - _TAIL_BYTES), _TAIL_BYTES):
            return "header_damaged"
        return "truncated" if read_at(self._file, 0, 4) == b"PK\3\4" else "not_an_archive"

    def _target_of(self, link: Entry) -> str | None:
        """Where a link leads: its content. It is shown, and never followed."""
        try:
            content = read_small(self._file, replace(link, kind="file"), self.limits, [])
        except MemberError:
            return None
        return None if content is None else decode_name(content)[0]

    def _members(self, places: Places, findings: list[Finding]) -> Iterator[FoundMember]:
        """The directory's members, and behind a damaged place of it those that their own headers tell."""
        location = places.location
        try:
            yield from map(places.find, read_directory(self._file, location))
        except FormatError as error:
            findings.append(Finding("header_damaged", str(error), location.offset))
        else:
            if not (self.salvage and places.is_incomplete):
                return
        known: dict[int, tuple[int, bool]] = {}
        with suppress(FormatError):
            for member, _, gives_way in map(places.find, read_directory(self._file, location)):
                if not location.base or places.agrees(member):
                    known[member.header_offset] = member.compressed_size, gives_way
        start = 0 if places.is_torn else max(0, location.base)
        yield from recover_members(self._file, start, known, self._descriptors, scan=self.salvage)
