"""Where a zip's members lie, also where bytes are missing before its directory, or were added there.

What a directory says counts from the archive's start. A program before it moves all members alike; bytes that are missing or
were added in the midst move only those behind them. A member's own header tells which it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from zarrpack.processors.archives.base import Finding
from zarrpack.processors.archives.zip_local import agrees_with_header
from zarrpack.storage.zip_directory import DirectoryEntry, DirectoryLocation, read_at

__all__ = ["FoundMember", "Places"]

# An end record with the longest comment.
_LONGEST_END_BYTES = 22 + 0xFFFF


class FoundMember(NamedTuple):
    """A member and how it was found.

    Parameters
    ----------
    member : DirectoryEntry
        Its header offset counts from the file's start; it is negative where the header is missing with the file's front.
    notes : tuple of str
        How it was found, if not by the directory alone.
    gives_way : bool
        Whether it may have lost bytes: where it shares some with a member that has not, it alone is refused.
    """

    member: DirectoryEntry
    notes: tuple[str, ...] = ()
    gives_way: bool = False


@dataclass(slots=True)
class Places:
    """Finds where the members of a directory lie in the file.

    Parameters
    ----------
    file : binary file
        The zip.
    location : DirectoryLocation
        Where its directory lies.

    Attributes
    ----------
    is_torn : bool
        Whether a member was found at the offset that is written although the directory lies elsewhere than is written.
    has_lost : bool
        Whether a member was found neither there nor where the directory's own place tells.
    """

    file: BinaryIO
    location: DirectoryLocation
    is_torn: bool = False
    has_lost: bool = False

    def find(self, member: DirectoryEntry) -> FoundMember:
        """Give the member with its offset in the file: moved as the directory is, or as it is written.

        One whose header is at neither place counts as moved; whoever reads it is told that there is none.
        """
        base = self.location.base
        if not base:
            return FoundMember(member)
        moved = member._replace(header_offset=member.header_offset + base)
        if self.agrees(moved):
            return FoundMember(moved)
        if self.agrees(member):
            self.is_torn = True
            return FoundMember(member, (), True)
        self.has_lost = True
        return FoundMember(moved)

    @property
    def is_incomplete(self) -> bool:
        """Whether members may be elsewhere still, because bytes are missing or were added at more than one place."""
        return self.has_lost and (self.is_torn or self.location.base < 0)

    def agrees(self, member: DirectoryEntry) -> bool:
        """Whether the member's own header is at its offset in the file."""
        return agrees_with_header(self.file, member.header_offset, member.raw_name, member.compressed_size)

    def finding(self) -> Finding | None:
        """Say what is before the directory that should not be, or the other way round; once all members were found."""
        base, place = self.location.base, self.location.offset
        starts_as_zip = base > 0 and read_at(self.file, 0, 4) == b"PK\3\4"
        if starts_as_zip and not self.is_torn and self._has_end_before(base):
            detail = f"expected one zip, found another one in the {base} bytes before it; split them"
            return Finding("trailing_data", detail, base)
        if base < 0 or self.is_torn or starts_as_zip:
            detail = (
                f"expected the zip's directory at offset {place - base} as its end record says, found it at {place}: "
                f"bytes before it {'are missing' if base < 0 else 'were added'}; members are read where their headers are"
            )
            return Finding("header_damaged", detail, place)
        return None

    def _has_end_before(self, base: int) -> bool:
        start = max(0, base - _LONGEST_END_BYTES)
        return b"PK\5\6" in read_at(self.file, start, base - start)
