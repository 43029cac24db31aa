"""Filters in the form of lists, checked against the columns, as Arrow expressions and in one canonical form."""

from __future__ import annotations

import datetime
import decimal
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from zarrpack.errors import UsageError

__all__ = [
    "OPERATORS",
    "Filters",
    "build_expression",
    "canonical_filters",
    "filtered_columns",
    "interval_of",
    "unknown_column",
]

#: A list of conditions, a list of such lists, or any nesting of these; see :func:`build_expression`.
Filters: TypeAlias = Any

#: What a condition can say.
OPERATORS = ("==", "=", "!=", "<", "<=", ">", ">=", "in", "not in", "is_null", "is_not_null")

_COMPARISONS = {
    "==": pc.equal,
    "!=": pc.not_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}
_WORDS = ("and", "or", "not")
_DEEPEST = 200


def build_expression(filters: Filters, schema: pa.Schema | None) -> pc.Expression | None:
    """Make an Arrow expression.

    A condition is ``(column, operator, value)``, or ``(column, "is_null")``. Conditions in a list must all hold. In a
    list of lists at least one of the lists must hold; a list may also have both, then all its parts must hold. Any nesting
    can be written with ``("and", [...])``, ``("or", [...])`` and ``("not", ...)``. Comparisons are never true of missing
    values; ``in`` and ``not in`` take None for a value like others.

    Parameters
    ----------
    filters : list, tuple, pyarrow.compute.Expression or None
        The conditions; an expression is given back as it is. None and an empty list: everything.
    schema : pyarrow.Schema or None
        The columns, partition columns among them. A value is compared in the type of its column. None: columns and types
        are not checked.

    Returns
    -------
    pyarrow.compute.Expression or None
        None: no filter.

    Raises
    ------
    UsageError
        If a column or an operator is unknown, a value is of another kind than its column, or the form is none of these.

    Examples
    --------
    >>> schema = pa.schema({"symbol": pa.string(), "price": pa.float64()})
    >>> print(build_expression([("symbol", "==", "001"), ("price", ">", 2)], schema))
    ((symbol == "001") and (price > 2))
    """
    if isinstance(filters, pc.Expression):
        return filters
    tree = _parse(filters)
    return None if tree is None else _expression(tree, schema)


def canonical_filters(filters: Filters) -> str:
    """Give a text that is equal for filters that say the same in another order or spelling.

    Parameters
    ----------
    filters : list, tuple or None
        As for :func:`build_expression`, but no expression, because its text leaves out values.

    Raises
    ------
    UsageError
        If it is an expression, or no filter.

    Examples
    --------
    >>> canonical_filters([("b", "=", 1), ("a", "in", [2, 1])]) == canonical_filters([("a", "in", (1, 2)), ("b", "==", 1)])
    True
    """
    if isinstance(filters, pc.Expression):
        raise UsageError("filters: expected lists of conditions, found an Arrow expression, which has no unique text")
    return json.dumps(_canonical(_parse(filters)))


def interval_of(filters: Filters, column: str) -> tuple[int | None, int | None] | None:
    """Give the interval in which a column of whole numbers must lie for a filter to hold.

    Parameters
    ----------
    filters : list, tuple, pyarrow.compute.Expression or None
        As for :func:`build_expression`. Of an expression nothing is known.
    column : str
        The column.

    Returns
    -------
    tuple of (int or None, int or None), or None
        The smallest and the largest value, None where there is no bound; None if nothing is said of the column.

    Examples
    --------
    >>> interval_of([("t", ">", 5), ("t", "<=", 9.5), ("x", "==", 1)], "t"), interval_of([[("t", ">", 5)], [("x", "==", 1)]], "t")
    ((6, 9), None)
    """
    tree = None if isinstance(filters, pc.Expression) else _parse(filters)
    lows, highs = [], []
    for _, operator, value in _required_conditions(tree, column):
        numbers = value if isinstance(value, tuple) else (value,)
        if not numbers or any(type(one) not in (int, float) or not math.isfinite(one) for one in numbers):
            continue
        if operator in ("==", "in", ">=", ">"):
            lows.append(math.floor(min(numbers)) + 1 if operator == ">" else math.ceil(min(numbers)))
        if operator in ("==", "in", "<=", "<"):
            highs.append(math.ceil(max(numbers)) - 1 if operator == "<" else math.floor(max(numbers)))
    return (max(lows, default=None), min(highs, default=None)) if lows or highs else None


