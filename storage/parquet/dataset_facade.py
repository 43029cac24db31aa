"""Partitioned Parquet datasets behind one class, with the method names that older scripts know."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa

from zarrpack.errors import UsageError
from zarrpack.storage.parquet.compaction import compact
from zarrpack.storage.parquet.dataset_reader import DatasetReader
from zarrpack.storage.parquet.enforcement import Enforcement, Policy
from zarrpack.storage.parquet.filters import Filters
from zarrpack.storage.parquet.frames import enforced_frame
from zarrpack.storage.parquet.health import rebuild_manifest
from zarrpack.storage.parquet.migration import migrate
from zarrpack.storage.parquet.preparation import Preparation, log_report, prepare
from zarrpack.storage.parquet.projections import materialize, write_flat
from zarrpack.storage.parquet.row_groups import Encoding, group_sizes
from zarrpack.storage.parquet.rows_source import Rows, rows_source
from zarrpack.storage.parquet.schemas import TableSchema, schema_named
from zarrpack.storage.parquet.snapshot import open_snapshot
from zarrpack.storage.parquet.timestamps import TimestampUnit
from zarrpack.storage.parquet.writing import WriteMode, WriteOptions, write_plain_tree, write_rows

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ParquetDatasetManager"]

_Path: TypeAlias = str | os.PathLike[str]

_MIN_GROUP_ROWS = 50_000
_MAX_FILE_ROWS = 5_000_000
_TWO_DIGITS = {"month": 2, "day": 2}


class ParquetDatasetManager(DatasetReader):
    """Writes, reads and keeps partitioned Parquet datasets.

    A dataset is a folder of ``key=value`` folders with Parquet files, and a manifest that says which files belong to it.
    Every change is one commit: readers see the state before or after it, also when a writer is killed. Safe in threads
    and processes of one machine; nothing of the process is changed, neither Arrow's memory pool nor its threads.

    Parameters
    ----------
    logger : logging.Logger, optional
        Where messages go; ``zarrpack.storage.parquet`` if not given.

    Attributes
    ----------
    last_scan : ScanStatistics
        What the last scan of this object did: files opened and skipped, rows, Arrow's peak memory.

    Examples
    --------
    >>> import tempfile, pandas as pd
    >>> frame = pd.DataFrame({"timestamp": [1704067200, 1704153600], "symbol": ["001", "002"], "close": [1.5, 2.5]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     pdm = ParquetDatasetManager()
    ...     pdm.write_partitioned_dataset(frame, folder, ["symbol", "year"], "unified")
    ...     found = pdm.scan_dataset(folder, filters=[("symbol", "==", "002")], columns=["timestamp", "symbol"])
    ...     found.values.tolist(), pdm.get_latest_timestamp(folder)
    ([[1704153600000, '002']], 1704153600000)
    """

    def enforce_schema(
        self,
        df: pd.DataFrame | pa.Table,
        schema_name: str | TableSchema | None,
        *,
        policy: Policy = "strict",
        timestamp_unit: TimestampUnit | None = None,
    ) -> Any:
        """Bring known columns to the types of a schema, and timestamps to milliseconds since 1970 in UTC.

        Parameters
        ----------
        df : DataFrame or pyarrow.Table
            Never changed.
        schema_name : str, TableSchema or None
            ``klines``, ``aggtrades``, ``futures``, ``split``, ``unified``, or one that was registered. None: nothing is done.
        policy : {"strict", "coerce", "report"}
            What a cell that does not fit does: raise, become a missing value, or leave its column as it is.
            The log says what was done.
        timestamp_unit : {"s", "ms", "us", "ns"}, optional
            The unit of numbers in the timestamp column; told from their size if not given.

        Returns
        -------
        DataFrame or pyarrow.Table
            As was given.

        Raises
        ------
        UsageError
            If the schema is unknown or a value does not fit.
        """
        schema = schema_named(schema_name)
        if schema is None:
            return df
        enforcement = Enforcement(schema, policy, timestamp_unit)
        if isinstance(df, pa.Table):
            result = enforcement.apply(df)
        else:
            result = enforced_frame(df, enforcement, [name for name in schema.columns if name in df.columns])
        log_report(enforcement.report, self.logger)
        return result

    def write_partitioned_dataset(
        self,
        df: Rows,
        base_dir: _Path,
        partition_cols: Sequence[str],
        schema_name: str | TableSchema | None = None,
        compression: str | None = "snappy",
        use_dictionary: bool = True,
        min_rows_per_group: int = _MIN_GROUP_ROWS,
        max_rows_per_file: int = _MAX_FILE_ROWS,
        use_threads: bool = True,
        update_manifest: bool = True,
        metadata: Mapping[str, str] | None = None,
        auto_add_date_columns: bool = True,
        *,
        mode: WriteMode = "append",
        policy: Policy = "strict",
        timestamp_unit: TimestampUnit | None = None,
        zero_pad_dates: bool = False,
    ) -> None:
        """Write rows to a dataset, in one commit.

        Parameters
        ----------
        df : DataFrame, pyarrow.Table, RecordBatchReader, or iterable of DataFrames, Tables or RecordBatches
            A stream is read once, batch by batch, and never held as a whole.
        base_dir : path-like
            The dataset's folder; made where it is missing.
        partition_cols : sequence of str
            Columns whose values become folders, in that order.
        schema_name : str, TableSchema or None
            As for :meth:`enforce_schema`.
        compression : str or None
            ``snappy``, ``zstd``, ``gzip``, ``brotli``, ``lz4`` or ``none``.
        use_dictionary : bool
            Whether repeated values are stored once.
        min_rows_per_group, max_rows_per_file : int
            Rows; the first gives way where they do not fit together.
        use_threads : bool
            Whether Arrow encodes in several threads. Rows keep their order in each partition either way.
        update_manifest : bool
            False: the files are added to a plain tree without a manifest, which must not have one.
        metadata : mapping of str to str, optional
            Written to every file.
        auto_add_date_columns : bool
            Whether ``year``, ``month`` and ``day`` (UTC) are added where they are missing; without a schema those only that
            are partition columns.
        mode : {"append", "overwrite_partitions", "overwrite", "error"}
            What happens to rows that are there already: they stay; those in the partitions that are written
            go; all go; or it is an error that there are any.
        policy, timestamp_unit
            As for :meth:`enforce_schema`.
        zero_pad_dates : bool
            Whether folders are named ``month=01`` instead of ``month=1``.

        Raises
        ------
        UsageError
            If an argument is wrong or rows do not fit.
        OutputRefused
            If the mode forbids it, or the folder cannot be written.
        """
        if isinstance(partition_cols, str):
            raise UsageError(f"partition_cols: expected a list of names, found the text {partition_cols!r}")
        schema = schema_named(schema_name)
        how = Preparation(schema, policy, timestamp_unit, auto_add_date_columns)
        source, report = prepare(rows_source(df), how, partition_cols)
        options = WriteOptions(
            tuple(partition_cols),
            group_sizes(min_rows_per_group, max_rows_per_file, self.logger),
            Encoding(compression, use_dictionary),
            use_threads=use_threads,
            timestamp_column=how.timestamp_column,
            widths=_TWO_DIGITS if zero_pad_dates else {},
            metadata=_checked_metadata(metadata),
        )
        if update_manifest:
            manifest = write_rows(Path(base_dir), source, options, mode)
            self.logger.info("%s: %d rows in %d files", base_dir, manifest.rows, len(manifest.files))
        else:
            write_plain_tree(Path(base_dir), source, options, mode)
        log_report(report, self.logger)

    def write_flat_parquet(
        self,
        df: pd.DataFrame | pa.Table,
        file_path: _Path,
        schema_name: str | TableSchema | None = None,
        compression: str | None = "snappy",
        use_dictionary: bool = True,
        row_group_size: int = 128_000,
        write_statistics: bool = True,
        metadata: Mapping[str, str] | None = None,
        *,
        policy: Policy = "strict",
        timestamp_unit: TimestampUnit | None = None,
    ) -> None:
        """Write one Parquet file; it appears under its name when it is whole.

        Parameters
        ----------
        df : DataFrame or pyarrow.Table
            The rows.
        file_path : path-like
            The file; one of that name is replaced.
        schema_name, compression, use_dictionary, metadata, policy, timestamp_unit
            As for :meth:`write_partitioned_dataset`.
        row_group_size : int
            Rows of a row group at the most.
        write_statistics : bool
            Whether row groups and pages say their smallest and largest values.

        Raises
        ------
        UsageError
            If an argument is wrong or rows do not fit.
        OutputRefused
            If the file cannot be written.
        """
        if type(row_group_size) is not int or row_group_size < 1:
            raise UsageError(f"row_group_size: expected a whole number of rows from 1 on, found {row_group_size!r}")
        source, report = prepare(rows_source(df), Preparation(schema_named(schema_name), policy, timestamp_unit))
        table = pa.concat_tables(source.tables).replace_schema_metadata(_checked_metadata(metadata) or None)
        options = {**Encoding(compression, use_dictionary).options(), "write_statistics": write_statistics}
        write_flat(table, Path(file_path), options, row_group_size)
        log_report(report, self.logger)

    def update_manifest(self, base_dir: _Path, ts_column: str = "timestamp") -> None:
        """Make the manifest anew from the files that are there.

        For folders that other tools have written or changed; datasets that are written here need it never. Files that
        cannot be read, or that have gone, are named in the log.

        Parameters
        ----------
        base_dir : path-like
            The dataset's folder.
        ts_column : str
            The column whose bounds the manifest has.
        """
        rebuild_manifest(Path(base_dir), ts_column, self.logger)

    def materialize_projection(
        self,
        base_dir: _Path,
        filters: Filters,
        columns: Sequence[str] | None,
        output_dir: _Path,
        partition_cols: Sequence[str],
        schema_name: str | TableSchema | None = "split",
        compression: str | None = "snappy",
        batch_size: int | None = None,
        metadata: Mapping[str, str] | None = None,
        *,
        mode: WriteMode = "error",
    ) -> _Path:
        """Write a projection as a dataset of its own, batch by batch, in one commit.

        Parameters
        ----------
        base_dir, filters, columns, batch_size
            As for :meth:`scan_dataset`.
        output_dir : path-like
            The new dataset's folder.
        partition_cols, schema_name, compression, metadata, mode
            As for :meth:`write_partitioned_dataset`. Dates are added where they are partition columns.

        Returns
        -------
        path-like
            `output_dir`.

        Raises
        ------
        NothingUsable
            If no row passes the filters; also a ValueError. Nothing is written.
        UsageError
            If an argument is wrong.
        OutputRefused
            If the mode forbids it, or the folder cannot be written.
        """
        schema = schema_named(schema_name)
        how = Preparation(schema, add_dates=any(name in ("year", "month", "day") for name in partition_cols))
        options = WriteOptions(
            tuple(partition_cols),
            group_sizes(_MIN_GROUP_ROWS, _MAX_FILE_ROWS),
            Encoding(compression),
            timestamp_column=how.timestamp_column,
            metadata=_checked_metadata(metadata),
        )
        scan = self._scan_options(filters, columns, batch_size, use_threads=True)
        materialize(Path(base_dir), scan, Path(output_dir), how, options, mode)
        self.last_scan = scan.statistics
        return output_dir

    def compact_dataset(
        self,
        base_dir: _Path,
        output_dir: _Path | None = None,
        compression: str | None = "snappy",
        min_rows_per_group: int | None = None,
        max_rows_per_file: int | None = None,
    ) -> Path | None:
        """Make few files of many, partition by partition; rows are counted and compared before old files go.

        Parameters
        ----------
        base_dir : path-like
            The dataset.
        output_dir : path-like, optional
            Where a compacted copy goes; None: the dataset itself is changed, partition by partition, each in one commit.
        compression : str or None
            Of the new files.
        min_rows_per_group, max_rows_per_file : int, optional
            As for :meth:`write_partitioned_dataset`.

        Returns
        -------
        Path or None
            Where the compact dataset is; None if there are no rows.

        Raises
        ------
        UsageError
            If an argument is wrong.
        """
        base, target = Path(base_dir), None if output_dir is None else Path(output_dir)
        if target is not None and target.resolve() == base.resolve():
            raise UsageError(f"output_dir: expected another folder than {base}; leave it out to compact in place")
        with open_snapshot(base) as snapshot:
            manifest = snapshot.manifest
        if not manifest.rows:
            return None
        sizes = group_sizes(
            _MIN_GROUP_ROWS if min_rows_per_group is None else min_rows_per_group,
            _MAX_FILE_ROWS if max_rows_per_file is None else max_rows_per_file,
            self.logger,
        )
        options = WriteOptions(
            manifest.partition_columns,
            sizes,
            Encoding(compression),
            timestamp_column=manifest.timestamp_column,
            widths=manifest.widths,
        )
        count = compact(base, options, target)
        self.logger.info("%s: %d partitions rewritten", base, count)
        return base if target is None else target

    def migrate_flat_parquet_dir_to_partitioned(
        self,
        src_dir: _Path,
        dst_base_dir: _Path,
        schema_name: str | TableSchema | None,
        static_columns: Mapping[str, Any] | None = None,
        compression: str | None = "snappy",
        *,
        partition_cols: Sequence[str] | None = None,
        skip_unreadable: bool = False,
        delete_source: bool = False,
        policy: Policy = "strict",
        timestamp_unit: TimestampUnit | None = None,
    ) -> None:
        """Bring a folder of single Parquet files into a dataset, file by file, in one commit.

        Parameters
        ----------
        src_dir : path-like
            The folder; sub-folders count.
        dst_base_dir : path-like
            The dataset; rows that it has stay.
        schema_name, compression, policy, timestamp_unit
            As for :meth:`write_partitioned_dataset`.
        static_columns : mapping of str to value, optional
            Columns with one value for all rows, such as ``{"exchange": "BINANCE"}``.
        partition_cols : sequence of str, optional
            If not given those of exchange, symbol, timeframe, year, month, day that there are.
        skip_unreadable : bool
            Whether files that cannot be read are named in the log and left out, instead of ending it before anything is
            written.
        delete_source : bool
            Whether the source files that were read are deleted, after the rows that were written have been read back and compared.

        Raises
        ------
        SourceError
            If there is no such folder or no file in it; also a FileNotFoundError.
        FormatError
            If files cannot be read.
        ConservationError
            If rows that were read back differ from those that were read; nothing is committed then.
        """
        how = Preparation(schema_named(schema_name), policy, timestamp_unit, add_dates=True)
        sizes = group_sizes(_MIN_GROUP_ROWS, _MAX_FILE_ROWS)
        options = WriteOptions((), sizes, Encoding(compression), timestamp_column=how.timestamp_column)
        report = migrate(
            Path(src_dir),
            Path(dst_base_dir),
            how,
            options,
            static_columns=dict(static_columns or {}),
            partition_columns=partition_cols,
            skip_unreadable=skip_unreadable,
            delete_source=delete_source,
        )
        for path, why in sorted(report.unreadable.items()):
            self.logger.warning("%s: left out: %s: %s", src_dir, path, why)


def _checked_metadata(metadata: Mapping[str, str] | None) -> dict[str, str]:
    found = dict(metadata or {})
    for key, value in found.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise UsageError(f"metadata: expected texts by name, found {key!r}: {value!r}")
    return found
