"""Streams of rows written as the files of a dataset, and committed in one of several modes."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import pyarrow as pa

from zarrpack.errors import FormatError, OutputRefused, UsageError, ZarrpackError
from zarrpack.storage.durability import publish_file
from zarrpack.storage.parquet.adoption import describe_tree
from zarrpack.storage.parquet.commit import publish, staging_folder, writers_lock
from zarrpack.storage.parquet.file_facts import file_entry
from zarrpack.storage.parquet.filters import unknown_column
from zarrpack.storage.parquet.layout import check_partition_type, hive_folder
from zarrpack.storage.parquet.manifest import FileEntry, Manifest, read_files, read_head
from zarrpack.storage.parquet.partition_files import WrittenFile, partition_files
from zarrpack.storage.parquet.partition_split import split
from zarrpack.storage.parquet.read_back import digest_of_files, digested, require_equal
from zarrpack.storage.parquet.row_groups import Encoding, GroupSizes
from zarrpack.storage.parquet.rows_digest import RowsDigest
from zarrpack.storage.parquet.rows_source import RowsSource

__all__ = [
    "Staged",
    "WriteMode",
    "WriteOptions",
    "commit_rows",
    "current_manifest",
    "stage_rows",
    "write_plain_tree",
    "write_rows",
]

WriteMode: TypeAlias = Literal["append", "overwrite_partitions", "overwrite", "error"]


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """How rows are written.

    Parameters
    ----------
    partition_columns : tuple of str
        In the order of the folders.
    sizes : GroupSizes
        Of files and row groups.
    encoding : Encoding
        Of the files.
    use_threads : bool
        Whether columns and files are encoded side by side. The rows of each partition keep their order.
    timestamp_column : str or None
        The column whose bounds the manifest has.
    widths : mapping of str to int
        Partition columns whose numbers are written with leading zeros.
    metadata : mapping of str to str
        Written to every file.
    """

    partition_columns: tuple[str, ...]
    sizes: GroupSizes
    encoding: Encoding = field(default_factory=Encoding)
    use_threads: bool = True
    timestamp_column: str | None = "timestamp"
    widths: Mapping[str, int] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Staged:
    """Finished files that are no part of the dataset yet.

    Parameters
    ----------
    schema : pyarrow.Schema
        All columns, partition columns among them.
    files : tuple of (Path, FileEntry)
        Where each lies, and what it becomes.
    """

    schema: pa.Schema
    files: tuple[tuple[Path, FileEntry], ...]

    @property
    def rows(self) -> int:
        """How many rows the files have."""
        return sum(entry.rows for _, entry in self.files)


def write_rows(
    base: Path,
    source: RowsSource,
    options: WriteOptions,
    mode: WriteMode = "append",
    digest: RowsDigest | None = None,
) -> Manifest:
    """Write rows to a dataset, in one commit.

    Parameters
    ----------
    base : Path
        The dataset's folder; made where it is missing. A tree of files without a manifest gets one.
    source : RowsSource
        The rows; read once, never held as a whole.
    options : WriteOptions
        How they are written.
    mode : {"append", "overwrite_partitions", "overwrite", "error"}
        What happens to the rows that are there: they stay; those in the partitions that are written go; all go; or it is an
        error that there are any.
    digest : RowsDigest, optional
        Takes the rows; they are then read back from the files, and nothing is committed unless they are the same.

    Returns
    -------
    Manifest
        The new state.

    Raises
    ------
    UsageError
        If the mode or a column is unknown, or the rows do not fit the dataset.
    OutputRefused
        If there are rows and the mode is ``error``, or the folder cannot be written.
    """
    if mode not in get_args(WriteMode):
        raise UsageError(f"mode: expected one of {', '.join(get_args(WriteMode))}, found {mode!r}")
    if base.exists() and not base.is_dir():
        raise OutputRefused(f"{base}: expected a folder, found a file; choose another path")
    existing = current_manifest(base, options.timestamp_column)
    _check_mode(base, existing, mode)
    if mode != "overwrite":
        source = _fit(base, source, existing, options)
        if existing.files:
            options = replace(options, timestamp_column=existing.timestamp_column)
    with staging_folder(base) as staging:
        staged = stage_rows(staging, source, options, digest)
        return commit_rows(base, staged, options, mode)


def stage_rows(staging: Path, source: RowsSource, options: WriteOptions, digest: RowsDigest | None = None) -> Staged:
    """Write rows as finished files into a staging folder.

    Parameters
    ----------
    staging : Path
        As :func:`~zarrpack.storage.parquet.commit.staging_folder` gives it.
    source : RowsSource
        The rows.
    options : WriteOptions
        How they are written.
    digest : RowsDigest, optional
        Takes the rows; they are then read back from the files and compared.

    Raises
    ------
    ConservationError
        If the rows read back are others.
    UsageError
        If a partition column is missing or of a type that folders cannot hold, or nothing else is left.
    OutputRefused
        If the files cannot be written, as on a full disk.
    """
    types = _partition_schema(source.schema, options.partition_columns)
    schema = source.schema
    names = [name for name in schema.names if name not in types.names]
    stored = pa.schema([schema.field(name) for name in names], {**options.metadata, **_note(types)})
    folder = staging / "rows"
    base = staging.parents[2]
    try:
        folder.mkdir()
        with partition_files(
            folder,
            stored,
            options.sizes,
            options.encoding.options(stored, options.timestamp_column),
            use_threads=options.use_threads,
        ) as files:
            for batch in source.batches() if digest is None else digested(source.batches(), digest):
                for key, rows in split(batch, types.names) if batch.num_rows else ():
                    files.add(key, rows.replace_schema_metadata(stored.metadata))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as exc:
        raise UsageError(f"{base}: expected rows that Parquet can hold, found: {exc}") from exc
    except OSError as exc:
        if isinstance(exc, ZarrpackError):
            raise
        raise OutputRefused(exc.errno, f"{base}: the rows could not be written: {exc}") from exc
    token = uuid.uuid4().hex[:16]
    written = tuple(_staged_file(one, types, token, options) for one in files.files)
    if digest is not None:
        require_equal(digest, digest_of_files(written, schema), base)
    return Staged(schema, written)


def commit_rows(
    base: Path,
    staged: Staged,
    options: WriteOptions,
    mode: WriteMode,
    replaced: Iterable[FileEntry] = (),
) -> Manifest:
    """Make staged files part of the dataset.

    Parameters
    ----------
    base : Path
        The dataset's folder.
    staged : Staged
        The files.
    options : WriteOptions
        How they were written.
    mode : {"append", "overwrite_partitions", "overwrite", "error"}
        As for :func:`write_rows`.
    replaced : iterable of FileEntry
        Files in whose place the staged ones come.

    Raises
    ------
    OutputRefused
        If another writer came first and the mode does not allow it, or has replaced the same files.
    """
    gone = {entry.path for entry in replaced}
    with writers_lock(base):
        current = current_manifest(base, options.timestamp_column)
        _check_mode(base, current, mode)
        if not gone <= {entry.path for entry in current.files}:
            raise OutputRefused(f"{base}: another writer has replaced the same files meanwhile; try again")
        if mode == "overwrite":
            gone = {entry.path for entry in current.files}
        elif mode == "overwrite_partitions":
            touched = {tuple(entry.partition.values()) for _, entry in staged.files}
            gone = {entry.path for entry in current.files if tuple(entry.partition.values()) in touched}
        kept = [entry for entry in current.files if entry.path not in gone]
        layout = (options.partition_columns, options.timestamp_column)
        if kept and (current.partition_columns, current.timestamp_column) != layout:
            raise OutputRefused(f"{base}: another writer has made a dataset with another layout meanwhile; look at it")
        changed = current.with_files(
            _in_place(current.files, gone, [entry for _, entry in staged.files]) if replaced else _added(kept, staged),
            commit=current.commit + 1,
            token=uuid.uuid4().hex,
            updated_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"),
            schema=staged.schema if mode == "overwrite" else _wider(base, current, staged, kept),
            widths=dict(options.widths) or current.widths,
            partition_columns=options.partition_columns,
            timestamp_column=options.timestamp_column,
        )
        publish(base, changed, staged.files, [entry for entry in current.files if entry.path in gone])
    return changed


def write_plain_tree(base: Path, source: RowsSource, options: WriteOptions, mode: WriteMode) -> None:
    """Add files to a tree that has no manifest, and gets none. Every file appears whole, but not all at once.

    Parameters
    ----------
    base : Path
        The folder; made where it is missing.
    source : RowsSource
        The rows.
    options : WriteOptions
        How they are written.
    mode : {"append", "error"}
        Whether there may be files already. Without a manifest nothing can be replaced safely.

    Raises
    ------
    UsageError
        If there is a manifest, which would not know the new rows, or the mode is another.
    OutputRefused
        If there are files and the mode is ``error``.
    """
    if read_head(base) is not None:
        raise UsageError(f"{base}: expected update_manifest=True, for the dataset has a manifest that names its files")
    if mode not in ("append", "error"):
        raise UsageError(f"mode: expected append or error with update_manifest=False, found {mode!r}")
    _check_mode(base, current_manifest(base, None), mode)
    with staging_folder(base) as staging:
        for path, entry in stage_rows(staging, source, options).files:
            (base / entry.path).parent.mkdir(parents=True, exist_ok=True)
            publish_file(path, base / entry.path)


def current_manifest(base: Path, timestamp_column: str | None = "timestamp") -> Manifest:
    """Give the manifest of a dataset; of a tree without one, what it would say, and of nothing one without files.

    Raises
    ------
    FormatError
        If the manifest or a file is damaged.
    """
    for _ in range(100):
        head = read_head(base)
        if head is None:
            return describe_tree(base, timestamp_column, digest=True) if base.is_dir() else _nothing(timestamp_column)
        try:
            return read_files(base, head)
        except FileNotFoundError:
            if read_head(base) == head:
                break  # not replaced meanwhile: it is gone
    raise FormatError(f"{base}: expected the list of files that the manifest names, found none; use update_manifest")


def _nothing(timestamp_column: str | None) -> Manifest:
    return Manifest(uuid.uuid4().hex, 0, uuid.uuid4().hex, pa.schema([]), (), timestamp_column)


def _added(kept: list[FileEntry], staged: Staged) -> list[FileEntry]:
    return [*kept, *(entry for _, entry in staged.files)]


def _in_place(files: Sequence[FileEntry], gone: set[str], new: list[FileEntry]) -> list[FileEntry]:
    first = min(index for index, entry in enumerate(files) if entry.path in gone)
    kept = [entry for entry in files if entry.path not in gone]
    before = sum(1 for entry in files[:first] if entry.path not in gone)
    return [*kept[:before], *new, *kept[before:]]


def _wider(base: Path, current: Manifest, staged: Staged, kept: list[FileEntry]) -> pa.Schema:
    """Give the columns of both; those that are there keep their types and places."""
    if not current.schema.names:
        return staged.schema
    schema = current.schema
    for one in staged.schema:
        index = schema.get_field_index(one.name)
        if index < 0:
            schema = schema.append(one)
        elif schema.field(index).type != one.type and kept:
            raise OutputRefused(
                f"{base}: another writer has added the column {one.name!r} with another type; try again"
            )
    return schema


def _check_mode(base: Path, existing: Manifest, mode: WriteMode) -> None:
    if mode == "error" and existing.files:
        raise OutputRefused(
            f"{base}: expected no dataset, found one with {existing.rows} rows; choose mode 'append', "
            "'overwrite_partitions' or 'overwrite', or another folder"
        )


def _fit(base: Path, source: RowsSource, existing: Manifest, options: WriteOptions) -> RowsSource:
    """Bring rows to the types that the dataset has."""
    if not existing.schema.names:
        return source
    if existing.files and existing.partition_columns != options.partition_columns:
        raise UsageError(
            f"{base}: expected rows partitioned by {list(existing.partition_columns)} as the dataset is, found "
            f"partition_cols {list(options.partition_columns)}; use these, or mode='overwrite'"
        )
    fields = []
    for one in source.schema:
        index = existing.schema.get_field_index(one.name)
        fields.append(one if index < 0 else pa.field(one.name, existing.schema.field(index).type))
    target = pa.schema(fields)
    if target == source.schema:
        return source

    def fitted(table: pa.Table) -> pa.Table:
        try:
            return table.cast(target)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as exc:
            raise UsageError(f"{base}: expected rows that fit the dataset's columns, found: {exc}") from exc

    return source.mapped(fitted)


def _partition_schema(schema: pa.Schema, columns: Sequence[str]) -> pa.Schema:
    if len(set(columns)) != len(columns):
        raise UsageError(f"partition_cols: expected different columns, found {list(columns)}")
    fields = []
    for column in columns:
        if schema.get_field_index(column) < 0:
            raise unknown_column(column, schema, "partition_cols")
        check_partition_type(column, schema.field(column).type)
        fields.append(schema.field(column))
    if len(columns) == len(schema.names):
        raise UsageError(f"partition_cols: expected a column that is left for the files, found all of {schema.names}")
    return pa.schema(fields)


def _note(types: pa.Schema) -> dict[str, str]:
    """Say in every file what its folders' names mean; other readers would take 001 for a number."""
    return {"zarrpack.partitions": ",".join(f"{one.name}:{one.type}" for one in types)} if types.names else {}


def _staged_file(file: WrittenFile, types: pa.Schema, token: str, options: WriteOptions) -> tuple[Path, FileEntry]:
    values = dict(zip(types.names, file.key, strict=True))
    found = file_entry(file.path.parent, file.path.name, values, options.timestamp_column)
    folder = hive_folder(values, options.widths)
    name = f"part-{token}-{file.number}.parquet"
    return file.path, replace(found, path=f"{folder}/{name}" if folder else name)
