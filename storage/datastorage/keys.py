"""The rules for keys, and the one rule that tells which files belong together.

A key names data or metadata of a store. It is hierarchical: ``"graph/edges_source"`` lies in ``"graph"``.
"""

from __future__ import annotations

import os
from pathlib import PurePath

from zarrpack.errors import UsageError

__all__ = ["file_stem", "split_key"]

_SUFFIXES = (".zarr", ".json")


def split_key(key: str) -> tuple[str, ...]:
    """Cut a key into its segments.

    Parameters
    ----------
    key : str
        Slashes at either end do not count.

    Returns
    -------
    tuple of str
        One or more segments, from the outermost group inwards.

    Raises
    ------
    TypeError
        If the key is no string.
    UsageError
        If it is empty, or a segment is empty, ``.`` or ``..``.

    Examples
    --------
    >>> split_key("graph/edges_source/")
    ('graph', 'edges_source')
    """
    if not isinstance(key, str):
        raise TypeError(f"key: expected a string, found {type(key).__name__}")
    segments = tuple(str(key).strip("/").split("/"))
    if any(segment in ("", ".", "..") for segment in segments):
        raise UsageError(
            f"key {key!r}: expected names with single slashes between them, found an empty one, '.' or '..'"
        )
    return segments


def file_stem(path: str | os.PathLike[str], extension: str = ".data") -> str:
    """Give the name that a store's archive, folder and metadata file have in common.

    Stores, the merge and the tables all join by it, so that ``part_001.zarr.data``, ``part_001.data`` and
    ``part_001.json`` are one thing.

    Parameters
    ----------
    path : path-like
        Its folders do not count.
    extension : str
        The extension of archives.

    Returns
    -------
    str
        The last name without `extension`, ``.zarr`` and ``.json`` at its end; other dots stay.

    Examples
    --------
    >>> file_stem("encoded/part_001.zarr.data"), file_stem("part_001.json"), file_stem("gear.v2")
    ('part_001', 'part_001', 'gear.v2')
    """
    name = PurePath(path).name
    suffixes = tuple(suffix for suffix in (extension, *_SUFFIXES) if suffix)
    while True:
        suffix = next((one for one in suffixes if name.endswith(one) and len(name) > len(one)), "")
        if not suffix:
            return name
        name = name.removesuffix(suffix)
