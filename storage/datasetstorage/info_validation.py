"""What in files' metadata is not as the schema declares it; all of it is kept, and said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from zarrpack.storage.datasetstorage.metadata_fields import TABLES, metadata_section
from zarrpack.storage.datasetstorage.validation import describe_field_misfit

__all__ = ["field_problems", "listed"]

_MOST_NAMES = 3


def field_problems(files: Iterable[tuple[str, Mapping[str, Any]]], schema: Mapping[str, Any]) -> list[str]:
    """Say which declared fields are missing or are not as declared.

    Parameters
    ----------
    files : iterable of (name, fields)
        Fields by whole name: nested ones are ``a/b``.
    schema : mapping
        A schema, possibly in part.

    Returns
    -------
    list of str
        One for each field and kind of misfit, with the files' names.

    Examples
    --------
    >>> schema = {"metadata": {"categorical": {"grade": {"dtype": "int32", "values": [0, 1]}}}}
    >>> field_problems([("a", {"grade": 1}), ("b", {"grade": 7})], schema)
    ['grade: expected one of [0, 1], found 7 in b']
    """
    declared = _declared(schema)
    missing: dict[str, list[str]] = {}
    misfits: dict[str, tuple[str, list[str]]] = {}
    for name, fields in files:
        for field, spec in declared.items():
            value = fields.get(field)
            if value is None:
                if spec.get("required") is True:
                    missing.setdefault(field, []).append(name)
                continue
            misfit = describe_field_misfit(spec, value)
            if misfit is not None:
                misfits.setdefault(field, (misfit, []))[1].append(name)
    problems = [f"{field}: required, missing in {listed(names)}" for field, names in missing.items()]
    return problems + [f"{field}: {misfit} in {listed(names)}" for field, (misfit, names) in misfits.items()]


def listed(names: Iterable[str]) -> str:
    """Give the first few names, and how many more there are.

    Examples
    --------
    >>> listed(["a", "b", "c", "d", "e"])
    'a, b, c and 2 more'
    """
    names = list(names)
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more


def _declared(schema: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    try:
        section = metadata_section(schema)
    except TypeError:
        return {}
    declared: dict[str, Mapping[str, Any]] = {}
    for table in TABLES:
        fields = section.get(table)
        for name, spec in fields.items() if isinstance(fields, Mapping) else ():
            if isinstance(spec, Mapping):
                declared.setdefault(name, spec)
    return declared
