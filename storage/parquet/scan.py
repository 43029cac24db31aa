"""Rows of a dataset: projected, filtered, in batches of one size, with what was read and allocated counted."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from zarrpack.errors import FormatError, UsageError
from zarrpack.storage.parquet.filters import (
    Filters,
    build_expression,
    filtered_columns,
    interval_of,
    unknown_column,
)
from zarrpack.storage.parquet.manifest import FileEntry
from zarrpack.storage.parquet.memory import CountingPool, counting_pool
from zarrpack.storage.parquet.page_reader import read_interval
from zarrpack.storage.parquet.snapshot import Snapshot

__all__ = ["ScanOptions", "ScanStatistics", "chosen_columns", "read_batches", "read_table"]

_Item = TypeVar("_Item")

# Opening a file by its page index is Python's work; where there are many, Arrow's threads are faster.
_MOST_EDGES = 64
# What is scanned at a time by batches.
_WINDOW_ROWS = 1 << 19
_WINDOW_BYTES = 32 << 20
# A file of fewer rows has two pages at the most; where more is wanted of a file, its indexes are not worth reading.
_FEWEST_ROWS = 30_000
_LARGEST_PART = 0.25


@dataclass(slots=True)
class ScanStatistics:
    """What one scan did.

    Parameters
    ----------
    files : int
        Files opened.
    files_skipped : int
        Files that the manifest alone ruled out.
    files_by_index : int
        Files of which only the pages were read that the page index names.
    rows : int
        Rows given.
    batches : int
        Batches given.
    peak_bytes : int
        Memory that Arrow held for the scan at the most, without what the caller keeps of earlier batches.
    """

    files: int = 0
    files_skipped: int = 0
    files_by_index: int = 0
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
    with _prepared(snapshot, options, columns, streaming=False) as scan, _arrow_errors(snapshot.base):
        tables = [part.to_table() if isinstance(part, ds.Scanner) else part for part in scan.parts()]
        table = pa.concat_tables(tables) if tables else scan.schema.empty_table()
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
    with _prepared(snapshot, options, columns, streaming=True) as scan, _arrow_errors(snapshot.base):
        parts = (part.to_batches() for part in scan.parts())
        for batch in _of_size((batch for one in parts for batch in one), options.batch_size):
            statistics.rows += batch.num_rows
            statistics.batches += 1
            scan.pool.look()
            yield batch


@dataclass(frozen=True, slots=True)
class _Scan:
    """A scan that is ready to run."""

    snapshot: Snapshot
    options: ScanOptions
    columns: list[str]
    expression: pc.Expression | None
    files: tuple[FileEntry, ...]
    pool: CountingPool
    streaming: bool

    @property
    def schema(self) -> pa.Schema:
        return pa.schema([self.snapshot.schema.field(name) for name in self.columns])

    def parts(self) -> Iterator[ds.Scanner | pa.Table]:
        """Give the rows in their order: scanners of files, and tables of files that were read by their page index."""
        waiting: list[FileEntry] = []
        edges = self._edges()
        for entry in self.files:
            table = self._indexed(entry) if entry.path in edges else None
            if table is None:
                waiting.append(entry)
                continue
            yield from map(self._scanner, self._windows(waiting))
            waiting = []
            yield table
        yield from map(self._scanner, self._windows(waiting))

    def _windows(self, files: list[FileEntry]) -> Iterator[ds.Dataset]:
        """Give the files as datasets to scan one after the other.

        By batches they are small, for Arrow decodes ahead of a slow reader, up to a gigabyte of one scan.
        """
        if not self.streaming:
            if files:
                yield self.snapshot.dataset(tuple(files))
            return
        for window in _cut(files, lambda entry: max(entry.rows / _WINDOW_ROWS, entry.size / _WINDOW_BYTES)):
            dataset = self.snapshot.dataset(tuple(window))
            if len(window) > 1 or window[0].rows <= _WINDOW_ROWS:
                yield dataset
                continue
            (fragment,) = dataset.get_fragments()
            groups = fragment.split_by_row_group(filter=self.expression, schema=self.snapshot.schema)
            for some in _cut(groups, lambda group: sum(one.num_rows for one in group.row_groups) / _WINDOW_ROWS):
                yield ds.FileSystemDataset(some, self.snapshot.schema, dataset.format, dataset.filesystem)

    def _edges(self) -> set[str]:
        """Name the files of which the filter can let pass a small part only, by their timestamps; none if they are many."""
        column = self.snapshot.manifest.timestamp_column
        interval = (
            interval_of(self.options.filters, column) if column in self.snapshot.schema.names and column else None
        )
        if interval is None:
            return set()
        edges = {
            one.path for one in self.files if one.rows >= _FEWEST_ROWS and _part_of(one, *interval) <= _LARGEST_PART
        }
        return edges if len(edges) <= _MOST_EDGES else set()

    def _indexed(self, entry: FileEntry) -> pa.Table | None:
        column = self.snapshot.manifest.timestamp_column or ""
        low, high = interval_of(self.options.filters, column) or (None, None)
        needed = [
            name
            for name in self.snapshot.schema.names
            if name in {*self.columns, *filtered_columns(self.options.filters)}
        ]
        try:
            found = read_interval(
                self.snapshot.base / entry.path, column, low, high, [n for n in needed if n not in entry.partition]
            )
            if found is None:
                return None
            fields = [self.snapshot.schema.field(name) for name in needed]
            arrays = [
                pa.repeat(pa.scalar(entry.partition[one.name], one.type), found.num_rows)
                if one.name in entry.partition
                else found.column(one.name).cast(one.type)
                if one.name in found.column_names
                else pa.nulls(found.num_rows, one.type)
                for one in fields
            ]
            table = pa.table(arrays, schema=pa.schema(fields)).filter(self.expression).select(self.columns)
        except (ValueError, KeyError, IndexError, TypeError, OSError, pa.ArrowException):
            return None  # the plain scan reads it, or says what is wrong
        self.options.statistics.files_by_index += 1
        return table

    def _scanner(self, dataset: ds.Dataset) -> ds.Scanner:
        options = self.options
        ahead: dict[str, Any] = {"batch_readahead": 4, "fragment_readahead": 2} if self.streaming else {}
        if options.read_ahead is not None:
            ahead["fragment_readahead"] = options.read_ahead
        return dataset.scanner(
            columns=self.columns,
            filter=self.expression,
            batch_size=options.batch_size,
            use_threads=options.use_threads and options.read_ahead != 1,
            memory_pool=self.pool.pool,
            fragment_scan_options=ds.ParquetFragmentScanOptions(page_checksum_verification=True),
            **ahead,
        )


def _cut(items: Iterable[_Item], share: Callable[[_Item], float]) -> Iterator[list[_Item]]:
    """Group items in their order, so that the shares of a group make one whole at the most; an item alone may be more."""
    group: list[_Item] = []
    total = 0.0
    for item in items:
        part = share(item)
        if group and total + part > 1:
            yield group
            group, total = [], 0.0
        group.append(item)
        total += part
    if group:
        yield group


def _part_of(entry: FileEntry, low: int | None, high: int | None) -> float:
    """Estimate which part of a file's rows lies in an interval, as if its timestamps were spread evenly."""
    if entry.bounds is None:
        return 1.0
    first, last = entry.bounds
    inside = min(last, last if high is None else high) - max(first, first if low is None else low) + 1
    return inside / (last - first + 1)


@contextlib.contextmanager
def _prepared(snapshot: Snapshot, options: ScanOptions, columns: list[str], *, streaming: bool) -> Iterator[_Scan]:
    if type(options.batch_size) is not int or options.batch_size < 1:
        raise UsageError(f"batch_size: expected a whole number of rows from 1 on, found {options.batch_size!r}")
    expression = build_expression(options.filters, snapshot.schema)
    try:
        files = snapshot.surviving(expression)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError, ValueError) as exc:
        raise UsageError(f"filters: expected conditions that fit the columns, found: {exc}") from exc
    options.statistics.files = len(files)
    options.statistics.files_skipped = len(snapshot.manifest.files) - len(files)
    with counting_pool() as pool:
        try:
            yield _Scan(snapshot, options, columns, expression, files, pool, streaming)
        finally:
            pool.look()
            options.statistics.peak_bytes = pool.peak_bytes


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
