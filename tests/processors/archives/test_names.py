"""Names of members."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zarrpack.processors.archives.names import decode_name, is_unsafe


@pytest.mark.parametrize(
    ("raw_name", "name", "notes"),
    [
        (b"a/b.txt", "a/b.txt", ()),
        ("Käse/☺.txt".encode(), "Käse/☺.txt", ()),
        (b"K\xe4se", "K\\xe4se", ("name_undecodable",)),
        (b"\xed\xa0\x80", "\\xed\\xa0\\x80", ("name_undecodable",)),
        (b"a\0b\x1b[31m", "a\0b\x1b[31m", ()),
        (b"..\\\xe4", "..\\\\xe4", ("name_undecodable", "unsafe_name")),
        (b"", "", ()),
    ],
)
def test_names_become_text(raw_name: bytes, name: str, notes: tuple[str, ...]) -> None:
    """UTF-8 stays, other bytes and lone surrogates are escaped, control characters are data."""
    assert decode_name(raw_name) == (name, notes)


@given(st.binary(max_size=40))
def test_any_name_can_be_stored(raw_name: bytes) -> None:
    """The text is encodable whatever the bytes are, and says when it is not the bytes."""
    name, notes = decode_name(raw_name)

    assert (name.encode() == raw_name) is ("name_undecodable" not in notes)


@pytest.mark.parametrize("name", ["..", "a/..", "../a", "a/../b", "/a", "\\a", "a\\b", "C:", "c:/a", "..\\a"])
def test_names_that_lead_out_are_unsafe(name: str) -> None:
    """Climbing, absolute, with a drive, or with a backslash."""
    assert is_unsafe(name)


@pytest.mark.parametrize("name", ["a", "a..b", "...", "a/b/", "1:2", "ab:c", ".hidden", ""])
def test_plain_names_are_safe(name: str) -> None:
    """Dots and colons alone are harmless."""
    assert not is_unsafe(name)
