"""What is done to rows before they are written: types, dates, partition columns."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from zarrpack.storage.parquet.dates import DATE_COLUMNS, with_date_columns
from zarrpack.storage.parquet.enforcement import CastReport, Enforcement, Policy
from zarrpack.storage.parquet.rows_source import RowsSource
from zarrpack.storage.parquet.schemas import TableSchema
from zarrpack.storage.parquet.timestamps import Timestamps, TimestampUnit

__all__ = ["Preparation", "log_report", "prepare"]


@dataclass(frozen=True, slots=True)
class Preparation:
    """How rows are prepared.

    Parameters
    ----------
    schema : TableSchema or None
        What is enforced; None: nothing.
    policy : {"strict", "coerce", "report"}
        What a cell that does not fit does.
    timestamp_unit : {"s", "ms", "us", "ns"} or None
        The unit of numbers in the timestamp column; None: by their size.
    add_dates : bool
        Whether ``year``, ``month`` and ``day`` are added where they are missing.
    """

    schema: TableSchema | None = None
    policy: Policy = "strict"
    timestamp_unit: TimestampUnit | None = None
    add_dates: bool = False

    @property
    def timestamp_column(self) -> str:
        """The column that holds instants."""
        return (self.schema.timestamp if self.schema is not None else None) or "timestamp"


def prepare(
    source: RowsSource, how: Preparation, partition_columns: Sequence[str] = ()
) -> tuple[RowsSource, CastReport | None]:
    """Give the rows as they are to be written, batch by batch.

    Parameters
    ----------
    source : RowsSource
        The rows.
    how : Preparation
        What is done.
    partition_columns : sequence of str
        Without a schema only the dates among these are added.

    Returns
    -------
    (RowsSource, CastReport or None)
        The report is complete when the rows were read; None without a schema.
    """
    report = None
    is_enforced = how.schema is not None and how.schema.timestamp is not None
    if how.schema is not None:
        enforcement = Enforcement(how.schema, how.policy, how.timestamp_unit)
        source, report = source.mapped(enforcement.apply), enforcement.report
    names = [name for name in DATE_COLUMNS if is_enforced or name in partition_columns]
    if how.add_dates and names:
        column = how.timestamp_column
        # What is enforced is in milliseconds already; anything else has to be read first.
        timestamps = None if is_enforced and how.policy != "report" else Timestamps(column, how.timestamp_unit)

        def dated(table: pa.Table) -> pa.Table:
            return with_date_columns(table, timestamps, timestamp_column=column, names=names)

        source = source.mapped(dated)
    return source, report


def log_report(report: CastReport | None, logger: logging.Logger) -> None:
    """Say in the log what enforcing a schema did."""
    for one in report.columns.values() if report is not None else ():
        if one.lost:
            logger.warning("%s: %d cells do not fit %s: %s", one.column, one.lost, one.expected, one.detail)
        elif one.is_changed:
            logger.info("%s: %s became %s", one.column, one.found, one.expected)
