"""Whether a Parquet table can be read to its last page, and a digest of what it says."""

from __future__ import annotations

import hashlib
from collections.abc import Container
from pathlib import Path

from zarrpack.errors import FormatError

__all__ = ["check_table", "table_digest"]


def check_table(path: Path) -> tuple[int, list[str]]:
    """Read every page of a table and compare its checksum.

    Returns
    -------
    tuple of (int, list of str)
        Rows, and what is wrong.

    Examples
    --------
    >>> import tempfile
    >>> from zarrpack.storage.tables.parquet import Column, write_rows
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "t.parquet")
    ...     _ = write_rows(path, [Column("n", "int64")], [(1,), (2,)])
    ...     check_table(path)
    (2, [])
    """
    import pyarrow
    import pyarrow.parquet as pq

    rows = 0
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as table:
            announced = table.metadata.num_rows
            for batch in table.iter_batches(use_threads=False):
                batch.validate(full=True)
                rows += batch.num_rows
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        return rows, [f"expected a Parquet table, found: {error}"]
    return rows, [] if rows == announced else [f"expected {announced} rows, found {rows}"]


def table_digest(path: Path, without: Container[str] = ()) -> str:
    """Give a digest of a table's values that does not depend on how they are laid out.

    Parameters
    ----------
    path : Path
        The table.
    without : container of str
        Columns that do not count.

    Raises
    ------
    FormatError
        If it is no table.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    digest = hashlib.sha256()
    try:
        with pq.ParquetFile(path) as table:
            for name in table.schema_arrow.names:
                if name in without:
                    continue
                column = table.read(columns=[name]).column(0).combine_chunks()
                if pa.types.is_large_string(column.type):
                    column = column.cast(pa.string())
                digest.update(f"{name}\0{column.type}\0{len(column)}\0".encode())
                digest.update(column.is_valid().cast(pa.int8()).buffers()[1] or b"")
                for buffer in column.drop_null().buffers()[1:]:
                    digest.update(buffer or b"")
    except (pa.ArrowException, OSError, ValueError) as error:
        raise FormatError(f"{path}: expected a Parquet table, found: {error}") from error
    return digest.hexdigest()
