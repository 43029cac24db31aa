"""A store's metadata: JSON values in nested dicts."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np

from zarrpack.errors import NotFound, UsageError
from zarrpack.storage.datastorage.keys import split_key
from zarrpack.storage.datastorage.nested import Segments, Tree, find, put

__all__ = ["INDEX_KEY", "OWN_KEY", "SCHEMA_KEY", "json_value", "merge_metadata", "metadata_keys", "read_metadata"]

#: Where a store keeps its schema.
SCHEMA_KEY = "_storage_schema"
#: Where a store of JSON files keeps what the files do not say. Never seen from outside.
INDEX_KEY = "_json_index"
#: Where a zipped store says its name and description.
OWN_KEY = "zarrpack"

_RESERVED = (INDEX_KEY, OWN_KEY)


def json_value(value: Any, where: str) -> Any:
    """Copy a value to what JSON has.

    Parameters
    ----------
    value : object
        None, bool, int, float, str, numpy scalars and arrays of them, and lists, tuples and mappings of all these.
    where : str
        Its key, for messages.

    Returns
    -------
    object
        Of None, bool, int, float, str, list and dict alone; shares nothing with `value`.

    Raises
    ------
    TypeError
        If it is something else.

    Examples
    --------
    >>> import numpy as np
    >>> json_value({"areas": np.array([1.5, 2.0]), "n": np.int8(3)}, "areas")
    {'areas': [1.5, 2.0], 'n': 3}
    """
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if value is None or isinstance(value, bool):
        return value
    # What is derived from these, such as an enumeration's member, becomes the plain value.
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int | float):
        return int(value) if isinstance(value, int) else float(value)
    if isinstance(value, list | tuple):
        return [json_value(entry, where) for entry in value]
    if isinstance(value, Mapping):
        return {str(name): json_value(entry, f"{where}/{name}") for name, entry in value.items()}
    raise TypeError(
        f"metadata {where}: expected numbers, strings, lists or dicts of them, found {type(value).__name__}; "
        "save it as data"
    )


def merge_metadata(tree: Tree, key: str, value: Any) -> None:
    """Set metadata; what lies beside it stays. A dict is merged with the dict that is there.

    Parameters
    ----------
    tree : dict
        All metadata; changed. Unchanged if this raises.
    key : str
        With slashes for nested metadata.
    value : object
        As `json_value` takes it. A schema replaces the one that is there.

    Raises
    ------
    UsageError
        If the key is reserved, or lies below a value that is no dict.

    Examples
    --------
    >>> tree = {"processing": {"duration": 12.5}}
    >>> merge_metadata(tree, "processing/host", "a")
    >>> tree
    {'processing': {'duration': 12.5, 'host': 'a'}}
    """
    segments = split_key(key)
    if segments[0] in _RESERVED:
        raise UsageError(f"metadata {key}: expected a key that is not reserved; choose another")
    converted = json_value(value, key)
    if isinstance(converted, dict) and segments[0] != SCHEMA_KEY:
        try:
            present = find(tree, segments)
        except NotFound:
            present = None
        if isinstance(present, dict):
            _deep_merge(present, converted)
            return
    put(tree, segments, converted)


def read_metadata(tree: Mapping[str, Any], key: str) -> Any:
    """Give metadata.

    Parameters
    ----------
    tree : mapping
        All metadata.
    key : str
        With slashes for nested metadata.

    Returns
    -------
    object
        A value, or a whole section as a dict; a copy.

    Raises
    ------
    NotFound
        If there is none of this key.

    Examples
    --------
    >>> read_metadata({"processing": {"duration": 12.5}}, "processing/duration")
    12.5
    """
    segments: Segments = split_key(key)
    if segments[0] == INDEX_KEY:
        raise NotFound(f"metadata {key}: expected a key that has been saved, found none of this name")
    return copy.deepcopy(find(tree, segments))


def metadata_keys(tree: Mapping[str, Any]) -> list[str]:
    """Give the top-level keys of metadata, those aside that only stores write.

    Examples
    --------
    >>> metadata_keys({"processing": {"duration": 12.5}, "_json_index": {}})
    ['processing']
    """
    return [key for key in tree if key not in _RESERVED]


def _deep_merge(present: Tree, added: Mapping[str, Any]) -> None:
    for name, entry in added.items():
        if isinstance(entry, dict) and isinstance(present.get(name), dict):
            _deep_merge(present[name], entry)
        else:
            present[name] = entry
