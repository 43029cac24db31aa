"""The items of a dataset: their codes, their names, and the columns that say something of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from zarrpack.errors import FormatError

__all__ = ["ItemTable"]

Int64s = npt.NDArray[np.int64]


class ItemTable:
    """Codes and names of items, with the infoset's columns read when they are asked for.

    Pickling carries codes, names and the path. Safe in threads.

    Parameters
    ----------
    codes : ndarray of shape (items,), int64
        Ascending.
    names : sequence of str
        One per item.
    path : Path or None
        The infoset; None: there is none.

    Examples
    --------
    >>> table = ItemTable.numbered(3)
    >>> table.names, table.position_of("2")
    (['0', '1', '2'], 2)
    """

    def __init__(self, codes: Int64s, names: Sequence[str], path: Path | None = None) -> None:
        self.codes = codes
        self.names = list(names)
        self.path = path

    @classmethod
    def numbered(cls, count: int, first: int = 0) -> ItemTable:
        """Make a table of items that are called by their codes.

        Parameters
        ----------
        count : int
            How many.
        first : int
            The first one's code.
        """
        codes = np.arange(first, first + count, dtype=np.int64)
        return cls(codes, list(map(str, codes.tolist())))

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> ItemTable:
        """Read an infoset's codes and names.

        Parameters
        ----------
        path : path-like
            The ``.infoset``.

        Raises
        ------
        ValueError
            If there is no such file.
        FormatError
            If it is no infoset.
        """
        if not os.path.isfile(path):  # noqa: PTH113 - path-like
            raise ValueError(f"Parquet file not found: {os.fspath(path)}")
        table = _read(Path(path), ["id", "name"])
        codes = table.column("id").to_numpy()
        order = np.argsort(codes, kind="stable")
        names = table.column("name").to_pylist()
        if len(codes) and bool((np.diff(codes[order]) == 0).any()):
            raise FormatError(f"{path}: expected each id once, found some repeated")
        return cls(codes[order].astype(np.int64), [str(names[number]) for number in order.tolist()], Path(path))

    def __len__(self) -> int:
        return len(self.codes)

    def __getstate__(self) -> tuple[Int64s, list[str], Path | None]:
        return self.codes, self.names, self.path

    def __setstate__(self, state: tuple[Int64s, list[str], Path | None]) -> None:
        self.codes, self.names, self.path = state

    @cached_property
    def _by_name(self) -> dict[str, int]:
        return {name: position for position, name in enumerate(self.names)}

    @cached_property
    def column_names(self) -> tuple[str, ...]:
        """The infoset's columns; none without an infoset."""
        if self.path is None:
            return ()
        import pyarrow.parquet as pq

        return tuple(pq.read_schema(self.path).names)

    def position_of(self, name: str) -> int | None:
        """Give an item's place in the table by its name; None if there is no such item."""
        return self._by_name.get(name)

    def positions(self, codes: Int64s) -> Int64s:
        """Give the places of items by their codes.

        Parameters
        ----------
        codes : ndarray of int64
            Any shape.

        Returns
        -------
        ndarray of int64
            -1 where the table has no such item.
        """
        if len(self.codes) == 0:
            return np.full(codes.shape, -1, np.int64)
        found = np.minimum(np.searchsorted(self.codes, codes), len(self.codes) - 1).astype(np.int64)
        return np.where(self.codes[found] == codes, found, -1)

    def column(self, name: str) -> list[Any]:
        """Read one column of the infoset, by code; missing values are None.

        Parameters
        ----------
        name : str
            One of `column_names`.

        Raises
        ------
        KeyError
            If there is no such column.
        """
        if self.path is None or name not in self.column_names:
            raise KeyError(
                f"expected a column of the infoset, found {name!r}; choose one of {sorted(self.column_names)}"
            )
        table = _read(self.path, list(dict.fromkeys(["id", name])))
        known = dict(zip(table.column("id").to_pylist(), table.column(name).to_pylist(), strict=True))
        return [known.get(code) for code in self.codes.tolist()]


def _read(path: Path, columns: list[str]) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_table(path, columns=columns, partitioning=None)
    except (pa.ArrowException, OSError, KeyError) as exc:
        raise FormatError(f"{path}: expected an infoset with the columns {', '.join(columns)}, found: {exc}") from exc
