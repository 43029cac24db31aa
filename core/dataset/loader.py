"""Splits a dataset into subsets for training, and gives their items."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from zarrpack.dataset.flow_paths import flow_paths
from zarrpack.dataset.leaks import Leak, array_digests, find_leaks, member_digests
from zarrpack.dataset.loaded_items import LoadedItems
from zarrpack.dataset.splits.fractions import check_fractions
from zarrpack.dataset.splits.item_labels import GroupsBy, find_groups
from zarrpack.dataset.splits.plan import SUBSETS, SplitPlan, assign
from zarrpack.dataset.view import DatasetView, ItemLoader
from zarrpack.errors import OutputRefused, UsageError
from zarrpack.storage.tables.subset_column import write_subsets

__all__ = ["DatasetLoader"]

Int64s = npt.NDArray[np.int64]
_ALIASES = {"val": "validation", "valid": "validation"}


class DatasetLoader(LoadedItems):
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
    >>> from pathlib import Path
    >>> for name in "abcd":
    ...     Path(name).touch()
    >>> loader = DatasetLoader(graph_files=["a", "b", "c", "d"], labels=[0, 1, 0, 1])
    >>> loader.split("labels", train=0.5, validation=0, test=0.5)
    (2, 0, 2)
    >>> sorted(loader.get_dataset("train").label_datas)
    [0, 1]
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
        super().__init__(merged_store_path, parquet_file_path, item_loader_func, graph_files, labels, file_code_start)
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

    def __repr__(self) -> str:
        return f"<DatasetLoader of {len(self)} items>"

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in super().__getstate__().items() if key != "_history"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._history = {}

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

    def _forget(self, removed: Int64s) -> None:
        for known in [*self._history.values(), *([self._subsets] if self._subsets is not None else [])]:
            for name, codes in known.items():
                known[name] = codes[~np.isin(codes, removed)]


def _hashable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return tuple(sorted((str(name), _hashable(one)) for name, one in value.items()))
    if isinstance(value, list | tuple | set | np.ndarray):
        return tuple(map(_hashable, value))
    return value
