"""The 512-byte headers of a tar and the records of pax, read strictly: bytes in, fields or an error out."""

from __future__ import annotations

from dataclasses import dataclass

from zarrpack.errors import MemberError

__all__ = ["BLOCK_BYTES", "TarHeader", "has_valid_checksum", "padded", "parse_header", "parse_pax_records"]

#: Everything in a tar lies in blocks of so many bytes.
BLOCK_BYTES = 512

_CHECKSUM = slice(148, 156)
_ZEROS = bytes(BLOCK_BYTES)
_DIGITS = frozenset(b"0123456789")


@dataclass(frozen=True, slots=True)
class TarHeader:
    """The fields of a header that matter here.

    Parameters
    ----------
    raw_name : bytes
        The name, with ustar's prefix before it.
    size : int
        Bytes that follow, as far as the type has any.
    type_flag : bytes
        One byte, such as ``b"0"`` for a file.
    is_extended : bool
        Whether an old GNU sparse header is followed by blocks that continue it.
    target : bytes
        Where a link leads.
    is_old : bool
        Whether it is older than ustar, and says nothing of its format.
    """

    raw_name: bytes
    size: int
    type_flag: bytes
    is_extended: bool
    target: bytes = b""
    is_old: bool = False


def padded(size: int) -> int:
    """Round a size up to whole blocks.

    Examples
    --------
    >>> padded(0), padded(1), padded(512)
    (0, 512, 512)
    """
    return -(-size // BLOCK_BYTES) * BLOCK_BYTES


def has_valid_checksum(block: bytes) -> bool:
    """Whether a block is a header by its checksum, of unsigned bytes or (old writers) signed ones.

    A field without a digit is no checksum: signed bytes of data may come to zero.

    Examples
    --------
    >>> import tarfile
    >>> has_valid_checksum(tarfile.TarInfo("a").tobuf()), has_valid_checksum(bytes(512))
    (True, False)
    """
    if len(block) != BLOCK_BYTES or block == _ZEROS or _DIGITS.isdisjoint(block[_CHECKSUM]):
        return False
    try:
        announced = _number(block[_CHECKSUM])
    except ValueError:
        return False
    others = block[:148] + block[156:]
    found = sum(others) + 8 * 32
    return announced == found or announced == found - 256 * sum(byte > 127 for byte in others)


def parse_header(block: bytes, offset: int) -> TarHeader:
    """Read a header.

    Parameters
    ----------
    block : bytes
        512 bytes, not all zero.
    offset : int
        Where it lies, for the message.

    Raises
    ------
    MemberError
        ``header_checksum``, or ``header_damaged`` if the checksum is right and the size is no number.

    Examples
    --------
    >>> import tarfile
    >>> header = parse_header(tarfile.TarInfo("a.txt").tobuf(), 0)
    >>> header.raw_name, header.size, header.type_flag
    (b'a.txt', 0, b'0')
    """
    if not has_valid_checksum(block):
        raise MemberError("header_checksum", f"expected a tar header at offset {offset}, found a wrong checksum")
    try:
        size = _number(block[124:136])
    except ValueError as exc:
        raise MemberError(
            "header_damaged", f"expected a size in the tar header at offset {offset}, found {block[124:136]!r}"
        ) from exc
    name = _text(block[:100])
    if block.startswith(b"ustar\0", 257):
        prefix = _text(block[345:476] if block.endswith(b"tar\0") else block[345:500])
        name = prefix + b"/" + name if prefix else name
    type_flag = block[156:157]
    is_extended = type_flag == b"S" and block[482] != 0
    is_old = not block.startswith(b"ustar", 257)
    return TarHeader(name, size, type_flag, is_extended, _text(block[157:257]), is_old)


def parse_pax_records(data: bytes) -> dict[bytes, bytes]:
    """Read the records ``length keyword=value`` of a pax header.

    Raises
    ------
    ValueError
        If they are not such records.

    Examples
    --------
    >>> parse_pax_records(b"12 path=ab\\n\\n14 size=12345\\n")
    {b'path': b'ab\\n', b'size': b'12345'}
    """
    records: dict[bytes, bytes] = {}
    position = 0
    while position < len(data):
        digits, space, _ = data[position : position + 20].partition(b" ")
        length = int(digits) if space and _DIGITS.issuperset(digits) and digits else 0
        record = data[position : position + length]
        keyword, equals, value = record[len(digits) + 1 : -1].partition(b"=")
        if not record or len(record) < length or not record.endswith(b"\n") or not equals or not keyword:
            raise ValueError(f"expected a pax record at byte {position}, found {data[position : position + 40]!r}")
        records[keyword] = value
        position += length
    return records


def _number(field: bytes) -> int:
    """Read an octal number, or GNU's form for large ones.

    Raises ValueError for what is neither, and for negative ones.
    """
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    digits = field.strip(b" \0").partition(b"\0")[0].rstrip(b" ")
    if not _DIGITS.issuperset(digits):
        raise ValueError(f"expected an octal number, found {field!r}")
    return int(digits or b"0", 8)


def _text(field: bytes) -> bytes:
    return field.partition(b"\0")[0]
