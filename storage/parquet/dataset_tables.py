"""The tables in a ``.dataset``: for each row dimension of each group its arrays, as columns beside ``file_id``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pyarrow as pa

from zarrpack.storage.data_file import DataFile
from zarrpack.storage.parquet.array_columns import FlatColumn, RowColumn
from zarrpack.storage.stored_array import StoredArray

__all__ = ["DatasetTable", "dataset_tables"]

_BATCH_BYTES = 16 << 20
_BATCH_ROWS = 65_536
_CODES = "file_id"


@dataclass(slots=True)
class DatasetTable:
    """One table.

    Parameters
    ----------
    name : str
        The group's name; of a further row dimension ``group.dimension``.
    rows : int
        How many rows it has.
    columns : list of RowColumn or FlatColumn
        ``file_id`` first.
    left_out : list of str
        Arrays that no column can hold.
    """

    name: str
    rows: int
    columns: list[RowColumn | FlatColumn]
    left_out: list[str] = field(default_factory=list)

    @property
    def schema(self) -> pa.Schema:
        """The columns' names and types."""
        return pa.schema([pa.field(one.name, one.type) for one in self.columns])

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Give the rows in batches of about 16 MiB; columns are read chunk by chunk."""
        step = max(1, min(_BATCH_ROWS, _BATCH_BYTES // max(1, sum(one.row_bytes for one in self.columns))))
        for start in range(0, self.rows, step):
            stop = min(start + step, self.rows)
            arrays = [one.read(start, stop) for one in self.columns]
            yield pa.RecordBatch.from_arrays(arrays, schema=self.schema)


def dataset_tables(data: DataFile) -> list[DatasetTable]:
    """Find the tables of a file.

    Parameters
    ----------
    data : DataFile
        A ``.dataset``, open as long as the tables are read.

    Returns
    -------
    list of DatasetTable
        In the order of the file.
    """
    groups: dict[str, dict[str, StoredArray]] = {}
    for key, array in data.arrays.items():
        group, _, name = key.rpartition("/")
        groups.setdefault(group, {})[name] = array
    return [table for group, arrays in groups.items() for table in _tables_of(group, arrays)]


def _tables_of(group: str, arrays: dict[str, StoredArray]) -> Iterator[DatasetTable]:
    for code_name, code in arrays.items():
        if code.metadata.attributes.get("zarrpack_role") != "code":
            continue
        dim = code.metadata.dims[0]
        columns: list[RowColumn | FlatColumn] = [RowColumn(_CODES, code)]
        left_out: list[str] = []
        for name, array in arrays.items():
            role = array.metadata.attributes.get("zarrpack_role", "data")
            if role == "flat_shape" and array.metadata.dims[0] == dim:
                columns.append(RowColumn(name, array))
            elif role == "flat_offsets" and array.metadata.dims[0] == dim:
                columns += _flat_column(array, arrays)
            elif role == "data" and array.metadata.dims[:1] == (dim,):
                if 0 in array.metadata.shape[1:]:
                    left_out.append(f"{group}/{name}")
                else:
                    columns.append(RowColumn(_free_name(name, array, columns), array))
        table = group if code_name == _CODES else f"{group}.{dim}"
        yield DatasetTable(table, code.metadata.shape[0], columns, left_out)


def _flat_column(offsets: StoredArray, arrays: dict[str, StoredArray]) -> list[FlatColumn]:
    name = str(offsets.metadata.attributes.get("zarrpack_of", ""))
    values = arrays.get(name)
    if values is None:
        return []
    told = arrays.get(f"{name}_shape")
    stated = values.metadata.attributes.get("zarrpack_shape_from") or []
    shapes = [told] if told is not None else [arrays[str(one)] for one in stated if str(one) in arrays]
    return [FlatColumn(name, values, offsets, shapes)] if shapes else []


def _free_name(name: str, array: StoredArray, columns: list[RowColumn | FlatColumn]) -> str:
    """Give the array's true name where no other column has it."""
    true = str(array.metadata.attributes.get("name", name))
    return name if true in {one.name for one in columns} or true == _CODES else true
