"""A member's content as a file that can be read here and there."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from zarrpack.errors import MemberError
from zarrpack.processors.base import Member

__all__ = ["seekable"]

_COPY_BYTES = 1 << 20


@contextmanager
def seekable(member: Member) -> Iterator[BinaryIO]:
    """Give the content as a file; a stream is copied to a temporary one, which is removed at the end.

    Parameters
    ----------
    member : Member
        Its stream is read to the end.

    Raises
    ------
    MemberError
        ``limit_member_bytes``.

    Examples
    --------
    >>> with seekable(Member("a", b"abc", b"abc")) as file:
    ...     file.seek(1), file.read()
    (1, b'bc')
    """
    if isinstance(member.content, bytes):
        yield io.BytesIO(member.content)
        return
    left = member.limits.member_bytes
    with tempfile.TemporaryFile(prefix="zarrpack-") as copy:
        stream = member.open()
        while piece := stream.read(_COPY_BYTES):
            left -= len(piece)
            if left < 0:
                raise MemberError("limit_member_bytes", f"more than {member.limits.member_bytes}; raise member_bytes")
            copy.write(piece)
        copy.seek(0)
        yield copy
