"""Which table a metadata field belongs to: per item (``file_level``), or also in the dictionary of categories.

Three rules, the first that says something decides: the schema declares the field; a pattern matches its name; the kind
of its values. In patterns ``*`` stands for any text and nothing else is special; case does not matter. A nested name ``a/b``
is tried as ``a/b``, ``a_b`` and ``b``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal, NamedTuple, TypeAlias

__all__ = [
    "CATEGORICAL_PATTERNS",
    "FILE_LEVEL_PATTERNS",
    "Route",
    "Target",
    "ValueKind",
    "declared_categories",
    "declared_field",
    "find_route",
    "route",
]

Target: TypeAlias = Literal["file_level", "categorical"]
ValueKind: TypeAlias = Literal["bool", "number", "string", "other"]

#: Patterns of fields with one value per item, where no schema has patterns.
FILE_LEVEL_PATTERNS = ("size_*", "duration_*", "processing_*", "flow_name", "description", "Item", "stream *")
#: Patterns of categorical fields, where no schema has patterns.
CATEGORICAL_PATTERNS = ("*_label", "category", "type", "material_*", "complexity")

#: Kind -> the rules that speak of it, the first that is there decides; without any, numbers alone are file_level.
_RULES_OF_KIND: Mapping[ValueKind, tuple[str, ...]] = {
    "bool": ("default_categorical",),
    "number": ("default_numeric",),
    "string": ("default_string", "default_categorical"),
}


class Route(NamedTuple):
    """Where a field goes, and which rule said so.

    Parameters
    ----------
    target : {"file_level", "categorical"}
        The table.
    rule : {"declared", "pattern", "kind"}
        Declared in the schema, matched by a pattern, or by the kind of the values.
    """

    target: Target
    rule: Literal["declared", "pattern", "kind"]


def route(field: str, value_kind: ValueKind, schema: Mapping[str, Any] | None = None) -> Target:
    """Give the table that a field belongs to.

    Parameters
    ----------
    field : str
        The field's name; nested names have ``/``.
    value_kind : {"bool", "number", "string", "other"}
        What its values are. Lists and mixtures are "other": they have no categories.
    schema : mapping or None
        As :class:`SchemaBuilder` builds it, possibly in part; None: the default patterns and targets.

    Examples
    --------
    >>> route("size_cadfile", "string"), route("file_label", "number"), route("weight", "number")
    ('file_level', 'categorical', 'file_level')
    """
    return find_route(field, value_kind, schema).target


def find_route(field: str, value_kind: ValueKind, schema: Mapping[str, Any] | None = None) -> Route:
    """Give the table that a field belongs to, and the rule that decided; parameters as of :func:`route`.

    Examples
    --------
    >>> find_route("file_label", "number")
    Route(target='categorical', rule='pattern')
    """
    section = _metadata_section(schema)
    if field in _mapping(section, "file_level"):
        return Route("file_level", "declared")
    if field in _mapping(section, "categorical"):
        return Route("categorical", "declared")
    rules = _mapping(section, "routing_rules")
    if _matches(field, rules.get("file_level_patterns"), FILE_LEVEL_PATTERNS):
        return Route("file_level", "pattern")
    if _matches(field, rules.get("categorical_patterns"), CATEGORICAL_PATTERNS):
        return Route("categorical", "pattern")
    return Route(_target_of_kind(value_kind, rules), "kind")


def declared_field(field: str, schema: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Give what the schema declares of a field: ``dtype``, ``values``, ``labels``, ...; empty if it does not.

    Examples
    --------
    >>> declared_field("grade", {"metadata": {"categorical": {"grade": {"dtype": "int32", "values": [0, 1]}}}})["values"]
    [0, 1]
    """
    section = _metadata_section(schema)
    for table in ("file_level", "categorical"):
        declared = _mapping(section, table)
        if field in declared:
            return _mapping(declared, field)
    return {}


def declared_categories(schema: Mapping[str, Any] | None) -> list[str]:
    """Name the categorical fields whose values the schema lists.

    Examples
    --------
    >>> declared_categories({"metadata": {"categorical": {"grade": {"values": [0, 1]}, "colour": {"dtype": "str"}}}})
    ['grade']
    """
    section = _metadata_section(schema)
    file_level, categorical = _mapping(section, "file_level"), _mapping(section, "categorical")
    return [name for name in categorical if name not in file_level and _mapping(categorical, name).get("values")]


def _target_of_kind(value_kind: ValueKind, rules: Mapping[str, Any]) -> Target:
    if value_kind not in _RULES_OF_KIND:
        return "file_level"
    default = "file_level" if value_kind == "number" else "categorical"
    target = next((rules[rule] for rule in _RULES_OF_KIND[value_kind] if rule in rules), default)
    return "categorical" if target == "categorical" else "file_level"


def _metadata_section(schema: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Give the schema's ``metadata``; some files have it nested twice."""
    section = _mapping(schema or {}, "metadata")
    inner = section.get("metadata")
    return inner if isinstance(inner, Mapping) and not section.keys() - {"metadata"} else section


def _mapping(parent: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = parent.get(key)
    return value if isinstance(value, Mapping) else {}


def _matches(field: str, patterns: object, default: Sequence[str]) -> bool:
    chosen = patterns if isinstance(patterns, Sequence) and not isinstance(patterns, str) else default
    names = {field, field.replace("/", "_"), field.rpartition("/")[2]}
    expression = _any_of(tuple(map(str, chosen)))
    return any(expression.fullmatch(name) for name in names)


@lru_cache(maxsize=32)
def _any_of(patterns: tuple[str, ...]) -> re.Pattern[str]:
    alternatives = "|".join(".*".join(map(re.escape, pattern.split("*"))) for pattern in patterns)
    return re.compile(alternatives if patterns else "(?!)", re.IGNORECASE | re.DOTALL)
