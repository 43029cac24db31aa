"""Conditions over samples in SQL that can read the samples and nothing else, and can change nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from zarrpack.errors import FormatError, UsageError
from zarrpack.storage.sharded.metadata_indexes import json_path

__all__ = ["authorise", "mapping_condition", "select_samples"]

_TABLES = {"samples", "json_each", "json_tree"}
#: Functions that look at values and make nothing large.
_FUNCTIONS = frozenset(
    (
        "->",
        "->>",
        "abs",
        "avg",
        "ceil",
        "ceiling",
        "coalesce",
        "count",
        "date",
        "datetime",
        "floor",
        "glob",
        "hex",
        "ifnull",
        "iif",
        "instr",
        "json_array_length",
        "json_each",
        "json_extract",
        "json_tree",
        "json_type",
        "json_valid",
        "julianday",
        "length",
        "like",
        "likelihood",
        "likely",
        "ln",
        "log",
        "log10",
        "log2",
        "lower",
        "ltrim",
        "max",
        "min",
        "mod",
        "nullif",
        "pow",
        "power",
        "random",
        "round",
        "rtrim",
        "sign",
        "sqrt",
        "strftime",
        "substr",
        "substring",
        "sum",
        "time",
        "total",
        "trim",
        "trunc",
        "typeof",
        "unicode",
        "unixepoch",
        "unlikely",
        "upper",
    )
)
_OPERATORS = {"=", "==", "!=", "<>", "<", "<=", ">", ">=", "like", "glob", "not like", "not glob"}
#: What SQLite says of conditions in the same class of error as of damaged files.
_USERS_FAULTS = ("malformed JSON", "prohibited", "not authorized")
_VALUE_TYPES = (str, int, float, bool)


def authorise(connection: sqlite3.Connection) -> None:
    """See that a connection can from now on only read ``samples`` and JSON in it.

    Parameters
    ----------
    connection : Connection
        Open for reading; for conditions that users write.
    """
    # They come into being at their first use, which the rules below would not let them.
    connection.execute("SELECT 1 FROM json_each('[]'), json_tree('[]')").fetchall()
    connection.set_authorizer(_decide)


def select_samples(
    connection: sqlite3.Connection,
    column: str,
    condition: str | None,
    params: Sequence[Any] | Mapping[str, Any],
    limit: int | None,
    *,
    is_indexed: bool,
) -> list[Any]:
    """Give a column of the samples that fulfil a condition, in the order in which they were added.

    Parameters
    ----------
    connection : Connection
        After `authorise`.
    column : {"id", "number"}
        What to give.
    condition : str or None
        An SQL expression over the columns of ``samples``; None for all.
    params : sequence or mapping
        Values of its placeholders.
    limit : int or None
        At most so many.
    is_indexed : bool
        Whether an index may serve the condition better than a walk in order.

    Raises
    ------
    UsageError
        If the condition is no single expression, reads something else, or does not fit `params`.
    FormatError
        If the index is damaged.
    """
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 0):
        raise UsageError(f"limit: expected a number from 0, found {limit!r:.40}")
    order = "+number" if is_indexed else "number"
    statement = f"SELECT {column} FROM samples"
    if condition is not None:
        statement += f" WHERE (\n{condition}\n)"
    statement += f" ORDER BY {order}" + ("" if limit is None else f" LIMIT {limit}")
    try:
        if condition is not None:
            # An expression is one in any number of brackets. What closes one to add a query of its own is none in two.
            connection.execute(f"EXPLAIN SELECT {column} FROM samples WHERE ((\n{condition}\n))", params)
        rows = connection.execute(statement, params).fetchall()
    except sqlite3.DatabaseError as exc:
        said = str(exc)
        if type(exc) is sqlite3.DatabaseError and not any(one in said for one in _USERS_FAULTS):
            raise FormatError(f"the index: expected to read it, found: {said}; it is damaged") from exc
        raise _refusal(condition, exc) from exc
    except (ValueError, TypeError, sqlite3.Warning, OverflowError) as exc:
        raise _refusal(condition, exc) from exc
    return [row[0] for row in rows]


def mapping_condition(where: Mapping[str, Any], columns: Mapping[str, str]) -> tuple[str, list[Any]]:
    """Give the SQL of a condition that is written as a mapping.

    Parameters
    ----------
    where : mapping of str to value or (operator, value)
        Metadata key (``a/b`` for nested ones) -> what it must be. None: it is missing or null. Operators are ``= != < <= >
        >= like glob in``, and ``not`` before the last three. All conditions must hold.
    columns : mapping of str to str
        Path of a metadata key -> quoted column that holds it.

    Returns
    -------
    tuple of (str, list)
        Expression and the values of its placeholders.

    Raises
    ------
    UsageError
        If a key, an operator or a value is not as described.

    Examples
    --------
    >>> mapping_condition({"length": (">", 128)}, {})
    ("json_extract(meta_json, '$.length') > ?", [128])
    """
    parts: list[str] = []
    values: list[Any] = []
    for key, wanted in where.items():
        path = json_path(key)
        escaped = path.replace("'", "''")
        column = columns.get(path, f"json_extract(meta_json, '{escaped}')")
        operator, value = wanted if isinstance(wanted, tuple) and len(wanted) == 2 else ("=", wanted)
        operator = " ".join(operator.lower().split()) if isinstance(operator, str) else ""
        if operator in ("in", "not in"):
            items = list(value)
            parts.append(f"{column} {operator} ({', '.join('?' * len(items))})")
            values += [_plain(key, item) for item in items]
        elif operator not in _OPERATORS:
            raise UsageError(f"where {key!r}: expected a value or (operator, value), found {wanted!r:.80}")
        elif value is None:
            parts.append(f"{column} IS {'NOT ' if operator in ('!=', '<>') else ''}NULL")
        else:
            parts.append(f"{column} {operator} ?")
            values.append(_plain(key, value))
    return " AND ".join(parts) or "1", values


def _plain(key: str, value: Any) -> Any:
    value = value.item() if hasattr(value, "item") and not isinstance(value, _VALUE_TYPES) else value
    if not isinstance(value, _VALUE_TYPES):
        raise UsageError(f"where {key!r}: expected text or a number, found {type(value).__name__}")
    return value


def _refusal(condition: str | None, exc: Exception) -> UsageError:
    return UsageError(
        f"query: expected one SQL expression over samples, with values as params, found {condition!r:.120}: {exc}"
    )


def _decide(action: int, first: str | None, second: str | None, _database: str | None, _trigger: str | None) -> int:
    if action == sqlite3.SQLITE_SELECT:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_READ and (first in _TABLES or not first):
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_FUNCTION and (second or "").lower() in _FUNCTIONS:
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY
