"""Strings and bytes of varying length as one buffer, byte for byte as numcodecs' VLenUTF8 and VLenBytes.

::

    count: uint32 | length of item 0: uint32 | item 0 | length of item 1: uint32 | item 1 | ...

All numbers are little-endian. A length is in bytes.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from zarrpack.errors import FormatError

__all__ = [
    "PackedItems",
    "decode_bytes",
    "decode_strings",
    "encode_bytes",
    "encode_strings",
    "join_items",
    "packed_items",
]

_LENGTH = struct.Struct("<I")
_LARGEST = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class PackedItems:
    """A checked buffer and where its items start, so that runs of them can be copied without taking them apart.

    Parameters
    ----------
    content : bytes
        The whole buffer.
    starts : array of int64
        Where each item's length lies, and the buffer's end.
    """

    content: bytes
    starts: array[int]

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def nbytes(self) -> int:
        """What it takes in memory, about."""
        return len(self.content) + 8 * len(self.starts)

    def run(self, first: int, last: int) -> memoryview:
        """Give items `first` to `last`, `last` excluded, with their lengths."""
        return memoryview(self.content)[self.starts[first] : self.starts[last]]


def packed_items(buffer: bytes | memoryview, is_text: bool) -> PackedItems:
    """Check a buffer and find its items.

    Parameters
    ----------
    buffer : bytes or memoryview
        The whole buffer, after decompression.
    is_text : bool
        Whether every item must be UTF-8.

    Raises
    ------
    FormatError
        If the lengths do not fit the buffer, or an item that must be is not UTF-8.

    Examples
    --------
    >>> bytes(packed_items(encode_bytes([b"ab", b"", b"c"]), is_text=True).run(1, 3))
    b'\\x00\\x00\\x00\\x00\\x01\\x00\\x00\\x00c'
    """
    content = bytes(buffer)
    starts = _starts(content)
    # Lengths below 128 are ASCII too: most buffers of short texts are told to be good at once.
    if is_text and not content.isascii():
        _decoded(_items(content, starts))
    return PackedItems(content, starts)


def join_items(runs: Iterable[bytes | memoryview], count: int, padded: int = 0) -> bytes:
    """Make one buffer of runs of items that have their lengths.

    Parameters
    ----------
    runs : iterable of bytes or memoryview
        As `PackedItems.run` gives them.
    count : int
        How many items these are.
    padded : int
        How many empty items follow.

    Examples
    --------
    >>> decode_bytes(join_items([packed_items(encode_bytes([b"a", b"b"]), is_text=False).run(1, 2)], 1, padded=1))
    [b'b', b'']
    """
    return b"".join([_LENGTH.pack(count + padded), *runs, bytes(4 * padded)])


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
    return _decoded(decode_bytes(buffer))


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
    return _items(content, _starts(content))


def _starts(content: bytes) -> array[int]:
    """Find where each item's length lies, and the end; FormatError if these do not fit."""
    size = len(content)
    count = _LENGTH.unpack_from(content)[0] if size >= 4 else 0
    if size < 4 + 4 * count:
        raise FormatError(f"variable-length items: expected {count} items, found a buffer of {size} bytes")
    starts = array("q", [4])
    length_at = _LENGTH.unpack_from
    start = 4
    try:
        for _ in range(count):
            start += 4 + length_at(content, start)[0]
            starts.append(start)
    except struct.error as exc:
        raise FormatError(f"variable-length items: expected a length at byte {start}, found the end at {size}") from exc
    if start != size:
        raise FormatError(f"variable-length items: expected the end at byte {start}, found it at {size}")
    return starts


def _items(content: bytes, starts: array[int]) -> list[bytes]:
    return [content[start + 4 : end] for start, end in pairwise(starts)]


def _decoded(values: Sequence[bytes]) -> list[str]:
    try:
        return [value.decode() for value in values]
    except UnicodeDecodeError as exc:
        raise FormatError(f"strings: expected UTF-8, found {exc.object[exc.start : exc.start + 8]!r}") from exc
