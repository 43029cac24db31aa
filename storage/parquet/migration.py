"""Folders of single Parquet files brought into one partitioned dataset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from zarrpack.errors import ConservationError, FormatError, NothingUsable, SourceError, UsageError
from zarrpack.storage.parquet.adoption import join_schemas
from zarrpack.storage.parquet.file_facts import read_footer
from zarrpack.storage.parquet.layout import list_files
from zarrpack.storage.parquet.preparation import Preparation, prepare
from zarrpack.storage.parquet.rows_digest import RowsDigest
from zarrpack.storage.parquet.rows_source import RowsSource, rows_source
from zarrpack.storage.parquet.schemas import KNOWN_PARTITIONS
from zarrpack.storage.parquet.writing import WriteOptions, write_rows

__all__ = ["FlatFiles", "flat_rows", "migrate", "survey_flat"]

_BATCH_ROWS = 131_072


@dataclass(frozen=True, slots=True)
class FlatFiles:
    """The files of a folder that can be read.

    Parameters
    ----------
    base : Path
        The folder.
    paths : tuple of str
        Relative to it, in order.
    schema : pyarrow.Schema
        What holds the columns of all of them.
    rows : int
        How many rows they say they have.
    unreadable : mapping of str to str
        Path -> what is wrong with it.
    """

    base: Path
    paths: tuple[str, ...]
    schema: pa.Schema
    rows: int
    unreadable: Mapping[str, str] = field(default_factory=dict)


def survey_flat(base: Path, *, skip_unreadable: bool = False) -> FlatFiles:
    """Look at the footers of all files below a folder.

    Parameters
    ----------
    base : Path
        The folder; sub-folders count.
    skip_unreadable : bool
        Whether files that cannot be read are left out, and listed, instead of ending it.

    Raises
    ------
    SourceError
        If there is no such folder, or no Parquet file in it (also a FileNotFoundError).
    FormatError
        If files cannot be read and `skip_unreadable` is false, or their columns do not fit together.
    NothingUsable
        If no file can be read.
    """
    if not base.is_dir():
        raise _NothingThere(f"{base}: expected a folder of Parquet files, found none; check the path")
    listing = list_files(base)
    if not listing.files and not listing.empty:
        raise _NothingThere(f"{base}: expected Parquet files, found none")
    unreadable = dict.fromkeys(listing.empty, "it has no bytes")
    schemas, readable, rows = [], [], 0
    for path in listing.files:
        try:
            footer = read_footer(base / path)
        except FormatError as exc:
            unreadable[path] = str(exc)
        else:
            schemas.append(footer.schema.to_arrow_schema())
            readable.append(path)
            rows += footer.num_rows
    if unreadable and not skip_unreadable:
        listed = "; ".join(f"{path}: {why}" for path, why in sorted(unreadable.items()))
        raise FormatError(
            f"{base}: expected files that can all be read, found {len(unreadable)} that cannot, and nothing was "
            f"written: {listed}; repair or remove them, or say skip_unreadable=True"
        )
    if not readable:
        raise NothingUsable(f"{base}: expected a Parquet file that can be read, found none of {sorted(unreadable)}")
    return FlatFiles(base, tuple(readable), join_schemas(schemas, str(base)), rows, unreadable)


def flat_rows(files: FlatFiles, static_columns: Mapping[str, Any]) -> RowsSource:
    """Give the rows of all files, one file after the other, with the columns of all.

    Parameters
    ----------
    files : FlatFiles
        As :func:`survey_flat` gives them.
    static_columns : mapping of str to value
        Columns with one value for all rows; they take the place of columns of the same name.

    Raises
    ------
    FormatError
        If a file cannot be read to its end.
    """
    fixed = {name: pa.scalar(value) for name, value in static_columns.items()}
    fields = [one for one in files.schema if one.name not in fixed]
    schema = pa.schema([*fields, *(pa.field(name, value.type) for name, value in fixed.items())])
    return rows_source(pa.RecordBatchReader.from_batches(schema, _batches(files, schema, fixed)))


def migrate(
    source: Path,
    target: Path,
    how: Preparation,
    options: WriteOptions,
    *,
    static_columns: Mapping[str, Any],
    partition_columns: Sequence[str] | None,
    skip_unreadable: bool,
    delete_source: bool,
) -> FlatFiles:
    """Write the rows of a folder's files to a dataset, read them back, compare, and commit.

    Parameters
    ----------
    source, target : Path
        The folder, and the dataset.
    how : Preparation
        What is done to the rows.
    options : WriteOptions
        How they are written; its partition columns are chosen here.
    static_columns : mapping of str to value
        Columns with one value for all rows.
    partition_columns : sequence of str or None
        None: those of market data that there are.
    skip_unreadable, delete_source : bool
        Whether files that cannot be read are left out, and whether those that were read are deleted at the end.

    Raises
    ------
    UsageError
        If the dataset lies in the folder or is it.
    ConservationError
        If the rows differ.
    """
    if target.resolve() == source.resolve() or source.resolve() in target.resolve().parents:
        raise UsageError(f"dst_base_dir: expected a folder outside {source}, found {target}")
    files = survey_flat(source, skip_unreadable=skip_unreadable)
    rows, _ = prepare(flat_rows(files, static_columns), how, partition_columns or tuple(KNOWN_PARTITIONS))
    columns = [name for name in KNOWN_PARTITIONS if name in rows.schema.names]
    options = replace(options, partition_columns=tuple(columns if partition_columns is None else partition_columns))
    before = RowsDigest()
    write_rows(target, rows, options, "append", digest=before)
    if before.rows != files.rows:
        raise ConservationError(f"{source}: expected {files.rows} rows, as the footers say, found {before.rows}")
    if delete_source:
        for path in files.paths:
            (source / path).unlink()
    return files


def _batches(files: FlatFiles, schema: pa.Schema, fixed: Mapping[str, pa.Scalar]) -> Iterator[pa.RecordBatch]:
    for path in files.paths:
        try:
            with pq.ParquetFile(files.base / path, page_checksum_verification=True) as file:
                for batch in file.iter_batches(batch_size=_BATCH_ROWS):
                    yield _completed(batch, schema, fixed)
        except (pa.ArrowException, OSError) as exc:
            raise FormatError(f"{files.base / path}: expected rows to the file's end, found: {exc}") from exc


def _completed(batch: pa.RecordBatch, schema: pa.Schema, fixed: Mapping[str, pa.Scalar]) -> pa.RecordBatch:
    columns: Sequence[Any] = [
        pa.repeat(fixed[one.name], batch.num_rows)
        if one.name in fixed
        else batch.column(one.name).cast(one.type)
        if one.name in batch.schema.names
        else pa.nulls(batch.num_rows, one.type)
        for one in schema
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


class _NothingThere(SourceError, FileNotFoundError):
    """A source that is not there, for callers who expect the built-in error."""
