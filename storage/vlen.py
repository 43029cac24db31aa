"""Strings and bytes of varying length as one buffer, byte for byte as numcodecs' VLenUTF8 and VLenBytes.

::

    count: uint32 | length of item 0: uint32 | item 0 | length of item 1: uint32 | item 1 | ...

All numbers are little-endian. A length is in bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct

from zarrpack.errors import FormatError

__all__ = ["decode_bytes", "decode_strings", "encode_bytes", "encode_strings"]

_LENGTH = Struct("<I")
_LARGEST = 0xFFFFFFFF


def encode_strings(values: Sequence[str]) -> bytes:
    """Encode strings as UTF-8 with their lengths.

    Parameters
    ----------
    values : sequence of N str
        Must be encodable as UTF-8: no lone surrogates.

    Returns
    -------
    bytes
        The buffer, before compression.

    Examples
    --------
    >>> encode_strings(["a", "é"])
    b'\\x02\\x00\\x00\\x00\\x01\\x00\\x00\\x00a\\x02\\x00\\x00\\x00\\xc3\\xa9'
    """
    return encode_bytes([value.encode() for value in values])


def encode_bytes(values: Sequence[bytes]) -> bytes:
    """Encode bytes objects with their lengths.

    Parameters
    ----------
    values : sequence of N bytes
        Each shorter than 4 GiB; fewer than 2**32 of them.

    Returns
    -------
    bytes
        The buffer, before compression.

    Raises
    ------
    ValueError
        If there are too many items, or one is too long, for a 32-bit number.

    Examples
    --------
    >>> encode_bytes([b"", b"ab"])
    b'\\x02\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02\\x00\\x00\\x00ab'
    """
    lengths = list(map(len, values))
    if len(values) > _LARGEST or max(lengths, default=0) > _LARGEST:
        raise ValueError(f"expected fewer than 2**32 items of fewer than 4 GiB each, found {len(values)} items")
    parts = [_LENGTH.pack(len(values))] * (1 + 2 * len(values))
    parts[1::2] = map(_LENGTH.pack, lengths)
    parts[2::2] = values
    return b"".join(parts)


def decode_strings(buffer: bytes | memoryview) -> list[str]:
    """Decode what `encode_strings` gives.

    Parameters
    ----------
    buffer : bytes or memoryview
        The whole buffer, after decompression.

    Returns
    -------
    list of str
        The values.

    Raises
    ------
    FormatError
        If the lengths do not fit the buffer, or an item is not UTF-8.

    Examples
    --------
    >>> decode_strings(encode_strings(["a", ""]))
    ['a', '']
    """
    values = decode_bytes(buffer)
    try:
        return [value.decode() for value in values]
    except UnicodeDecodeError as exc:
        raise FormatError(f"strings: expected UTF-8, found {exc.object[exc.start : exc.start + 8]!r}") from exc


def decode_bytes(buffer: bytes | memoryview) -> list[bytes]:
    """Decode what `encode_bytes` gives.

    Parameters
    ----------
    buffer : bytes or memoryview
        The whole buffer, after decompression.

    Returns
    -------
    list of bytes
        The values, copied.

    Raises
    ------
    FormatError
        If the lengths do not fit the buffer.

    Examples
    --------
    >>> decode_bytes(encode_bytes([b"ab", b""]))
    [b'ab', b'']
    """
    content = bytes(buffer)
    size = len(content)
    count = _LENGTH.unpack_from(content)[0] if size >= 4 else 0
    if size < 4 + 4 * count:
        raise FormatError(f"variable-length items: expected {count} items, found a buffer of {size} bytes")
    values = []
    unpack = _LENGTH.unpack_from
    start = 4
    for _ in range(count):
        # After every item at least its successors' lengths must be left.
        if start + 4 > size:
            raise FormatError(f"variable-length items: expected a length at byte {start}, found the end at {size}")
        end = start + 4 + unpack(content, start)[0]
        if end > size:
            raise FormatError(f"variable-length items: expected an item up to byte {end}, found the end at {size}")
        values.append(content[start + 4 : end])
        start = end
    if start != size:
        raise FormatError(f"variable-length items: expected the end at byte {start}, found it at {size}")
    return values
