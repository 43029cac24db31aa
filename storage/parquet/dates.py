"""Columns ``year``, ``month`` and ``day`` out of instants."""

from __future__ import annotations

from collections.abc import Collection

import pyarrow as pa
import pyarrow.compute as pc

from zarrpack.errors import UsageError
from zarrpack.storage.parquet.timestamps import Timestamps

__all__ = ["DATE_COLUMNS", "with_date_columns"]

#: Column -> type.
DATE_COLUMNS = {"year": "int16", "month": "int8", "day": "int8"}

_FIRST_MS, _LAST_MS = -62_135_596_800_000, 253_402_300_800_000


def with_date_columns(
    table: pa.Table,
    timestamps: Timestamps | None = None,
    *,
    timestamp_column: str = "timestamp",
    names: Collection[str] = tuple(DATE_COLUMNS),
) -> pa.Table:
    """Add the date of each row's timestamp, in UTC.

    Parameters
    ----------
    table : pyarrow.Table
        Date columns that it has stay as they are. Without the timestamp column nothing is added.
    timestamps : Timestamps, optional
        How to read the timestamps; if not given they are milliseconds since 1970 already, as int64.
    timestamp_column : str
        A missing timestamp gives a missing date.
    names : collection of str
        Which of the columns are wanted.

    Raises
    ------
    UsageError
        If a timestamp is beyond the year 9999 or before the year 1, or cannot be read.

    Examples
    --------
    >>> with_date_columns(pa.table({"timestamp": [1709164800000]})).to_pylist()
    [{'timestamp': 1709164800000, 'year': 2024, 'month': 2, 'day': 29}]
    """
    missing = [name for name in DATE_COLUMNS if name in names and name not in table.column_names]
    if not missing or timestamp_column not in table.column_names:
        return table
    values = table.column(timestamp_column)
    if timestamps is not None:
        values = timestamps.to_milliseconds(values)
    if not pa.types.is_int64(values.type):
        raise UsageError(f"{timestamp_column}: expected milliseconds since 1970, found {values.type}")
    bounds = pc.min_max(values).as_py()
    if bounds["min"] is not None and not (bounds["min"] >= _FIRST_MS and bounds["max"] < _LAST_MS):
        raise UsageError(
            f"{timestamp_column}: expected milliseconds of the years 1 to 9999, found {bounds['min']} to "
            f"{bounds['max']}; say what they are with timestamp_unit="
        )
    instants = values.cast(pa.timestamp("ms"))
    for name in missing:
        part = getattr(pc, name)(instants)
        table = table.append_column(name, part.cast(pa.type_for_alias(DATE_COLUMNS[name])))
    return table
