"""SQL over the tables of a dataset: reading alone, and nothing but these tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zarrpack.dataset.optional_libraries import require
from zarrpack.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["query_tables"]


def query_tables(tables: Mapping[str, Path], sql: str, parameters: Sequence[Any] | None = None) -> pd.DataFrame:
    """Run one SELECT in DuckDB.

    The database lives in memory for this one query. It can reach no file, no network, no extension and no variable of
    Python's, and what could switch that on again is locked.

    Parameters
    ----------
    tables : mapping of str to Path
        Name in SQL -> a Parquet file.
    sql : str
        One statement that reads.
    parameters : sequence, optional
        Values for the ``?`` of the statement.

    Returns
    -------
    pandas.DataFrame
        The result.

    Raises
    ------
    ImportError
        If DuckDB is not installed; the message names the extra.
    UsageError
        If it is not one SELECT, or DuckDB refuses it.
    """
    require("duckdb")
    import duckdb
    import pyarrow.parquet as pq

    # Without these two, a name in FROM could be a variable of the caller's, and an extension could be loaded by itself.
    settings: dict[str, Any] = {"python_enable_replacements": "false", "autoinstall_known_extensions": "false"}
    with duckdb.connect(":memory:", config=settings) as connection:
        for name, path in tables.items():
            # Not by DuckDB itself, which then would need the file system.
            connection.register(name, pq.read_table(path, partitioning=None))
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        try:
            statements = connection.extract_statements(sql)
            if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
                found = ", ".join(str(one.type).rpartition(".")[2] for one in statements) or "nothing"
                raise UsageError(f"query: expected one SELECT, found {found}; the tables can be read alone")
            found_rows: pd.DataFrame = connection.execute(statements[0], parameters).df()
            return found_rows
        except duckdb.Error as error:
            raise UsageError(f"query: {error}") from error
