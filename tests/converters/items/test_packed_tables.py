"""Tables read back from packs."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zarrpack.converters.items import packed_tables
from zarrpack.converters.items.packed_tables import PackedTable

TEXT = st.text(st.characters(codec="utf-8"), max_size=5)
ROWS = st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), TEXT, st.booleans()), min_size=1, max_size=9)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ROWS, min_size=1, max_size=3))
def test_rows_come_back_member_by_member(make_run: Callable[..., Any], member: Any, tables: list[Any]) -> None:
    """Tables of one header share a pack's arrays; each member gets its own rows, in blocks or not."""
    made = [
        member(f"{n}.csv", table=dict(zip(("zahl ä", "text", "ja"), map(list, zip(*rows, strict=True)), strict=True)))
        for n, rows in enumerate(tables)
    ]
    run = make_run(made, write=True)
    for local, rows in enumerate(tables):
        with PackedTable(run.packs / "run-000000.data", local, "t") as table:
            assert list(table.rows("text")) == [
                (text, {"zahl ä": number, "text": text, "ja": is_true}) for number, text, is_true in rows
            ]


def test_rows_are_those_of_the_csv_module(
    make_run: Callable[..., Any], member: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tables of one header and different types in one pack, read in small blocks, ragged rows included."""
    monkeypatch.setattr(packed_tables, "_BLOCK_ROWS", 3)
    texts = [
        'id,näme\n1,a\n2,"b,\nc"\n',
        "id,näme\n" + "".join(f"{n},n{n}\n" for n in range(10)),
        "id,näme\n007,x\n8,\n,y\n",
        "other\n5\n",
    ]
    run = make_run([member(f"{n}.csv", table=text.encode()) for n, text in enumerate(texts)], per_pack=9, write=True)
    for local, text in enumerate(texts):
        expected = list(csv.DictReader(io.StringIO(text, newline="")))
        key = next(iter(expected[0]))
        with PackedTable(run.packs / "run-000000.data", local, "t.csv") as table:
            rows = list(table.rows(key))

        assert [{name: str(value) for name, value in fields.items()} for _, fields in rows] == expected
        assert [cell for cell, _ in rows] == [row[key] for row in expected]


@pytest.mark.parametrize("block_rows", [1, 100])
def test_missing_numbers_are_no_fields(
    make_run: Callable[..., Any], member: Any, monkeypatch: pytest.MonkeyPatch, block_rows: int
) -> None:
    """An empty cell among numbers is left out, and whole numbers beside it stay whole."""
    monkeypatch.setattr(packed_tables, "_BLOCK_ROWS", block_rows)
    run = make_run([member("t.csv", table=b"id,x\n1,0.5\n,\n3,1e3\n")], write=True)

    with PackedTable(run.packs / "run-000000.data", 0, "t.csv") as table:
        rows = list(table.rows("id"))

    assert rows == [("1", {"id": 1, "x": 0.5}), ("", {}), ("3", {"id": 3, "x": 1000.0})]
    assert [type(fields["id"]) for _, fields in rows if fields] == [int, int]


def test_fields_too_many_are_kept(make_run: Callable[..., Any], member: Any) -> None:
    """Only the table that has them gets the column for them, though another one shares its arrays."""
    run = make_run([member("a.csv", table=b"id\n1\n"), member("b.csv", table=b"id\n1,more\n2\n")], write=True)
    tables = []
    for local in range(2):
        with PackedTable(run.packs / "run-000000.data", local, "t.csv") as table:
            tables.append([fields for _, fields in table.rows("id")])

    assert tables == [[{"id": 1}], [{"id": 1, "_extra": '["more"]'}, {"id": 2, "_extra": ""}]]
