"""Rows of a dataset: projected, filtered, in batches of one size, with what was read and allocated counted."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from zarrpack.errors import FormatError, UsageError
from zarrpack.storage.parquet.filters import Filters, build_expression, unknown_column
from zarrpack.storage.parquet.memory import CountingPool, counting_pool
from zarrpack.storage.parquet.snapshot import Snapshot

__all__ = ["ScanOptions", "ScanStatistics", "chosen_columns", "read_batches", "read_table"]


@dataclass(slots=True)
class ScanStatistics:
    """What one scan did.

    Parameters
    ----------
    files : int
        Files opened.
    files_skipped : int
        Files that the manifest alone ruled out.
    rows : int
        Rows given.
    batches : int
        Batches given.
    peak_bytes : int
        Memory that Arrow held for the scan at the most, without what the caller keeps of earlier batches.
    """

    files: int = 0
    files_skipped: int = 0
    rows: int = 0
    batches: int = 0
    peak_bytes: int = 0


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """What is read, and how.

    Parameters
    ----------
    filters : list or None
        As for :func:`~zarrpack.storage.parquet.filters.build_expression`.
    columns : sequence of str or None
        In the order wanted; None, or none at all: all.
    batch_size : int
        Rows of a batch; the last may have fewer.
    use_threads : bool
        Whether files and columns are read side by side.
    read_ahead : int or None
        Files read ahead; None: as Arrow does.
    """

    filters: Filters = None
    columns: Sequence[str] | None = None
    batch_size: int = 262_144
    use_threads: bool = True
    read_ahead: int | None = None
    statistics: ScanStatistics = field(default_factory=ScanStatistics, compare=False)


def chosen_columns(columns: Sequence[str] | None, schema: pa.Schema) -> list[str]:
    """Give the columns to read.

    Raises
    ------
    UsageError
        If one is unknown or there twice.
    """
    if isinstance(columns, str):
        raise UsageError(f"columns: expected a list of names, found the text {columns!r}")
    names = list(columns or schema.names)
    for name in names:
        if name not in schema.names:
            raise unknown_column(name, schema, "columns")
    if len(set(names)) != len(names):
        raise UsageError(f"columns: expected different names, found {names}")
    return names


def read_table(snapshot: Snapshot, options: ScanOptions) -> pa.Table:
    """Read all chosen rows into one table.

    Raises
    ------
    UsageError
        If a filter or a column does not fit the dataset.
    FormatError
        If a file is missing or damaged.
    """
    columns = chosen_columns(options.columns, snapshot.schema)
    with _scanner(snapshot, options, columns, streaming=False) as (scanner, _), _arrow_errors(snapshot.base):
        table = scanner.to_table()
    options.statistics.rows = table.num_rows
    return table


def read_batches(snapshot: Snapshot, options: ScanOptions) -> Iterator[pa.RecordBatch]:
    """Give all chosen rows in batches of exactly `batch_size` rows, but for the last.

    Raises
    ------
    UsageError
        If a filter or a column does not fit the dataset.
    FormatError
        If a file is missing or damaged.
    """
    columns = chosen_columns(options.columns, snapshot.schema)
    statistics = options.statistics
    with _scanner(snapshot, options, columns, streaming=True) as (scanner, pool), _arrow_errors(snapshot.base):
        for batch in _of_size(scanner.to_batches(), options.batch_size):
            statistics.rows += batch.num_rows
            statistics.batches += 1
            pool.look()
            yield batch


@contextlib.contextmanager
def _scanner(
    snapshot: Snapshot, options: ScanOptions, columns: list[str], *, streaming: bool
) -> Iterator[tuple[ds.Scanner, CountingPool]]:
    if type(options.batch_size) is not int or options.batch_size < 1:
        raise UsageError(f"batch_size: expected a whole number of rows from 1 on, found {options.batch_size!r}")
    expression = build_expression(options.filters, snapshot.schema)
    dataset = snapshot.dataset()
    ahead: dict[str, Any] = {"batch_readahead": 4, "fragment_readahead": 2} if streaming else {}
    if options.read_ahead is not None:
        ahead["fragment_readahead"] = options.read_ahead
    options.statistics.files = _count_files(dataset, expression)
    options.statistics.files_skipped = len(snapshot.manifest.files) - options.statistics.files
    with counting_pool() as pool:
        try:
            scanner = dataset.scanner(
                columns=columns,
                filter=expression,
                batch_size=options.batch_size,
                use_threads=options.use_threads and options.read_ahead != 1,
                memory_pool=pool.pool,
                fragment_scan_options=ds.ParquetFragmentScanOptions(page_checksum_verification=True),
                **ahead,
            )
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError, ValueError) as exc:
            raise UsageError(f"filters: expected conditions that fit the columns, found: {exc}") from exc
        try:
            yield scanner, pool
        finally:
            del scanner
            pool.look()
            options.statistics.peak_bytes = pool.peak_bytes


def _count_files(dataset: ds.Dataset, expression: pc.Expression | None) -> int:
    return sum(1 for _ in dataset.get_fragments(filter=expression))


def _of_size(batches: Iterator[pa.RecordBatch], size: int) -> Iterator[pa.RecordBatch]:
    """Cut and join batches; what is large enough already is sliced, not copied."""
    waiting: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        while rows + batch.num_rows >= size:
            head = batch.slice(0, size - rows)
            yield _joined([*waiting, head])
            batch = batch.slice(size - rows)
            waiting, rows = [], 0
        if batch.num_rows:
            waiting.append(batch)
            rows += batch.num_rows
    if waiting:
        yield _joined(waiting)


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    return batches[0] if len(batches) == 1 else pa.concat_batches(batches)


@contextlib.contextmanager
def _arrow_errors(base: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as exc:
        raise FormatError(f"{base}: expected all files that the dataset lists, found one missing: {exc}") from exc
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError, OSError) as exc:
        if isinstance(exc, FormatError):
            raise
        raise FormatError(f"{base}: expected Parquet files, found: {' '.join(str(exc).split())}") from exc
