"""By what names the files inside ``.data`` files are known: to codes, to the infoset, and to who asks for one."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from zarrpack.errors import FormatError, SourceError, UsageError
from zarrpack.storage.data_file import DataFile
from zarrpack.storage.datastorage.keys import file_stem
from zarrpack.storage.member_descriptions import member_descriptions

__all__ = ["file_names", "unique_names"]


def file_names(path: str | os.PathLike[str]) -> list[str] | None:
    """Name the files in a pack.

    Parameters
    ----------
    path : path-like
        A ``.data`` file. It need not exist.

    Returns
    -------
    list of str or None
        The names of a pack's members; None of everything else, which is one file called by its stem.
    """
    if not Path(path).is_file():
        return None
    try:
        with DataFile(path) as data:
            return [member.name for member in member_descriptions(data)] if data.kind == "pack" else None
    except (FormatError, SourceError):
        return None


def unique_names(files: Iterable[tuple[str | os.PathLike[str], Sequence[str] | None]]) -> list[list[str]]:
    """Give every file a name of its own: a store's stem, a pack member's name.

    Where several have one name, members of packs get their pack's stem before it, as ``stem/name``.

    Parameters
    ----------
    files : iterable of (path, names)
        ``.data`` files, or what has their stems, with what :func:`file_names` gives.

    Returns
    -------
    list of list of str
        For each path its names, in order.

    Raises
    ------
    UsageError
        If two files would have the same name. A ValueError.

    Examples
    --------
    >>> unique_names([("a.zarr.data", None), ("p1.data", ["x", "y"]), ("p2.data", ["y"])])
    [['a'], ['x', 'p1/y'], ['p2/y']]
    """
    listed = list(files)
    counts = Counter(name for path, members in listed for name in (_stem(path) if members is None else members))
    given = []
    for path, members in listed:
        if members is None:
            given.append(_stem(path))
        else:
            given.append([name if counts[name] == 1 else f"{file_stem(path)}/{name}" for name in members])
    places: dict[str, object] = {}
    for (path, _), names in zip(listed, given, strict=True):
        for name in names:
            if name in places:
                raise UsageError(
                    f"{os.fspath(path)}: expected files of different names, found {name!r} also in {places[name]}; "
                    "rename one of them"
                )
            places[name] = os.fspath(path)
    return given


def _stem(path: str | os.PathLike[str]) -> list[str]:
    return [file_stem(path)]
