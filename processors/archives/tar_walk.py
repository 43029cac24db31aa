"""The walk from header to header through a tar, to its real end.

Python's tarfile takes a damaged header for the end of the archive, and most readers do not look what follows
the last member. Here a tar ends with two zero blocks and then zeros only; all else is a finding.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

from zarrpack.errors import MemberError
from zarrpack.processors.archives.base import Entry, Finding
from zarrpack.processors.archives.names import decode_name
from zarrpack.processors.archives.refusals import refuse_announced
from zarrpack.processors.archives.streams import too_many_entries
from zarrpack.processors.archives.tar_headers import (
    BLOCK_BYTES,
    TarHeader,
    padded,
    parse_header,
    parse_pax_records,
)
from zarrpack.processors.limits import Limits

__all__ = ["TarReader", "TarWalk"]

Kind: TypeAlias = Literal["file", "directory", "link", "special"]

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


class TarReader(Protocol):
    """Where the bytes of a tar come from."""

    @property
    def position(self) -> int:
        """Offset in the tar of the next byte to read."""

    @property
    def length(self) -> int | None:
        """Bytes of the tar; None where that is not known."""

    def read(self, size: int) -> bytes:
        """Give `size` bytes; fewer only at the end. Raises MemberError if they cannot be had."""

    def skip_to(self, offset: int) -> None:
        """Go forward to an offset; beyond the end nothing can be read. Raises as `read`."""


@dataclass(slots=True)
class _Extensions:
    """What headers before a member's own one say about it."""

    records: dict[bytes, bytes] = field(default_factory=dict)
    long_name: bytes | None = None
    damage: str | None = None


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
    """

    reader: TarReader
    limits: Limits
    findings: list[Finding]
    _globals: dict[bytes, bytes] = field(default_factory=dict, init=False)

    def entries(self) -> Iterator[Entry]:
        """Give the members in order; each one's locator is (offset of its bytes in the tar, size).

        Damage ends the walk and is a finding.
        """
        index = 0
        offset = 0
        try:
            while True:
                offset = self.reader.position
                entry = self._next(index)
                if entry is None:
                    return
                if index == self.limits.entries:
                    self.findings.append(too_many_entries(self.limits))
                    return
                yield entry
                index += 1
                data_offset, size = entry.locator
                self.reader.skip_to(data_offset + padded(size))
        except MemberError as error:
            self.findings.append(Finding(error.reason, error.detail, offset))

    def _next(self, index: int) -> Entry | None:
        """Read headers up to the next member's own; None at the end."""
        extensions = _Extensions()
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
                self._check_end()
                return None
            header = parse_header(block, offset)
            if header.type_flag in b"xXgLK":
                self._extend(header, extensions)
            else:
                return self._entry(index, offset, header, extensions)

    def _extend(self, header: TarHeader, extensions: _Extensions) -> None:
        offset = self.reader.position
        if header.size > self.limits.special_header_bytes:
            raise MemberError(
                "header_damaged",
                f"expected at most {self.limits.special_header_bytes} bytes in the special tar header at offset "
                f"{offset - BLOCK_BYTES}, found {header.size}; raise the limit special_header_bytes",
            )
        data = self.reader.read(header.size)
        self.reader.skip_to(offset + padded(header.size))
        if header.type_flag == b"L":
            extensions.long_name = data.partition(b"\0")[0]
        elif header.type_flag != b"K":
            try:
                records = parse_pax_records(data)
            except ValueError as error:
                extensions.damage = f"{error} of the pax header at offset {offset - BLOCK_BYTES}"
                self.findings.append(Finding("header_damaged", extensions.damage, offset - BLOCK_BYTES))
            else:
                (self._globals if header.type_flag == b"g" else extensions.records).update(records)

    def _entry(self, index: int, offset: int, header: TarHeader, extensions: _Extensions) -> Entry:
        records = {key: value for key, value in (self._globals | extensions.records).items() if value}
        raw_name = records.get(b"path") or extensions.long_name or header.raw_name
        raw_name = records.get(b"GNU.sparse.name", raw_name)
        size = self._size(offset, header, records)
        kind = _kind(header.type_flag, raw_name, size)
        data_offset = self._data_offset(header)
        is_sparse = header.type_flag == b"S" or any(key.startswith(b"GNU.sparse.") for key in records)
        refusal = refuse_announced(raw_name, size if kind == "file" else 0, self.limits)
        if extensions.damage is not None:
            refusal = "header_damaged", extensions.damage
        elif kind == "file":
            refusal = refusal or self._refusal(header.type_flag, is_sparse, data_offset, size)
        name, notes = decode_name(raw_name)
        return Entry(index, raw_name, name, size, None, offset, kind, refusal, notes, (data_offset, size))

    def _size(self, offset: int, header: TarHeader, records: dict[bytes, bytes]) -> int:
        if header.type_flag in _BARE_KINDS:
            return 0
        announced = records.get(b"size")
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
                return
            offset += len(block)
            block = self.reader.read(_END_CHECK_BYTES)


def _kind(type_flag: bytes, raw_name: bytes, size: int) -> Kind:
    if type_flag in _FILE_TYPES and size == 0 and raw_name.endswith(b"/"):
        return "directory"
    return _BARE_KINDS.get(type_flag) or _OTHER_KINDS.get(type_flag) or "file"
