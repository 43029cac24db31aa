"""Member names: foreign bytes become text that can be stored, and nothing more than text."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left

__all__ = ["SeenNames", "decode_name", "is_unsafe"]

_DRIVE = re.compile(r"[A-Za-z]:")
_SEPARATORS = re.compile(r"[/\\]")
# A set takes some 70 bytes for each; what it has seen is moved to 8 bytes each.
_RECENT_NAMES = 1 << 16


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


def _merged(sorted_codes: array[int], more: set[int]) -> array[int]:
    import numpy as np

    both = np.concatenate((np.frombuffer(sorted_codes, np.int64), np.fromiter(more, np.int64, len(more))))
    both.sort()
    return array("q", both.tobytes())


class SeenNames:
    """Tells names that have occurred before, at 8 bytes for each name. Not safe for threads.

    Examples
    --------
    >>> names = SeenNames()
    >>> [names.has_seen(name) for name in (b"a", b"b", b"a")]
    [False, False, True]
    """

    def __init__(self) -> None:
        self._recent: set[int] = set()
        self._older = array("q")

    def has_seen(self, raw_name: bytes) -> bool:
        """Whether the name has been asked for before."""
        code = hash(raw_name)
        if code in self._recent:
            return True
        at = bisect_left(self._older, code)
        if at < len(self._older) and self._older[at] == code:
            return True
        self._recent.add(code)
        if len(self._recent) >= _RECENT_NAMES:
            self._older = _merged(self._older, self._recent)
            self._recent.clear()
        return False
