"""Parquet files as other readers see them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zarrpack.storage.tables import parquet
from zarrpack.storage.tables.arrow_columns import encodable
from zarrpack.storage.tables.parquet import Column, table_writer, write_rows

COLUMNS = (
    Column("n", "int64"),
    Column("x", "float64"),
    Column("is", "bool"),
    Column("s", "string"),
    Column("b", "binary"),
)
VALUES = st.tuples(
    st.none() | st.integers(-(2**63), 2**63 - 1),
    st.none() | st.floats(allow_nan=False),
    st.none() | st.booleans(),
    st.none() | st.text(st.characters(codec="utf-8")),
    st.none() | st.binary(),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(VALUES, max_size=9))
def test_rows_come_back(rows: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every value and every missing one, over several row groups."""
    monkeypatch.setattr(parquet, "GROUP_ROWS", 4)
    path = tmp_path / "t.parquet"

    assert write_rows(path, COLUMNS, rows) == len(rows)

    table = pq.read_table(path, page_checksum_verification=True)
    assert [tuple(row.values()) for row in table.to_pylist()] == rows
    assert pq.ParquetFile(path).num_row_groups == -(-len(rows) // 4)


def test_missing_values_do_not_turn_integers_into_floats(tmp_path: Path) -> None:
    """pandas reads its nullable types where something is missing, plain ones where nothing can be."""
    path = tmp_path / "t.parquet"
    columns = [Column("id", "int64", False), *COLUMNS]
    big = 2**60 + 1
    write_rows(path, columns, [(1, big, 0.5, True, "a", b"b"), (2, None, None, None, None, None)])

    table = pd.read_parquet(path)

    assert [str(dtype) for dtype in table.dtypes[:4]] == ["int64", "Int64", "float64", "boolean"]
    assert table["n"][0] == big
    assert table.isna().sum().tolist() == [0, 1, 1, 1, 1, 1]
    assert str(pd.read_parquet(path, columns=["n"])["n"].dtype) == "Int64"


def test_text_that_utf8_cannot_hold_is_escaped(tmp_path: Path) -> None:
    """Lone surrogates become what JSON would write; other text of the same column is untouched."""
    path = tmp_path / "t.parquet"
    with table_writer(path, [Column("s", "string")]) as table:
        table.write([["ü", "a\ud800b", None]])

    assert pq.read_table(path)["s"].to_pylist() == ["ü", "a\\ud800b", None]
    assert encodable("衬") == "衬"


def test_a_table_without_rows_has_its_columns(tmp_path: Path) -> None:
    """It is opened like any other."""
    write_rows(tmp_path / "t.parquet", COLUMNS, [])

    table = pd.read_parquet(tmp_path / "t.parquet")

    assert (len(table), list(table.columns)) == (0, ["n", "x", "is", "s", "b"])


def test_a_folder_that_is_not_there_is_an_os_error(tmp_path: Path) -> None:
    """What the system says reaches the caller."""
    with pytest.raises(OSError, match="nowhere"):
        write_rows(tmp_path / "nowhere" / "t.parquet", COLUMNS, [])
