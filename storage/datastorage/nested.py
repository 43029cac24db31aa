"""Nested dicts addressed by the segments of a key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from zarrpack.errors import NotFound, UsageError
from zarrpack.storage.datastorage.keys import split_key

__all__ = ["Segments", "Tree", "as_tree", "find", "leaves", "put", "remove"]

Segments: TypeAlias = tuple[str, ...]
Tree: TypeAlias = dict[str, Any]


def as_tree(value: Mapping[Any, Any]) -> Tree:
    """Copy a mapping, and the mappings in it, to nested dicts with single segments as keys.

    Parameters
    ----------
    value : mapping
        Keys become strings; a key with slashes stands for nested mappings. Other values are not copied.

    Returns
    -------
    dict
        The tree.

    Raises
    ------
    UsageError
        If two keys are the same afterwards, or a key is no valid one.

    Examples
    --------
    >>> as_tree({"a/b": 1, 2: {"c": 3}})
    {'a': {'b': 1}, '2': {'c': 3}}
    """
    tree: Tree = {}
    for name, entry in value.items():
        segments = split_key(str(name))
        parent = _descend(tree, segments)
        if segments[-1] in parent:
            raise UsageError(f"{name!r}: expected each name once, found it again")
        parent[segments[-1]] = as_tree(entry) if isinstance(entry, Mapping) else entry
    return tree


def find(tree: Mapping[str, Any], segments: Segments) -> Any:
    """Give what lies at a key.

    Parameters
    ----------
    tree : mapping
        Nested dicts.
    segments : tuple of str
        Where to look; empty: the tree itself.

    Returns
    -------
    object
        Not copied.

    Raises
    ------
    NotFound
        If there is nothing.

    Examples
    --------
    >>> find({"a": {"b": 1}}, ("a", "b"))
    1
    """
    node: Any = tree
    for segment in segments:
        if not isinstance(node, Mapping) or segment not in node:
            raise NotFound(f"{'/'.join(segments)}: expected a key that has been saved, found none of this name")
        node = node[segment]
    return node


def put(tree: Tree, segments: Segments, value: Any) -> None:
    """Set what lies at a key, replacing whatever lay there; groups are made on the way.

    Parameters
    ----------
    tree : dict
        Nested dicts; changed. Unchanged if this raises.
    segments : tuple of str
        One or more.
    value : object
        Not copied.

    Examples
    --------
    >>> tree = {"a": {"b": 1}}
    >>> put(tree, ("a", "c"), 2)
    >>> tree
    {'a': {'b': 1, 'c': 2}}
    """
    _descend(tree, segments)[segments[-1]] = value


def remove(tree: Tree, segments: Segments) -> None:
    """Take away what lies at a key, if anything does.

    Parameters
    ----------
    tree : dict
        Nested dicts; changed.
    segments : tuple of str
        One or more.

    Examples
    --------
    >>> tree = {"a": {"b": 1}}
    >>> remove(tree, ("a", "b"))
    >>> tree
    {'a': {}}
    """
    node: Any = tree
    for segment in segments[:-1]:
        node = node.get(segment)
        if not isinstance(node, dict):
            return
    node.pop(segments[-1], None)


def leaves(value: Any, prefix: Segments = ()) -> Iterator[tuple[Segments, Any]]:
    """Give every value that is no mapping, with its segments.

    Parameters
    ----------
    value : object
        A tree, or a single value.
    prefix : tuple of str
        Segments of `value` itself.

    Yields
    ------
    tuple of (tuple of str, object)
        In the mappings' order.

    Examples
    --------
    >>> list(leaves({"a": {"b": 1}, "c": 2}))
    [(('a', 'b'), 1), (('c',), 2)]
    """
    if not isinstance(value, Mapping):
        yield prefix, value
        return
    for name, entry in value.items():
        yield from leaves(entry, (*prefix, name))


def _descend(tree: Tree, segments: Segments) -> Tree:
    """Give the dict that holds the last segment; nothing is made before all is known to be dicts."""
    node = tree
    for depth, segment in enumerate(segments[:-1]):
        entry = node.get(segment)
        if entry is None and segment not in node:
            break
        if not isinstance(entry, dict):
            raise UsageError(
                f"{'/'.join(segments)}: expected a group at {'/'.join(segments[: depth + 1])}, found a value; "
                "save under another key"
            )
        node = entry
    else:
        return node
    for segment in segments[depth:-1]:
        node[segment] = node = {}
    return node
