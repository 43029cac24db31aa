"""A dataset becomes a folder of partitioned Parquet datasets."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zarrpack import __version__
from zarrpack.converters.stage_clock import StageClock
from zarrpack.errors import FormatError, OutputRefused, SourceError, UsageError

if TYPE_CHECKING:
    import pyarrow as pa

    from zarrpack.storage.parquet.dataset_tables import DatasetTable

__all__ = ["ParquetResult", "export_parquet"]

#: Marks a folder as an export, so that nothing else is ever replaced.
_MARK = "_export.json"
_TABLES = {"infoset": ".infoset", "attribset": ".attribset"}
_KEY = "id"
_CODES = "file_id"


@dataclass(frozen=True, slots=True)
class ParquetResult:
    """What an export has written.

    Parameters
    ----------
    parquet : Path
        The folder, as an absolute path.
    tables : dict of str to int
        Table -> rows; each is a dataset in a folder of that name.
    bytes : int
        Size of all files.
    notes : tuple of str
        What no column can hold.
    seconds : float
        Time it took.
    """

    parquet: Path
    tables: dict[str, int]
    bytes: int
    notes: tuple[str, ...]
    seconds: float

    def to_mapping(self) -> dict[str, Any]:
        """Give the result as JSON values: what ``--json`` prints."""
        return {
            "parquet": str(self.parquet),
            "tables": self.tables,
            "bytes": self.bytes,
            "notes": list(self.notes),
            "seconds": round(self.seconds, 3),
        }


def export_parquet(
    source: Path,
    out: Path,
    *,
    partition_by: Sequence[str] = (),
    compression: str = "zstd",
    overwrite: bool = False,
) -> ParquetResult:
    """Write the groups of a ``.dataset``, and the tables beside it, as Parquet datasets.

    Each group becomes a table with a row per row of the group: ``file_id``, and a column per array. Arrays with more axes
    are fixed-size lists, things of different shapes are lists with their shapes beside them.

    Parameters
    ----------
    source : Path
        The file. ``NAME.infoset`` and ``NAME.attribset`` beside it are taken along.
    out : Path
        The folder to write; it appears when it is whole.
    partition_by : sequence of str
        Columns whose values become folders: a table's own, or else those of the infoset, by ``file_id``.
    compression : str
        ``zstd``, ``snappy``, ``gzip``, ``brotli``, ``lz4`` or ``none``.
    overwrite : bool
        Whether an earlier export of that name may be replaced.

    Raises
    ------
    SourceError
        If the source does not exist.
    FormatError
        If it is no dataset, or damaged.
    UsageError
        If a column is unknown, or cannot be a folder's name.
    OutputRefused
        If the folder exists, or cannot be written.
    """
    from zarrpack.storage.data_file import DataFile

    if not source.is_file():
        raise SourceError(f"{source}: expected a .dataset file, found none; check the path")
    clock = StageClock()
    _check_out(out, overwrite)
    staging = out.parent / f".{out.name}.{uuid.uuid4().hex[:12]}.tmp"
    try:
        staging.mkdir(parents=True)
        with DataFile(source) as data:
            if data.kind != "dataset":
                raise FormatError(
                    f"{source}: expected a .dataset, found a {data.kind or 'foreign file'}; merge it first"
                )
            export = _Export(data, source, staging, tuple(partition_by), compression)
            tables, notes = export.write()
        _write_mark(staging, source.name, tables)
        size = sum(path.stat().st_size for path in staging.rglob("*") if path.is_file())
        _publish(staging, out)
    except OSError as exc:
        if isinstance(exc, SourceError | OutputRefused):
            raise
        raise OutputRefused(exc.errno, f"{out}: the folder could not be written: {exc.strerror or exc}") from exc
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return ParquetResult(out.resolve(), tables, size, tuple(notes), clock.seconds()["total"])


class _Export:
    """One export under way."""

    def __init__(self, data: Any, source: Path, folder: Path, partition_by: tuple[str, ...], compression: str) -> None:
        from zarrpack.storage.parquet.dataset_tables import dataset_tables
        from zarrpack.storage.parquet.row_groups import Encoding, group_sizes

        self._folder = folder
        self._partition_by = partition_by
        self._encoding = Encoding(compression)
        self._sizes = group_sizes(50_000, 5_000_000)
        self._tables = dataset_tables(data)
        self._beside = {name: source.with_suffix(suffix) for name, suffix in _TABLES.items()}
        self._items = _read_items(self._beside["infoset"], self._partition_by)
        self._check_columns(source)

    def write(self) -> tuple[dict[str, int], list[str]]:
        rows: dict[str, int] = {}
        notes: list[str] = []
        for table in self._tables:
            name = table.name if table.name not in self._beside else f"{table.name}_"
            rows[name] = self._write_table(name, table)
            notes += [f"{one}: left out, for its rows have no values" for one in table.left_out]
        for name, path in self._beside.items():
            if path.is_file():
                rows[name] = self._write_beside(name, path)
        return rows, notes

    def _write_table(self, name: str, table: DatasetTable) -> int:
        own = set(table.schema.names)
        foreign = [one for one in self._partition_by if one not in own]
        columns = tuple(one for one in self._partition_by if one in own or one in foreign)
        return self._write(
            name, self._with_items(table.batches(), foreign), self._with_types(table.schema, foreign), columns
        )

    def _write_beside(self, name: str, path: Path) -> int:
        import pyarrow.parquet as pq

        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow.remove_metadata()
            columns = tuple(one for one in self._partition_by if one in schema.names)
            batches = (batch.replace_schema_metadata(None) for batch in file.iter_batches())
            return self._write(name, batches, schema, columns)

    def _write(self, name: str, batches: Iterator[pa.RecordBatch], schema: pa.Schema, columns: tuple[str, ...]) -> int:
        import pyarrow as pa

        from zarrpack.storage.parquet.rows_source import rows_source
        from zarrpack.storage.parquet.writing import WriteOptions, write_rows

        options = WriteOptions(columns, self._sizes, self._encoding, timestamp_column=None)
        rows = rows_source(pa.RecordBatchReader.from_batches(schema, batches))
        return write_rows(self._folder / name, rows, options, "error").rows

    def _with_types(self, schema: pa.Schema, foreign: list[str]) -> pa.Schema:
        for one in foreign:
            schema = schema.append(self._items.schema.field(one))
        return schema

    def _with_items(self, batches: Iterator[pa.RecordBatch], foreign: list[str]) -> Iterator[pa.RecordBatch]:
        """Add columns of the infoset to rows, by the item that each belongs to."""
        import pyarrow.compute as pc

        for batch in batches:
            if foreign:
                places = pc.index_in(batch.column(_CODES), self._items.column(_KEY).combine_chunks())
                for one in foreign:
                    batch = batch.append_column(
                        self._items.schema.field(one), self._items.column(one).combine_chunks().take(places)
                    )
            yield batch

    def _check_columns(self, source: Path) -> None:
        for one in self._partition_by:
            tables = [table for table in self._tables if one not in table.schema.names]
            if tables and one not in self._items.schema.names:
                known = sorted({*self._known_columns()})
                raise UsageError(
                    f"--partition-by: expected a column of the infoset of {source.name}, or one that all its groups "
                    f"have, found {one!r}; there are {', '.join(known)}"
                )

    def _known_columns(self) -> list[str]:
        import pyarrow.parquet as pq

        path = self._beside["infoset"]
        names = list(pq.read_schema(path).names) if path.is_file() else []
        shared = [set(table.schema.names) for table in self._tables]
        return [*names, *(set.intersection(*shared) if shared else ())]


def _read_items(path: Path, columns: Sequence[str]) -> Any:
    """Read the key and the wanted columns of an infoset."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file():
        return pa.table({_KEY: pa.array([], pa.int64())})
    try:
        names = pq.read_schema(path).names
        return pq.read_table(path, columns=[_KEY, *(one for one in columns if one in names and one != _KEY)])
    except (pa.ArrowException, OSError, KeyError) as exc:
        raise FormatError(f"{path}: expected an infoset, found: {exc}") from exc


def _check_out(out: Path, overwrite: bool) -> None:
    if not out.exists() and not out.is_symlink():
        return
    if not overwrite:
        raise OutputRefused(f"{out}: expected nothing there, found a file or folder; choose another, or --overwrite")
    if not (out / _MARK).is_file():
        raise OutputRefused(f"{out}: expected an earlier export, found something else, which is not replaced")


def _write_mark(folder: Path, source: str, tables: dict[str, int]) -> None:
    document = {
        "zarrpack": {"format": 1, "kind": "parquet_export", "version": __version__},
        "source": source,
        "tables": tables,
    }
    path = folder / _MARK
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _publish(staging: Path, out: Path) -> None:
    earlier = out.parent / f".{out.name}.{uuid.uuid4().hex[:12]}.old"
    if out.exists():
        out.rename(earlier)
    try:
        staging.rename(out)
    except OSError:
        if earlier.exists():
            earlier.rename(out)
        raise
    shutil.rmtree(earlier, ignore_errors=True)
