"""Plain text and markup: one document per member."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from zarrpack.errors import MemberError
from zarrpack.processors.base import HEAD_BYTES, Block, Member, Metadata, Processor
from zarrpack.processors.magic import media_type, suffix
from zarrpack.processors.opaque import OpaqueProcessor
from zarrpack.processors.text_decoding import bom_encoding, decode_text, from_windows_1252

__all__ = ["TextProcessor"]

_MEDIA_TYPES = {
    ".txt": "text/plain",
    ".text": "text/plain",
    ".log": "text/plain",
    ".md": "text/markdown",
    ".rst": "text/x-rst",
    ".tex": "text/x-tex",
    ".srt": "application/x-subrip",
    ".vtt": "text/vtt",
    ".xml": "application/xml",
    ".xsd": "application/xml",
    ".html": "text/html",
    ".htm": "text/html",
    ".xhtml": "application/xhtml+xml",
    ".svg": "image/svg+xml",
    ".css": "text/css",
    ".js": "text/javascript",
    ".py": "text/x-python",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
    ".toml": "application/toml",
    ".ini": "text/plain",
    ".cfg": "text/plain",
}
#: What text does not hold; tab, line feed, form feed, carriage return and escape it may.
_CONTROL_BYTES = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")
_CONTROL_TEXT = re.compile(r"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class TextProcessor(Processor):
    """Reads text: by suffix, and whatever else decodes as UTF-8 without control characters.

    Of a known suffix, text that is not UTF-8 is taken for Windows-1252, and the encoding is recorded. Of an
    unknown one it is kept as a file, as :class:`~zarrpack.processors.opaque.OpaqueProcessor` does. An empty
    member is an empty document.

    Examples
    --------
    >>> *blocks, metadata = TextProcessor().read(Member("a.txt", b"caf\\xe9", b"caf\\xe9"))
    >>> list(blocks[0].rows), metadata.values
    (['café'], {'text/encoding': 'windows-1252'})
    """

    name: ClassVar[str] = "text"

    def accepts(self, head: bytes, name: str) -> bool:
        """Tell by the suffix, unless the first bytes are of another type; else by the bytes."""
        if media_type(head) is not None:
            return False
        if suffix(name) in _MEDIA_TYPES or bom_encoding(head) is not None:
            return True
        if not head or _CONTROL_BYTES.search(head):
            return False
        try:
            # The last character may go on behind a full head.
            codecs.getincrementaldecoder("utf-8")().decode(head, final=len(head) < HEAD_BYTES)
        except UnicodeDecodeError:
            return False
        return True

    def read(self, member: Member) -> Iterator[Block | Metadata]:
        """Give `text`, one row.

        Raises
        ------
        MemberError
            ``invalid_text`` if the suffix promises text and the content is none.
        """
        payload = member.read()
        kind = _MEDIA_TYPES.get(suffix(member.name))
        encoding = bom_encoding(payload) or "utf-8"
        try:
            text = _decoded(payload, encoding)
        except MemberError:
            if kind is None:
                # The first bytes were text, later ones are not: nothing promised that they were.
                yield from OpaqueProcessor().read_as_file(member, payload, ("not_text",))
                return
            if encoding != "utf-8" or _CONTROL_BYTES.search(payload):
                raise
            text, encoding = from_windows_1252(payload), "windows-1252"
        yield Block("text", "text", ("document",), [text])
        about = {} if encoding in ("utf-8", "utf-8-sig") else {"text/encoding": encoding}
        yield Metadata(about, media_type=kind or "text/plain")


def _decoded(payload: bytes, encoding: str) -> str:
    text = decode_text(payload, encoding=encoding)
    if control := _CONTROL_TEXT.search(text):
        found = f"U+{ord(control[0]):04X} at character {control.start()}"
        raise MemberError("invalid_text", f"expected text, found the control character {found}")
    return text
