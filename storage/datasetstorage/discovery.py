"""Which group of a dataset a file's data key belongs to: by its prefix, by a schema, or by its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

__all__ = ["FILE_GROUP", "KNOWN_ROWS", "Target", "find_target", "group_dimension", "guessed_group"]

#: The group of what there is once for each file.
FILE_GROUP = "file"

#: What people's encoders call these arrays, which the rules below would put elsewhere.
_KNOWN_NAMES = {
    "a3_distance": "faceface",
    "d2_distance": "faceface",
    "extended_adjacency": "faceface",
    "face_pair_edges_path": "faceface",
    "num_nodes": "graph",
    "edges_source": "graph",
    "edges_destination": "graph",
}
_WORDS = (
    ("face", "faces"),
    ("edge", "edges"),
    ("graph", "graph"),
    ("duration", FILE_GROUP),
    ("size", FILE_GROUP),
)
#: How many axes one row of these arrays has: what tells ``[n, n, bins]`` from ``[pairs, bins]``.
KNOWN_ROWS = {"a3_distance": 1, "d2_distance": 1, "extended_adjacency": 0, "face_pair_edges_path": 1}

_DIMENSIONS = {"faces": "face", "edges": "edge", "faceface": "facepair", FILE_GROUP: "file"}


class Target(NamedTuple):
    """Where an array goes.

    Parameters
    ----------
    group : str
        The group; empty: its own or that of files, which only the shapes in all files can tell.
    name : str
        The array's name in it.
    is_explicit : bool
        Whether the key says the group itself.
    """

    group: str
    name: str
    is_explicit: bool


def find_target(segments: Sequence[str], schemas: Sequence[Mapping[str, Any]]) -> Target:
    """Find where a data key's array goes.

    Parameters
    ----------
    segments : sequence of str
        The key. ``graph/edges/source`` is the array ``edges_source`` of ``graph``.
    schemas : sequence of mapping
        Schemas in which a bare name is looked up, the most binding first; they may be partial.

    Examples
    --------
    >>> find_target(["graph", "edges", "source"], [])
    Target(group='graph', name='edges_source', is_explicit=True)
    >>> find_target(["face_areas"], [{"groups": {"skin": {"arrays": {"face_areas": {}}}}}])
    Target(group='skin', name='face_areas', is_explicit=False)
    """
    if len(segments) > 1:
        return Target(segments[0], "_".join(segments[1:]), True)
    name = segments[0]
    for schema in schemas:
        for group, part in _mapping(schema.get("groups")).items():
            if name in _mapping(_mapping(part).get("arrays")):
                return Target(group, name, False)
    return Target(guessed_group(name) or "", name, False)


def guessed_group(name: str) -> str | None:
    """Guess an array's group by its name; None if that says nothing.

    Examples
    --------
    >>> guessed_group("Face_Areas"), guessed_group("a3_distance"), guessed_group("weight")
    ('faces', 'faceface', None)
    """
    lower = name.lower()
    return _KNOWN_NAMES.get(lower) or next((group for word, group in _WORDS if word in lower), None)


def group_dimension(group: str) -> str:
    """Give the name of a group's row dimension where no schema says it.

    Examples
    --------
    >>> group_dimension("faceface"), group_dimension("holes")
    ('facepair', 'holes_dim_0')
    """
    return _DIMENSIONS.get(group) or f"{group}_dim_0"


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
