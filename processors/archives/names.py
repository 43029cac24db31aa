"""Member names: foreign bytes become text that can be stored, and nothing more than text."""

from __future__ import annotations

import re

__all__ = ["decode_name", "is_unsafe"]

_DRIVE = re.compile(r"[A-Za-z]:")
_SEPARATORS = re.compile(r"[/\\]")


def decode_name(raw_name: bytes) -> tuple[str, tuple[str, ...]]:
    """Decode a name as UTF-8; what is not UTF-8 becomes ``\\xNN``.

    NUL and control characters stay as they are: a name is data, and whoever prints it escapes it.

    Returns
    -------
    name : str
        Always encodable as UTF-8.
    notes : tuple of str
        ``"name_undecodable"`` if bytes were escaped, ``"unsafe_name"`` (see `is_unsafe`).

    Examples
    --------
    >>> decode_name("Größe.txt".encode())
    ('Größe.txt', ())
    >>> decode_name(b"../Gr\\xf6\\xdfe.txt")
    ('../Gr\\\\xf6\\\\xdfe.txt', ('name_undecodable', 'unsafe_name'))
    """
    notes: tuple[str, ...] = ()
    try:
        name = raw_name.decode()
    except UnicodeDecodeError:
        name = raw_name.decode(errors="backslashreplace")
        notes = ("name_undecodable",)
    if is_unsafe(raw_name.decode("latin-1")):
        notes += ("unsafe_name",)
    return name, notes


def is_unsafe(name: str) -> bool:
    """Whether a name would lead out of a folder it is unpacked into: absolute, with a drive, ``..`` or a backslash.

    Examples
    --------
    >>> [is_unsafe(name) for name in ("a/b..c", "a/../b", "/a", "C:a", "a\\\\b")]
    [False, True, True, True, True]
    """
    if name.startswith("/") or "\\" in name or _DRIVE.match(name):
        return True
    return ".." in name and ".." in _SEPARATORS.split(name)