def filtered_columns(filters: Filters) -> set[str]:
    """Name the columns that a filter of lists looks at."""
    names: set[str] = set()
    waiting = [tree] if (tree := _parse(filters)) is not None else []
    while waiting:
        one = waiting.pop()
        if one[0] == "not" and len(one) == 2:
            waiting.append(one[1])
        elif len(one) == 2:
            waiting.extend(one[1])
        else:
            names.add(one[0])
    return names


def _required_conditions(tree: tuple[Any, ...] | None, column: str) -> Iterator[tuple[Any, ...]]:
    if tree is None or (tree[0] == "not" and len(tree) == 2):
        return
    if len(tree) == 3:
        if tree[0] == column:
            yield tree
    elif tree[0] == "and" or len(tree[1]) == 1:
        for part in tree[1]:
            yield from _required_conditions(part, column)


def unknown_column(column: object, schema: pa.Schema, where: str) -> UsageError:
    """Make the error for a column that is not there."""
    names = [str(name) for name in schema.names]
    near = get_close_matches(str(column), names, 1)
    hint = f"did you mean {near[0]!r}? There are" if near else "there are"
    return UsageError(f"{where}: unknown column {column!r}; {hint}: {', '.join(names) or 'none'}")


def _parse(filters: Filters, depth: int = 0) -> tuple[Any, ...] | None:
    """Give ("and" | "or", parts), ("not", part) or (column, operator, value); None for no filter."""
    if filters is None or (isinstance(filters, list | tuple) and not filters and depth == 0):
        return None
    if depth > _DEEPEST:
        raise UsageError(f"filters: expected conditions nested at most {_DEEPEST} deep, found more")
    if isinstance(filters, tuple) and not all(isinstance(one, list | tuple) for one in filters):
        return _parse_tuple(filters, depth)
    if not isinstance(filters, list | tuple) or not filters:
        raise UsageError(f"filters: expected a list of (column, operator, value), found {_shown(filters)}")
    parts = tuple(_required(one, depth) for one in filters)
    lists = [isinstance(one, list) for one in filters]
    return ("or" if all(lists) else "and", parts)


def _parse_tuple(condition: tuple[Any, ...], depth: int) -> tuple[Any, ...]:
    word = condition[0]
    if len(condition) == 2 and word in _WORDS and isinstance(condition[1], list | tuple):
        if word == "not":
            return ("not", _required(condition[1], depth))
        if not condition[1] or not all(isinstance(one, list | tuple) for one in condition[1]):
            raise UsageError(f"filters: expected a list of conditions behind {word!r}, found {_shown(condition[1])}")
        return (word, tuple(_required(one, depth) for one in condition[1]))
    if len(condition) not in (2, 3) or not isinstance(word, str) or not isinstance(condition[1], str):
        raise UsageError(f"filters: expected (column, operator, value), found {_shown(condition)}")
    column, operator = word, " ".join(condition[1].split())
    operator = "==" if operator == "=" else operator
    if operator not in OPERATORS:
        near = get_close_matches(operator, OPERATORS, 1)
        hint = f"did you mean {near[0]!r}? Known" if near else "known"
        raise UsageError(f"filters: {column}: unknown operator {condition[1]!r}; {hint}: {', '.join(OPERATORS)}")
    value = condition[2] if len(condition) == 3 else None
    if operator in ("is_null", "is_not_null"):
        if value is False:
            operator = "is_not_null" if operator == "is_null" else "is_null"
        elif value is not None and value is not True:
            raise UsageError(f"filters: {column}: expected nothing or true behind {operator!r}, found {_shown(value)}")
        return (column, operator, None)
    if len(condition) != 3:
        raise UsageError(f"filters: expected (column, operator, value), found {_shown(condition)}")
    return (column, operator, _values(column, operator, value))


def _values(column: str, operator: str, value: Any) -> Any:
    if operator in ("in", "not in"):
        if isinstance(value, str | bytes) or not isinstance(value, Iterable):
            raise UsageError(f"filters: {column}: expected a list of values behind {operator!r}, found {_shown(value)}")
        return tuple(map(_scalar, value))
    if value is None:
        raise UsageError(f"filters: {column}: expected a value behind {operator!r}, found None; use 'is_null'")
    return _scalar(value)


def _scalar(value: Any) -> Any:
    """Give a value of numpy or Arrow as Python's."""
    if isinstance(value, pa.Scalar):
        return value.as_py()
    return value.item() if type(value).__module__ == "numpy" and hasattr(value, "item") else value


def _required(one: Any, depth: int) -> tuple[Any, ...]:
    tree = _parse(one, depth + 1)
    if tree is None:
        raise UsageError("filters: expected conditions, found None inside a list")
    return tree


