"""The lines of a member, taken from its stream piece by piece."""

from __future__ import annotations

from collections.abc import Iterator

from zarrpack.errors import MemberError
from zarrpack.processors.base import Member
from zarrpack.processors.text_decoding import bom_encoding, decode_text

__all__ = ["split_lines"]

_PIECE_BYTES = 1 << 20


def split_lines(member: Member) -> Iterator[tuple[int, bytes]]:
    """Give each line that is not blank, as UTF-8 bytes without its ending.

    Lines end at ``\\n`` or ``\\r\\n`` and nowhere else: JSON strings may hold other separators. Text that a byte order
    mark calls UTF-16 or UTF-32 is decoded as a whole first.

    Yields
    ------
    int
        The line's number, from 1.
    bytes
        The line.

    Raises
    ------
    MemberError
        ``limit_field_bytes`` if a line is longer than the limit ``json_bytes``; ``invalid_text``.

    Examples
    --------
    >>> list(split_lines(Member("a.jsonl", b"", b"1\\r\\n\\n2")))
    [(1, b'1'), (3, b'2')]
    """
    limit = member.limits.json_bytes
    held: list[bytes] = []
    number = size = 0
    for piece in _pieces(member):
        if b"\n" in piece:
            lines = b"".join((*held, piece)).split(b"\n")
            held, size = [], 0
            piece = lines.pop()
            for line in lines:
                number += 1
                if line and not line.isspace():
                    yield number, line.removesuffix(b"\r")
        held.append(piece)
        size += len(piece)
        if size > limit:
            raise MemberError("limit_field_bytes", f"line {number + 1}: over {limit} bytes; raise the limit json_bytes")
    last = b"".join(held)
    if last and not last.isspace():
        yield number + 1, last


def _pieces(member: Member) -> Iterator[bytes]:
    encoding = bom_encoding(member.head)
    if encoding in ("utf-16", "utf-32"):
        yield decode_text(member.read(), encoding=encoding).encode()
        return
    stream = member.open()
    while piece := stream.read(_PIECE_BYTES):
        yield piece
