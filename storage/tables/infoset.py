"""The infoset, one row per item, and with it the attribset; both in two passes over the items.

The first pass finds the fields, their types and their categories, the second writes row groups. Neither keeps rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from zarrpack.storage.tables.arrow_columns import encodable
from zarrpack.storage.tables.attribset import ATTRIBSET_COLUMNS, AttributeRow, category_rows
from zarrpack.storage.tables.declared_types import column_kind, declared_type
from zarrpack.storage.tables.fields import FieldKind, FieldProfile, flat_fields
from zarrpack.storage.tables.parquet import Column, table_writer, write_rows
from zarrpack.storage.tables.routing import ValueKind, declared_categories, declared_field, find_route
from zarrpack.storage.tables.row_groups import RowGroups
from zarrpack.storage.tables.rules import TableRules

__all__ = ["MOST_COLUMNS", "ItemRow", "TablesReport", "write_tables"]

#: Columns of an infoset at the most. What has no column is in `metadata_json`.
MOST_COLUMNS = 2000

_REST = "metadata_json"
_RESERVED = ("id", "name", "description", "flow_name", "subset", "table_name", _REST)
_NO_SUBSET = "N/A"
_AS_CONVERTED = TableRules()
_NOT_SET = "not set"
_VALUE_KINDS: dict[FieldKind, ValueKind] = {"int": "number", "float": "number", "bool": "bool", "string": "string"}


@dataclass(frozen=True, slots=True)
class ItemRow:
    """What the tables say of one item.

    Parameters
    ----------
    code : int
        The item's code, the infoset's ``id``.
    name : str
        Unique among the items.
    description : str
        Where it came from.
    subset : str or None
        ``train``, ``validation`` or ``test``; None: not split yet.
    fields : mapping of str to JSON value
        Everything else. Nested objects become ``a/b``.
    """

    code: int
    name: str
    description: str = ""
    subset: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)


#: Gives the rows, in the order of their codes; called twice, and must give the same rows both times.
Rows: TypeAlias = Callable[[], Iterator[ItemRow]]


@dataclass(frozen=True, slots=True)
class TablesReport:
    """What has been written.

    Parameters
    ----------
    items : int
        Rows of the infoset.
    columns : tuple of str
        Columns of the infoset.
    categorical : tuple of str
        Those with categories in the attribset.
    renamed : mapping of str to str
        Field -> column, where the field's own name was taken.
    overflowed : bool
        Whether there were more fields than columns, so that some are in ``metadata_json``.
    """

    items: int
    columns: tuple[str, ...]
    categorical: tuple[str, ...]
    renamed: Mapping[str, str]
    overflowed: bool


@dataclass(slots=True)
class _Survey:
    """What the first pass finds out."""

    items: int = 0
    profiles: dict[str, FieldProfile] = field(default_factory=dict)
    overflowed: bool = False


def write_tables(
    rows: Rows,
    infoset: Path,
    attribset: Path,
    *,
    flow_name: str | None = None,
    schema: Mapping[str, Any] | None = None,
    rules: TableRules = _AS_CONVERTED,
) -> TablesReport:
    """Write infoset and attribset. Equal rows give equal bytes.

    Parameters
    ----------
    rows : callable giving an iterator of ItemRow
        Called twice.
    infoset, attribset : Path
        The files; what is there is overwritten.
    flow_name : str or None
        Value of the column of that name; None: there is no such column.
    schema : mapping or None
        A user's schema: routing rules and declared fields, possibly in part. A column has the declared dtype if all values
        fit into it.
    rules : TableRules
        How tables are made; if nothing is said, as a conversion does.

    Raises
    ------
    OSError
        If a file cannot be written.
    TypeError
        If a field's value is no JSON value.

    Examples
    --------
    >>> import tempfile
    >>> items = [ItemRow(code, f"item {code}", fields={"colour": "red"}) for code in range(3)]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     report = write_tables(lambda: iter(items), Path(folder, "a.infoset"), Path(folder, "a.attribset"))
    >>> report.items, report.categorical
    (3, ('colour',))
    """
    fixed = [name for name in _RESERVED if name != _REST and (name != "flow_name" or flow_name is not None)]
    survey = _survey(rows(), MOST_COLUMNS - len(fixed), schema)
    names = _column_names(survey.profiles, rules)
    kinds: dict[str, FieldKind] = {}
    columns = [Column(name, "int64" if name == "id" else "string", False) for name in fixed]
    for name, profile in survey.profiles.items():
        kinds[name], type_ = column_kind(profile, declared_type(declared_field(name, schema)))
        columns.append(Column(names[name], type_, profile.present < survey.items))
    columns += [Column(_REST, "string")] if survey.overflowed else []
    with table_writer(infoset, columns) as table:
        groups = RowGroups(table, len(fixed), kinds, overflows=survey.overflowed)
        for row in rows():
            groups.add(_fixed_values(row, flow_name, rules.table_name), row.fields)
        groups.flush()
    # A field that has categories already keeps them all, however its values repeat.
    categorical = [
        name
        for name in kinds
        if _is_categorical(name, kinds[name], survey, schema, rules, has_table=names[name] in rules.dictionary)
    ]
    write_rows(attribset, ATTRIBSET_COLUMNS, _attribute_rows(categorical, survey, names, kinds, schema, rules))
    return TablesReport(
        items=survey.items,
        columns=tuple(column.name for column in columns),
        categorical=tuple(names[name] for name in categorical),
        renamed={name: column for name, column in names.items() if name != column},
        overflowed=survey.overflowed,
    )


def _survey(rows: Iterator[ItemRow], room: int, schema: Mapping[str, Any] | None) -> _Survey:
    survey = _Survey()
    profiles = survey.profiles
    for row in rows:
        survey.items += 1
        for name, value in flat_fields(row.fields).items():
            profile = profiles.get(name)
            if profile is None:
                if survey.overflowed or len(profiles) == room:
                    survey.overflowed = True
                    continue
                profile = profiles[name] = _new_profile(name, schema)
            profile.add(value)
    if survey.overflowed:
        profiles.popitem()  # its column is the one that holds the rest
    return survey


def _new_profile(name: str, schema: Mapping[str, Any] | None) -> FieldProfile:
    target, rule = find_route(name, "number", schema)
    is_categorical = target == "categorical"
    type_ = declared_type(declared_field(name, schema))
    return FieldProfile(
        all_kinds=is_categorical,
        unlimited=is_categorical and rule == "declared",
        bounds=None if type_ is None else type_.bounds,
    )


def _column_names(fields: Iterable[str], rules: TableRules) -> dict[str, str]:
    """Give each field a column name that is its own or, if that is taken, has ``_`` at the end."""
    own = {name: encodable(name) for name in fields}
    taken = {*_RESERVED, ""}.difference(rules.own_columns)
    # A field that is called `id_` keeps its name, wherever the field `id` stands.
    literal = {name for name, column in own.items() if name == column and name not in taken}
    taken |= literal
    names = {}
    for name, column in own.items():
        if name not in literal:
            while column in taken:
                column += "_"
            taken.add(column)
        names[name] = column
    return names


def _fixed_values(row: ItemRow, flow_name: str | None, table_name: str) -> list[Any]:
    flow = [] if flow_name is None else [flow_name]
    return [row.code, row.name, row.description or _NOT_SET, *flow, row.subset or _NO_SUBSET, table_name]


def _is_categorical(
    name: str,
    kind: FieldKind,
    survey: _Survey,
    schema: Mapping[str, Any] | None,
    rules: TableRules,
    *,
    has_table: bool,
) -> bool:
    target, rule = find_route(name, _VALUE_KINDS.get(kind, "other"), schema)
    categories = survey.profiles[name].categories
    if target != "categorical" or categories is None or (name in rules.own_columns and rule != "declared"):
        return False
    if rule == "kind" and kind == "string" and not rules.text_is_categorical and not has_table:
        return 0 < 2 * len(categories) < survey.items
    return rule == "declared" or len(categories) > 0


def _attribute_rows(
    categorical: Iterable[str],
    survey: _Survey,
    names: Mapping[str, str],
    kinds: Mapping[str, FieldKind],
    schema: Mapping[str, Any] | None,
    rules: TableRules,
) -> Iterator[AttributeRow]:
    fields = {name: (names[name], kinds[name], survey.profiles[name].categories or ()) for name in categorical}
    # Declared categories are in the dictionary even if no row has the field.
    for name in declared_categories(schema):
        if name not in names:
            type_ = declared_type(declared_field(name, schema))
            fields[name] = (encodable(name), type_.kind if type_ else "string", ())
    for name, (table, kind, categories) in fields.items():
        declared = declared_field(name, schema)
        known = rules.dictionary.get(table)
        yield from category_rows(table, kind, categories, declared, known, by_value=rules.sorted_categories)
    tables = {table for table, _, _ in fields.values()}
    for table, known in rules.dictionary.items():
        if table not in tables:
            yield from category_rows(table, "int", (), {}, dict(sorted(known.items())))
