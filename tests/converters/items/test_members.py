"""The journal's members as rows of the members table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from zarrpack.converters.items.assign import assign_items
from zarrpack.converters.items.members import member_rows
from zarrpack.converters.items.options import ItemOptions
from zarrpack.storage.tables.members import write_members


def test_every_member_has_a_row(make_run: Callable[..., Any], member: Any, tmp_path: Path) -> None:
    """Stored, failed and skipped ones, with the item that they belong to."""
    members = ["1.jpg", "1.json", member("2.jpg", "failed"), member("x.tmp", "skipped"), member("ä.jpg", source=1)]
    run = make_run(members, labels=("a.zip", "b.tar"))
    assign_items(run.journal, ItemOptions("stem"))
    path = tmp_path / "t.members.parquet"

    assert write_members(member_rows(run.journal), path) == 5

    table = pd.read_parquet(path)
    assert table["archive"].tolist() == ["a.zip"] * 4 + ["b.tar"]
    assert table["member"].tolist() == ["1.jpg", "1.json", "2.jpg", "x.tmp", "ä.jpg"]
    assert table["index"].tolist() == [0, 1, 2, 3, 4]
    assert table["state"].tolist() == ["stored", "stored", "failed", "skipped", "stored"]
    assert table["role"].fillna("-").tolist() == ["arrays", "record", "arrays", "-", "arrays"]
    assert table["item"].fillna("-").tolist() == ["1", "1", "2", "-", "ä"]
    assert table["item_code"].fillna(-1).tolist() == [0, 0, 1, -1, 2]
    assert table["reason"].fillna("-").tolist() == ["-", "-", "unreadable", "unreadable", "-"]
    assert table["sha256"].tolist() == ["ab"] * 5
    assert table["raw_name"].tolist() == [name.encode() for name in table["member"]]
    assert table["notes"].isna().all()
