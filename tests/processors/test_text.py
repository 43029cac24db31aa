"""Text documents as members."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zarrpack.errors import MemberError
from zarrpack.processors.base import HEAD_BYTES, Block
from zarrpack.processors.testing import ProcessorConformance, read_member, rows_of
from zarrpack.processors.text import TextProcessor


class TestContract(ProcessorConformance):
    """The contract."""

    def processor(self) -> TextProcessor:
        """Give the only kind there is."""
        return TextProcessor()

    def members(self) -> Mapping[str, bytes]:
        """Give text by suffix and by content."""
        return {
            "a.txt": b"",
            "b.MD": "# Straße\n".encode(),
            "c.xml": "<a/>".encode("utf-16"),
            "d.svg": b"<svg/>",
            "README": b"hello\n" * 1000,
            "x.unknown": ("é" * HEAD_BYTES).encode(),
            "legacy.txt": b"caf\xe9",
            "later.bin": b"a" * HEAD_BYTES + b"\x00\xff",
        }

    def refused(self) -> Mapping[str, bytes]:
        """Give what is of another type, and what is no text."""
        return {"a.txt": b"%PDF-1.7", "b.eps": b"%!PS-Adobe", "c": b"", "d": b"a\x00b", "e": b"caf\xe9", "f": b"\x7fa"}


@pytest.mark.parametrize(
    ("name", "content", "text", "encoding", "kind"),
    [
        ("a.txt", b"", "", None, "text/plain"),
        ("a.txt", "ä\r\nö".encode(), "ä\r\nö", None, "text/plain"),
        ("a.html", "ä".encode("utf-8-sig"), "ä", None, "text/html"),
        ("a.md", "ä".encode("utf-16"), "ä", "utf-16", "text/markdown"),
        ("a.log", b"caf\xe9 \x80", "café €", "windows-1252", "text/plain"),
        ("a", b"x\tmas\x1b[0m\x0c", "x\tmas\x1b[0m\x0c", None, "text/plain"),
    ],
)
def test_a_document_is_one_row(name: str, content: bytes, text: str, encoding: str | None, kind: str) -> None:
    """The text exactly, with its encoding where it is not UTF-8; an empty member is an empty document."""
    blocks, metadata = read_member(TextProcessor(), name, content)

    assert rows_of(blocks, "text") == [text]
    assert [(one.group, one.dims) for one in blocks] == [("text", ("document",))]
    assert (metadata.values.get("text/encoding"), metadata.media_type) == (encoding, kind)


@pytest.mark.parametrize("content", [b"a\x00b", b"\xff\xfea", b"\xe9\x01"])
def test_names_that_promise_text_are_held_to_it(content: bytes) -> None:
    """Control characters and half characters fail: they are not text in any encoding."""
    with pytest.raises(MemberError) as caught:
        read_member(TextProcessor(), "a.txt", content)

    assert caught.value.reason == "invalid_text"


@pytest.mark.parametrize("tail", [b"\x00", b"\xff"])
def test_what_stops_being_text_is_kept_as_a_file(tail: bytes) -> None:
    """Without a suffix that promises text, nothing is lost when later bytes are none."""
    content = b"a" * HEAD_BYTES + tail
    blocks, metadata = read_member(TextProcessor(), "model.ply", content)

    assert rows_of(blocks, "encoded") == [content]
    assert blocks[0].group == "files"
    assert (metadata.notes, metadata.media_type) == (("not_text",), "application/octet-stream")


@given(st.binary(max_size=60), st.sampled_from(["a.txt", "a", "a.ply"]))
def test_any_bytes_are_read_or_fail(content: bytes, name: str) -> None:
    """What is accepted by content is stored; a known suffix stores it or fails as no text."""
    blocks: list[Block] = []
    reason = ""
    try:
        blocks, _ = read_member(TextProcessor(), name, content)
    except MemberError as error:
        reason = error.reason

    assert (len(blocks), reason) in ([(1, ""), (0, "invalid_text")] if name == "a.txt" else [(1, "")])
    if (
        TextProcessor().accepts(content, name)
        and name != "a.txt"
        and not content.startswith((b"\xff\xfe", b"\xfe\xff"))
    ):
        assert rows_of(blocks, "text")[0].encode() in (content, content[3:])
