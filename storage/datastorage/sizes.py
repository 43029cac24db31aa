"""How large each saved value is, kept in the metadata in kilobytes (1,024 bytes)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zarrpack.storage.datastorage.nested import Segments, Tree, remove

__all__ = ["SIZES_KEY", "has_size", "record_sizes"]

#: Where the sizes lie in the metadata, nested as the keys are.
SIZES_KEY = "file_sizes_KB"


def has_size(metadata: Mapping[str, Any], key: Segments) -> bool:
    """Whether a size is recorded for a key.

    Examples
    --------
    >>> has_size({"file_sizes_KB": {"graph": {"edges": 0.5}}}, ("graph", "edges"))
    True
    """
    node: Any = metadata.get(SIZES_KEY)
    for segment in key:
        node = node.get(segment) if isinstance(node, dict) else None
    return node is not None


def record_sizes(metadata: Tree, key: Segments, sizes: Mapping[Segments, int]) -> None:
    """Replace the sizes of a key and of all below it.

    Parameters
    ----------
    metadata : dict
        All metadata; changed.
    key : tuple of str
        What has been saved.
    sizes : mapping of tuple of str to int
        Segments of each value that is no dict, `key` included -> its size in bytes. One record per value, so
        that a number never stands where a section must be.

    Examples
    --------
    >>> metadata = {"file_sizes_KB": {"graph": 7.0}}
    >>> record_sizes(metadata, ("graph",), {("graph", "edges"): 512, ("graph", "nodes"): 1024})
    >>> metadata
    {'file_sizes_KB': {'graph': {'edges': 0.5, 'nodes': 1.0}}}
    """
    section = metadata.get(SIZES_KEY)
    if not isinstance(section, dict):
        section = metadata[SIZES_KEY] = {}
    remove(section, key)
    for segments, size in sizes.items():
        node = section
        for segment in segments[:-1]:
            # Somebody may have written a number of their own here.
            if not isinstance(node.get(segment), dict):
                node[segment] = {}
            node = node[segment]
        node[segments[-1]] = size / 1024
