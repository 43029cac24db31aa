"""Parquet files: a typed array per column, row group by row group."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar

from zarrpack.errors import MemberError
from zarrpack.processors.base import Block, Member, Metadata, Processor
from zarrpack.processors.magic import media_type, suffix
from zarrpack.processors.seekable import seekable

if TYPE_CHECKING:
    import pyarrow.parquet as pq

__all__ = ["ParquetProcessor"]

_MEDIA_TYPE = "application/vnd.apache.parquet"
_ENCRYPTED = b"PARE"
_BATCH_BYTES = 16 << 20
_BATCH_ROWS = 65_536


@dataclass(frozen=True, slots=True)
class ParquetProcessor(Processor):
    """Reads ``.parquet`` by its first bytes: one array per column, joined along ``row``.

    Fields of structs are columns ``a.b``; fixed-size lists of numbers are further axes; other lists and maps are JSON text.
    ``key=value`` folders in the member's name are columns too. Where whole numbers, bools, texts or bytes are missing,
    a column ``name_is_null`` says which.

    Examples
    --------
    >>> import io
    >>> import pyarrow as pa
    >>> import pyarrow.parquet as pq
    >>> file = io.BytesIO()
    >>> pq.write_table(pa.table({"close": [1.5, 2.5]}), file)
    >>> member = Member("symbol=001/a.parquet", file.getvalue()[:4096], file.getvalue())
    >>> *blocks, metadata = ParquetProcessor().read(member)
    >>> [(block.array, list(map(str, block.rows))) for block in blocks]
    [('close', ['1.5', '2.5']), ('symbol', ['001', '001'])]
    """

    name: ClassVar[str] = "parquet"

    def accepts(self, head: bytes, name: str) -> bool:
        """Tell by the first bytes; by the suffix if they are of no known type."""
        if head.startswith(_ENCRYPTED):
            return True
        kind = media_type(head)
        return kind == _MEDIA_TYPE or (kind is None and suffix(name) == ".parquet")

    def read(self, member: Member) -> Iterator[Block | Metadata]:
        """Give the columns in blocks of about 16 MiB.

        Raises
        ------
        MemberError
            ``empty``, ``encrypted``, ``not_decodable``, ``limit_member_bytes``, ``limit_ratio`` or ``limit_rows``.
        """
        if not member.head:
            raise MemberError("empty", "expected a Parquet file, found no bytes")
        if member.head.startswith(_ENCRYPTED):
            raise MemberError("encrypted", "expected a Parquet file that can be read, found an encrypted one")
        import pyarrow as pa

        # Here and not at the top: a worker that meets no such member never loads pyarrow.
        from zarrpack.processors.parquet_columns import TableReader

        try:
            with seekable(member) as content, _opened(content, member) as file:
                reader = TableReader(member.name, file.schema_arrow)
                yield from reader.blocks(_batches(file, content, member))
                about = {"parquet/rows": file.metadata.num_rows, "parquet/row_groups": file.metadata.num_row_groups}
        except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, OverflowError, MemoryError) as exc:
            if isinstance(exc, MemberError):
                raise
            raise MemberError(
                "not_decodable", f"the Parquet file is damaged: {' '.join(str(exc).split())}"[:500]
            ) from exc
        yield Metadata(about, media_type=_MEDIA_TYPE, notes=tuple(sorted(reader.notes)))


def _opened(content: BinaryIO, member: Member) -> pq.ParquetFile:
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = pq.ParquetFile(pa.PythonFile(content, "r"), page_checksum_verification=True, pre_buffer=False)
    limit = member.limits.rows
    if file.metadata.num_rows > limit:
        raise MemberError("limit_rows", f"{file.metadata.num_rows} rows, more than {limit}; raise the limit rows")
    if not file.schema_arrow.names:
        raise MemberError("empty", "expected a table with columns, found none")
    return file


def _batches(file: pq.ParquetFile, content: BinaryIO, member: Member) -> Iterator[Any]:
    """Give the rows; what expands more than the limit allows is stopped on the way."""
    size = content.seek(0, os.SEEK_END)
    content.seek(0)
    footer = file.metadata
    announced = sum(footer.row_group(index).total_byte_size for index in range(footer.num_row_groups))
    row_bytes = max(1, announced // max(1, footer.num_rows))
    rows = max(1, min(_BATCH_ROWS, _BATCH_BYTES // row_bytes))
    limits, decoded = member.limits, 0
    for batch in file.iter_batches(batch_size=rows, use_threads=False):
        decoded += batch.nbytes
        if decoded > limits.ratio_grace_bytes and decoded > limits.ratio * size:
            detail = f"{size} bytes expand to more than {limits.ratio} times"
            raise MemberError("limit_ratio", f"{detail}; raise the limit ratio")
        yield batch
