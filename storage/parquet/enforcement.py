"""Columns brought to the types that a schema names, with a report of what that did."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from zarrpack.errors import UsageError
from zarrpack.storage.parquet.schemas import TableSchema
from zarrpack.storage.parquet.timestamps import Timestamps, TimestampUnit

__all__ = ["CastReport", "ColumnCast", "Enforcement", "Policy"]

Policy: TypeAlias = Literal["strict", "coerce", "report"]


@dataclass(slots=True)
class ColumnCast:
    """What became of one column.

    Parameters
    ----------
    column : str
        Its name.
    found, expected : str
        Its type, and that of the schema.
    lost : int
        Cells that do not fit: missing values now (``coerce``), or the reason why the column was left as it is (``report``).
    detail : str
        The first of them, in words; empty if there is none.
    """

    column: str
    found: str
    expected: str
    lost: int = 0
    detail: str = ""

    @property
    def is_changed(self) -> bool:
        """Whether the column was not of the type already."""
        return self.found != self.expected


@dataclass(slots=True)
class CastReport:
    """What enforcing a schema did, over all batches.

    Parameters
    ----------
    schema : str
        The schema's name.
    columns : dict of str to ColumnCast
        By column, those of the schema that the table has.
    missing : tuple of str
        Columns of the schema that the table does not have.
    """

    schema: str
    columns: dict[str, ColumnCast] = field(default_factory=dict)
    missing: tuple[str, ...] = ()

    @property
    def lost(self) -> int:
        """How many cells did not fit."""
        return sum(one.lost for one in self.columns.values())


class Enforcement:
    """Brings tables of one stream to a schema, batch by batch. Not safe for threads; inputs are never changed.

    Parameters
    ----------
    schema : TableSchema
        What is wanted.
    policy : {"strict", "coerce", "report"}
        What a cell that does not fit does: end it with an error, become a missing value, or leave its whole column (of that
        batch) as it is, noted in the report. The instants of a timestamp column must always fit, except with ``report``.
    timestamp_unit : {"s", "ms", "us", "ns"} or None
        The unit of numbers in the timestamp column; None: by their size.

    Attributes
    ----------
    report : CastReport
        What was done so far.

    Raises
    ------
    UsageError
        If the policy or the unit is none of these.

    Examples
    --------
    >>> from zarrpack.storage.parquet.schemas import SCHEMAS
    >>> enforcement = Enforcement(SCHEMAS["futures"], policy="coerce")
    >>> table = pa.table({"timestamp": [1704067200], "fundingRate": ["n/a"]})
    >>> enforcement.apply(table).to_pylist(), enforcement.report.lost
    ([{'timestamp': 1704067200000, 'fundingRate': None}], 1)
    """

    def __init__(
        self, schema: TableSchema, policy: Policy = "strict", timestamp_unit: TimestampUnit | None = None
    ) -> None:
        if policy not in ("strict", "coerce", "report"):
            raise UsageError(f"policy: expected strict, coerce or report, found {policy!r}")
        self._schema = schema
        self._policy = policy
        self._timestamps = Timestamps(schema.timestamp or "", timestamp_unit)
        self.report = CastReport(schema.name)

    def apply(self, table: pa.Table) -> pa.Table:
        """Give the table with the schema's types.

        Parameters
        ----------
        table : pyarrow.Table
            Not changed; columns that are of their type already share its memory.

        Raises
        ------
        UsageError
            If a value does not fit and the policy is ``strict``; or an instant does not, and it is not ``report``.
        """
        self.report.missing = tuple(name for name in self._schema.columns if name not in table.column_names)
        for name in self._schema.columns:
            if name in table.column_names:
                position = table.column_names.index(name)
                column = self.column(name, table.column(position))
                table = table.set_column(position, table.schema.field(position).with_type(column.type), column)
        return table

    def column(self, name: str, values: pa.ChunkedArray) -> pa.ChunkedArray | pa.Array:
        """Give one column with the schema's type.

        Parameters
        ----------
        name : str
            A column of the schema.
        values : pyarrow.ChunkedArray
            Its values.

        Raises
        ------
        UsageError
            As :meth:`apply`.
        """
        expected = self._schema.arrow_type(name)
        cast = self.report.columns.setdefault(name, ColumnCast(name, str(values.type), str(expected)))
        if name == self._schema.timestamp:
            return self._instants(cast, values)
        if values.type == expected:
            return values
        plain = _plain(values)
        try:
            return _cast(plain, expected)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as exc:
            if self._policy == "strict":
                raise UsageError(
                    f"{name}: expected values that fit {expected}, found {_one_line(exc)}; correct them, or choose "
                    "policy='coerce' (missing instead) or 'report' (left as they are)"
                ) from exc
            fitting, lost = _fitting(plain, expected)
            cast.lost += lost
            cast.detail = cast.detail or _one_line(exc)
            return values if self._policy == "report" else fitting

    def _instants(self, cast: ColumnCast, values: pa.ChunkedArray) -> pa.ChunkedArray | pa.Array:
        try:
            return self._timestamps.to_milliseconds(values)
        except UsageError as exc:
            if self._policy != "report":
                raise
            cast.lost += len(values)
            cast.detail = cast.detail or str(exc)
            return values


def _plain(values: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        return pc.utf8_trim_whitespace(values)
    return values


def _cast(values: Any, expected: pa.DataType) -> Any:
    """Cast without loss."""
    if pa.types.is_boolean(expected) and (pa.types.is_integer(values.type) or pa.types.is_floating(values.type)):
        cast = values.cast(expected)  # Arrow takes any number but 0 for true
        if not pc.all(pc.equal(cast.cast(pa.float64()), values.cast(pa.float64())), min_count=0).as_py():
            raise pa.ArrowInvalid("a number that is neither 0 nor 1")
        return cast
    if pa.types.is_float32(expected) and pa.types.is_floating(values.type):
        return values.cast(expected)
    return values.cast(expected)


def _fitting(values: pa.ChunkedArray, expected: pa.DataType) -> tuple[pa.Array, int]:
    """Cast cell by cell, each distinct value once; give how many cells became missing."""
    encoded = values.combine_chunks()
    if not pa.types.is_dictionary(encoded.type):
        encoded = encoded.dictionary_encode()
    distinct = []
    for index in range(len(encoded.dictionary)):
        try:
            distinct.append(_cast(encoded.dictionary.slice(index, 1), expected)[0].as_py())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            distinct.append(None)
    fitting = pa.array(distinct, expected).take(encoded.indices)
    return fitting, fitting.null_count - encoded.null_count


def _one_line(exc: Exception) -> str:
    return " ".join(str(exc).split())[:200]
