"""Which array of a schema a data key means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from zarrpack.storage.datasetstorage.special_processing import NESTED_EDGES

__all__ = ["DeclaredArray", "find_array"]


class DeclaredArray(NamedTuple):
    """An array as a schema declares it.

    Parameters
    ----------
    group : str
        Its group.
    name : str
        Its name in the group.
    spec : mapping
        ``dims``, ``dtype``, and what else is declared.
    special_processing : str or None
        That of the group.
    """

    group: str
    name: str
    spec: Mapping[str, Any]
    special_processing: str | None


def find_array(schema: Mapping[str, Any], key: str) -> DeclaredArray | None:
    """Give the array that a schema declares for a data key, or None.

    A key ``group/array`` means that group if it has the array; otherwise, as for a bare name, the last segment is looked
    for in the groups in the schema's order. In a group with nested edges, ``group/edges/source`` means ``edges_source``.

    Parameters
    ----------
    schema : mapping
        As a schema builder makes it, possibly in part; empty: nothing is declared.
    key : str
        A data key. Slashes at its ends do not count.

    Examples
    --------
    >>> schema = {"groups": {"faces": {"arrays": {"face_areas": {"dims": ["face"], "dtype": "float32"}}}}}
    >>> find_array(schema, "face_areas").group, find_array(schema, "edge_lengths")
    ('faces', None)
    """
    groups = _mapping(schema, "groups")
    head, _, rest = key.strip("/").partition("/")
    if rest and head in groups:
        found = _array_of(groups, head, rest)
        if found is None and _mapping(groups, head).get("special_processing") == NESTED_EDGES:
            found = _array_of(groups, head, rest.replace("/", "_"))
        if found is not None:
            return found
    last = (rest or head).rpartition("/")[2]
    return next((found for group in groups if (found := _array_of(groups, group, last)) is not None), None)


def _array_of(groups: Mapping[str, Any], group: str, name: str) -> DeclaredArray | None:
    part = _mapping(groups, group)
    spec = _mapping(part, "arrays").get(name)
    return DeclaredArray(group, name, spec, part.get("special_processing")) if isinstance(spec, Mapping) else None


def _mapping(parent: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = parent.get(key)
    return value if isinstance(value, Mapping) else {}
