"""The attribset: a dictionary of the categories of every categorical field."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from zarrpack.storage.tables.fields import FieldKind
from zarrpack.storage.tables.parquet import Column
from zarrpack.storage.tables.rules import Category

__all__ = ["ATTRIBSET_COLUMNS", "AttributeRow", "category_rows"]

#: (table_name, id, name, description)
AttributeRow: TypeAlias = tuple[str, int, str, str]

#: The columns of every attribset.
ATTRIBSET_COLUMNS = (
    Column("table_name", "string", False),
    Column("id", "int64", False),
    Column("name", "string", False),
    Column("description", "string", False),
)

_NO_DESCRIPTION = "not set"


def category_rows(
    table_name: str,
    kind: FieldKind,
    categories: Iterable[Any],
    declared: Mapping[str, Any],
    known: Mapping[int, Category] | None = None,
    *,
    by_value: bool = False,
) -> Iterator[AttributeRow]:
    """Give the rows of one field, by id; declared values go first.

    Integers are their own ids and are called by their label or their digits, bools are 0 and 1, and anything else is
    counted: declared values from 0 in the schema's order, then those whose ids are known, then others.

    Parameters
    ----------
    table_name : str
        The field's column in the infoset.
    kind : {"bool", "int", "float", "string", "json"}
        The kind of the field's column.
    categories : iterable
        Distinct values as :class:`zarrpack.storage.tables.fields.FieldProfile` has them, by first appearance.
    declared : mapping
        What the schema says of the field: ``values`` and ``labels``, or nothing.
    known : mapping of int to Category, optional
        Ids whose names and descriptions are known. A label of the schema's is stronger than the name.
    by_value : bool
        Whether what is counted stands in the order of its values, not of appearance.

    Examples
    --------
    >>> list(category_rows("colour", "string", ["red", "green"], {}))
    [('colour', 0, 'red', 'not set'), ('colour', 1, 'green', 'not set')]
    >>> list(category_rows("grade", "int", [("int", 7)], {"values": [1, 2], "labels": ["low", "high"]}))
    [('grade', 1, 'low', 'not set'), ('grade', 2, 'high', 'not set'), ('grade', 7, '7', 'not set')]
    """
    known = known or {}
    values = _listed(declared.get("values"))
    labels = _listed(declared.get("labels"))
    labels = labels if len(labels) == len(values) else ()
    observed = [_value(key, kind) for key in categories]
    if kind in ("int", "bool") and all(isinstance(value, int) for value in values):
        names = _own_ids([*values, *sorted(observed)], values, labels, known)
    else:
        observed = _in_order(observed, kind) if by_value else observed
        names = _counted_ids([*map(str, values)], [*map(str, labels)], [*map(str, observed)], known)
    for number, name in names.items():
        description = known[number].description if number in known else ""
        yield table_name, number, name, description or _NO_DESCRIPTION


def _own_ids(
    numbers: Iterable[Any], values: Sequence[Any], labels: Sequence[Any], known: Mapping[int, Category]
) -> dict[int, str]:
    names = {int(value): str(value) for value in numbers}
    names.update({number: category.name for number, category in known.items()})
    names.update({int(value): str(label) for value, label in zip(values, labels, strict=False)})
    return names


def _counted_ids(
    values: Sequence[str], labels: Sequence[str], observed: Sequence[str], known: Mapping[int, Category]
) -> dict[int, str]:
    names = dict(enumerate(dict.fromkeys(values)))
    taken = {*names.values(), *(category.name for category in known.values())}
    for number, category in known.items():
        names.setdefault(number, category.name)
    following = max(names, default=-1) + 1
    names.update(enumerate((text for text in dict.fromkeys(observed) if text not in taken), following))
    names.update(dict(enumerate(labels)))
    return names


def _in_order(observed: Sequence[Any], kind: FieldKind) -> list[Any]:
    return sorted(observed, key=float if kind in ("float", "int") else str)


def _listed(values: object) -> Sequence[Any]:
    return values if isinstance(values, list | tuple) else ()


def _value(key: Any, kind: FieldKind) -> Any:
    """Give the value that a category's key stands for, as the infoset's column has it."""
    if isinstance(key, str):
        return json.dumps(key, ensure_ascii=False) if kind == "json" else key
    type_, value = key
    if kind == "float":
        return repr(float(str(value).strip('"')))
    if kind == "json" and type_ in ("int", "bool"):
        return json.dumps(value)
    return value
