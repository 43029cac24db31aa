"""Named schemas of tables: which columns are known, and what type each of them has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType

import pyarrow as pa

from zarrpack.errors import UsageError

__all__ = ["KNOWN_PARTITIONS", "SCHEMAS", "TableSchema", "register_schema", "schema_named", "unregister_schema"]

_TYPES = frozenset(
    (
        *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
        *("float32", "float64", "bool", "string", "binary", "date32"),
    )
)


@dataclass(frozen=True, slots=True)
class TableSchema:
    """The columns that a kind of table may have; columns that it does not name are left as they are.

    Parameters
    ----------
    name : str
        What it is called.
    columns : mapping of str to str
        Column -> type: ``int8`` to ``uint64``, ``float32``, ``float64``, ``bool``, ``string``, ``binary``, ``date32``.
    timestamp : str or None
        The column that holds instants; it becomes int64, milliseconds since 1970 in UTC. None: there is none.

    Raises
    ------
    UsageError
        If a type is none of these, or the timestamp column is not one of the columns or not an int64.

    Examples
    --------
    >>> TableSchema("ticks", {"timestamp": "int64", "price": "float64"}).arrow_type("price")
    DataType(double)
    """

    name: str
    columns: Mapping[str, str]
    timestamp: str | None = "timestamp"

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", MappingProxyType(dict(self.columns)))
        for column, type_ in self.columns.items():
            if type_ not in _TYPES:
                raise UsageError(
                    f"schema {self.name!r}: {column}: expected one of {', '.join(sorted(_TYPES))}, found {type_!r}"
                )
        if self.timestamp is not None and self.columns.get(self.timestamp) != "int64":
            raise UsageError(
                f"schema {self.name!r}: expected the timestamp column {self.timestamp!r} among the columns, as int64; "
                "add it, or say timestamp=None"
            )

    def arrow_type(self, column: str) -> pa.DataType:
        """Give a column's type.

        Raises
        ------
        KeyError
            If the schema does not name the column.
        """
        return pa.type_for_alias(self.columns[column])


_KLINES = {
    "timestamp": "int64",
    "open": "float64",
    "high": "float64",
    "low": "float64",
    "close": "float64",
    "volume": "float64",
}

#: Partition columns of market data. Their types hold wherever nothing else says what a folder's name means.
KNOWN_PARTITIONS: Mapping[str, str] = MappingProxyType(
    {"exchange": "string", "symbol": "string", "timeframe": "string", "year": "int16", "month": "int8", "day": "int8"}
)

#: The schemas that are always there.
SCHEMAS: Mapping[str, TableSchema] = MappingProxyType(
    {
        "klines": TableSchema("klines", _KLINES),
        "aggtrades": TableSchema(
            "aggtrades",
            {
                "timestamp": "int64",
                "price": "float64",
                "quantity": "float64",
                "is_buyer_maker": "bool",
                "agg_trade_id": "int64",
            },
        ),
        "futures": TableSchema("futures", {"timestamp": "int64", "fundingRate": "float64"}),
        "split": TableSchema("split", {"timestamp": "int64", "label": "int64"}),
        "unified": TableSchema(
            "unified",
            {
                **_KLINES,
                **KNOWN_PARTITIONS,
                "trade_volume": "float64",
                "trade_count": "int64",
                "avg_price": "float64",
                "min_price": "float64",
                "max_price": "float64",
                "volume_ratio": "float64",
                "funding_rate": "float64",
            },
        ),
    }
)

_registered: dict[str, TableSchema] = {}


def register_schema(schema: TableSchema, *, replace: bool = False) -> None:
    """Make a schema of one's own known by its name. Not safe for threads.

    Parameters
    ----------
    schema : TableSchema
        The schema.
    replace : bool
        Whether it may take the place of one that was registered before; the built-in ones stay.

    Raises
    ------
    UsageError
        If the name is taken.

    Examples
    --------
    >>> register_schema(TableSchema("ticks", {"timestamp": "int64", "price": "float64"}))
    >>> dict(schema_named("ticks").columns)
    {'timestamp': 'int64', 'price': 'float64'}
    >>> unregister_schema("ticks")
    """
    if schema.name in SCHEMAS or (schema.name in _registered and not replace):
        raise UsageError(f"register_schema: the name {schema.name!r} is taken; choose another")
    _registered[schema.name] = schema


def unregister_schema(name: str) -> None:
    """Forget a schema that was registered.

    Raises
    ------
    UsageError
        If none of that name was.
    """
    if name not in _registered:
        raise UsageError(f"unregister_schema: expected one of {sorted(_registered)}, found {name!r}")
    del _registered[name]


def schema_named(name: str | TableSchema | None) -> TableSchema | None:
    """Find a schema by its name; a schema is given back as it is, and None for None.

    Raises
    ------
    UsageError
        If there is none of that name; the message names the nearest.
    """
    if name is None or isinstance(name, TableSchema):
        return name
    known = {**SCHEMAS, **_registered}
    if name not in known:
        near = get_close_matches(str(name), known, 1)
        hint = f"did you mean {near[0]!r}? Known" if near else "known"
        raise UsageError(f"schema_name: unknown schema {name!r}; {hint}: {', '.join(sorted(known))}")
    return known[name]
