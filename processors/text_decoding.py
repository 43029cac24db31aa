"""From bytes to text: byte order marks, UTF-8, and Windows-1252 where a rule allows it."""

from __future__ import annotations

import codecs

from zarrpack.errors import MemberError

__all__ = ["bom_encoding", "decode_text", "from_windows_1252"]

# UTF-32 first: its little-endian mark starts with UTF-16's.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: What bytes 0x80 to 0x9f stand for; five of them stand for nothing and stay control characters.
_WINDOWS = {byte: text for byte in range(0x80, 0xA0) if (text := bytes([byte]).decode("cp1252", "ignore"))}


def bom_encoding(head: bytes) -> str | None:
    """Give the encoding that a byte order mark announces; None if there is no mark.

    Examples
    --------
    >>> bom_encoding("a".encode("utf-16")), bom_encoding(b"a")
    ('utf-16', None)
    """
    return next((encoding for mark, encoding in _MARKS if head.startswith(mark)), None)


def decode_text(payload: bytes, *, encoding: str | None = None) -> str:
    """Decode text without losing or replacing anything.

    Parameters
    ----------
    payload : bytes
        The text. A byte order mark is taken off.
    encoding : str or None
        Python's name of the encoding; None: as the byte order mark says, else UTF-8.

    Raises
    ------
    MemberError
        ``invalid_text`` if the bytes are no such text; says where.

    Examples
    --------
    >>> decode_text(b"\\xef\\xbb\\xbfhi")
    'hi'
    """
    encoding = encoding or bom_encoding(payload) or "utf-8"
    try:
        return payload.decode(encoding)
    except UnicodeDecodeError as exc:
        found = f"{exc.reason} at byte {exc.start}"
        raise MemberError("invalid_text", f"expected {encoding.upper()} text, found {found}") from exc


def from_windows_1252(payload: bytes) -> str:
    """Decode Windows-1252 as browsers do: every byte has a meaning, so it never fails.

    Examples
    --------
    >>> from_windows_1252(b"caf\\xe9 \\x80 5")
    'café € 5'
    """
    return payload.decode("latin-1").translate(_WINDOWS)
