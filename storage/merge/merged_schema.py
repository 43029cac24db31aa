"""The schema of a merge's output: what was declared, completed by what has been found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["merged_schema"]

_OBJECTS = {"vlen-utf8": "str", "vlen-bytes": "bytes"}


def merged_schema(declared: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """Complete a declared schema. What is declared of an array stays; its dtype and dimensions are those of the output.

    Parameters
    ----------
    declared : mapping
        As a schema builder makes it, possibly in part. Not changed.
    found : mapping
        The groups and arrays of the output.

    Examples
    --------
    >>> found = {"groups": {"g": {"primary_dimension": "x", "arrays": {"a": {"dims": ["x"], "dtype": "<f4"}}}}}
    >>> merged_schema({"domain": "demo"}, found)["groups"]["g"]["arrays"]
    {'a': {'dims': ['x'], 'dtype': 'float32'}}
    """
    groups: dict[str, Any] = {name: dict(group) for name, group in _mapping(declared, "groups").items()}
    for name, group in found["groups"].items():
        known = groups.setdefault(name, {})
        arrays = dict(_mapping(known, "arrays"))
        for array, spec in group["arrays"].items():
            named = {"dims": spec["dims"], "dtype": _named(spec["dtype"])}
            arrays[array] = {**(arrays.get(array) or {}), **named}
        groups[name] = {"primary_dimension": group["primary_dimension"], **known, "arrays": arrays}
    return {"version": "1.0", "domain": "custom", **declared, "groups": groups}


def _named(dtype: str) -> str:
    return _OBJECTS.get(dtype) or np.dtype(dtype).name


def _mapping(parent: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = parent.get(key)
    return value if isinstance(value, Mapping) else {}
