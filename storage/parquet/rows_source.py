"""Rows to be written, from whatever holds them, as a stream of tables of one schema."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa
import pyarrow.dataset as ds

from zarrpack.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Rows", "RowsSource", "rows_source"]

#: What can be written: all in memory, or a stream that is read once.
Rows: TypeAlias = "pd.DataFrame | pa.Table | pa.RecordBatch | pa.RecordBatchReader | ds.Dataset | Iterable[Any]"

_SLICE_ROWS = 262_144


@dataclass(frozen=True, slots=True)
class RowsSource:
    """A stream of rows; read once.

    Parameters
    ----------
    schema : pyarrow.Schema
        Of all tables, without metadata.
    tables : iterator of pyarrow.Table
        At most 262,144 rows each, or as many as a stream's own batches have.
    """

    schema: pa.Schema
    tables: Iterator[pa.Table]

    def mapped(self, change: Callable[[pa.Table], pa.Table]) -> RowsSource:
        """Give the stream with every table changed; the first one tells the schema."""
        tables = map(change, self.tables)
        first = next(tables, None)
        if first is None:
            first = change(self.schema.empty_table())
        return RowsSource(first.schema, chain([first], tables))

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Give the rows as record batches of the schema.

        Raises
        ------
        UsageError
            If a table is of another schema than the first.
        """
        for table in self.tables:
            if table.schema != self.schema:
                table = _fitted(table, self.schema)
            yield from table.combine_chunks().to_batches()


def rows_source(rows: Rows) -> RowsSource:
    """Give rows as a stream.

    Parameters
    ----------
    rows : DataFrame, Table, RecordBatch, RecordBatchReader, Dataset, or iterable of DataFrames, Tables or RecordBatches
        An iterable is read piece by piece, once, and never kept. Nothing is changed. A DataFrame's named index levels become
        columns; an unnamed one that only counts is left out.

    Raises
    ------
    UsageError
        If it is none of these, or a DataFrame's index would be lost.

    Examples
    --------
    >>> source = rows_source(iter([pa.table({"a": [1]}), pa.table({"a": [2, 3]})]))
    >>> source.schema.names, [table.num_rows for table in source.tables]
    (['a'], [1, 2])
    """
    if isinstance(rows, ds.Dataset):
        rows = rows.scanner().to_reader()
    if isinstance(rows, pa.RecordBatchReader):
        schema = _plain_schema(rows.schema)
        return RowsSource(schema, (_plain(pa.Table.from_batches([batch])) for batch in rows))
    if _is_piece(rows):
        table = _table(rows)
        starts = range(0, max(1, table.num_rows), _SLICE_ROWS)
        return RowsSource(table.schema, (table.slice(start, _SLICE_ROWS) for start in starts))
    if isinstance(rows, Iterable) and not isinstance(rows, str | bytes | dict):
        pieces = iter(rows)
        first = next(pieces, None)
        if first is None:
            raise UsageError("expected rows, found an empty stream, which has no columns; give a table without rows")
        sources = (rows_source(_checked(piece)) for piece in chain([first], pieces))
        opening = next(sources)
        return RowsSource(opening.schema, chain(opening.tables, (table for one in sources for table in one.tables)))
    raise UsageError(f"expected a DataFrame, an Arrow table or a stream of them, found {type(rows).__name__}")


def _checked(piece: Any) -> Any:
    if not _is_piece(piece):
        raise UsageError(f"expected DataFrames, Tables or RecordBatches in the stream, found {type(piece).__name__}")
    return piece


def _is_piece(rows: object) -> bool:
    return isinstance(rows, pa.Table | pa.RecordBatch) or _is_frame(rows)


def _is_frame(rows: object) -> bool:
    return type(rows).__module__.partition(".")[0] == "pandas" and hasattr(rows, "to_parquet")


def _table(rows: Any) -> pa.Table:
    if isinstance(rows, pa.RecordBatch):
        return _plain(pa.Table.from_batches([rows]))
    if isinstance(rows, pa.Table):
        return _plain(rows)
    frame = rows
    names = [name for name in frame.index.names if name is not None]
    if names:
        new = [name for name in names if name not in frame.columns]
        frame = frame.reset_index(level=new) if new else frame
    elif frame.index.nlevels > 1 or frame.index.dtype.kind not in "iu":
        raise UsageError(
            f"expected a DataFrame whose index has a name, found one of {frame.index.dtype} without; "
            "give it a name (it becomes a column), or use reset_index(drop=True)"
        )
    if not all(isinstance(name, str) for name in frame.columns):
        raise UsageError(f"expected columns named by text, found {list(frame.columns)[:5]}; rename them")
    try:
        return _plain(pa.Table.from_pandas(frame, preserve_index=False))
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as exc:
        raise UsageError(f"expected columns of one type each, found: {exc}") from exc


def _plain(table: pa.Table) -> pa.Table:
    if len(set(table.column_names)) != len(table.column_names):
        raise UsageError(f"expected columns of different names, found {table.column_names}")
    schema = _plain_schema(table.schema)
    return table if table.schema.equals(schema, check_metadata=True) else table.cast(schema)


def _plain_schema(schema: pa.Schema) -> pa.Schema:
    """Leave out metadata, and the difference between texts of 32 and of 64 bit offsets, which Parquet does not have."""
    return pa.schema([pa.field(one.name, _plain_type(one.type)) for one in schema])


def _plain_type(type_: pa.DataType) -> pa.DataType:
    if pa.types.is_large_string(type_) or pa.types.is_string_view(type_):
        return pa.string()
    if pa.types.is_large_binary(type_) or pa.types.is_binary_view(type_):
        return pa.binary()
    if pa.types.is_dictionary(type_):
        return _plain_type(type_.value_type)
    return type_


def _fitted(table: pa.Table, schema: pa.Schema) -> pa.Table:
    if set(table.column_names) != set(schema.names):
        raise UsageError(
            f"expected the columns {schema.names} in every piece of the stream, found {table.column_names}"
        )
    try:
        return table.select(schema.names).cast(schema)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as exc:
        raise UsageError(f"expected pieces of the types of the first, found: {exc}") from exc
