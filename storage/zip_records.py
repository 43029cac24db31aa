"""The records of a zip of stored entries, with zip64 fields where the numbers need them.

Needs the standard library only.
"""

from __future__ import annotations

from struct import Struct

__all__ = ["ALIGNMENT", "directory_record", "end_records", "local_header", "record_size"]

#: Payloads start at multiples of this, in bytes.
ALIGNMENT = 64

# From these numbers on the zip64 fields are used, and the marks stand where the numbers would.
_LIMIT_16, _MARK_16 = 0xFFFF, 0xFFFF
_LIMIT_32, _MARK_32 = 0xFFFFFFFF, 0xFFFFFFFF

_LOCAL = Struct("<4sHHHHHIIIHH")
_RECORD = Struct("<4sHHHHHHIIIHHHHHII")
_END = Struct("<4sHHHHIIH")
_END_64 = Struct("<4sQHHIIQQQQ")
_END_64_LOCATOR = Struct("<4sIQI")
_EXTRA = Struct("<HH")

_DATE = (1 << 5) | 1  # 1980-01-01, the earliest that a zip can say
_UNIX = 3 << 8
_MODE = 0o100644 << 16
_UTF8 = 0x800
_ALIGNMENT_ID = 0xD935
_ZIP64_ID = 1
_VERSION, _VERSION_ZIP64 = 20, 45


def local_header(raw_name: bytes, size: int, crc32: int, offset: int) -> bytes:
    """Give the header that stands before a payload, so long that the payload is aligned.

    Parameters
    ----------
    raw_name : bytes
        UTF-8.
    size : int
        Of the payload, in bytes.
    crc32 : int
        The payload's checksum.
    offset : int
        Where the header will stand.
    """
    is_large = size >= _LIMIT_32
    extra = _zip64_extra([size, size]) if is_large else b""
    gap = -(offset + _LOCAL.size + len(raw_name) + len(extra)) % ALIGNMENT
    if gap:
        gap += ALIGNMENT if gap < _EXTRA.size else 0
        extra += _EXTRA.pack(_ALIGNMENT_ID, gap - _EXTRA.size) + bytes(gap - _EXTRA.size)
    version = _VERSION_ZIP64 if is_large else _VERSION
    size = _field_32(size)
    flags = _flags(raw_name)
    header = _LOCAL.pack(b"PK\3\4", version, flags, 0, 0, _DATE, crc32, size, size, len(raw_name), len(extra))
    return header + raw_name + extra


def directory_record(raw_name: bytes, size: int, crc32: int, offset: int) -> bytes:
    """Give an entry's record in the central directory; the parameters are those of `local_header`."""
    large = [size, size] if size >= _LIMIT_32 else []
    if offset >= _LIMIT_32:
        large.append(offset)
    extra = _zip64_extra(large) if large else b""
    version = _VERSION_ZIP64 if large else _VERSION
    size, offset = _field_32(size), _field_32(offset)
    record = _RECORD.pack(
        *(b"PK\1\2", _UNIX | version, version, _flags(raw_name), 0, 0, _DATE, crc32, size, size),
        *(len(raw_name), len(extra), 0, 0, 0, _MODE, offset),
    )
    return record + raw_name + extra


def record_size(directory: bytes | bytearray, start: int) -> int:
    """Give the length of the record that starts at `start`, in bytes."""
    record = _RECORD.unpack_from(directory, start)
    return _RECORD.size + int(record[10]) + int(record[11])


def end_records(entries: int, offset: int, size: int) -> bytes:
    """Give what follows the central directory.

    Parameters
    ----------
    entries : int
        How many records the directory has.
    offset, size : int
        Where it starts and its length, in bytes.
    """
    records = b""
    if entries >= _LIMIT_16 or size >= _LIMIT_32 or offset >= _LIMIT_32:
        version = _VERSION_ZIP64
        records += _END_64.pack(b"PK\6\6", _END_64.size - 12, version, version, 0, 0, entries, entries, size, offset)
        records += _END_64_LOCATOR.pack(b"PK\6\7", 0, offset + size, 1)
    entries = _MARK_16 if entries >= _LIMIT_16 else entries
    return records + _END.pack(b"PK\5\6", 0, 0, entries, entries, _field_32(size), _field_32(offset), 0)


def _flags(raw_name: bytes) -> int:
    return 0 if raw_name.isascii() else _UTF8


def _field_32(number: int) -> int:
    return _MARK_32 if number >= _LIMIT_32 else number


def _zip64_extra(numbers: list[int]) -> bytes:
    return _EXTRA.pack(_ZIP64_ID, 8 * len(numbers)) + b"".join(number.to_bytes(8, "little") for number in numbers)
