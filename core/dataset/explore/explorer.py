"""Looks into a dataset: what is in it, how it is distributed, which items are so and so."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from zarrpack.dataset.explore.contents import contents_lines
from zarrpack.dataset.explore.dataset_tables import DatasetTables
from zarrpack.dataset.explore.distributions import Bins, distribution
from zarrpack.dataset.explore.keyed_values import KeyedValues, column_values, find_values
from zarrpack.dataset.explore.memberships import Categories, memberships
from zarrpack.dataset.explore.statistics import numbers_only, statistics
from zarrpack.dataset.explore.value_stream import array_pieces
from zarrpack.dataset.flow_paths import set_paths
from zarrpack.dataset.item_table import ItemTable
from zarrpack.errors import NotFound, SourceError
from zarrpack.storage.items.item_reader import ItemReader

if TYPE_CHECKING:
    import pandas as pd
    import xarray
    from matplotlib.figure import Figure

    from zarrpack.dataset.view import DatasetView

__all__ = ["DatasetExplorer"]

Int64s = npt.NDArray[np.int64]


class DatasetExplorer(DatasetTables):
    """Reads a dataset and its tables; changes nothing.

    Values are read chunk by chunk, so that no array is ever whole in memory. Safe in threads, after a fork, and pickled.

    Parameters
    ----------
    flow_output_file : path-like, optional
        A ``.flow``, which names the others; where one of them is gone, the file of that name beside it is taken.
    merged_store_path, parquet_file_path, parquet_file_attribs : path-like, optional
        ``.dataset``, ``.infoset`` and ``.attribset``, if they are not as the flow says, or there is none. The infoset and the attribset
        beside the dataset are found by themselves.
    dask_client_params : dict, optional
        Nothing here needs Dask; it is accepted for those who pass it.

    Raises
    ------
    ValueError
        If neither a flow nor a dataset is given, or the infoset is not there.
    FileNotFoundError
        If the flow or the dataset is not there.
    FormatError
        If a file is not what it should be.

    Examples
    --------
    >>> import numpy as np
    >>> from zarrpack.storage import DatasetMerger, OptStorage
    >>> with OptStorage("part.zarr") as storage:
    ...     storage.save_data("face_areas", np.array([1.0, 2.0, 4.0], np.float32))
    ...     _ = storage.compress_store()
    >>> _ = DatasetMerger(["part.zarr.data"], "parts.dataset").merge_data()
    >>> with DatasetExplorer(merged_store_path="parts.dataset") as explorer:
    ...     explorer.compute_statistics("faces", "face_areas")["median"]
    2.0
    """

    def __init__(
        self,
        flow_output_file: str | os.PathLike[str] | None = None,
        merged_store_path: str | os.PathLike[str] | None = None,
        parquet_file_path: str | os.PathLike[str] | None = None,
        parquet_file_attribs: str | os.PathLike[str] | None = None,
        dask_client_params: Mapping[str, Any] | None = None,
    ) -> None:
        paths = set_paths(flow_output_file, merged_store_path, parquet_file_path, parquet_file_attribs)
        if paths.infoset is not None and not paths.infoset.is_file():
            raise ValueError(f"Parquet file not found: {paths.infoset}")
        assert paths.dataset is not None
        try:
            self._reader = ItemReader(paths.dataset)
        except SourceError as error:
            raise FileNotFoundError(2, "expected a dataset, found none that can be read", str(paths.dataset)) from error
        if paths.infoset is None:
            super().__init__(paths, ItemTable.numbered(self._reader.codes))
        else:
            super().__init__(paths, ItemTable.read(paths.infoset))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<DatasetExplorer of {self._reader.path!r}, {len(self._table)} items>"

    def close(self, close_dask: bool = True) -> None:
        """Close the file; reading opens it again. Idempotent.

        Parameters
        ----------
        close_dask : bool
            There is nothing of Dask's to close; it is accepted for those who pass it.
        """
        self._reader.close()

    def available_groups(self) -> set[str]:
        """Name the groups."""
        return {one.group for one in self._reader.arrays.values()}

    def available_arrays(self, group_name: str) -> set[str]:
        """Name a group's arrays, and the provenance of its rows, ``file_id`` and ``file_id_code_<group>``.

        Raises
        ------
        NotFound
            If there is no such group.
        """
        self._check_group(group_name)
        own = [one for one in self._reader.arrays.values() if one.group == group_name]
        names = {one.name.removeprefix(f"{group_name}/") for one in own}
        return names | {"file_id", f"file_id_code_{group_name}"}

    def print_table_of_contents(self) -> None:
        """Print the groups with their arrays, and the infoset's columns."""
        for line in contents_lines(self._reader, self._table):
            print(line)  # noqa: T201

    def items(self) -> DatasetView:
        """Give all items for reading, by position or name."""
        from zarrpack.dataset.loader import DatasetLoader

        return DatasetLoader(self._paths.dataset, self._paths.infoset).all_items()

    def get_group_data(self, group: str) -> xarray.Dataset:
        """Give a group as a lazy Dataset, its rows numbered from 0.

        Raises
        ------
        NotFound
            If there is no such group.
        """
        from zarrpack.dataset.explore.lazy_group import group_dataset

        self._check_group(group)
        return group_dataset(self._reader, group)

    def get_array_data(self, group_name: str, array_name: str) -> xarray.DataArray:
        """Give one array, lazy.

        Raises
        ------
        NotFound
            If there is no such group or array.
        """
        data = self.get_group_data(group_name)
        if array_name not in data:
            raise NotFound(
                f"expected an array of {group_name}, found {array_name!r}; choose one of {sorted(map(str, data))}"
            )
        return data[array_name]

    def get_column_data(self, group: str, array: str) -> npt.NDArray[Any]:
        """Read one whole array."""
        values: npt.NDArray[Any] = self.get_array_data(group, array).values
        return values

    def file_dataset(self, file_id_code: int | np.integer[Any], group: str) -> xarray.Dataset:
        """Give the rows of one item; without any if it has none in the group.

        Parameters
        ----------
        file_id_code : int
            The item's code.
        group : str
            The group.
        """
        data = self.get_group_data(group)
        dimensions = {array.dims[0] for array in data.data_vars.values() if array.dims}
        for dimension in map(str, dimensions):
            spans = self._reader.spans(group, dimension)
            if spans is not None:
                rows = spans.rows(int(file_id_code))
                data = data.isel({dimension: slice(*rows) if isinstance(rows, tuple) else rows})
        return data

    def compute_statistics(self, group_name: str, array_name: str) -> dict[str, Any]:
        """Compute count, mean, std (of the population), min, max, median, q25 and q75 of an array's elements.

        NaN and rows that no file had are left out. Memory is bounded, whatever the array's size.

        Returns
        -------
        dict
            Numbers; NaN where there are no values.

        Raises
        ------
        NotFound
            If there is no such group or array.
        TypeError
            If the array does not hold numbers.
        """
        self._check_group(group_name)
        name = f"{group_name}/{array_name}"
        numbers_only(name, self._reader.array(name).dtype)
        if name not in self._reader.arrays:
            return statistics(lambda: (piece.reshape(-1) for _, piece in self._reader.array(name).pieces()))
        return statistics(lambda: (values for values, _ in array_pieces(self._reader, name)))

    def get_array_statistics(self, group_name: str, array_name: str) -> dict[str, Any]:
        """Do as `compute_statistics`."""
        return self.compute_statistics(group_name, array_name)

    def create_distribution(self, key: str, bins: Bins = 10, group: str | None = "faces") -> dict[str, Any]:
        """Count an array's elements, or a column's values, in bins.

        Parameters
        ----------
        key : str
            An array of the group; else a column of the infoset, whose values are given to the group's rows, or without such a
            group to the items.
        bins : int, sequence of float, or None
            A number of bins; their edges; None: a bin for each whole number, of floats as numpy's rule ``auto``.
        group : str, optional
            The group; if the dataset has none of that name, the one group that has such an array.

        Returns
        -------
        dict
            ``hist`` (ndarray of int64), ``bin_edges`` (one more), ``file_id_codes_in_bins`` (for each bin an ascending ndarray of codes), and
            ``file_ids_in_bins`` (lists of names). The last bin has both its edges.

        Raises
        ------
        KeyError
            If there is nothing of that name.
        TypeError
            If it does not hold numbers.
        """
        found = distribution(self._values(key, group), bins)
        names = [self._names(codes) for codes in found["file_id_codes_in_bins"]]
        return {**found, "file_ids_in_bins": names}

    def create_distribution_incore(self, key: str, bins: Bins = 10, group: str | None = "faces") -> dict[str, Any]:
        """Do as `create_distribution`."""
        return self.create_distribution(key, bins, group)

    def build_membership_matrix(
        self, group: str | None, key: str, bins_or_categories: Categories = None, as_counts: bool = False
    ) -> tuple[Int64s, Int64s, Any]:
        """Tell which items have which values.

        Parameters
        ----------
        group : str or None
            The group; None: the one that has such an array, else a column of the infoset.
        key : str
            An array or a column.
        bins_or_categories : int, sequence or None
            None: distinct values, of floats ten bins; int: so many bins; else the categories, of floats the bins' edges.
        as_counts : bool
            Whether to count, instead of telling 1 from 0.

        Returns
        -------
        tuple of (ndarray of shape (items, categories), ndarray of shape (items,), list or ndarray)
            The matrix (int64), the items' codes, and the categories or the bins' edges.

        Raises
        ------
        KeyError
            If there is nothing of that name.
        """
        found = memberships(self._values(key, group), bins_or_categories)
        width = len(found.names) - (1 if isinstance(found.names, np.ndarray) else 0)
        matrix = np.zeros((len(self._table), width), np.int64)
        items = self._table.positions(found.codes)
        is_known = items >= 0
        matrix[items[is_known], found.categories[is_known]] = found.counts[is_known] if as_counts else 1
        return matrix, self._table.codes.copy(), found.names

    def get_file_list(self, group: str, where: Callable[[xarray.Dataset], xarray.DataArray]) -> Int64s:
        """Find the items that have a row for which something holds.

        Parameters
        ----------
        group : str
            The group; one that the dataset does not have stands for the items themselves.
        where : callable
            Gets the group as a Dataset, in which each row also has its item's columns of the infoset, and gives a boolean for each row.

        Returns
        -------
        ndarray of int64
            The items' codes, ascending, each once.

        Raises
        ------
        TypeError
            If `where` gives anything else.
        """
        import xarray

        if group in self.available_groups():
            from zarrpack.dataset.explore.lazy_group import with_columns

            data = with_columns(self.get_group_data(group), self._table, self._reader, group)
        else:
            columns = {name: ("item", column_values(self._table.column(name))) for name in self._table.column_names}
            data = xarray.Dataset({**columns, "file_id": ("item", self._table.codes)})
        mask = where(data)
        dtype = getattr(mask, "dtype", None)
        if dtype is None or dtype.kind != "b":
            raise TypeError(f"where: expected a boolean for each row, found {dtype or type(mask).__name__}")
        dimension = mask.dims[0] if getattr(mask, "dims", ()) else None
        if mask.ndim > 1:
            mask = mask.any(dim=mask.dims[1:])
        name = f"file_id_{dimension}" if f"file_id_{dimension}" in data else "file_id"
        codes = np.unique(data[name].values[np.asarray(mask)])
        return codes[codes >= 0].astype(np.int64)

    def query_cross_group(
        self, primary_group: str, secondary_group: str, join_strategy: str = "file_id_code"
    ) -> pd.DataFrame:
        """Join the one-dimensional arrays of two groups by item: every row of the one with every row of the other.

        Parameters
        ----------
        primary_group, secondary_group : str
            The groups.
        join_strategy : {"file_id_code"}
            How.

        Raises
        ------
        ValueError
            If another strategy is asked for.
        """
        if join_strategy != "file_id_code":
            raise ValueError(f"expected join_strategy 'file_id_code', found {join_strategy!r}")
        tables = [self._row_table(group) for group in (primary_group, secondary_group)]
        return tables[0].merge(tables[1], on="file_id_code", suffixes=(f"_{primary_group}", f"_{secondary_group}"))

    def plot_distribution(self, key: str, bins: Bins = 10, group: str | None = None, **options: Any) -> Figure:
        """Draw the distribution of a column or an array: numbers as a histogram, text as bars.

        Parameters
        ----------
        key, bins, group
            As in `create_distribution`; `group` may be left out.
        **options
            ``title``: str; ``size``: (width, height) in inches.

        Returns
        -------
        matplotlib.figure.Figure
            ``figure.savefig("name.png")`` saves it.

        Raises
        ------
        ImportError
            If matplotlib is not installed; the message names the extra.
        KeyError
            If there is nothing of that name.
        """
        from zarrpack.dataset.explore.plots import distribution_figure

        return distribution_figure(self._values(key, group), bins, **options)

    def show_items(self, items: Iterable[int | str] | None = None, columns: int = 5, **options: Any) -> Figure:
        """Draw a contact sheet of pictures.

        Parameters
        ----------
        items : iterable of int or str, optional
            Codes or names; the first 20 that have a picture if nothing is said.
        columns : int
            Pictures side by side.
        **options
            ``array``: the array with the pictures; ``title``: str.

        Returns
        -------
        matplotlib.figure.Figure
            ``figure.savefig("name.png")`` saves it.

        Raises
        ------
        ImportError
            If matplotlib is not installed; the message names the extra.
        UsageError
            If the dataset has no pictures.
        KeyError
            If there is no such item.
        """
        from zarrpack.dataset.explore.plots import contact_sheet

        names = None
        if items is not None:
            names = [one if isinstance(one, str) else self.decode_file_id_code(one) for one in items]
        return contact_sheet(self.items(), names, columns, **options)

    def _row_table(self, group: str) -> pd.DataFrame:
        data = self.get_group_data(group)
        provenance = data["file_id"]
        rows = [name for name in self.available_arrays(group) if name in data and data[name].dims == provenance.dims]
        chosen = sorted(name for name in rows if not name.startswith("file_id"))
        table: pd.DataFrame = data[chosen].to_dataframe().reset_index(drop=True)
        table.insert(0, "file_id_code", provenance.values)
        return table

    def _values(self, key: str, group: str | None) -> KeyedValues:
        known = group if group is not None and group in self.available_groups() else None
        return find_values(self._reader, self._table, key, known)

    def _check_group(self, group: str) -> None:
        if group not in self.available_groups():
            raise NotFound(
                f"expected a group of the dataset, found {group!r}; choose one of {sorted(self.available_groups())}"
            )
