"""One schema of those that a merge's sources were saved with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

__all__ = ["schema_union"]

_GROUPS, _ARRAYS = "groups", "arrays"


def schema_union(schemas: Iterable[Mapping[str, Any]]) -> tuple[dict[str, Any], list[str]]:
    """Join schemas; where they contradict each other the first one counts.

    Parameters
    ----------
    schemas : iterable of mapping
        As `SchemaBuilder.build` gives them, possibly in part.

    Returns
    -------
    tuple of (dict, list of str)
        All groups and arrays that any of them declares, and all else that it says; and what had to be left out, a sentence each.

    Examples
    --------
    >>> first = {"groups": {"faces": {"arrays": {"area": {"dtype": "float32"}}}}}
    >>> other = {"groups": {"faces": {"arrays": {"area": {"dtype": "float64"}, "type": {"dtype": "int32"}}}}}
    >>> joined, problems = schema_union([first, other])
    >>> joined["groups"]["faces"]["arrays"]
    {'area': {'dtype': 'float32'}, 'type': {'dtype': 'int32'}}
    >>> problems
    ["faces/area: files declare {'dtype': 'float32'} and {'dtype': 'float64'}; the first is taken"]
    """
    joined: dict[str, Any] = {}
    problems: dict[str, None] = {}
    for schema in schemas:
        own = deepcopy(dict(schema))
        groups = own.pop(_GROUPS, None)
        for name, group in groups.items() if isinstance(groups, Mapping) else ():
            known = joined.setdefault(_GROUPS, {}).setdefault(name, {})
            if isinstance(known, dict) and isinstance(group, Mapping):
                problems.update(dict.fromkeys(_join_group(str(name), known, group)))
        for key, value in own.items():
            joined.setdefault(key, value)
    return joined, list(problems)


def _join_group(name: str, known: dict[str, Any], other: Mapping[str, Any]) -> Iterable[str]:
    """Add what a group lacks; give what contradicts it."""
    arrays = other.get(_ARRAYS)
    own = known.setdefault(_ARRAYS, {})
    for array, declared in arrays.items() if isinstance(arrays, Mapping) and isinstance(own, dict) else ():
        if own.setdefault(array, declared) != declared:
            yield f"{name}/{array}: files declare {own[array]} and {declared}; the first is taken"
    for key, value in other.items():
        if key != _ARRAYS and known.setdefault(key, value) != value:
            yield f"{name}: files declare the {key} {known[key]!r:.80} and {value!r:.80}; the first is taken"
