"""The groups and arrays of a store, by the names that the user knows them by.

A name that is not safe in a file system is kept under a safe one, with the true name as the attribute ``name``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from zarrpack.errors import FormatError, NotFound, UsageError
from zarrpack.storage.array_names import NameTable
from zarrpack.storage.datastorage.keys import split_key
from zarrpack.storage.datastorage.metadata_tree import OWN_KEY
from zarrpack.storage.datastorage.nested import Segments

__all__ = ["ArrayNode", "GroupNode", "Node", "build_nodes", "dimension_names", "find_node", "parent_group", "safe_name"]

_DIMENSIONS = "_ARRAY_DIMENSIONS"
#: What a member of a store may not be called, besides what `NameTable` knows.
_RESERVED = ("metadata.json",)
# How many groups may lie in each other in a file that is read.
_DEEPEST = 100


@dataclass(slots=True)
class ArrayNode:
    """An array.

    Parameters
    ----------
    path : str
        Its safe names, with slashes.
    zarray, zattrs : dict
        The documents, unchecked.
    """

    path: str
    zarray: dict[str, Any]
    zattrs: dict[str, Any]

    @property
    def dimensions(self) -> list[Any]:
        """The names of its axes, as far as they are given."""
        names = self.zattrs.get(_DIMENSIONS)
        return names if isinstance(names, list) else []


@dataclass(slots=True)
class GroupNode:
    """A group.

    Parameters
    ----------
    path : str
        Its safe names, with slashes; empty for the root.
    members : dict
        True name -> group or array.
    """

    path: str
    members: dict[str, Node] = field(default_factory=dict)


Node: TypeAlias = ArrayNode | GroupNode


def build_nodes(documents: Mapping[str, Mapping[str, Any]]) -> GroupNode:
    """Build the tree that a hierarchy's documents describe.

    Parameters
    ----------
    documents : mapping
        Entry name, such as ``"graph/edges/.zarray"`` -> its content.

    Returns
    -------
    GroupNode
        The root. True names are taken only from what zarrpack has written.

    Raises
    ------
    FormatError
        If an array has members, or groups are nested too deeply.

    Examples
    --------
    >>> root = build_nodes({".zgroup": {}, "graph/edges/.zarray": {"shape": [3]}})
    >>> list(root.members), list(root.members["graph"].members)
    (['graph'], ['edges'])
    """
    return _TreeBuilder(documents).build()


def find_node(root: GroupNode, segments: Segments) -> Node:
    """Give what lies at a key.

    Raises
    ------
    NotFound
        If there is nothing.
    """
    node: Node = root
    for segment in segments:
        if not isinstance(node, GroupNode) or segment not in node.members:
            raise NotFound(f"{'/'.join(segments)}: expected a key that has been saved, found none of this name")
        node = node.members[segment]
    return node


def parent_group(root: GroupNode, segments: Segments) -> tuple[GroupNode, int]:
    """Give the innermost group above a key that is there, and the number of segments that lead to it.

    Raises
    ------
    UsageError
        If the key lies below an array.
    """
    node = root
    for depth, segment in enumerate(segments[:-1]):
        member = node.members.get(segment)
        if member is None:
            return node, depth
        if isinstance(member, ArrayNode):
            raise UsageError(
                f"{'/'.join(segments)}: expected a group at {'/'.join(segments[: depth + 1])}, found a value; "
                "save under another key"
            )
        node = member
    return node, len(segments) - 1


def safe_name(group: GroupNode, true_name: str) -> str:
    """Give the name that a member has or will have in the file system.

    Examples
    --------
    >>> safe_name(GroupNode(""), "face_areas"), safe_name(GroupNode(""), "größe")
    ('face_areas', 'gr__e')
    """
    member = group.members.get(true_name)
    if member is not None:
        return member.path.rpartition("/")[2]
    return NameTable([*_used_names(group, true_name), *_RESERVED]).safe_name(true_name)


def dimension_names(group: GroupNode, true_name: str, path: str, ndim: int) -> tuple[str, ...]:
    """Name the axes of an array: ``faceface/a3_distance`` has ``faceface_a3_distance_dim_0``, ...

    Parameters
    ----------
    group : GroupNode
        Where the array is or will be.
    true_name : str
        Its true name.
    path : str
        Its safe names.
    ndim : int
        The number of axes.

    Returns
    -------
    tuple of str
        Such that no array of the group is called like one, and no other array has one of them.

    Examples
    --------
    >>> dimension_names(GroupNode("graph"), "edges", "graph/edges", 2)
    ('graph_edges_dim_0', 'graph_edges_dim_1')
    """
    used = {name.lower() for name in _used_names(group, true_name)} if ndim else set()
    stem = path.replace("/", "_") + "_dim_"
    while any(f"{stem}{axis}".lower() in used for axis in range(ndim)):
        stem += "_"
    return tuple(f"{stem}{axis}" for axis in range(ndim))


def _used_names(group: GroupNode, without: str) -> list[str]:
    """Give the safe names of a group's members, and the names of its arrays' axes, those of one member aside."""
    names: list[str] = []
    for name, node in group.members.items():
        if name == without:
            continue
        names.append(node.path.rpartition("/")[2])
        if isinstance(node, ArrayNode):
            names += [dimension for dimension in node.dimensions if isinstance(dimension, str)]
    return names


class _TreeBuilder:
    """Makes nodes in the documents' order, groups without a document included."""

    def __init__(self, documents: Mapping[str, Mapping[str, Any]]) -> None:
        self._documents = documents
        self._groups = {"": GroupNode("")}
        self._is_own = isinstance(documents.get(".zattrs", {}).get(OWN_KEY), Mapping)

    def build(self) -> GroupNode:
        for name, document in self._documents.items():
            path, _, kind = name.rpartition("/")
            if path.count("/") >= _DEEPEST:
                raise FormatError(f"{path:.80}: expected at most {_DEEPEST} groups in each other, found more")
            if kind == ".zgroup":
                self._group(path)
            elif kind == ".zarray" and path:
                node = ArrayNode(path, dict(document), self._attributes(path))
                self._enter(path, node)
        return self._groups[""]

    def _group(self, path: str) -> GroupNode:
        if path not in self._groups:
            if f"{path}/.zarray" in self._documents:
                raise FormatError(f"{path}: expected a group or an array, found an array with members")
            self._groups[path] = GroupNode(path)
            self._enter(path, self._groups[path])
        return self._groups[path]

    def _enter(self, path: str, node: Node) -> None:
        above, _, safe = path.rpartition("/")
        parent = self._group(above)
        name = self._attributes(path).get("name", safe) if self._is_own else safe
        # Headers of tables hold anything; what is no single segment could not be asked for.
        try:
            is_segment = split_key(name) == (name,)
        except (TypeError, UsageError):
            is_segment = False
        parent.members[name if is_segment and name not in parent.members else safe] = node

    def _attributes(self, path: str) -> dict[str, Any]:
        return dict(self._documents.get(f"{path}/.zattrs", {}))
