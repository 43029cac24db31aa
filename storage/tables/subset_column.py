"""The infoset's ``subset`` column, replaced without touching anything else in the file."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from zarrpack.errors import FormatError, OutputRefused
from zarrpack.storage.durability import publish_file

__all__ = ["NO_SUBSET", "write_subsets"]

#: The subset of an item that has not been given one.
NO_SUBSET = "N/A"


def write_subsets(path: str | os.PathLike[str], subsets: Mapping[int, str]) -> None:
    """Write which subset each item belongs to. At every moment the file is the old one or the new one.

    The same subsets give the same bytes, and the old ones those from before.

    Parameters
    ----------
    path : path-like
        An ``.infoset``.
    subsets : mapping of int to str
        ``id`` -> its subset; what is not in it has none.

    Raises
    ------
    FormatError
        If it is no Parquet table with the columns ``id`` and ``subset``.
    OutputRefused
        If the file or its folder cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    target = Path(path).resolve()  # a link stays one
    try:
        if not os.access(target, os.W_OK):
            raise OutputRefused(
                errno.EACCES, f"{path}: expected a file that can be written, found one that is read-only"
            )
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".partial", dir=target.parent)
        os.close(descriptor)
        temporary = Path(name)
        try:
            with pq.ParquetFile(target) as source:
                _rewrite(source, temporary, subsets)
            temporary.chmod(target.stat().st_mode & 0o777)
            publish_file(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)
    except (KeyError, pa.ArrowException) as exc:
        raise FormatError(f"{path}: expected an infoset with the columns id and subset, found: {exc}") from exc
    except OutputRefused:
        raise
    except OSError as exc:
        raise OutputRefused(exc.errno, f"{path}: the subsets cannot be written: {exc.strerror or exc}") from exc


def _rewrite(source: pq.ParquetFile, temporary: Path, subsets: Mapping[int, str]) -> None:  # type: ignore[name-defined] # noqa: F821
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = source.schema_arrow
    place, field = schema.get_field_index("subset"), schema.field("subset")
    with pq.ParquetWriter(temporary, schema, compression="zstd", write_page_checksum=True) as writer:
        for number in range(source.num_row_groups):
            rows = source.read_row_group(number)
            column = pa.array([subsets.get(code, NO_SUBSET) for code in rows.column("id").to_pylist()], field.type)
            rows = rows.set_column(place, field, column)
            if rows.num_rows:
                writer.write_table(rows, row_group_size=rows.num_rows)
