"""The walk from header to header through a tar, to its real end.

Python's tarfile takes a damaged header for the end of the archive, and most readers do not look what follows
the last member. Here a tar ends with two zero blocks and then zeros only; all else is a finding.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from zarrpack.errors import MemberError
from zarrpack.processors.archives.base import Entry, Finding, add_finding
from zarrpack.processors.archives.names import SeenNames, decode_name
from zarrpack.processors.archives.refusals import refuse_announced
from zarrpack.processors.archives.streams import too_many_entries
from zarrpack.processors.archives.tar_extensions import SPECIAL_TYPES, TarExtensions
from zarrpack.processors.archives.tar_headers import BLOCK_BYTES, TarHeader, padded, parse_header
from zarrpack.processors.archives.tar_scan import TarReader, find_header, is_at_member
from zarrpack.processors.limits import Limits

__all__ = ["TarWalk"]

Kind: TypeAlias = Literal["file", "directory", "link", "special"]

# What may have members behind it.
_DAMAGE = ("crc_mismatch", "header_checksum", "header_damaged", "payload_damaged", "trailing_data")
_END_CHECK_BYTES = 256 << 10
_FILE_TYPES = (b"0", b"\0", b"7")
# Types that have no bytes, whatever size their header tells.
_BARE_KINDS: dict[bytes, Kind] = {
    b"1": "link",
    b"2": "link",
    b"3": "special",
    b"4": "special",
    b"5": "directory",
    b"6": "special",
}
# GNU: a directory with the list of its files, and the volume's label.
_OTHER_KINDS: dict[bytes, Kind] = {b"D": "directory", b"V": "special"}


@dataclass(slots=True)
class TarWalk:
    """Goes through a tar once.

    Parameters
    ----------
    reader : TarReader
        At the tar's first byte. While an entry is in hand, its bytes may be read from it.
    limits : Limits
        What is refused.
    findings : list of Finding
        Where damage is put.
    salvage : bool
        Whether damage does not end the walk: it goes on at the next header that is whole.
    """

    reader: TarReader
    limits: Limits
    findings: list[Finding]
    salvage: bool = False
    _common: dict[bytes, bytes] = field(default_factory=dict, init=False)
    _names: SeenNames = field(default_factory=SeenNames, init=False)
    _notes: tuple[str, ...] = field(default=(), init=False)
    _is_behind_end: bool = field(default=False, init=False)

    def entries(self) -> Iterator[Entry]:
        """Give the members in order; each one's locator is (offset of its bytes in the tar, size).

        Damage is a finding. It ends the walk, or with `salvage` the members behind it get the note ``"salvaged"``.
        """
        index = 0
        while True:
            offset = self.reader.position
            try:
                entry = self._next(index)
                if entry is not None and index == self.limits.entries:
                    self.findings.append(too_many_entries(self.limits))
                    return
                if entry is not None:
                    yield entry
                    index += 1
                    data_offset, size = entry.locator
                    self.reader.skip_to(data_offset + padded(size))
                    continue
            except MemberError as error:
                self._record(error, offset)
            else:
                if not self._is_behind_end:
                    return
            if not self._goes_on():
                return

    def _record(self, error: MemberError, offset: int) -> None:
        add_finding(self.findings, Finding(error.reason, error.detail, offset))

    def _goes_on(self) -> bool:
        """After damage, or behind the end: say what becomes of the rest, and find the next header of it."""
        last = len(self.findings) - 1
        found = self._next_whole_header() if self.salvage else None
        one = self.findings[last]
        if one.reason in _DAMAGE:
            said = "members behind it are looked for with --salvage"
            if self.salvage:
                said = "no member was found behind it" if found is None else f"salvaged from offset {found} on"
            self.findings[last] = replace(one, detail=f"{one.detail}; {said}")
        self._notes, self._is_behind_end = ("salvaged",), False
        return found is not None

    def _next_whole_header(self) -> int | None:
        offset, known = self.reader.position, self.findings[-1].detail
        self.reader.resume()
        while True:
            try:
                return find_header(self.reader)
            except MemberError as error:
                # Damage while looking behind damage is no news; a limit is.
                if error.reason not in _DAMAGE and error.detail != known:
                    self._record(error, offset)
                if not self.reader.resume():
                    return None

    def _next(self, index: int) -> Entry | None:
        """Read headers up to the next member's own; None at the end."""
        extensions = TarExtensions(self._common)
        while True:
            offset = self.reader.position
            block = self.reader.read(BLOCK_BYTES)
            if len(block) < BLOCK_BYTES:
                found = "the file's end" if not block else f"{len(block)} bytes"
                raise MemberError(
                    "truncated",
                    f"expected a tar header or end marker at offset {offset}, found {found}; the tar is cut off",
                )
            if not any(block):
                if extensions.is_pending:
                    detail = (
                        f"expected the member that the special headers before offset {offset} describe, found the end"
                    )
                    add_finding(self.findings, Finding("header_damaged", detail, offset))
                self._check_end()
                return None
            try:
                header = parse_header(block, offset)
            except MemberError:
                self.reader.push_back(block[1:])  # where bytes are missing, a header may begin in its midst
                raise
            if header.type_flag not in SPECIAL_TYPES:
                return self._entry(index, offset, header, extensions)
            self._extend(header, extensions)

    def _extend(self, header: TarHeader, extensions: TarExtensions) -> None:
        offset = self.reader.position
        if header.size > self.limits.special_header_bytes:
            raise MemberError(
                "limit_header_bytes",
                f"expected at most {self.limits.special_header_bytes} bytes in the special tar header at offset "
                f"{offset - BLOCK_BYTES}, found {header.size}; raise the limit special_header_bytes",
            )
        data = self.reader.read(header.size)
        self.reader.skip_to(offset + padded(header.size))
        try:
            extensions.add(header.type_flag, data)
        except ValueError as error:
            extensions.damage = f"{error} of the pax header at offset {offset - BLOCK_BYTES}"
            add_finding(self.findings, Finding("header_damaged", extensions.damage, offset - BLOCK_BYTES))

    def _entry(self, index: int, offset: int, header: TarHeader, extensions: TarExtensions) -> Entry:
        raw_name = extensions.name(header.raw_name)
        size = self._size(offset, header, extensions.size())
        kind = _kind(header.type_flag, raw_name, size)
        data_offset = self._data_offset(header)
        name, notes = decode_name(raw_name)
        is_old_directory = kind == "file" and header.is_old and raw_name.endswith(b"/")
        if is_old_directory and header.type_flag in _FILE_TYPES and is_at_member(self.reader, size):
            # Before ustar directories were told by the slash, and may have a size with nothing behind it.
            kind, size, notes = "directory", 0, (*notes, f"directory_size:{size}")
        is_sparse = header.type_flag == b"S" or extensions.is_sparse
        refusal = refuse_announced(raw_name, size if kind == "file" else 0, self.limits)
        if extensions.damage is not None:
            refusal = "header_damaged", extensions.damage
        elif kind == "file":
            refusal = refusal or self._refusal(header.type_flag, is_sparse, data_offset, size)
        if self._names.has_seen(raw_name):
            notes += ("duplicate_name",)
        target = decode_name(extensions.target(header.target))[0] if kind == "link" else None
        locator = (data_offset, size)
        return Entry(index, raw_name, name, size, None, offset, kind, refusal, notes + self._notes, locator, target)

    def _size(self, offset: int, header: TarHeader, announced: bytes | None) -> int:
        if header.type_flag in _BARE_KINDS:
            return 0
        if announced is None:
            return header.size
        if not announced.isdigit() or len(announced) > 64:
            raise MemberError(
                "header_damaged", f"expected a size in the pax header before offset {offset}, found {announced[:40]!r}"
            )
        return int(announced)

    def _data_offset(self, header: TarHeader) -> int:
        """Pass over the blocks that continue an old GNU sparse header."""
        is_extended = header.is_extended
        while is_extended:
            block = self.reader.read(BLOCK_BYTES)
            if len(block) < BLOCK_BYTES:
                raise MemberError("truncated", "expected more of a sparse tar header, found the file's end")
            is_extended = block[504] != 0
        return self.reader.position

    def _refusal(self, type_flag: bytes, is_sparse: bool, data_offset: int, size: int) -> tuple[str, str] | None:
        if is_sparse or type_flag not in _FILE_TYPES:
            found = "a sparse file" if is_sparse else f"the type {type_flag!r}"
            return "unsupported_tar_type", f"expected a plain file, found {found}; pack it anew without such entries"
        length = self.reader.length
        if length is not None and data_offset + size > length:
            missing = data_offset + size - length
            return "truncated", f"expected {size} bytes, found {missing} of them missing; the tar is cut off"
        return None

    def _check_end(self) -> None:
        """After a zero block: one more, then only zeros up to the real end."""
        offset = self.reader.position
        second = self.reader.read(BLOCK_BYTES)
        if len(second) < BLOCK_BYTES and not any(second):
            detail = f"expected a second zero block at offset {offset}, found the file's end; the tar is cut off"
            self.findings.append(Finding("truncated", detail, offset))
            return
        block = second
        while block:
            if block.count(0) != len(block):
                place = offset + len(block) - len(block.lstrip(b"\0"))
                detail = f"expected only zeros behind the tar's end, found other bytes from offset {place}"
                self.findings.append(Finding("trailing_data", detail, place))
                self.reader.push_back(block)
                self._is_behind_end = True
                return
            offset += len(block)
            block = self.reader.read(_END_CHECK_BYTES)


def _kind(type_flag: bytes, raw_name: bytes, size: int) -> Kind:
    if type_flag in _FILE_TYPES and size == 0 and raw_name.endswith(b"/"):
        return "directory"
    return _BARE_KINDS.get(type_flag) or _OTHER_KINDS.get(type_flag) or "file"
