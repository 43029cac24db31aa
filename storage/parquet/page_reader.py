"""Some rows of a Parquet file by its page index: only the pages that hold them are read.

Arrow reads whole column chunks. Here the pages wanted of one column are laid into a small Parquet file in memory, with a footer that
names no others, which Arrow then decodes, checksums and all.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from zarrpack.storage.parquet.thrift_compact import Struct, field_of, read_struct, write_struct

__all__ = ["read_interval"]

_MAGIC = b"PAR1"
_TAIL_BYTES = 8
_INT64 = 2
_I32, _I64, _LIST, _STRUCT = 5, 6, 9, 12
# Beyond this part of a row group a plain scan is as good.
_LARGEST_PART = 0.5


@dataclass(frozen=True, slots=True)
class _Page:
    offset: int
    size: int
    first_row: int


def read_interval(path: Path, column: str, low: int | None, high: int | None, wanted: Sequence[str]) -> pa.Table | None:
    """Read the rows in whose pages a column may lie between two values.

    Parameters
    ----------
    path : Path
        The file.
    column : str
        A column of int64.
    low, high : int or None
        The interval, both ends included; None: open.
    wanted : sequence of str
        Columns to read; those that the file does not have are left out.

    Returns
    -------
    pyarrow.Table or None
        All rows of the interval in their order, and others of the same pages. None where the index says too little, or where
        so many pages are wanted that a scan is as good.

    Raises
    ------
    ValueError
        If the file's metadata make no sense.
    OSError
        If it cannot be read.
    """
    with path.open("rb") as file:
        footer = _footer(file)
        names = _flat_names(footer)
        if names is None or column not in names:
            return None
        tables = []
        for group in field_of(footer, 4):
            rows = _rows_of(file, group, names.index(column), low, high)
            if rows is None:
                return None
            if rows[0] < rows[1]:
                chosen = [(name, names.index(name)) for name in wanted if name in names]
                columns = [_read_column(file, footer, group, index, *rows) for _, index in chosen]
                tables.append(pa.table(columns, names=[name for name, _ in chosen]))
        return pa.concat_tables(tables, promote_options="permissive") if tables else _nothing(path, names, wanted)


def _nothing(path: Path, names: Sequence[str], wanted: Sequence[str]) -> pa.Table:
    schema = pq.read_schema(path)
    return pa.schema([schema.field(name) for name in wanted if name in names]).empty_table()


def _footer(file: BinaryIO) -> Struct:
    end = file.seek(0, 2)
    file.seek(max(0, end - _TAIL_BYTES))
    tail = file.read(_TAIL_BYTES)
    size = int.from_bytes(tail[:4], "little")
    if tail[4:] != _MAGIC or size > end - 12:
        raise ValueError("expected a Parquet file's footer")
    return read_struct(_bytes_at(file, end - _TAIL_BYTES - size, size))


def _flat_names(footer: Struct) -> list[str] | None:
    """Name the columns if none is nested."""
    _, *leaves = field_of(footer, 2)
    if any(5 in one or one.get(3, (0, 0))[1] == 2 for one in leaves):
        return None
    return [field_of(one, 4).decode() for one in leaves]


def _rows_of(file: BinaryIO, group: Struct, index: int, low: int | None, high: int | None) -> tuple[int, int] | None:
    """Give the rows of the group from the first to the last page that may hold the interval; None to scan instead."""
    chunk = field_of(group, 1)[index]
    count = field_of(group, 3)
    if 4 not in chunk or 6 not in chunk or field_of(field_of(chunk, 3), 1) != _INT64:
        return None
    pages = _pages(file, chunk)
    column_index = read_struct(_bytes_at(file, field_of(chunk, 6), field_of(chunk, 7)))
    nulls, lows, highs = (field_of(column_index, number) for number in (1, 2, 3))
    if not len(pages) == len(nulls) == len(lows) == len(highs):
        raise ValueError("expected an index entry for every page")
    chosen = [
        number
        for number, (is_null, first, last) in enumerate(zip(nulls, lows, highs, strict=True))
        if not is_null and (high is None or _int64(first) <= high) and (low is None or _int64(last) >= low)
    ]
    if not chosen:
        return 0, 0
    stop = pages[chosen[-1] + 1].first_row if chosen[-1] + 1 < len(pages) else count
    start = pages[chosen[0]].first_row
    return (start, stop) if stop - start <= count * _LARGEST_PART else None


def _pages(file: BinaryIO, chunk: Struct) -> list[_Page]:
    if 4 not in chunk:
        raise ValueError("expected an offset index")
    locations = field_of(read_struct(_bytes_at(file, field_of(chunk, 4), field_of(chunk, 5))), 1)
    pages = [_Page(*(field_of(one, number) for number in (1, 2, 3))) for one in locations]
    firsts = [page.first_row for page in pages]
    if not pages or firsts[0] != 0 or firsts != sorted(firsts):
        raise ValueError("expected pages in the order of their rows")
    return pages


def _read_column(file: BinaryIO, footer: Struct, group: Struct, index: int, start: int, stop: int) -> pa.ChunkedArray:
    chunk = field_of(group, 1)[index]
    pages, count = _pages(file, chunk), field_of(group, 3)
    ends = [*(page.first_row for page in pages[1:]), count]
    chosen = [page for page, end in zip(pages, ends, strict=True) if page.first_row < stop and end > start]
    rows = max(end for page, end in zip(pages, ends, strict=True) if page in chosen) - chosen[0].first_row
    meta = field_of(chunk, 3)
    first_page = min(page.offset for page in pages)
    dictionary = meta[11][1] if 11 in meta else first_page
    head = _bytes_at(file, dictionary, first_page - dictionary) if 0 < dictionary < first_page else b""
    body = b"".join(_bytes_at(file, page.offset, page.size) for page in chosen)
    small = _small_file(footer, meta, index, head, body, rows)
    with pq.ParquetFile(pa.BufferReader(small), page_checksum_verification=True, pre_buffer=False) as made:
        column = made.read(use_threads=False).column(0)
    if len(column) != rows:
        raise ValueError(f"expected {rows} rows in the pages, found {len(column)}")
    return column.slice(start - chosen[0].first_row, stop - start)


def _small_file(footer: Struct, meta: Struct, index: int, head: bytes, body: bytes, rows: int) -> bytes:
    """Lay pages of one column into a file of their own."""
    size = len(head) + len(body)
    new: Struct = {number: meta[number] for number in (1, 2, 3, 4)}
    new |= {5: (_I64, rows), 6: (_I64, max(size, field_of(meta, 6))), 7: (_I64, size), 9: (_I64, 4 + len(head))}
    if head:
        new[11] = (_I64, 4)
    row_group: Struct = {
        1: (_LIST, (_STRUCT, [{2: (_I64, 0), 3: (_STRUCT, new)}])),
        2: (_I64, size),
        3: (_I64, rows),
    }
    elements: list[Any] = field_of(footer, 2)
    schema = [{**elements[0], 5: (_I32, 1)}, elements[1 + index]]
    document = write_struct(
        {
            1: footer[1],
            2: (_LIST, (_STRUCT, schema)),
            3: (_I64, rows),
            4: (_LIST, (_STRUCT, [row_group])),
        }
    )
    return b"".join([_MAGIC, head, body, document, len(document).to_bytes(4, "little"), _MAGIC])


def _int64(value: bytes) -> int:
    (number,) = struct.unpack("<q", value)
    return int(number)


def _bytes_at(file: BinaryIO, offset: int, size: int) -> bytes:
    if offset < 0 or size < 0:
        raise ValueError("expected places within the file")
    file.seek(offset)
    data = file.read(size)
    if len(data) != size:
        raise ValueError(f"expected {size} bytes at {offset}, found {len(data)}")
    return data
