"""What can be read of a dataset: rows, batches, cached projections, the latest timestamp, its health."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from zarrpack.storage.parquet.environment import scan_defaults
from zarrpack.storage.parquet.filters import Filters, build_expression
from zarrpack.storage.parquet.frames import to_frame
from zarrpack.storage.parquet.health import DatasetHealth, check_dataset
from zarrpack.storage.parquet.latest import latest_timestamp, latest_timestamp_of_manifest
from zarrpack.storage.parquet.projections import Cache, cached_table
from zarrpack.storage.parquet.scan import ScanOptions, ScanStatistics, read_batches, read_table
from zarrpack.storage.parquet.snapshot import open_snapshot

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["DatasetReader"]

_Path: TypeAlias = str | os.PathLike[str]


class DatasetReader:
    """The reading half of :class:`~zarrpack.storage.parquet.dataset_facade.ParquetDatasetManager`; it never writes to a dataset.

    Parameters
    ----------
    logger : logging.Logger, optional
        Where messages go; ``zarrpack.storage.parquet`` if not given.

    Attributes
    ----------
    last_scan : ScanStatistics
        What the last scan of this object did.
    """

    def __init__(self, logger: logging.Logger | None = None) -> None:
        self.logger = logger or logging.getLogger("zarrpack.storage.parquet")
        self.last_scan = ScanStatistics()

    def scan_dataset(
        self,
        base_dir: _Path,
        filters: Filters = None,
        columns: Sequence[str] | None = None,
        batch_size: int | None = None,
        to_pandas: bool = True,
        use_threads: bool = True,
        ignore_hidden_temp: bool = True,
    ) -> Any:
        """Read rows: only the columns wanted, of the files, row groups and rows that the filters let pass.

        Parameters
        ----------
        base_dir : path-like
            A dataset, any folder of Parquet files, or one file.
        filters : list, optional
            ``[(column, operator, value), ...]``, all of which must hold; a list of such lists, one of which must; or any
            nesting: :func:`zarrpack.storage.parquet.filters.build_expression`. Partition columns are columns like others.
        columns : sequence of str, optional
            In the order wanted; None or empty: all.
        batch_size : int, optional
            Rows decoded at a time; the environment's default if not given. :meth:`scan_batches` gives them one by one.
        to_pandas : bool
            Whether to give a DataFrame, with Arrow's types, or a pyarrow.Table.
        use_threads : bool
            Whether files and columns are read side by side.
        ignore_hidden_temp : bool
            False: all files of the tree, also hidden and unfinished ones, whatever the manifest says.

        Returns
        -------
        DataFrame or pyarrow.Table
            Of all rows, in the order in which they were committed.

        Raises
        ------
        UsageError
            If a filter or a column does not fit.
        SourceError
            If there is no dataset.
        FormatError
            If a file is missing or damaged.
        """
        options = self._scan_options(filters, columns, batch_size, use_threads=use_threads)
        with open_snapshot(Path(base_dir), ignore_hidden_temp=ignore_hidden_temp) as snapshot:
            table = read_table(snapshot, options)
        self.last_scan = options.statistics
        self.logger.debug("%s: %s", base_dir, options.statistics)
        return to_frame(table) if to_pandas else table

    def scan_batches(
        self,
        base_dir: _Path,
        filters: Filters = None,
        columns: Sequence[str] | None = None,
        batch_size: int | None = None,
        use_threads: bool = True,
        ignore_hidden_temp: bool = True,
    ) -> Iterator[pa.RecordBatch]:
        """Read rows batch by batch, in memory that does not grow with their number.

        Every batch has `batch_size` rows, but for the last. None of the files is deleted until the last batch was
        given or the iterator is closed. Other parameters are those of :meth:`scan_dataset`.

        Parameters
        ----------
        base_dir, filters, columns, batch_size, use_threads, ignore_hidden_temp
            As for :meth:`scan_dataset`.
        """
        options = self._scan_options(filters, columns, batch_size, use_threads=use_threads)
        with open_snapshot(Path(base_dir), ignore_hidden_temp=ignore_hidden_temp) as snapshot:
            yield from read_batches(snapshot, options)
        self.last_scan = options.statistics
        self.logger.debug("%s: %s", base_dir, options.statistics)

    def cached_projection(
        self,
        base_dir: _Path,
        filters: Filters,
        columns: Sequence[str] | None,
        cache_dir: _Path,
        cache_key_prefix: str,
        compression: str | None = "snappy",
        snapshot_version: str | None = None,
        ttl_seconds: float | None = None,
        batch_size: int | None = None,
        arrow_transform: Callable[[pa.Table], pa.Table] | None = None,
        *,
        transform_id: str | None = None,
    ) -> pd.DataFrame:
        """Read a projection from a cache, or from the dataset and into the cache.

        The cache's key is the state of the dataset, the columns, what the filters say, and the names below: a commit makes
        a new key. A damaged file in the cache is as good as none.

        Parameters
        ----------
        base_dir, filters, columns, batch_size
            As for :meth:`scan_dataset`; filters must be lists.
        cache_dir : path-like
            Folder of the cache.
        cache_key_prefix : str
            How the files' names begin.
        compression : str or None
            Of the cached file.
        snapshot_version : str, optional
            Becomes part of the key.
        ttl_seconds : float, optional
            How long a cached projection is good; None: as long as the dataset does not change.
        arrow_transform : callable, optional
            Table -> Table. Without `transform_id` the projection is cached as it was read, and transformed each time.
        transform_id : str, optional
            Names the transform and its version: with it what the transform gives is cached.

        Raises
        ------
        UsageError
            If an argument is wrong.
        """
        cache = Cache(Path(cache_dir), cache_key_prefix, ttl_seconds, compression)
        options = self._scan_options(filters, columns, batch_size, use_threads=True)
        table = cached_table(Path(base_dir), options, cache, snapshot_version, arrow_transform, transform_id)
        self.last_scan = options.statistics
        return to_frame(table)

    def check_dataset(self, base_dir: _Path, *, digests: bool = False) -> DatasetHealth:
        """Compare a dataset's files with its manifest.

        Parameters
        ----------
        base_dir : path-like
            The dataset's folder.
        digests : bool
            Whether every byte is read.
        """
        return check_dataset(Path(base_dir), digests=digests)

    def get_latest_timestamp(self, base_dir: _Path, ts_column: str = "timestamp") -> int | None:
        """Give the latest timestamp of a dataset, in its own unit; None if it has none.

        One small file is read, whatever the size of the dataset, if `ts_column` is the manifest's; else the footers of all files.

        Parameters
        ----------
        base_dir : path-like
            The dataset's folder.
        ts_column : str
            A column of int64.
        """
        return latest_timestamp(Path(base_dir), ts_column)

    def get_latest_timestamp_from_manifest(self, base_dir: _Path, ts_column: str = "timestamp") -> int | None:
        """Give what the manifest says is the latest timestamp; None if it says nothing of that column.

        Parameters
        ----------
        base_dir : path-like
            The dataset's folder.
        ts_column : str
            The column.
        """
        return latest_timestamp_of_manifest(Path(base_dir), ts_column)

    def _build_filter_expression(self, filters: Filters, schema: pa.Schema | None = None) -> pc.Expression | None:
        return build_expression(filters, schema)

    def _scan_options(
        self, filters: Filters, columns: Sequence[str] | None, batch_size: int | None, *, use_threads: bool
    ) -> ScanOptions:
        defaults = scan_defaults()
        size = defaults.batch_size if batch_size is None else batch_size
        return ScanOptions(filters, columns, size, use_threads, defaults.threads)
