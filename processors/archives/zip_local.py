"""What a zip's member says of itself, in its local header and in the record behind its payload.

It must agree with the directory: readers that believe the one and readers that believe the other would give different
content.
"""

from __future__ import annotations

from struct import Struct
from typing import BinaryIO

from zarrpack.errors import MemberError
from zarrpack.processors.archives.base import Entry
from zarrpack.processors.archives.files import read_bytes

__all__ = ["LOCAL_HEADER_BYTES", "agrees_with_header", "check_descriptor", "check_header", "fields_end"]

_LOCAL_HEADER = Struct("<4s2xHH4xIIIHH")
#: Bytes of a local header before the name.
LOCAL_HEADER_BYTES = _LOCAL_HEADER.size

_ENCRYPTED_FLAG = 0x1
_SIZES_FOLLOW_FLAG = 0x8
_IN_ZIP64_FIELD = 0xFFFFFFFF
_DESCRIPTOR = Struct("<4sIII")
_DESCRIPTOR_64 = Struct("<4sIQQ")


def check_header(entry: Entry, data: bytes) -> tuple[int, bool]:
    """Compare a local header with the directory's entry.

    Parameters
    ----------
    entry : Entry
        With the locator (header offset, compressed size, method).
    data : bytes
        The file's bytes from the header on; at least the header and the name.

    Returns
    -------
    int
        Bytes up to the payload.
    bool
        Whether checksum and sizes are told behind the payload.

    Raises
    ------
    MemberError
        ``truncated``, ``header_damaged``, ``size_mismatch`` or ``crc_mismatch``.
    """
    name_end = LOCAL_HEADER_BYTES + len(entry.raw_name)
    if len(data) < name_end:
        raise MemberError("truncated", f"expected a local header at offset {entry.offset}, found the file's end")
    signature, flags, method, crc, packed_size, size, name_size, extra_size = _LOCAL_HEADER.unpack_from(data)
    if signature != b"PK\3\4":
        raise MemberError("header_damaged", f"expected a local header at offset {entry.offset}, found {signature!r}")
    if name_size != len(entry.raw_name) or not data.startswith(entry.raw_name, LOCAL_HEADER_BYTES):
        own_name = data[LOCAL_HEADER_BYTES : min(LOCAL_HEADER_BYTES + name_size, name_end)]
        raise MemberError("header_damaged", f"expected the directory's name in the local header, found {own_name!r}")
    if method != entry.locator[2] or flags & _ENCRYPTED_FLAG:
        found = "encryption" if flags & _ENCRYPTED_FLAG else f"method {method}"
        raise MemberError("header_damaged", f"expected the directory's method in the local header, found {found}")
    # Some writers leave the fields empty although nothing follows.
    if not flags & _SIZES_FOLLOW_FLAG and (crc or packed_size or size):
        _compare(entry, "local header", crc, packed_size, size)
    return name_end + int(extra_size), bool(flags & _SIZES_FOLLOW_FLAG)


def check_descriptor(entry: Entry, file: BinaryIO, offset: int, known: bytes = b"") -> None:
    """Compare the record behind a payload with the directory's entry, if it is there by its signature.

    Parameters
    ----------
    entry : Entry
        From the directory.
    file : binary file
        The zip.
    offset : int
        Where the payload ends.
    known : bytes
        What has been read from there already.

    Raises
    ------
    MemberError
        ``size_mismatch`` or ``crc_mismatch``.
    """
    data = known if len(known) >= _DESCRIPTOR_64.size else read_bytes(file, offset, _DESCRIPTOR_64.size)
    if not data.startswith(b"PK\7\x08"):
        return
    announced = (entry.crc32, entry.locator[1], entry.size)
    for form in (_DESCRIPTOR, _DESCRIPTOR_64):
        if len(data) >= form.size and form.unpack_from(data)[1:] == announced:
            return
    if len(data) >= _DESCRIPTOR.size:
        _compare(entry, "record behind the payload", *_DESCRIPTOR.unpack_from(data)[1:])


def agrees_with_header(file: BinaryIO, offset: int, raw_name: bytes, packed_size: int) -> bool:
    """Whether a member's own header has the name and the compressed size that the directory tells.

    Parameters
    ----------
    file : binary file
        The zip.
    offset : int
        Where the header should be in the file; negative: it would be before its start.
    raw_name : bytes
        The name.
    packed_size : int
        The compressed size; not compared where the header leaves it to a later record.
    """
    if offset < 0:
        return False
    data = read_bytes(file, offset, LOCAL_HEADER_BYTES + len(raw_name))
    if len(data) < LOCAL_HEADER_BYTES or data[LOCAL_HEADER_BYTES:] != raw_name:
        return False
    signature, flags, _, _, announced, _, name_size, _ = _LOCAL_HEADER.unpack_from(data)
    is_told = not flags & _SIZES_FOLLOW_FLAG and announced != _IN_ZIP64_FIELD
    return signature == b"PK\3\4" and name_size == len(raw_name) and (not is_told or announced == packed_size)


def fields_end(extra: bytes) -> int:
    """Follow extra fields by their lengths; where they end is beyond `extra` if one of them is damaged.

    Up to three bytes of padding may follow the last.

    Examples
    --------
    >>> fields_end(bytes.fromhex("5554 0200 abcd 00")), fields_end(bytes.fromhex("5554 0900 abcd"))
    (6, 13)
    """
    position = 0
    while position + 4 <= len(extra):
        position += 4 + int.from_bytes(extra[position + 2 : position + 4], "little")
    return position


def _compare(entry: Entry, where: str, crc: int, packed_size: int, size: int) -> None:
    """Compare announcements; a size of 4,294,967,295 is told elsewhere."""
    for what, expected, found in (("compressed bytes", entry.locator[1], packed_size), ("bytes", entry.size, size)):
        if found not in (expected, _IN_ZIP64_FIELD):
            raise MemberError(
                "size_mismatch", f"expected {expected} {what} in the {where} as in the directory, found {found}"
            )
    if crc != entry.crc32:
        raise MemberError(
            "crc_mismatch", f"expected the directory's CRC {entry.crc32:08x} in the {where}, found {crc:08x}"
        )
