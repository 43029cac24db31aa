"""Groups as xarray Datasets whose values are read when they are asked for.

The arrays read by place and open their file for themselves, so that a Dataset may be used after a fork and be pickled.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import xarray
from xarray.backends import BackendArray
from xarray.core import indexing

from zarrpack.dataset.explore.keyed_values import column_values
from zarrpack.dataset.item_table import ItemTable
from zarrpack.storage.items.item_reader import ItemReader
from zarrpack.storage.items.row_spans import code_array

__all__ = ["LazyRows", "RowSource", "group_dataset", "with_columns"]

Values = npt.NDArray[Any]


class RowSource(Protocol):
    """What rows are read from."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def read(self, first: int = 0, last: int | None = None) -> Values:
        """Read rows, `last` excluded."""


class LazyRows(BackendArray):
    """Lets xarray index rows before they are read.

    Parameters
    ----------
    source : RowSource
        The rows.
    """

    def __init__(self, source: RowSource) -> None:
        self._source = source
        self.shape = source.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The rows' dtype; columns are read when it is asked for."""
        return self._source.dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._outer)

    def _outer(self, key: tuple[Any, ...]) -> Any:
        if not self.shape:
            return self._source.read()
        values = self._rows(key[0])
        # From behind, so that an axis that a number takes away moves no other one.
        for axis in range(len(key) - 1, 0, -1):
            values = values[(slice(None),) * axis + (key[axis],)]
        return values[0] if isinstance(key[0], int | np.integer) else values

    def _rows(self, key: Any) -> Values:
        if isinstance(key, int | np.integer):
            row = int(key) % self.shape[0]
            return self._source.read(row, row + 1)
        if isinstance(key, slice):
            start, stop, step = key.indices(self.shape[0])
            numbers = range(start, stop, step)
            if not numbers:
                return self._source.read(0, 0)
            low, high = min(numbers[0], numbers[-1]), max(numbers[0], numbers[-1])
            rows = self._source.read(low, high + 1)
            return rows if step == 1 else rows[[number - low for number in numbers]]
        wanted = np.asarray(key, np.int64) % max(1, self.shape[0])
        distinct, places = np.unique(wanted, return_inverse=True)
        if not len(distinct):
            return self._source.read(0, 0)
        runs = np.split(distinct, np.flatnonzero(np.diff(distinct) != 1) + 1)
        rows = np.concatenate([self._source.read(int(run[0]), int(run[-1]) + 1) for run in runs])
        return rows[places]


class _ColumnOfRows:
    """A column's value for each row of a group, by the code of the row's item."""

    def __init__(self, codes: RowSource, positions_of: ItemTable, values: Values) -> None:
        self.shape = codes.shape
        self.dtype = np.dtype(object) if values.dtype.kind in "Ob" else values.dtype
        self._codes, self._table, self._values = codes, positions_of, values

    def read(self, first: int = 0, last: int | None = None) -> Values:
        """Read the values of some rows; NaN or None for rows whose item is not in the table."""
        positions = self._table.positions(self._codes.read(first, last))
        is_known = positions >= 0
        rows = np.full(len(positions), None if self.dtype == object else 0, self.dtype)
        rows[is_known] = self._values[positions[is_known]]
        if self.dtype.kind == "f":
            rows[~is_known] = np.nan
        return rows


def group_dataset(reader: ItemReader, group: str) -> xarray.Dataset:
    """Give a group as it is stored, with its provenance as ``file_id`` and ``file_id_code_<group>``.

    Parameters
    ----------
    reader : ItemReader
        The file.
    group : str
        The group's name.

    Returns
    -------
    xarray.Dataset
        Lazy. The rows of the group's first dimension are numbered from 0.
    """
    prefix = f"{group}/" if group else ""
    variables: dict[str, Any] = {}
    names = [name for name, one in reader.index.arrays.items() if one.name.rpartition("/")[0] == group]
    for name in names:
        array = reader.array(name)
        if array.index.role != "offsets":
            variables[name.removeprefix(prefix)] = _variable(array.dims, array, array.index.metadata.attributes)
    of_data = [one for one in reader.arrays.values() if one.group == group]
    dimension = of_data[0].dimension if of_data else ""
    codes = code_array(reader.index, group, dimension)
    if codes is not None:
        provenance = variables.get(codes.removeprefix(prefix))
        for alias in ("file_id", f"file_id_code_{group}"):
            variables.setdefault(alias, provenance)
    coordinates = {}
    if dimension and dimension not in variables:
        rows = next(reader.array(name).shape[0] for name in names if reader.array(name).dims[:1] == (dimension,))
        coordinates[dimension] = np.arange(rows)
    return xarray.Dataset(variables, coords=coordinates)


def with_columns(dataset: xarray.Dataset, table: ItemTable, reader: ItemReader, group: str) -> xarray.Dataset:
    """Add the infoset's columns to a group, each row having its item's value; arrays win over columns of their name.

    Parameters
    ----------
    dataset : xarray.Dataset
        From `group_dataset`.
    table : ItemTable
        The items.
    reader, group
        As in `group_dataset`.

    Returns
    -------
    xarray.Dataset
        Lazy: columns are read when they are asked for, all together at most once.
    """
    of_data = [one for one in reader.arrays.values() if one.group == group]
    codes = code_array(reader.index, group, of_data[0].dimension) if of_data else None
    if codes is None:
        return dataset
    provenance = reader.array(codes)
    added = {}
    for name in table.column_names:
        if name not in dataset.variables and name not in dataset.dims:
            source = _LazyColumn(provenance, table, name)
            added[name] = _variable(provenance.dims, source, {})
    return dataset.assign(added)


class _LazyColumn:
    """A column that is read from the infoset when a row of it is asked for."""

    def __init__(self, codes: RowSource, table: ItemTable, name: str) -> None:
        self.shape = codes.shape
        self._codes, self._table, self._name = codes, table, name
        self._rows: _ColumnOfRows | None = None

    @property
    def dtype(self) -> np.dtype[Any]:
        """The column's dtype; objects for text and booleans."""
        return self._loaded().dtype

    def read(self, first: int = 0, last: int | None = None) -> Values:
        """Read the values of some rows."""
        return self._loaded().read(first, last)

    def _loaded(self) -> _ColumnOfRows:
        if self._rows is None:
            self._rows = _ColumnOfRows(self._codes, self._table, column_values(self._table.column(self._name)))
        return self._rows


def _variable(dims: Sequence[str], source: Any, attributes: Any) -> xarray.Variable:
    return xarray.Variable(dims, indexing.LazilyIndexedArray(LazyRows(source)), dict(attributes))
