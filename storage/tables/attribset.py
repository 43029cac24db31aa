"""The attribset: a dictionary of the categories of every categorical field."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from zarrpack.storage.tables.fields import FieldKind
from zarrpack.storage.tables.parquet import Column

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
    table_name: str, kind: FieldKind, categories: Iterable[Any], declared: Mapping[str, Any]
) -> Iterator[AttributeRow]:
    """Give the rows of one field, by id; declared values go first.

    Integers are their own ids and are called by their label or their digits, bools are 0 and 1, and anything else is
    counted from 0: declared values in the schema's order, others by first appearance.

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

    Examples
    --------
    >>> list(category_rows("colour", "string", ["red", "green"], {}))
    [('colour', 0, 'red', 'not set'), ('colour', 1, 'green', 'not set')]
    >>> list(category_rows("grade", "int", [("int", 7)], {"values": [1, 2], "labels": ["low", "high"]}))
    [('grade', 1, 'low', 'not set'), ('grade', 2, 'high', 'not set'), ('grade', 7, '7', 'not set')]
    """
    values = _listed(declared.get("values"))
    labels = _listed(declared.get("labels"))
    observed = [_value(key, kind) for key in categories]
    if kind in ("int", "bool") and all(isinstance(value, int) for value in values):
        names = {int(value): str(value) for value in [*values, *sorted(observed)]}
        if len(labels) == len(values):
            names.update({int(value): str(label) for value, label in zip(values, labels, strict=True)})
    else:
        texts = dict.fromkeys([*map(str, values), *map(str, observed)])
        names = dict(enumerate(texts))
        if len(labels) == len(values):
            names.update(dict(enumerate(map(str, labels))))
    for number, name in names.items():
        yield table_name, number, name, _NO_DESCRIPTION


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
