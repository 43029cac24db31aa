"""Files of all partitions written side by side, from rows in any order, in bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from zarrpack.storage.parquet.layout import PartitionValue
from zarrpack.storage.parquet.row_groups import GroupSizes

__all__ = ["PartitionFiles", "WrittenFile", "partition_files"]

_OPEN_FILES = 200
_OPEN_BYTES = 160 << 20
_WAITING_BYTES = 96 << 20
_ENCODING_BYTES = 64 << 20
_THREADS = 4


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """One finished file.

    Parameters
    ----------
    path : Path
        Where it lies.
    key : tuple
        The values of the partition columns.
    number : int
        Of the files of its partition, from 0.
    """

    path: Path
    key: tuple[PartitionValue, ...]
    number: int


@dataclass(slots=True)
class _Partition:
    """Rows that wait for their row group, and the file that is open."""

    key: tuple[PartitionValue, ...]
    waiting: list[pa.RecordBatch] = field(default_factory=list)
    rows: int = 0
    size: int = 0
    files: int = 0
    writer: Any = None
    written: int = 0
    held: int = 0
    task: Future[None] | None = None


class PartitionFiles:
    """Writes batches to a file per partition; made by :func:`partition_files`. Not safe for threads.

    Row groups are written when they have `min_group` rows. When all that waits is more than 96 MiB, the partition that has
    most is written earlier. An open file keeps its last row group in memory: beyond 200 open files, or 160 MiB in them, the
    one that was used longest ago is closed, and its partition goes on in another file.

    Parameters
    ----------
    folder : Path
        Where; it exists.
    schema : pyarrow.Schema
        Of the files.
    sizes : GroupSizes
        Rows of files and row groups.
    options : dict
        For pyarrow's writer.
    pool : ThreadPoolExecutor or None
        What encodes; None: the calling thread.

    Attributes
    ----------
    files : list of WrittenFile
        Files begun so far; finished when the block of :func:`partition_files` ends.
    """

    def __init__(
        self,
        folder: Path,
        schema: pa.Schema,
        sizes: GroupSizes,
        options: dict[str, Any],
        pool: ThreadPoolExecutor | None,
    ) -> None:
        self.files: list[WrittenFile] = []
        self._folder = folder
        self._schema = schema
        self._sizes = sizes
        self._options = options
        self._pool = pool
        self._partitions: dict[tuple[PartitionValue, ...], _Partition] = {}
        self._open: dict[tuple[PartitionValue, ...], _Partition] = {}  # the one used longest ago first
        self._open_bytes = 0
        self._waiting_bytes = 0
        self._encoding: deque[tuple[Future[None], int]] = deque()
        self._encoding_bytes = 0

    def add(self, key: tuple[PartitionValue, ...], rows: pa.RecordBatch) -> None:
        """Take rows of one partition.

        Parameters
        ----------
        key : tuple
            The values of the partition columns.
        rows : pyarrow.RecordBatch
            Of the files' schema.
        """
        partition = self._partitions.get(key)
        if partition is None:
            partition = self._partitions[key] = _Partition(key)
        partition.waiting.append(rows)
        partition.rows += rows.num_rows
        partition.size += rows.nbytes
        self._waiting_bytes += rows.nbytes
        if partition.rows >= self._sizes.min_group:
            self._flush(partition)
        while self._waiting_bytes > _WAITING_BYTES:
            self._flush(max(self._partitions.values(), key=lambda one: one.size))

    def finish(self) -> None:
        """Write what waits, and close all files."""
        for partition in self._partitions.values():
            self._flush(partition)
        for partition in list(self._open.values()):
            self._close(partition)

    def abandon(self) -> None:
        """Close all files as they are, after an error."""
        for partition in self._open.values():
            if partition.task is not None:
                partition.task.cancel() or partition.task.exception()
            try:
                partition.writer.close()
            except Exception:  # noqa: BLE001, S112 - what was wrong is being told already
                continue

    def _flush(self, partition: _Partition) -> None:
        if not partition.rows:
            return
        table = pa.Table.from_batches(partition.waiting, self._schema)
        size = partition.size
        self._waiting_bytes -= size
        partition.waiting, partition.rows, partition.size = [], 0, 0
        while table.num_rows:
            if partition.writer is None:
                self._begin(partition)
            left = self._sizes.max_file - partition.written
            piece, table = table.slice(0, left), table.slice(left)
            partition.written += piece.num_rows
            self._open_bytes += piece.nbytes - partition.held
            partition.held = piece.nbytes
            self._encode(partition, piece, size)
            if partition.written == self._sizes.max_file:
                self._close(partition)
        if partition.key in self._open:
            self._open[partition.key] = self._open.pop(partition.key)
        self._bound_files()

    def _encode(self, partition: _Partition, table: pa.Table, size: int) -> None:
        if self._pool is None:
            self._write(partition.writer, table)
            return
        self._wait(partition)  # the row groups of a file come one after the other
        while self._encoding and self._encoding_bytes + size > _ENCODING_BYTES:
            self._settle()
        partition.task = self._pool.submit(self._write, partition.writer, table)
        self._encoding.append((partition.task, size))
        self._encoding_bytes += size

    def _write(self, writer: pq.ParquetWriter, table: pa.Table) -> None:
        writer.write_table(table, row_group_size=self._sizes.max_group)

    def _settle(self) -> None:
        task, size = self._encoding.popleft()
        self._encoding_bytes -= size
        task.result()

    @staticmethod
    def _wait(partition: _Partition) -> None:
        if partition.task is not None:
            partition.task.result()
            partition.task = None

    def _begin(self, partition: _Partition) -> None:
        path = self._folder / f"{len(self.files)}.parquet"
        partition.writer = pq.ParquetWriter(path, self._schema, **self._options)
        partition.written = 0
        self.files.append(WrittenFile(path, partition.key, partition.files))
        partition.files += 1
        self._open[partition.key] = partition

    def _bound_files(self) -> None:
        while len(self._open) > _OPEN_FILES or (self._open_bytes > _OPEN_BYTES and len(self._open) > 1):
            self._close(next(iter(self._open.values())))

    def _close(self, partition: _Partition) -> None:
        self._wait(partition)
        partition.writer.close()
        partition.writer = None
        self._open_bytes -= partition.held
        partition.held = 0
        self._open.pop(partition.key, None)


@contextmanager
def partition_files(
    folder: Path, schema: pa.Schema, sizes: GroupSizes, options: dict[str, Any], *, use_threads: bool
) -> Iterator[PartitionFiles]:
    """Open files for all partitions; they are finished when the block ends.

    Parameters
    ----------
    folder : Path
        Where; it exists.
    schema : pyarrow.Schema
        Of the files.
    sizes : GroupSizes
        Rows of files and row groups.
    options : dict
        For pyarrow's writer.
    use_threads : bool
        Whether several threads encode. The files are the same.

    Examples
    --------
    >>> import tempfile
    >>> rows = pa.record_batch({"v": [1, 2]})
    >>> with tempfile.TemporaryDirectory() as name:
    ...     with partition_files(Path(name), rows.schema, GroupSizes(1, 10, 10), {}, use_threads=False) as files:
    ...         files.add(("a",), rows)
    ...         files.add(("b",), rows)
    ...     [one.key for one in files.files], pq.read_table(files.files[0].path).num_rows
    ([('a',), ('b',)], 2)
    """
    pool = ThreadPoolExecutor(_THREADS, "zarrpack-parquet") if use_threads else None
    files = PartitionFiles(folder, schema, sizes, options, pool)
    try:
        yield files
        files.finish()
    except BaseException:
        files.abandon()
        raise
    finally:
        if pool is not None:
            pool.shutdown(cancel_futures=True)
