"""What was written, read back and compared with what was read, before anything depends on it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from zarrpack.errors import ConservationError, FormatError
from zarrpack.storage.parquet.layout import PartitionValue
from zarrpack.storage.parquet.manifest import FileEntry
from zarrpack.storage.parquet.rows_digest import RowsDigest

__all__ = ["digest_of_files", "digested", "require_equal"]

_BATCH_ROWS = 131_072


def digested(batches: Iterable[pa.RecordBatch], digest: RowsDigest) -> Iterator[pa.RecordBatch]:
    """Give batches on, and take them into a digest."""
    for batch in batches:
        digest.add(batch)
        yield batch


def digest_of_files(files: Iterable[tuple[Path, FileEntry]], schema: pa.Schema) -> RowsDigest:
    """Read back what was written, file by file, and give the digest of its rows.

    Parameters
    ----------
    files : iterable of (Path, FileEntry)
        Finished files, and what they are to become.
    schema : pyarrow.Schema
        All columns, partition columns among them.

    Raises
    ------
    FormatError
        If a file cannot be read back.
    """
    digest = RowsDigest()
    for path, entry in files:
        types = {name: schema.field(name).type for name in entry.partition}
        try:
            with pq.ParquetFile(path, page_checksum_verification=True) as file:
                for batch in file.iter_batches(batch_size=_BATCH_ROWS):
                    digest.add(_with_partition(batch, entry.partition, types))
        except (pa.ArrowException, OSError) as exc:
            raise FormatError(f"{path}: expected the file that was just written, found: {exc}") from exc
    return digest


def require_equal(before: RowsDigest, after: RowsDigest, where: Path) -> None:
    """Compare rows read with rows written.

    Raises
    ------
    ConservationError
        If they differ in number or content.
    """
    if before != after:
        raise ConservationError(
            f"{where}: expected {before.rows} rows with the digest {before.hexdigest}, found {after.rows} with "
            f"{after.hexdigest}; nothing was removed"
        )


def _with_partition(
    batch: pa.RecordBatch, values: Mapping[str, PartitionValue], types: Mapping[str, pa.DataType]
) -> pa.RecordBatch:
    for name, value in values.items():
        batch = batch.append_column(name, pa.repeat(pa.scalar(value, types[name]), batch.num_rows))
    return batch
