"""Projections kept for later: cached in one file, or materialised as a dataset of their own."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from zarrpack.errors import NothingUsable, OutputRefused, UsageError
from zarrpack.storage.durability import publish_file
from zarrpack.storage.parquet.filters import canonical_filters
from zarrpack.storage.parquet.preparation import Preparation, prepare
from zarrpack.storage.parquet.row_groups import Encoding
from zarrpack.storage.parquet.rows_source import rows_source
from zarrpack.storage.parquet.scan import ScanOptions, chosen_columns, read_batches, read_table
from zarrpack.storage.parquet.snapshot import Snapshot, open_snapshot
from zarrpack.storage.parquet.writing import WriteMode, WriteOptions, write_rows

__all__ = ["Cache", "cache_key", "cached_table", "materialize", "write_flat"]

_KEY = b"zarrpack.cache_key"
_MADE = b"zarrpack.cached_at"
_NAME_CHARACTERS = re.compile(r"[^/\\\x00-\x1f]+")


@dataclass(frozen=True, slots=True)
class Cache:
    """A folder of cached projections; one file each. Safe for threads and processes: files are replaced whole.

    Parameters
    ----------
    folder : Path
        Where; made where it is missing.
    prefix : str
        How the files' names begin.
    ttl_seconds : float or None
        How long a projection is good; None: for ever, for its key changes with the dataset. 0: it is never used.
    compression : str
        Of the files.
    clock : callable
        Gives seconds since 1970.

    Raises
    ------
    UsageError
        If the prefix is no file name, or the time is negative.
    """

    folder: Path
    prefix: str
    ttl_seconds: float | None = None
    compression: str | None = "snappy"
    clock: Callable[[], float] = time.time

    def __post_init__(self) -> None:
        if not isinstance(self.prefix, str) or not _NAME_CHARACTERS.fullmatch(self.prefix) or self.prefix[0] in "._":
            raise UsageError(f"cache_key_prefix: expected the start of a file name, found {self.prefix!r}")
        if self.ttl_seconds is not None and not self.ttl_seconds >= 0:
            raise UsageError(f"ttl_seconds: expected seconds from 0 on, or None, found {self.ttl_seconds!r}")

    def path(self, key: str) -> Path:
        """Say where a projection is kept."""
        return self.folder / f"{self.prefix}_{key[:24]}.parquet"

    def get(self, key: str) -> pa.Table | None:
        """Give a projection; None if it is not there, too old, another's, or damaged.

        Parameters
        ----------
        key : str
            As :func:`cache_key` makes it.
        """
        try:
            with pq.ParquetFile(self.path(key), page_checksum_verification=True) as file:
                metadata = file.schema_arrow.metadata or {}
                if metadata.get(_KEY) != key.encode() or not self._is_fresh(metadata.get(_MADE, b"")):
                    return None
                table = file.read()
        except (OSError, pa.ArrowException):
            return None
        left = {name: value for name, value in metadata.items() if name not in (_KEY, _MADE)}
        return table.replace_schema_metadata(left or None)

    def put(self, key: str, table: pa.Table) -> None:
        """Keep a projection.

        Raises
        ------
        OutputRefused
            If it cannot be written.
        """
        metadata = {**(table.schema.metadata or {}), _KEY: key.encode(), _MADE: repr(self.clock()).encode()}
        encoding = Encoding(self.compression)
        write_flat(table.replace_schema_metadata(metadata), self.path(key), encoding.options())

    def _is_fresh(self, made: bytes) -> bool:
        if self.ttl_seconds is None:
            return True
        try:
            age = self.clock() - float(made)
        except ValueError:
            return False
        return 0 <= age < self.ttl_seconds  # made in the future: a clock was changed, and nothing is known


def cache_key(
    snapshot: Snapshot,
    options: ScanOptions,
    *,
    transform_id: str | None = None,
    snapshot_version: str | None = None,
) -> str:
    """Give the digest of all that a projection depends on.

    Parameters
    ----------
    snapshot : Snapshot
        The state of the dataset, told by its id, its commit and its schema.
    options : ScanOptions
        Columns count as a set, filters by what they say.
    transform_id : str, optional
        Names what is done to the projection before it is kept.
    snapshot_version : str, optional
        The caller's own word.

    Raises
    ------
    UsageError
        If a column is unknown, or the filters are an Arrow expression.
    """
    parts = {
        "dataset": snapshot.identity,
        "schema": hashlib.sha256(snapshot.schema.serialize().to_pybytes()).hexdigest(),
        "columns": sorted(chosen_columns(options.columns, snapshot.schema)),
        "filters": canonical_filters(options.filters),
        "transform": transform_id,
        "snapshot_version": snapshot_version,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def cached_table(
    base: Path,
    options: ScanOptions,
    cache: Cache,
    snapshot_version: str | None,
    transform: Callable[[pa.Table], pa.Table] | None,
    transform_id: str | None,
) -> pa.Table:
    """Give a projection, from the cache if it has it.

    Parameters
    ----------
    base : Path
        The dataset.
    options : ScanOptions
        What is projected.
    cache : Cache
        Where it is kept.
    snapshot_version : str or None
        Part of the key.
    transform : callable or None
        What is done to it; with `transform_id` before it is kept, without each time it is asked for.
    transform_id : str or None
        Names the transform.

    Raises
    ------
    UsageError
        If there is a name and no transform, or a transform gives no table.
    """
    if transform_id is not None and transform is None:
        raise UsageError(f"transform_id: expected an arrow_transform with it, found {transform_id!r} alone")

    def transformed(table: pa.Table) -> pa.Table:
        result = table if transform is None else transform(table)
        if not isinstance(result, pa.Table):
            raise UsageError(f"arrow_transform: expected it to give a pyarrow.Table, found {type(result).__name__}")
        return result

    with open_snapshot(base) as snapshot:
        key = cache_key(snapshot, options, transform_id=transform_id, snapshot_version=snapshot_version)
        table = cache.get(key)
        if table is None:
            table = read_table(snapshot, options)
            if transform_id is not None:
                table = transformed(table)
            cache.put(key, table)
        elif transform_id is None:
            table = table.select(chosen_columns(options.columns, snapshot.schema))
    return table if transform_id is not None else transformed(table)


def materialize(
    base: Path, scan: ScanOptions, target: Path, how: Preparation, options: WriteOptions, mode: WriteMode
) -> None:
    """Write a projection as a dataset.

    Parameters
    ----------
    base, target : Path
        The dataset, and the new one.
    scan : ScanOptions
        What is projected.
    how : Preparation
        What is done to the rows.
    options : WriteOptions
        How they are written.
    mode : {"append", "overwrite_partitions", "overwrite", "error"}
        What happens to rows that the target has.

    Raises
    ------
    NothingUsable
        If there is no row.
    UsageError
        If both are the same folder.
    """
    if target.resolve() == base.resolve():
        raise UsageError(f"output_dir: expected another folder than {base}, found the same")
    with open_snapshot(base) as snapshot:
        schema = pa.schema([snapshot.schema.field(name) for name in chosen_columns(scan.columns, snapshot.schema)])
        batches = read_batches(snapshot, scan)
        first = next(batches, None)
        if first is None:
            raise NothingUsable(f"{base}: expected rows that pass the filters, found none; nothing was written")
        reader = pa.RecordBatchReader.from_batches(schema, chain([first], batches))
        source, _ = prepare(rows_source(reader), how, options.partition_columns)
        write_rows(target, source, options, mode)


def write_flat(table: pa.Table, path: Path, options: Mapping[str, Any], row_group_size: int | None = None) -> None:
    """Write one Parquet file; it appears under its name when it is whole and durable.

    Parameters
    ----------
    table : pyarrow.Table
        The rows.
    path : Path
        The file; its folder is made where it is missing.
    options : mapping
        For pyarrow's writer.
    row_group_size : int, optional
        Rows of a row group.

    Raises
    ------
    OutputRefused
        If it cannot be written.
    UsageError
        If Parquet cannot hold the table.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _removed_at_the_end(temporary):
            pq.write_table(table, temporary, row_group_size=row_group_size, **options)
            publish_file(temporary, path)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, TypeError) as exc:
        raise UsageError(f"{path}: expected a table that Parquet can hold, found: {exc}") from exc
    except OSError as exc:
        raise OutputRefused(exc.errno, f"{path}: the file could not be written: {exc.strerror or exc}") from exc


@contextlib.contextmanager
def _removed_at_the_end(path: Path) -> Iterator[None]:
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink()
