"""The ``metadata`` section of a schema: declared fields, routing rules, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias, get_args

import numpy.typing as npt

from zarrpack.errors import UsageError
from zarrpack.storage.datasetstorage.declared_values import checked_text, dtype_name, json_copy, range_problem
from zarrpack.storage.tables.routing import CATEGORICAL_PATTERNS, FILE_LEVEL_PATTERNS, Target

__all__ = [
    "TABLES",
    "default_routing_rules",
    "field_spec",
    "metadata_problems",
    "metadata_section",
    "pattern_list",
    "read_metadata",
]

Spec: TypeAlias = dict[str, Any]

#: The parts of the section that declare fields, in the order in which they decide.
TABLES: tuple[Target, Target] = ("file_level", "categorical")

_PARTS = (*TABLES, "routing_rules")
_PATTERN_LISTS = ("file_level_patterns", "categorical_patterns")


def default_routing_rules() -> dict[str, Any]:
    """Give the routing rules that hold where a schema has none."""
    return {
        "file_level_patterns": list(FILE_LEVEL_PATTERNS),
        "categorical_patterns": list(CATEGORICAL_PATTERNS),
        "default_numeric": "file_level",
        "default_categorical": "categorical",
        "default_string": "categorical",
    }


def pattern_list(where: str, patterns: object) -> list[str]:
    """Give a copy of a list of patterns.

    Raises
    ------
    TypeError
        If it is no list of strings.
    """
    if not isinstance(patterns, list | tuple):
        raise TypeError(f"{where}: expected a list of patterns such as ['size_*'], found {patterns!r}")
    return [checked_text(where, one) for one in patterns]


def field_spec(
    name: str, dtype: npt.DTypeLike, description: str | None, required: bool, rules: Mapping[str, Any]
) -> Spec:
    """Give what a schema says of a metadata field.

    A dtype that is not known is kept, for :func:`metadata_problems` to name. Integers with labels but without values
    get the values 0, 1, 2, ...

    Raises
    ------
    TypeError
        If a part is of the wrong type, or JSON cannot hold a rule.
    UsageError
        If the field has no name. A ValueError.

    Examples
    --------
    >>> field_spec("grade", "int32", None, False, {"labels": ["low", "high"]})
    {'dtype': 'int32', 'required': False, 'values': [0, 1], 'labels': ['low', 'high']}
    """
    where = f"metadata field {name}"
    if not checked_text("metadata field", name):
        raise UsageError("metadata field: expected a name, found none")
    if not isinstance(required, bool):
        raise TypeError(f"{where}: required: expected True or False, found {required!r}")
    spec: Spec = {"dtype": _lenient_dtype(where, dtype), "required": required}
    if description is not None:
        spec["description"] = checked_text(f"{where}: description", description)
    rules = {rule: json_copy(f"{where}: {rule}", value) for rule, value in rules.items() if value is not None}
    labels = rules.get("labels")
    if isinstance(labels, list) and "values" not in rules and spec["dtype"].lstrip("u").startswith("int"):
        rules = {"values": list(range(len(labels)))} | rules
    return spec | rules


def metadata_section(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give a schema's ``metadata``, nested once as it is written here or twice as other programs write it.

    Raises
    ------
    TypeError
        If it is no object.

    Examples
    --------
    >>> metadata_section({"metadata": {"metadata": {"file_level": {}}}})
    {'file_level': {}}
    """
    section = _object("metadata", schema.get("metadata", {}))
    inner = section.get("metadata")
    return inner if isinstance(inner, Mapping) and not section.keys() - {"metadata"} else section


def read_metadata(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Give a schema's whole ``metadata`` section, a copy; parts that are missing have their defaults.

    Raises
    ------
    TypeError, UsageError
        If something is not as a schema builder writes it.

    Examples
    --------
    >>> read_metadata({})["routing_rules"]["default_numeric"]
    'file_level'
    """
    section = metadata_section(schema)
    read: dict[str, Any] = {}
    for table in TABLES:
        fields = _object(f"metadata.{table}", section.get(table, {}))
        read[table] = {name: _declared_field(name, declared) for name, declared in fields.items()}
    rules = default_routing_rules()
    for rule, value in _object("routing_rules", section.get("routing_rules", {})).items():
        where = f"routing_rules.{rule}"
        rules[rule] = pattern_list(where, value) if rule in _PATTERN_LISTS else json_copy(where, value)
    others = {key: json_copy(f"metadata.{key}", value) for key, value in section.items() if key not in _PARTS}
    return read | {"routing_rules": rules} | others


def metadata_problems(section: Mapping[str, Any]) -> list[str]:
    """Say everything that is wrong with a ``metadata`` section, in the order of its parts; empty: nothing.

    Parameters
    ----------
    section : mapping
        As :func:`read_metadata` gives it.
    """
    file_level, categorical = (section[table] for table in TABLES)
    problems = [
        f"{name}: expected in one section, found in file_level and categorical; remove one"
        for name in file_level
        if name in categorical
    ]
    for table in TABLES:
        for name, spec in section[table].items():
            problems += [f"{table}.{name}: {problem}" for problem in _field_problems(spec)]
    for rule, target in section["routing_rules"].items():
        if rule.startswith("default_") and target not in get_args(Target):
            problems.append(f"routing_rules.{rule}: expected 'file_level' or 'categorical', found {target!r}")
    return problems


def _field_problems(spec: Mapping[str, Any]) -> Iterator[str]:
    try:
        dtype_name("dtype", spec["dtype"])
    except UsageError as error:
        yield str(error)
    problem = range_problem(spec)
    if problem is not None:
        yield problem
    values, labels = spec.get("values"), spec.get("labels")
    for rule, listed in (("values", values), ("labels", labels)):
        if listed is not None and not isinstance(listed, list):
            yield f"{rule}: expected a list, found {listed!r}"
            return
    if labels is not None and values is None:
        yield "labels: expected values that they are the names of, found none"
    elif labels is not None and values is not None and len(labels) != len(values):
        yield f"labels: expected one for each of {len(values)} values, found {len(labels)}"


def _declared_field(name: str, declared: Any) -> Spec:
    declared = _object(f"metadata field {name}", declared)
    rules = {key: value for key, value in declared.items() if key not in ("dtype", "description", "required")}
    required = declared.get("required", False)
    return field_spec(name, declared.get("dtype", ""), declared.get("description"), required, rules)


def _lenient_dtype(where: str, dtype: npt.DTypeLike) -> str:
    try:
        return dtype_name(where, dtype)
    except UsageError:
        return checked_text(f"{where}: dtype", dtype if isinstance(dtype, str) else repr(dtype))


def _object(where: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError(f"{where}: expected an object, found {type(value).__name__}")
    return value
