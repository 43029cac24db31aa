"""The members table."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from zarrpack.storage.tables.members import MEMBER_COLUMNS, MemberRow, write_members

ROWS = [
    MemberRow("a.zip", "ä/1.jpg", 0, 10, 2**32 - 1, "image/jpeg", "image", "ä/1", 0, "arrays", "stored"),
    MemberRow("a.zip", "x\\xff", 1, state="skipped", reason="policy", detail="no", raw_name=b"x\xff"),
]


def test_columns_are_read_by_pandas(tmp_path: Path) -> None:
    """Numbers stay whole, bytes stay bytes, and what is not known is missing."""
    path = tmp_path / "t.members.parquet"

    assert write_members(ROWS, path) == 2

    table = pd.read_parquet(path)
    assert list(table.columns) == [column.name for column in MEMBER_COLUMNS]
    assert {str(table[name].dtype) for name in ("size", "crc32", "item_code", "offset")} == {"Int64"}
    assert str(table["index"].dtype) == "int64"
    assert table["crc32"][0] == 2**32 - 1
    assert table["raw_name"][1] == b"x\xff"
    assert table["state"].tolist() == ["stored", "skipped"]
    assert table.loc[1, ["size", "item", "item_code", "seconds"]].isna().all()


def test_a_row_has_a_field_for_every_column() -> None:
    """In the same order; only `index` has another name, which tuples have a method for."""
    names = [column.name for column in MEMBER_COLUMNS]

    assert ["index" if name == "position" else name for name in MemberRow._fields] == names


def test_equal_rows_give_equal_bytes(tmp_path: Path) -> None:
    """The file says nothing of when and where it was written."""
    first, second = tmp_path / "a", tmp_path / "b"
    write_members(iter(ROWS), first)
    write_members(list(ROWS), second)

    assert first.read_bytes() == second.read_bytes()
    assert pq.read_table(first, page_checksum_verification=True).num_rows == 2
