"""The items of a dataset, or of files of their own, as views of them ask for."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from zarrpack.dataset.item_arrays import ItemArrays
from zarrpack.dataset.item_table import ItemTable
from zarrpack.dataset.own_files import OwnFiles
from zarrpack.dataset.splits.item_labels import find_labels, labels_of_values
from zarrpack.dataset.splits.label_sets import LabelSets
from zarrpack.dataset.view import DatasetView, ItemLoader
from zarrpack.errors import NotFound
from zarrpack.storage.items.item_reader import ItemReader

__all__ = ["LoadedItems"]

Int64s = npt.NDArray[np.int64]


class LoadedItems:
    """Items, by code, by name, and by position; what `DatasetLoader` splits.

    Parameters
    ----------
    merged_store_path, parquet_file_path, item_loader_func, graph_files, labels, file_code_start
        As in `DatasetLoader`.

    Attributes
    ----------
    item_loader_func : callable or None
        As given; it may be changed.

    Raises
    ------
    ValueError
        If nothing is given.
    """

    def __init__(
        self,
        merged_store_path: str | os.PathLike[str] | None = None,
        parquet_file_path: str | os.PathLike[str] | None = None,
        item_loader_func: ItemLoader | None = None,
        graph_files: Sequence[str | os.PathLike[str]] | None = None,
        labels: Sequence[Any] | None = None,
        file_code_start: int = 0,
    ) -> None:
        if merged_store_path is None and parquet_file_path is None and graph_files is None:
            raise ValueError("expected merged_store_path, parquet_file_path or graph_files, found none of them")
        self.item_loader_func = item_loader_func
        self._reader = None if merged_store_path is None else ItemReader(merged_store_path)
        self._own_files = None if graph_files is None else OwnFiles(graph_files, labels, file_code_start)
        if parquet_file_path is not None:
            self._table = ItemTable.read(parquet_file_path)
        elif self._reader is not None:
            self._table = ItemTable.numbered(self._reader.codes)
        else:
            assert self._own_files is not None
            self._table = self._own_files.table()
        self._arrays = None if self._reader is None else ItemArrays.all_of(self._reader)
        self._codes: Int64s = self._table.codes
        self._descriptions: list[Any] | None = None
        self._views: weakref.WeakSet[DatasetView] = weakref.WeakSet()

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "_views"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _views=weakref.WeakSet())

    def __len__(self) -> int:
        return len(self._codes)

    @property
    def item_arrays(self) -> ItemArrays | None:
        """The arrays that items are given with; None without a dataset."""
        return self._arrays

    def all_items(self) -> DatasetView:
        """Give all items, in the order of their codes."""
        return self._view_of(self._codes)

    def _view_of(self, codes: Int64s) -> DatasetView:
        return DatasetView(self, self.positions_of(codes))

    def available_groups(self) -> set[str]:
        """Name the dataset's groups."""
        return set() if self._reader is None else {one.group for one in self._reader.arrays.values()}

    def available_arrays(self, group_name: str) -> set[str]:
        """Name the arrays of data of a group.

        Raises
        ------
        NotFound
            If there is no such group.
        """
        if self._reader is None or group_name not in self.available_groups():
            raise NotFound(
                f"expected a group of the dataset, found {group_name!r}; choose one of {sorted(self.available_groups())}"
            )
        return {
            one.name.removeprefix(f"{group_name}/") for one in self._reader.arrays.values() if one.group == group_name
        }

    def find_group_for_array(self, array_name: str) -> str | None:
        """Name the first group that has such an array; None if there is none."""
        groups = (group for group in sorted(self.available_groups()) if array_name in self.available_arrays(group))
        return next(groups, None)

    def diagnose_file_codes_mismatch(self, file_codes: Iterable[int] | None = None) -> None:
        """Print which codes the dataset has and the infoset lacks, and the other way round.

        Parameters
        ----------
        file_codes : iterable of int, optional
            The codes to compare with, if not those that have rows in the dataset.
        """
        if file_codes is None:
            found = set() if self._reader is None else self._reader.codes_with_rows()
        else:
            found = set(map(int, file_codes))
        known = set(self._table.codes.tolist())
        for text, codes in (
            ("without a row in the infoset", found - known),
            ("without rows in the dataset", known - found),
        ):
            listed = ", ".join(map(str, sorted(codes)[:20]))
            print(f"{len(codes)} codes {text}{': ' + listed if codes else ''}{' ...' if len(codes) > 20 else ''}")  # noqa: T201

    def remove_indices(self, indices: Iterable[int]) -> dict[int, int]:
        """Remove items, from all subsets and views too; the files stay as they are.

        Parameters
        ----------
        indices : iterable of int
            Positions; repeated ones count once.

        Returns
        -------
        dict of int to int
            Old position -> new one, of the items that are left.

        Raises
        ------
        IndexError
            If there is no such position; then nothing is removed.
        """
        removed = self.codes_at(list(indices))
        keeps = ~np.isin(self._codes, removed)
        old = np.flatnonzero(keeps).tolist()
        self._codes = self._codes[keeps]
        self._forget(removed)
        for view in list(self._views):
            view.forget(removed)
        return {position: new for new, position in enumerate(old)}

    def labels_of(
        self, codes: Int64s, key: str, group: str | None = None, categories: Sequence[Any] | None = None
    ) -> LabelSets:
        """Give the labels of items.

        Parameters
        ----------
        codes : ndarray of int64
            The items.
        key, group, categories
            As in `split`.
        """
        if key == "random":
            return LabelSets.none(len(codes))
        if key == "labels" and self._own_files is not None and self._own_files.labels is not None:
            return labels_of_values([self._own_files.of(code)[1] for code in codes.tolist()])
        return find_labels(self._reader, self._table, self._table.positions(codes), key, group, categories)

    def watch(self, view: DatasetView) -> None:
        """Remember a view, so that items that are removed vanish from it too."""
        self._views.add(view)

    def codes_at(self, positions: Sequence[int] | Int64s) -> Int64s:
        """Give the codes at positions.

        Raises
        ------
        IndexError
            If there is no such position.
        """
        wanted = np.asarray(positions, np.int64).reshape(-1)
        if len(wanted) and not -len(self) <= int(wanted.min()) <= int(wanted.max()) < len(self):
            raise IndexError(f"expected positions among {len(self)} items, found {wanted.min()} to {wanted.max()}")
        return self._codes[wanted]

    def positions_of(self, codes: Int64s) -> Int64s:
        """Give the positions of codes that the loader has."""
        return np.searchsorted(self._codes, codes).astype(np.int64)

    def name_of(self, code: int) -> str:
        """Give an item's name by its code."""
        codes = self._table.codes
        # Mostly every code is an item's, and so its position.
        position = code if code < len(codes) and codes[code] == code else int(np.searchsorted(codes, code))
        return self._table.names[position]

    def names_of(self, codes: Int64s) -> list[str]:
        """Give items' names by their codes."""
        return [self._table.names[position] for position in self._table.positions(codes).tolist()]

    def code_of(self, name: str) -> int | None:
        """Give an item's code by its name; None if there is no such item."""
        position = self._table.position_of(name)
        return None if position is None else int(self._table.codes[position])

    def raw_data(self, code: int) -> tuple[Any, Any, int]:
        """Give (graph_file, label_file, data_id) of an item, as `DatasetView.get_raw_data` does."""
        if self._own_files is not None:
            return (*self._own_files.of(code), code)
        if self._descriptions is None:
            has_some = "description" in self._table.column_names
            self._descriptions = self._table.column("description") if has_some else [None] * len(self._table)
        return self._descriptions[int(np.searchsorted(self._table.codes, code))], None, code

    def custom_item(self, code: int) -> Any:
        """Make an item with ``item_loader_func``, or without one give what it would get.

        Raises
        ------
        FileNotFoundError
            If the item's own file is gone.
        """
        graph_file, label_file, data_id = self.raw_data(code)
        if self._own_files is not None and not Path(graph_file).exists():
            raise FileNotFoundError(2, f"expected the file of item {code}, found none", str(graph_file))
        if self.item_loader_func is None:
            return graph_file, label_file, data_id
        return self.item_loader_func(graph_file, label_file, data_id)

    def _forget(self, removed: Int64s) -> None:
        """Called when items have been removed, for those who know more of them."""
