"""The parts of a member's name that pairing, joining and labelling go by.

A name is split at ``/``. The last segment is the base name. Its *suffix* reaches from its last dot to its end; a dot
at the base name's start (``.hidden``) or at its very end (``Dr.``) makes no suffix. A suffix of a compressed
stream (``.gz``, ``.bz2``, ``.xz``, ``.zst``) takes along the suffix before it if that starts with a letter: the suffix
of ``scan.nii.gz`` is ``.nii.gz``, that of ``v1.2.gz`` is ``.gz``. The *stem* is the base name without its suffix.
"""

from __future__ import annotations

__all__ = ["base_name", "folder", "stem", "without_suffix"]

_COMPRESSED = frozenset({".gz", ".bz2", ".xz", ".zst"})


def folder(name: str) -> str:
    """Give everything before the base name, with its last ``/``; empty at the top.

    Examples
    --------
    >>> folder("a/b/1.jpg")
    'a/b/'
    """
    return name[: name.rfind("/") + 1]


def base_name(name: str) -> str:
    """Give the last segment of a name.

    Examples
    --------
    >>> base_name("a/b/1.jpg")
    '1.jpg'
    """
    return name[name.rfind("/") + 1 :]


def stem(name: str) -> str:
    """Give the base name without its suffix; empty only if the base name is.

    Examples
    --------
    >>> stem("a/1.jpg"), stem("gear.v2.json"), stem("scan.nii.gz"), stem(".hidden"), stem(".hidden.json")
    ('1', 'gear.v2', 'scan', '.hidden', '.hidden')
    """
    base = base_name(name)
    dot = _suffix_start(base)
    if base[dot:].lower() in _COMPRESSED:
        inner = _suffix_start(base[:dot])
        if base[inner + 1 : inner + 2].isalpha():
            return base[:inner]
    return base[:dot]


def without_suffix(name: str) -> str:
    """Give the whole name without its base name's suffix.

    Examples
    --------
    >>> without_suffix("a.d/1.jpg")
    'a.d/1'
    """
    return folder(name) + stem(name)


def _suffix_start(base: str) -> int:
    """Give where the suffix starts, or the length if there is none."""
    dot = base.rfind(".")
    leading = len(base) - len(base.lstrip("."))
    return dot if leading <= dot < len(base) - 1 else len(base)