def _expression(tree: tuple[Any, ...], schema: pa.Schema | None) -> pc.Expression:
    if tree[0] == "not" and len(tree) == 2:
        return ~_expression(tree[1], schema)
    if len(tree) == 2:
        parts = [_expression(part, schema) for part in tree[1]]
        return _joined(parts, pc.Expression.__and__ if tree[0] == "and" else pc.Expression.__or__)
    column, operator, value = tree
    if schema is not None and column not in schema.names:
        raise unknown_column(column, schema, "filters")
    field, type_ = pc.field(column), None if schema is None else schema.field(column).type
    if operator == "is_null":
        return field.is_null()
    if operator == "is_not_null":
        return field.is_valid()
    if operator in ("in", "not in"):
        return _membership(field, operator, _value_set(column, type_, value))
    compared = _literal(column, type_, value)
    return pc.Expression._call(_COMPARISONS[operator].__name__, [field, pc.scalar(compared)])


def _membership(field: pc.Expression, operator: str, values: pa.Array) -> pc.Expression:
    # Missing values by themselves: Arrow's own pruning does not agree with its evaluation about them.
    present, has_null = values.drop_null(), values.null_count > 0
    found = field.isin(present) & field.is_valid()
    if operator == "in":
        return (found | field.is_null()) if has_null else found
    absent = ~field.isin(present)
    return (absent & field.is_valid()) if has_null else (absent | field.is_null())


def _joined(parts: Sequence[pc.Expression], join: Any) -> pc.Expression:
    """Join pairwise, so that a thousand parts are ten levels deep."""
    while len(parts) > 1:
        pairs = [join(parts[at], parts[at + 1]) for at in range(0, len(parts) - 1, 2)]
        parts = [*pairs, *parts[len(pairs) * 2 :]]
    return parts[0]


def _value_set(column: str, type_: pa.DataType | None, values: Sequence[Any]) -> pa.Array:
    if type_ is None:
        return pa.array(values)
    scalars = [_literal(column, type_, value) for value in values if value is not None]
    types = {scalar.type for scalar in scalars}
    target = type_ if types <= {type_} else pa.float64()
    if pa.types.is_dictionary(target):
        target = target.value_type
    fitting = [scalar.cast(target).as_py() for scalar in scalars]
    return pa.array([*fitting, *(None for value in values if value is None)], target)


def _literal(column: str, type_: pa.DataType | None, value: Any) -> pa.Scalar:
    """Give a value in the type of its column, or as a number of its own type where that would change it."""
    if type_ is None:
        return pa.scalar(value)
    if pa.types.is_dictionary(type_):
        type_ = type_.value_type
    try:
        scalar = pa.scalar(value)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as exc:
        raise UsageError(f"filters: {column}: expected a value of type {type_}, found {_shown(value)}") from exc
    if _kind(scalar.type) != _kind(type_):
        raise UsageError(
            f"filters: {column}: expected a value to compare with {type_}, found {_shown(value)}, a {scalar.type}"
        )
    try:
        cast = scalar.cast(type_)
        if cast.as_py() == value or pa.types.is_temporal(type_):
            return cast
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OverflowError, ValueError):
        pass
    return scalar


def _kind(type_: pa.DataType) -> str:
    if pa.types.is_boolean(type_):
        return "bool"
    if pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_decimal(type_):
        return "number"
    if pa.types.is_string(type_) or pa.types.is_large_string(type_) or pa.types.is_string_view(type_):
        return "text"
    if pa.types.is_timestamp(type_) or pa.types.is_date(type_):
        return "instant"
    return str(type_) if not pa.types.is_large_binary(type_) else "binary"


def _canonical(tree: tuple[Any, ...] | None) -> Any:
    if tree is None:
        return None
    if tree[0] == "not" and len(tree) == 2:
        return ["not", _canonical(tree[1])]
    if len(tree) == 2:
        parts = {json.dumps(_canonical(part)): None for part in tree[1]}
        return [tree[0], sorted(parts)] if len(parts) > 1 else json.loads(next(iter(parts)))
    column, operator, value = tree
    if isinstance(value, tuple):
        return [column, operator, sorted({_value_text(one) for one in value})]
    return [column, operator, _value_text(value)]


def _value_text(value: Any) -> str:
    if isinstance(value, None | bool | int | float | str | bytes | decimal.Decimal):
        return f"{type(value).__name__}:{value!r}"
    if isinstance(value, datetime.date | datetime.time | datetime.timedelta):
        return f"{type(value).__name__}:{value!r}"
    raise UsageError(f"filters: expected numbers, texts, bytes or times to compare with, found {_shown(value)}")


def _shown(value: Any) -> str:
    return f"{value!r:.120}" if isinstance(value, str) else repr(value)[:120]
