"""Which file holds which key in a folder of JSON files."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection

__all__ = ["METADATA_NAME", "choose_name"]

#: The file of the metadata.
METADATA_NAME = "metadata.json"

# Characters of a key in its file's name, at most; file systems take 255 bytes.
_LONGEST = 120


def choose_name(key: str, used: Collection[str]) -> str:
    """Choose the file of a key.

    Parameters
    ----------
    key : str
        All characters but ASCII letters, digits, ``-`` and ``_`` become ``_``.
    used : collection of str
        Names of other keys' files; case does not count, since it does not on every disk.

    Returns
    -------
    str
        The key's own name where it is free, else one with eight hexadecimal digits of the key's digest. The data key
        ``metadata`` gets ``metadata__data.json``.

    Examples
    --------
    >>> choose_name("face/areas", []), choose_name("face_areas", ["face_areas.json"])
    ('face_areas.json', 'face_areas__8c3a7263.json')
    >>> choose_name("metadata", [])
    'metadata__data.json'
    """
    taken = {name.casefold() for name in used} | {METADATA_NAME}
    stem = re.sub(r"[^A-Za-z0-9_-]", "_", key)[:_LONGEST]
    digits = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
    marks = ["__data"] if f"{stem}.json".casefold() == METADATA_NAME else [""] if len(key) <= _LONGEST else []
    # With the whole digest behind it a name is nobody else's.
    marks += [f"__{digits[:8]}", f"__{digits}"]
    names = [f"{stem}{mark}.json" for mark in marks]
    return next((name for name in names if name.casefold() not in taken), names[-1])
