"""Splits a dataset into subsets for training, and gives their items."""

from __future__ import annotations

import os
import warnings
import weakref
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from zarrpack.dataset.flow_paths import flow_paths
from zarrpack.dataset.item_arrays import ItemArrays
from zarrpack.dataset.item_table import ItemTable
from zarrpack.dataset.leaks import Leak, array_digests, find_leaks, member_digests
from zarrpack.dataset.own_files import OwnFiles
from zarrpack.dataset.splits.fractions import check_fractions
from zarrpack.dataset.splits.item_labels import GroupsBy, find_groups, find_labels, labels_of_values
from zarrpack.dataset.splits.label_sets import LabelSets
from zarrpack.dataset.splits.plan import SUBSETS, SplitPlan, assign
from zarrpack.dataset.view import DatasetView, ItemLoader
from zarrpack.errors import NotFound, OutputRefused, UsageError
from zarrpack.storage.items.item_reader import ItemReader
from zarrpack.storage.tables.subset_column import write_subsets

__all__ = ["DatasetLoader"]

Int64s = npt.NDArray[np.int64]
_ALIASES = {"val": "validation", "valid": "validation"}


class DatasetLoader:
    """The items of a dataset, their subsets, and what makes them ready for training.

    Reading is safe in threads, after a fork, and pickled; splitting and removing are for one thread at a time.

    Parameters
    ----------
    merged_store_path : path-like, optional
        The ``.dataset``.
    parquet_file_path : path-like, optional
        Its ``.infoset``; without it items are called by their codes.
    item_loader_func : callable, optional
        Makes an item of (graph_file, label_file, data_id), in place of a dict of arrays.
    graph_files : sequence of path-like, optional
        A file of its own for each item: used without a dataset, or beside one by the item's code.
    labels : sequence, optional
        A label, or a file with one, for each of `graph_files`.
    file_code_start : int
        The code of the first of `graph_files`.

    Raises
    ------
    ValueError
        If nothing is given, the infoset is not there, or there are not as many labels as files.
    SourceError
        If the dataset cannot be opened.
    FormatError
        If a file is not what it should be.

    Examples
    --------
    >>> loader = DatasetLoader(graph_files=["a.bin", "b.bin", "c.bin"], labels=[0, 1, 0])  # doctest: +SKIP
    >>> loader.split("labels", train=0.67, validation=0, test=0.33)  # doctest: +SKIP
    (2, 0, 1)
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
        self._subsets: dict[str, Int64s] | None = None
        self._history: dict[Any, dict[str, Int64s]] = {}

    @classmethod
    def from_flow(
        cls, flow_output_file: str | os.PathLike[str], item_loader_func: ItemLoader | None = None
    ) -> DatasetLoader:
        """Open the dataset and the infoset that a ``.flow`` names.

        Parameters
        ----------
        flow_output_file : path-like
            The ``.flow``.
        item_loader_func : callable, optional
            As in the class.
        """
        paths = flow_paths(flow_output_file)
        return cls(paths.dataset, paths.infoset, item_loader_func)

    def __len__(self) -> int:
        return len(self._codes)

    def __repr__(self) -> str:
        return f"<DatasetLoader of {len(self)} items>"

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key not in ("_views", "_history")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _views=weakref.WeakSet(), _history={})

    @property
    def item_arrays(self) -> ItemArrays | None:
        """The arrays that items are given with; None without a dataset."""
        return self._arrays

    # ---- subsets

    def split(
        self,
        key: str,
        group: str | None = None,
        categories: Sequence[Any] | None = None,
        train: float = 0.7,
        validation: float = 0.15,
        test: float = 0.15,
        random_state: int = 42,
        force_reset: bool = False,
        *,
        groups: GroupsBy | None = None,
        stable: bool = False,
    ) -> tuple[int, int, int]:
        """Share the items out to train, validation and test, and write that into the infoset.

        Items may have several labels: those of all their rows. The rarest labels are shared out first. Equal arguments give equal
        subsets, whatever the order of the items.

        Parameters
        ----------
        key : str
            What the labels are: an array, ``"group/array"``, a column of the infoset, ``"labels"`` for those given to the class, or
            ``"random"`` for none. Floats are labels by ten bins.
        group : str, optional
            The array's group; if nothing is said, the one group that has such an array.
        categories : sequence, optional
            The values that are labels; all if nothing is said.
        train, validation, test : float
            Fractions of the items, together 1. Without `groups` and `stable` sizes are within one of them, and with three items
            or more none is empty but for a fraction of 0.
        random_state : int
            Decides among equals.
        force_reset : bool
            Whether to forget an earlier result for the same arguments.
        groups : str, sequence, mapping or callable, optional
            What must stay together: a column of the infoset, ``"archive"`` for the source archive, a value per item, values by item
            name, or a function of the name.
        stable : bool
            Whether an item's subset is to depend on its name (or group) and `random_state` alone, so that more items never
            move those that are there. Then sizes are as asked for on average, and labels are not looked at.

        Returns
        -------
        tuple of (int, int, int)
            How many items train, validation and test have.

        Raises
        ------
        ValueError
            If the fractions are wrong, or several groups have such an array and none is given.
        KeyError
            If there is nothing of that name.
        UsageError
            If `groups` is nothing that items can belong to.
        """
        plan = SplitPlan(check_fractions(train, validation, test), int(random_state), stable)
        arguments = (key, group, _hashable(categories), plan, _hashable(groups), self._codes.tobytes())
        if force_reset or arguments not in self._history:
            self._history[arguments] = self._assigned(plan, SUBSETS, key, group, categories, groups)
        self._subsets = self._history[arguments]
        self._write_subsets()
        return self._sizes()

    def split_from_infoset(self) -> tuple[int, int, int]:
        """Take the subsets that the infoset has: those of an earlier split, or of folders named train, val and test.

        Returns
        -------
        tuple of (int, int, int)
            How many items train, validation and test have; others are in none.

        Raises
        ------
        UsageError
            If there is no infoset, or no item in it has a subset.
        """
        if "subset" not in self._table.column_names:
            raise UsageError("expected an infoset with the column subset, found none; call split()")
        column = np.array(self._table.column("subset"), object)[self._table.positions(self._codes)]
        subsets = {name: self._codes[column == name] for name in SUBSETS}
        if not any(map(len, subsets.values())):
            raise UsageError(f"{self._table.path}: expected items with a subset, found none; call split()")
        self._subsets = subsets
        return self._sizes()

    def folds(
        self,
        k: int,
        key: str = "random",
        group: str | None = None,
        categories: Sequence[Any] | None = None,
        random_state: int = 42,
        *,
        groups: GroupsBy | None = None,
        stable: bool = False,
    ) -> list[tuple[DatasetView, DatasetView]]:
        """Share the items out to k folds, for cross-validation; the infoset is not changed.

        Parameters
        ----------
        k : int
            How many folds, at least 2.
        key, group, categories, random_state, groups, stable
            As in `split`.

        Returns
        -------
        list of (DatasetView, DatasetView)
            Per fold: all others, and the fold itself.

        Raises
        ------
        ValueError
            If there are fewer than two folds, or more than items.
        """
        if not 2 <= k <= max(2, len(self)):
            raise ValueError(f"expected from 2 to {len(self)} folds, found {k}")
        plan = SplitPlan((1 / k,) * k, int(random_state), stable)
        numbers = [str(number) for number in range(k)]
        folds = self._assigned(plan, numbers, key, group, categories, groups)
        return [
            (self._view_of(np.setdiff1d(self._codes, codes, assume_unique=True)), self._view_of(codes))
            for codes in folds.values()
        ]

    def get_dataset(self, subset: str) -> DatasetView:
        """Give a subset's items.

        Parameters
        ----------
        subset : {"train", "validation", "test"}
            ``"val"`` is short for validation.

        Returns
        -------
        DatasetView
            In the order of their codes.

        Raises
        ------
        RuntimeError
            If nothing has been split.
        ValueError
            If there is no such subset.
        """
        name = _ALIASES.get(subset, subset)
        if name not in SUBSETS:
            raise ValueError(f"expected one of {', '.join(SUBSETS)}, found {subset!r}")
        if self._subsets is None:
            raise RuntimeError("expected a split before its subsets; call split() or split_from_infoset() first")
        return self._view_of(self._subsets[name])

    def all_items(self) -> DatasetView:
        """Give all items, in the order of their codes."""
        return self._view_of(self._codes)

    def reset_split_state(self) -> None:
        """Forget the current split; earlier results stay known, and the infoset as it is."""
        self._subsets = None

    def check_leaks(self, arrays: Sequence[str] | None = None) -> list[Leak]:
        """Find items of equal content in different subsets of the current split.

        Parameters
        ----------
        arrays : sequence of str, optional
            Compare these arrays' rows. If nothing is said: the digests of the members that the arrays come from, out of
            ``NAME.members.parquet``, or without that file all arrays.

        Returns
        -------
        list of Leak
            Empty: there are none.

        Raises
        ------
        RuntimeError
            If nothing has been split.
        UsageError
            If there is neither a dataset nor a members table.
        """
        if self._subsets is None:
            raise RuntimeError("expected a split before its leaks; call split() or split_from_infoset() first")
        subsets = {code: name for name, codes in self._subsets.items() for code in codes.tolist()}
        path = self._table.path
        members = None if path is None else path.with_name(f"{path.stem}.members.parquet")
        if arrays is None and members is not None and members.is_file():
            digests = member_digests(members)
        elif self._reader is not None:
            digests = array_digests(self._reader, arrays or tuple(self._reader.arrays), sorted(subsets))
        else:
            raise UsageError("expected a dataset or a members table to compare the content of items, found none")
        return find_leaks(digests, subsets, dict(zip(self._table.codes.tolist(), self._table.names, strict=True)))

    def _assigned(
        self,
        plan: SplitPlan,
        subsets: Sequence[str],
        key: str,
        group: str | None,
        categories: Sequence[Any] | None,
        groups: GroupsBy | None,
    ) -> dict[str, Int64s]:
        labels = self.labels_of(self._codes, key, group, categories)
        together = None if groups is None else find_groups(self._table, self._table.positions(self._codes), groups)
        numbers = assign(plan, self._codes, self.names_of(self._codes), labels, together)
        return {name: self._codes[numbers == number] for number, name in enumerate(subsets)}

    def _write_subsets(self) -> None:
        if self._table.path is None or self._subsets is None:
            return
        subsets = {code: name for name, codes in self._subsets.items() for code in codes.tolist()}
        try:
            write_subsets(self._table.path, subsets)
        except OutputRefused as error:
            warnings.warn(f"the split is not written: {error.strerror}", stacklevel=3)

    def _sizes(self) -> tuple[int, int, int]:
        assert self._subsets is not None
        train, validation, test = (len(self._subsets[name]) for name in SUBSETS)
        return train, validation, test

    def _view_of(self, codes: Int64s) -> DatasetView:
        return DatasetView(self, self.positions_of(codes))

    # ---- what there is

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

    def get_available_stratification_keys(self) -> dict[str, list[str]]:
        """Name the arrays by group, and under ``"infoset"`` the columns, that `split` can go by."""
        keys = {group: sorted(self.available_arrays(group)) for group in sorted(self.available_groups())}
        return {**keys, "infoset": list(self._table.column_names)} if self._table.column_names else keys

    def validate_configuration(self) -> dict[str, Any]:
        """Tell what the loader works on."""
        return {
            "merged_store_path": None if self._reader is None else self._reader.path,
            "parquet_file_path": None if self._table.path is None else str(self._table.path),
            "available_groups": sorted(self.available_groups()),
            "stratification_keys": self.get_available_stratification_keys(),
            "total_files": len(self),
            "status": "split" if self._subsets is not None else "ready",
        }

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

    def close_resources(self, clear_split_history: bool = True) -> None:
        """Close the file; reading opens it again. Idempotent.

        Parameters
        ----------
        clear_split_history : bool
            Whether to forget the results of splits as well; the current one stays.
        """
        if self._reader is not None:
            self._reader.close()
        if clear_split_history:
            self._history.clear()

    # ---- items, for views

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
        for known in [*self._history.values(), *([self._subsets] if self._subsets is not None else [])]:
            for name, codes in known.items():
                known[name] = codes[~np.isin(codes, removed)]
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
        position = int(np.searchsorted(self._table.codes, code))
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


def _hashable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return tuple(sorted((str(name), _hashable(one)) for name, one in value.items()))
    if isinstance(value, list | tuple | set | np.ndarray):
        return tuple(map(_hashable, value))
    return value
