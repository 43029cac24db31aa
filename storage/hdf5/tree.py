"""Walks through an HDF5 file that anybody may have written, and opens nothing outside it.

What would make the library open other files or load code is told apart from what is data before anything of it is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple, TypeAlias

import h5py

from zarrpack.storage.hdf5.object_paths import ObjectPaths, address_of

__all__ = ["Alias", "Array", "Found", "Group", "Refusal", "refusal_of", "walk"]

#: deflate, shuffle, Fletcher-32, szip, nbit, scale-offset, and h5py's LZF: what the library has in itself.
_BUILT_IN_FILTERS = {1, 2, 3, 4, 5, 6, 32000}
_MOST_DEPTH = 100
#: How many soft links in a row the library follows (``H5Pset_nlinks``).
_MOST_LINKS = 16

Reason: TypeAlias = Literal["hdf5_external", "hdf5_filter", "refused_dtype", "not_decodable"]


class Group(NamedTuple):
    """A group.

    Parameters
    ----------
    path : str
        From the root, without a slash at the start; empty for the root.
    node : h5py.Group
        It, open.
    """

    path: str
    node: h5py.Group


class Array(NamedTuple):
    """A dataset that can be read.

    Parameters
    ----------
    path : str
        From the root, without a slash at the start.
    node : h5py.Dataset
        It, open.
    """

    path: str
    node: h5py.Dataset


class Alias(NamedTuple):
    """A second name of something, or a link to nothing.

    Parameters
    ----------
    path : str
        The name.
    target : str
        What it stands for; empty if there is nothing.
    """

    path: str
    target: str


class Refusal(NamedTuple):
    """What is not read.

    Parameters
    ----------
    path : str
        Its name.
    reason : str
        A code out of :data:`zarrpack.reasons.REASONS`.
    detail : str
        What it would have asked for.
    """

    path: str
    reason: Reason
    detail: str


Found: TypeAlias = Group | Array | Alias | Refusal


def walk(file: h5py.File, paths: ObjectPaths | None = None) -> Iterator[Found]:
    """Give everything in a file, by name; things with several names once.

    Parameters
    ----------
    file : h5py.File
        Open for reading.
    paths : ObjectPaths or None
        Gets the path of every object that is met, under its first name.

    Raises
    ------
    OSError, RuntimeError
        If the file is damaged.
    """
    seen = ObjectPaths(file) if paths is None else paths
    seen.keep(address_of(file["/"].id), "")
    yield from _group("", file, seen, 0)


def refusal_of(path: str, data: h5py.Dataset) -> Refusal | None:
    """Tell why a dataset is not read; None: it can be.

    Parameters
    ----------
    path : str
        Its name.
    data : h5py.Dataset
        The dataset; nothing of its values is read.
    """
    plist = data.id.get_create_plist()
    if plist.get_layout() == h5py.h5d.VIRTUAL:
        others = {plist.get_virtual_filename(number) for number in range(plist.get_virtual_count())} - {"."}
        if others:
            return Refusal(path, "hdf5_external", f"a virtual dataset over other files, such as {min(others)!r:.200}")
    elif plist.get_external_count():
        name = plist.get_external(0)[0]
        return Refusal(path, "hdf5_external", f"its values lie in another file, {_text(name)!r:.200}")
    for number in range(plist.get_nfilters()):
        code, _, _, name = plist.get_filter(number)
        if code not in _BUILT_IN_FILTERS:
            return Refusal(path, "hdf5_filter", f"it needs the filter plug-in {code} ({_text(name)[:60]})")
    try:
        wanted = h5py.h5t.py_create(data.dtype)
    except (TypeError, ValueError, KeyError) as exc:
        return Refusal(path, "refused_dtype", f"a type that numpy does not have: {exc}")
    if h5py.h5t.find(data.id.get_type(), wanted) is None:
        return Refusal(path, "refused_dtype", f"a type that the library cannot give as {data.dtype}")
    return None


def _group(path: str, group: h5py.Group, seen: ObjectPaths, depth: int) -> Iterator[Found]:
    yield Group(path, group)
    for name in group:
        inner = f"{path}/{_text(name)}" if path else _text(name)
        kind = _link_kind(group, name)
        if kind == h5py.h5l.TYPE_HARD:
            yield from _hard(inner, group, name, seen, depth)
        elif kind == h5py.h5l.TYPE_SOFT:
            yield _soft(inner, group, name)
        elif kind == h5py.h5l.TYPE_EXTERNAL:
            link = group.get(name, getlink=True)
            yield Refusal(inner, "hdf5_external", f"a link to {link.path!r:.100} in the file {link.filename!r:.100}")
        else:
            yield Refusal(inner, "hdf5_external", f"a link of the user-defined kind {kind}, which may lead anywhere")


def _link_kind(group: h5py.Group, name: str) -> int | None:
    """Give the kind of a link, which h5py's own link classes know only in part; None: there is none."""
    raw = name.encode("utf-8", "surrogateescape")
    return int(group.id.links.get_info(raw).type) if group.id.links.exists(raw) else None


def _soft(path: str, group: h5py.Group, name: str) -> Alias | Refusal:
    link = group.get(name, getlink=True)
    if _leads_outside(group, link.path):
        return Refusal(path, "hdf5_external", f"a link over {link.path!r:.100}, which leads into another file")
    return Alias(path, _text(link.path) if _exists(group, name) else "")


def _exists(group: h5py.Group, name: str) -> bool:
    try:
        address_of(group.id, name.encode("utf-8", "surrogateescape"))
    except (KeyError, OSError, RuntimeError):
        return False
    return True


def _leads_outside(group: h5py.Group, path: str, depth: int = 0) -> bool:
    """Whether a path passes an external link; followed by hand, for the library would open the file."""
    here = group.file["/"] if path.startswith("/") else group
    for part in path.split("/"):
        if part in ("", "."):
            continue
        kind = _link_kind(here, part) if isinstance(here, h5py.Group) else None
        if kind is None:
            return False
        if kind == h5py.h5l.TYPE_SOFT:
            if depth >= _MOST_LINKS:
                return False  # nowhere, then: the library gives up
            if _leads_outside(here, here.get(part, getlink=True).path, depth + 1):
                return True
        elif kind != h5py.h5l.TYPE_HARD:
            return True
        if not _exists(here, part):
            return False
        here = here.get(part)
    return False


def _hard(path: str, group: h5py.Group, name: str, seen: ObjectPaths, depth: int) -> Iterator[Found]:
    address = address_of(group.id, name.encode("utf-8", "surrogateescape"))
    known = seen.at(address)
    if known is not None:
        yield Alias(path, known or "/")
        return
    seen.keep(address, path)
    kind = group.get(name, getclass=True)
    if kind is h5py.Dataset:
        data = group[name]
        yield refusal_of(path, data) or Array(path, data)
    elif kind is h5py.Group and depth < _MOST_DEPTH:
        yield from _group(path, group[name], seen, depth + 1)
    elif kind is h5py.Group:
        yield Refusal(path, "not_decodable", f"groups nested more than {_MOST_DEPTH} deep")


def _text(name: str | bytes) -> str:
    """Give a name as text that UTF-8 can hold."""
    if isinstance(name, bytes):
        return name.decode("utf-8", "backslashreplace")
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
