"""What is known of one Parquet file: rows, bounds of its timestamps, a digest of its bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from zarrpack.errors import FormatError
from zarrpack.storage.parquet.layout import PartitionValue
from zarrpack.storage.parquet.manifest import FileEntry

__all__ = ["file_entry", "read_footer", "sha256_of", "timestamp_bounds"]

_READ_BYTES = 1 << 20


def read_footer(path: Path) -> pq.FileMetaData:
    """Read a file's metadata.

    Raises
    ------
    FormatError
        If it is no Parquet file, or damaged.
    """
    try:
        return pq.read_metadata(path)
    except (pa.ArrowException, OSError) as exc:
        raise FormatError(f"{path}: expected a Parquet file, found: {' '.join(str(exc).split())}") from exc


def file_entry(
    base: Path,
    relative: str,
    partition: Mapping[str, PartitionValue],
    timestamp_column: str | None,
    *,
    digest: bool = True,
) -> FileEntry:
    """Describe a file of a dataset.

    Parameters
    ----------
    base : Path
        The dataset's folder.
    relative : str
        The file's path in it.
    partition : mapping
        The values of its partition columns.
    timestamp_column : str or None
        Whose bounds are wanted.
    digest : bool
        Whether its bytes are read.

    Raises
    ------
    FormatError
        If it is no Parquet file, or damaged.
    """
    path = base / relative
    footer = read_footer(path)
    bounds, nulls = timestamp_bounds(path, footer, timestamp_column)
    return FileEntry(
        path=relative,
        size=path.stat().st_size,
        rows=footer.num_rows,
        sha256=sha256_of(path) if digest else "",
        partition=dict(partition),
        bounds=bounds,
        nulls=nulls,
    )


def timestamp_bounds(path: Path, footer: pq.FileMetaData, column: str | None) -> tuple[tuple[int, int] | None, bool]:
    """Give the smallest and the largest whole number of a column, and whether values may be missing.

    Taken from the row groups' statistics; where one has none, the column is read.

    Parameters
    ----------
    path : Path
        The file.
    footer : pyarrow.parquet.FileMetaData
        Its metadata.
    column : str or None
        A column of int64; others, and None, have no bounds.

    Raises
    ------
    FormatError
        If the column must be read and is damaged.
    """
    schema = footer.schema.to_arrow_schema()
    if column is None or schema.get_field_index(column) < 0 or not pa.types.is_int64(schema.field(column).type):
        return None, True
    names = [footer.schema.column(index).path for index in range(footer.num_columns)]
    position = names.index(column)
    lows, highs, nulls = [], [], False
    for group in range(footer.num_row_groups):
        found: Any = footer.row_group(group).column(position)
        statistics = found.statistics
        if (
            statistics is None
            or not statistics.has_null_count
            or (not statistics.has_min_max and statistics.num_values)
        ):
            return _bounds_by_reading(path, column)
        nulls = nulls or statistics.null_count > 0
        if statistics.has_min_max:
            lows.append(statistics.min)
            highs.append(statistics.max)
    return ((min(lows), max(highs)) if lows else None), nulls


def sha256_of(path: Path) -> str:
    """Give the digest of a file's bytes, hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_READ_BYTES):
            digest.update(piece)
    return digest.hexdigest()


def _bounds_by_reading(path: Path, column: str) -> tuple[tuple[int, int] | None, bool]:
    low: int | None = None
    high, nulls = 0, False
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(columns=[column]):
                values = batch.column(0)
                nulls = nulls or values.null_count > 0
                found = pc.min_max(values).as_py()
                if found["min"] is not None:
                    high = found["max"] if low is None else max(high, found["max"])
                    low = found["min"] if low is None else min(low, found["min"])
    except (pa.ArrowException, OSError) as exc:
        raise FormatError(f"{path}: expected a Parquet file, found: {exc}") from exc
    return (None if low is None else (low, high)), nulls
