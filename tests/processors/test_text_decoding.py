"""From bytes to text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zarrpack.errors import MemberError
from zarrpack.processors.text_decoding import bom_encoding, decode_text, from_windows_1252


@given(st.text(), st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]))
def test_text_comes_back(text: str, encoding: str) -> None:
    """What Python encodes with a byte order mark, or as UTF-8 without, is decoded to the same text."""
    if encoding == "utf-8" and text.startswith("\ufeff"):
        text = text[1:]  # there it is a byte order mark
    if encoding == "utf-16":
        text = text.lstrip("\0")  # behind UTF-16's mark a NUL makes it UTF-32's

    assert decode_text(text.encode(encoding)) == text.removeprefix("\ufeff" if encoding == "utf-8" else "")


def test_byte_order_marks_are_told_apart() -> None:
    """UTF-32's little-endian mark starts like UTF-16's."""
    marks = [b"\xef\xbb\xbf", b"\xff\xfea\x00", b"\xfe\xff", b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff", b"\xff"]

    assert [bom_encoding(one) for one in marks] == ["utf-8-sig", "utf-16", "utf-16", "utf-32", "utf-32", None]


@pytest.mark.parametrize("payload", [b"a\xff", b"\xff\xfea", b"\xed\xa0\x80", b"\xff\xfe\x00\xd8"])
def test_what_does_not_decode_fails_and_says_where(payload: bytes) -> None:
    """Nothing is left out or replaced: stray bytes, half characters and encoded surrogates fail."""
    with pytest.raises(MemberError, match="at byte") as caught:
        decode_text(payload)

    assert caught.value.reason == "invalid_text"


@given(st.binary())
def test_windows_1252_is_pythons_where_python_has_one(payload: bytes) -> None:
    """Every byte decodes; those that cp1252 knows as it does, the other five to control characters."""
    text = from_windows_1252(payload)

    assert len(text) == len(payload)
    assert all(bytes([byte]).decode("cp1252", "ignore") in ("", one) for byte, one in zip(payload, text, strict=True))
