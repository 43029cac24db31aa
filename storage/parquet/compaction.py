"""Compaction: the many small files of a partition become few, and nothing is removed before it was compared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from zarrpack.errors import ConservationError
from zarrpack.storage.parquet.commit import staging_folder
from zarrpack.storage.parquet.layout import PartitionValue
from zarrpack.storage.parquet.manifest import FileEntry, Manifest
from zarrpack.storage.parquet.rows_digest import RowsDigest
from zarrpack.storage.parquet.rows_source import RowsSource, rows_source
from zarrpack.storage.parquet.scan import ScanOptions, read_batches
from zarrpack.storage.parquet.snapshot import Snapshot, open_snapshot
from zarrpack.storage.parquet.writing import WriteOptions, commit_rows, stage_rows

__all__ = ["compact"]

_BATCH_ROWS = 131_072


@dataclass(slots=True)
class _Partition:
    values: tuple[PartitionValue, ...]
    files: list[FileEntry]


def compact(base: Path, options: WriteOptions, target: Path | None = None) -> int:
    """Rewrite every partition that has more files than it needs, one commit per partition.

    Parameters
    ----------
    base : Path
        The dataset's folder.
    options : WriteOptions
        Sizes and encoding of the new files.
    target : Path, optional
        Where a compacted copy goes; None: the dataset itself is changed, through its manifest.

    Returns
    -------
    int
        How many partitions were rewritten.

    Raises
    ------
    ConservationError
        If rows that were read back are not those that were read: then nothing is removed.
    """
    with open_snapshot(base) as snapshot:
        partitions = _partitions(snapshot.manifest)
    count = 0
    for partition in partitions:
        if target is None and not _gains(base, partition.files, options):
            continue
        _compact_partition(base, partition, options, target)
        count += 1
    return count


def _compact_partition(base: Path, partition: _Partition, options: WriteOptions, target: Path | None) -> None:
    home = base if target is None else target
    before = RowsDigest()
    with staging_folder(home) as staging:
        with open_snapshot(base) as snapshot:
            part = Snapshot(base, snapshot.manifest.with_files(partition.files), snapshot.is_managed)
            batches = read_batches(part, ScanOptions(batch_size=_BATCH_ROWS))
            staged = stage_rows(staging, _source(snapshot.schema, batches), options, before)
        if before.rows != sum(entry.rows for entry in partition.files):
            raise ConservationError(f"{base}: expected the rows that the manifest counts, found {before.rows}")
        # The snapshot is closed: the old files can go with the commit.
        commit_rows(home, staged, options, "append", partition.files if target is None else ())


def _source(schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> RowsSource:
    return rows_source(pa.RecordBatchReader.from_batches(schema, batches))


def _partitions(manifest: Manifest) -> list[_Partition]:
    found: dict[tuple[PartitionValue, ...], _Partition] = {}
    for entry in manifest.files:
        values = tuple(entry.partition.values())
        found.setdefault(values, _Partition(values, [])).files.append(entry)
    return list(found.values())


def _gains(base: Path, files: list[FileEntry], options: WriteOptions) -> bool:
    """Whether a rewrite makes fewer files, or fewer row groups."""
    rows = sum(entry.rows for entry in files)
    if len(files) > max(1, -(-rows // options.sizes.max_file)):
        return True
    groups = [pq.read_metadata(base / entry.path).num_row_groups for entry in files]
    return sum(map(int, groups)) > max(1, -(-rows // options.sizes.min_group))
