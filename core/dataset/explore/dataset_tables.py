"""The tables of a dataset: which items there are, what is said of them, and what categories mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from zarrpack.dataset.explore.sql import query_tables
from zarrpack.dataset.flow_paths import SetPaths
from zarrpack.dataset.item_table import ItemTable

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["DatasetTables"]

Int64s = npt.NDArray[np.int64]
_STREAMS = ("stream_cache_png", "stream_cache_3d")


class DatasetTables:
    """Reads the tables beside a dataset; what `DatasetExplorer` knows of items.

    Parameters
    ----------
    paths : SetPaths
        Where they are.
    table : ItemTable
        The items.
    """

    def __init__(self, paths: SetPaths, table: ItemTable) -> None:
        self._paths = paths
        self._table = table

    def filter_files_by_metadata(self, criteria: Mapping[str, Any] | None = None, **columns: Any) -> Int64s:
        """Find the items whose columns are as asked for, all of them.

        Parameters
        ----------
        criteria : mapping, optional
            Column -> a value; a list, tuple or set of values; or a function of the value that gives a boolean. Missing values are None.
        **columns
            The same.

        Returns
        -------
        ndarray of int64
            The items' codes, ascending.

        Raises
        ------
        KeyError
            If the infoset has no such column.
        """
        keeps = np.ones(len(self._table), bool)
        for name, wanted in {**(criteria or {}), **columns}.items():
            keeps &= np.array([_fits(value, wanted) for value in self._table.column(name)], bool).reshape(len(keeps))
        return self._table.codes[keeps]

    def query(self, sql: str, parameters: Sequence[Any] | None = None) -> pd.DataFrame:
        """Ask the tables in SQL (DuckDB's): ``infoset``, ``attribset``, and ``members`` if there is such a file.

        Parameters
        ----------
        sql : str
            One SELECT. It can read these tables and nothing else: no file, no network, no variable.
        parameters : sequence, optional
            Values for each ``?`` in it.

        Raises
        ------
        UsageError
            If it is not one SELECT, or is wrong.
        ImportError
            If DuckDB is not installed; the message names the extra.
        """
        named = {"infoset": self._paths.infoset, "attribset": self._paths.attribset, "members": self._paths.members}
        tables = {name: path for name, path in named.items() if path is not None and path.is_file()}
        return query_tables(tables, sql, parameters)

    def decode_file_id_code(self, code: int | np.integer[Any]) -> str:
        """Give an item's name by its code.

        Raises
        ------
        KeyError
            If there is no such item.
        """
        position = int(self._table.positions(np.array([int(code)]))[0])
        if position < 0:
            raise KeyError(f"expected the code of one of {len(self._table)} items, found {code}")
        return self._table.names[position]

    def get_file_info_all(self) -> pd.DataFrame:
        """Give the infoset; without one, codes and names."""
        import pandas as pd

        if self._paths.infoset is None:
            return pd.DataFrame({"id": self._table.codes, "name": self._table.names})
        return pd.read_parquet(self._paths.infoset)

    def get_parquet_info_by_code(self, file_id_code: int) -> pd.DataFrame:
        """Give an item's row of the infoset; none if there is no such item."""
        table = self.get_file_info_all()
        return table[table["id"] == int(file_id_code)].reset_index(drop=True)

    def get_descriptions(self, table_name: str, key_id: int | None = None, use_wildchar: bool = False) -> pd.DataFrame:
        """Give what the ids of a categorical field mean.

        Parameters
        ----------
        table_name : str
            The field.
        key_id : int, optional
            One id; all if nothing is said.
        use_wildchar : bool
            Whether `table_name` may be a part of the field's name, in upper or lower case.

        Returns
        -------
        pandas.DataFrame
            Columns id, name, description, table_name. Without a row it also prints that there is none.
        """
        table = self._descriptions
        if use_wildchar:
            chosen = table[table["table_name"].str.contains(table_name, case=False, regex=False)]
        else:
            chosen = table[table["table_name"] == table_name]
        if key_id is not None:
            chosen = chosen[chosen["id"] == int(key_id)]
        if chosen.empty:
            print(f"No records found for {table_name}.")  # noqa: T201
        return chosen.reset_index(drop=True)

    def get_stream_cache_paths(self, file_id_code: int | None = None) -> pd.DataFrame:
        """Give the files for viewers: columns id, name, stream_cache_png, stream_cache_3d; null where there are none.

        Parameters
        ----------
        file_id_code : int, optional
            One item; all if nothing is said.
        """
        table = self.get_file_info_all() if file_id_code is None else self.get_parquet_info_by_code(file_id_code)
        for name in _STREAMS:
            if name not in table:
                table[name] = None
        return table[["id", "name", *_STREAMS]]

    @cached_property
    def _descriptions(self) -> pd.DataFrame:
        import pandas as pd

        path = self._paths.attribset
        if path is None or not path.is_file():
            return pd.DataFrame(
                {name: pd.Series(dtype="object") for name in ("id", "name", "description", "table_name")}
            )
        return pd.read_parquet(path)[["id", "name", "description", "table_name"]]

    def _names(self, codes: Int64s) -> list[str]:
        positions = self._table.positions(codes).tolist()
        return [self._table.names[at] if at >= 0 else str(code) for at, code in zip(positions, codes, strict=True)]


def _fits(value: Any, wanted: Any) -> bool:
    if callable(wanted):
        return bool(wanted(value))
    if isinstance(wanted, list | tuple | set | frozenset):
        return value in wanted
    return bool(value == wanted)
