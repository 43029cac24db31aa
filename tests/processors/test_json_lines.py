"""Lines out of a stream."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zarrpack.errors import MemberError
from zarrpack.processors import json_lines
from zarrpack.processors.base import Member
from zarrpack.processors.json_lines import split_lines
from zarrpack.processors.limits import Limits


def lines_of(content: bytes, **limits: int) -> list[tuple[int, bytes]]:
    """Split a content that comes as a stream."""
    return list(split_lines(Member("a", content[:4096], io.BytesIO(content), Limits(**limits))))


@given(
    st.binary(max_size=60).map(lambda noise: noise.replace(b"\xfe", b"\n").replace(b"\xff", b"\r\n")), st.integers(1, 7)
)
def test_lines_do_not_depend_on_pieces(content: bytes, piece: int) -> None:
    """Whatever the stream's pieces are, the lines are those between line feeds, without blank ones."""
    parts = list(enumerate(content.split(b"\n"), 1))
    last = len(parts)
    expected = [(n, one.removesuffix(b"\r") if n < last else one) for n, one in parts if one.strip()]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_lines, "_PIECE_BYTES", piece)
        found = lines_of(content)

    assert found == expected


def test_utf_16_is_decoded_first() -> None:
    """A line feed is two bytes there."""
    assert lines_of("[1]\n[2]".encode("utf-16")) == [(1, b"[1]"), (2, b"[2]")]


def test_lines_that_never_end_hit_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """As soon as the limit is passed, not when the member has been read."""
    monkeypatch.setattr(json_lines, "_PIECE_BYTES", 10)
    stream = io.BytesIO(b"x\n" + b"y" * 1000)
    with pytest.raises(MemberError, match="line 2: over 50 bytes"):
        list(split_lines(Member("a", b"", stream, Limits(json_bytes=50))))

    assert stream.tell() < 100
