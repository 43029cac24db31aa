"""Labels and groups of items, from what a dataset says of them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from zarrpack.dataset.explore.keyed_values import find_values, groups_with
from zarrpack.dataset.explore.memberships import memberships
from zarrpack.dataset.item_table import ItemTable
from zarrpack.dataset.splits.label_sets import LabelSets
from zarrpack.errors import UsageError
from zarrpack.storage.items.item_reader import ItemReader

__all__ = ["GroupsBy", "find_groups", "find_labels", "labels_of_values"]

#: A column of the infoset, ``"archive"``, a value per item, values by item name, or a function of the item's name.
GroupsBy: TypeAlias = str | Sequence[Hashable] | Mapping[str, Hashable] | Callable[[str], Hashable]


def find_labels(
    reader: ItemReader | None,
    table: ItemTable,
    positions: npt.NDArray[np.int64],
    key: str,
    group: str | None = None,
    categories: Sequence[Any] | None = None,
) -> LabelSets:
    """Find the labels of items by an array or a column.

    Parameters
    ----------
    reader : ItemReader or None
        The dataset.
    table : ItemTable
        Its items.
    positions : ndarray of int64
        The items that are asked for, as places in the table.
    key, group
        As in `find_values`.
    categories : sequence, optional
        The values that count as labels; all if nothing is said.
    """
    in_group = reader is not None and (
        f"{group}/{key}" in reader.arrays or (group is None and groups_with(reader, key))
    )
    # A column has one value per item, whatever rows a group has.
    is_column = not in_group and key in table.column_names
    values = find_values(None if is_column else reader, table, key, None if is_column else group)
    if categories is None:
        found = memberships(values)
    else:
        # Floats too: categories are values here, not the edges of bins.
        found = memberships(values if values.dtype.kind != "f" else _as_objects(values), list(categories))
    place = np.full(len(table) + 1, -1, np.int64)
    place[positions] = np.arange(len(positions))
    items = place[table.positions(found.codes)]
    is_asked = items >= 0
    return LabelSets(len(positions), items[is_asked], found.categories[is_asked])


def labels_of_values(values: Sequence[Hashable | None]) -> LabelSets:
    """Give items labels by one value each; None is no label.

    Examples
    --------
    >>> labels_of_values(["b", None, "a"]).labels
    array([1, 0])
    """
    names = sorted(
        {value for value in values if value is not None}, key=lambda value: (type(value).__name__, str(value))
    )
    number = {name: place for place, name in enumerate(names)}
    pairs = [(item, number[value]) for item, value in enumerate(values) if value is not None]
    items, labels = np.array(pairs, np.int64).reshape(-1, 2).T
    return LabelSets(len(values), items, labels)


def find_groups(table: ItemTable, positions: npt.NDArray[np.int64], by: GroupsBy) -> list[Hashable]:
    """Find what each item belongs to.

    Parameters
    ----------
    table : ItemTable
        The items.
    positions : ndarray of int64
        The items that are asked for, as places in the table.
    by : str, sequence, mapping or callable
        A column of the infoset, or ``"archive"`` for the source archive out of the members table; a value for each of the items asked
        for; values by item name; a function of the item's name.

    Raises
    ------
    UsageError
        If there is no such column, or not one value per item.
    """
    names = [table.names[position] for position in positions.tolist()]
    if callable(by):
        return [by(name) for name in names]
    if isinstance(by, Mapping):
        return [by.get(name) for name in names]
    if not isinstance(by, str):
        if len(by) != len(names):
            raise UsageError(f"groups: expected one value for each of {len(names)} items, found {len(by)}")
        return list(by)
    if by in table.column_names:
        column = table.column(by)
    elif by == "archive" and table.path is not None:
        column = _archives(table)
    else:
        raise UsageError(
            f"groups: expected a column of the infoset, found {by!r}; choose one of {sorted(table.column_names)}"
        )
    return [column[position] for position in positions.tolist()]


def _archives(table: ItemTable) -> list[Any]:
    import pyarrow.parquet as pq

    assert table.path is not None
    path = table.path.with_name(f"{table.path.stem}.members.parquet")
    if not path.is_file():
        raise UsageError(f"groups: expected {path.name} beside the infoset, which says the source archives; found none")
    members = pq.read_table(path, columns=["item_code", "archive", "index"])
    found: dict[int, Any] = {}
    for code, archive in zip(*(members.column(name).to_pylist() for name in ("item_code", "archive")), strict=True):
        found.setdefault(code, archive)
    return [found.get(code) for code in table.codes.tolist()]


def _as_objects(values: Any) -> Any:
    from dataclasses import replace

    return replace(
        values,
        dtype=np.dtype(object),
        pieces=lambda: ((piece.astype(object), codes) for piece, codes in values.pieces()),
    )
