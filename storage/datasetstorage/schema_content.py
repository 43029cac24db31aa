"""What a schema under construction holds, read from a schema and made into one."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from zarrpack.storage.datasetstorage.declared_values import json_copy
from zarrpack.storage.datasetstorage.group import Group
from zarrpack.storage.datasetstorage.metadata_fields import TABLES, read_metadata

__all__ = ["SchemaContent", "add_missing", "content_of", "schema_of"]

_KEYS = ("version", "domain", "groups", "description", "metadata")


@dataclass(slots=True)
class SchemaContent:
    """The groups of a schema, its metadata section, and keys that are not known. Not safe for threads.

    Parameters
    ----------
    groups : dict of str to Group
        By name.
    metadata : dict
        As :func:`zarrpack.storage.datasetstorage.metadata_fields.read_metadata` gives it.
    other_keys : dict
        What else the schema has.
    """

    groups: dict[str, Group] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=lambda: read_metadata({}))
    other_keys: dict[str, Any] = field(default_factory=dict)


def content_of(schema: Mapping[str, Any]) -> SchemaContent:
    """Give a copy of what a schema holds; parts may be missing, and metadata nested twice.

    Raises
    ------
    TypeError, UsageError
        If something is not as :func:`schema_of` makes it.

    Examples
    --------
    >>> content_of({"groups": {"faces": {"primary_dimension": "face"}}}).groups
    {'faces': Group('faces', 'face', arrays=[])}
    """
    groups = schema.get("groups", {})
    if not isinstance(groups, Mapping):
        raise TypeError(f"groups: expected an object, found {type(groups).__name__}")
    return SchemaContent(
        {name: Group.from_dict(name, part) for name, part in groups.items()},
        read_metadata(schema),
        {key: json_copy(key, schema[key]) for key in schema if key not in _KEYS},
    )


def schema_of(content: SchemaContent, domain: str, version: str, description: str | None) -> dict[str, Any]:
    """Give a schema, which shares nothing with its content.

    Examples
    --------
    >>> list(schema_of(SchemaContent(), "weather", "1.0", None))
    ['version', 'domain', 'groups', 'metadata']
    """
    schema: dict[str, Any] = {"version": version, "domain": domain}
    schema["groups"] = {name: group.to_dict() for name, group in content.groups.items()}
    if description is not None:
        schema["description"] = description
    return schema | {"metadata": deepcopy(content.metadata)} | deepcopy(content.other_keys)


def add_missing(content: SchemaContent, other: SchemaContent) -> None:
    """Add groups, arrays, fields and patterns of another schema, whose content must not be used afterwards.

    What both have stays as it is.
    """
    for group in other.groups.values():
        content.groups.setdefault(group.name, group).add_missing(group)
    mine, theirs = content.metadata, other.metadata
    declared = {name for table in TABLES for name in mine[table]}
    for table in TABLES:
        mine[table] |= {name: spec for name, spec in theirs[table].items() if name not in declared}
    for rule in ("file_level_patterns", "categorical_patterns"):
        patterns = mine["routing_rules"][rule] + theirs["routing_rules"][rule]
        mine["routing_rules"][rule] = list(dict.fromkeys(patterns))
