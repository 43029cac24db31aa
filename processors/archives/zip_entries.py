"""What a zip's directory says of one member, as an Entry: its name, its kind, and why it cannot be read."""

from __future__ import annotations

import stat
from typing import Literal

from zarrpack.processors.archives.base import Entry
from zarrpack.processors.archives.decoders import crc32
from zarrpack.processors.archives.names import decode_name, is_unsafe
from zarrpack.processors.archives.refusals import refuse_announced
from zarrpack.processors.archives.zip_local import fields_end
from zarrpack.processors.archives.zip_overlaps import extent
from zarrpack.processors.archives.zip_payload import METHODS
from zarrpack.processors.archives.zip_survey import Survey
from zarrpack.processors.limits import Limits
from zarrpack.storage.zip_directory import DirectoryEntry

__all__ = ["describe_member"]

# Encrypted, strongly encrypted, and header fields hidden by encryption of the directory.
_ENCRYPTED_FLAGS = 0x2041
_UTF8_FLAG = 0x800
_DOS_DIRECTORY = 0x10
_UNICODE_PATH = b"up"
# A longer target of a link cannot be; then the mode is wrong, not the content.
_LONGEST_LINK = 4096


def describe_member(
    index: int,
    member: DirectoryEntry,
    end: int,
    limits: Limits,
    survey: Survey,
    found_by: tuple[str, ...] = (),
) -> Entry:
    """Make the entry of one member.

    Parameters
    ----------
    index : int
        Position in the directory.
    member : DirectoryEntry
        What the directory says, with the header's offset in the file.
    end : int
        Where the members' bytes end, in bytes of the file.
    limits : Limits
        What is refused for its name or announced size.
    survey : Survey
        What was found in all members together.
    found_by : tuple of str
        Notes on how the member was found, if not by the directory.

    Returns
    -------
    Entry
        Its locator is (header offset in the file, compressed size, method).
    """
    name, notes = _name(member)
    notes += found_by
    if survey.is_repeated(member.raw_name):
        notes += ("duplicate_name",)
    if survey.is_duplicate(index):
        notes += ("duplicate_entry",)
    kind = _kind(member)
    offset, stop = extent(member)
    refusal = refuse_announced(member.raw_name, member.size if kind == "file" else 0, limits)
    if kind == "file" and refusal is None:
        refusal = _refusal(member) or _damage(member)
    if kind == "file" and refusal is None:
        if offset < 0:
            refusal = (
                "header_damaged",
                f"expected a header in the file, found it to start {-offset} bytes before; they are missing",
            )
        elif stop > end:
            refusal = "header_damaged", f"expected the member's bytes before offset {end}, found them to end at {stop}"
        elif survey.is_overlapping(index):
            refusal = "overlap", f"expected bytes {offset} to {stop} for itself, found them shared with another member"
    return Entry(
        index,
        member.raw_name,
        name,
        member.size,
        member.crc32,
        offset if offset >= 0 else None,
        kind,
        refusal,
        notes,
        (offset, member.compressed_size, member.method),
    )


def _refusal(member: DirectoryEntry) -> tuple[str, str] | None:
    if member.flags & _ENCRYPTED_FLAGS:
        return "encrypted", "expected readable content, found it encrypted; decrypt the archive first"
    if member.method not in METHODS:
        known = ", ".join(map(str, METHODS))
        return (
            "unsupported_method",
            f"expected compression method {known}, found {member.method}; pack it anew with deflate",
        )
    return None


def _damage(member: DirectoryEntry) -> tuple[str, str] | None:
    """Follow the extra fields: each has a length, and none may lead beyond their end."""
    extra, position = member.extra, fields_end(member.extra)
    if position <= len(extra):
        return None
    return (
        "header_damaged",
        f"expected extra fields within {len(extra)} bytes of the directory, found them to go on to byte {position}",
    )


def _kind(member: DirectoryEntry) -> Literal["file", "directory", "link", "special"]:
    mode = member.external_attributes >> 16
    if stat.S_ISLNK(mode) and member.size <= _LONGEST_LINK:
        return "link"
    # What has content is a file, whatever it is called.
    if member.size or member.compressed_size > 2:
        return "file"
    if member.raw_name.endswith(b"/") or stat.S_ISDIR(mode) or member.external_attributes & _DOS_DIRECTORY:
        return "directory"
    return "special" if stat.S_IFMT(mode) and not stat.S_ISREG(mode) else "file"


def _name(member: DirectoryEntry) -> tuple[str, tuple[str, ...]]:
    raw_name = member.raw_name
    if raw_name.isascii() and not member.extra:
        return decode_name(raw_name)
    unicode_path = _unicode_path(member)
    if unicode_path is not None:
        name, notes = decode_name(unicode_path)
        return name, (*notes, "name_unicode_path")
    name, notes = decode_name(raw_name)
    if "name_undecodable" in notes and not member.flags & _UTF8_FLAG:
        name = raw_name.decode("cp437")
        return name, ("name_cp437", "unsafe_name") if is_unsafe(name) else ("name_cp437",)
    return name, notes


def _unicode_path(member: DirectoryEntry) -> bytes | None:
    """The UTF-8 name of Info-ZIP's extra field; None if there is none that belongs to this name."""
    extra, position = member.extra, 0
    while position + 4 <= len(extra):
        end = position + 4 + int.from_bytes(extra[position + 2 : position + 4], "little")
        field = extra[position + 4 : end]
        is_path = extra[position : position + 2] == _UNICODE_PATH and len(field) > 5 and field[0] == 1
        if is_path and int.from_bytes(field[1:5], "little") == crc32(member.raw_name, 0):
            return field[5:]
        position = end
    return None
