"""Rows of tables, joined to items by key."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from zarrpack.converters.items.assign import assign_items
from zarrpack.converters.items.joins import find_tables
from zarrpack.converters.items.options import ItemOptions
from zarrpack.errors import UsageError

MEMBERS = [
    (0, "a.zip", "f/1.jpg", "stored"),
    (1, "a.zip", "f/styles.csv", "stored"),
    (2, "a.zip", "oldstyles.csv", "stored"),
    (3, "b.zip", "f/links.csv", "stored"),
    (4, "c.zip", "f/links.csv", "stored"),
    (5, "a.zip", "out.csv", "skipped"),
    (6, "a.zip", "t:1.csv", None),
    (7, "a.zip", "links.csv", None),
]


def joined(run: Any) -> dict[str, dict[str, Any]]:
    """Give the joined row of every item that has one, by the item's name."""
    rows = run.journal.execute(
        "SELECT name, fields FROM items JOIN item_rows USING (code) JOIN join_rows USING (position, row)"
    )
    return {name: json.loads(fields) for name, fields in rows}


@pytest.mark.parametrize(
    ("join", "number", "column"),
    [
        ("f/styles.csv:id", 1, "id"),
        ("styles.csv:id", 1, "id"),
        ("a.zip/f/styles.csv:id", 1, "id"),
        ("b.zip/f/links.csv:id", 3, "id"),
        ("links.csv:id", 7, "id"),
        ("t:1.csv:dc:id", 6, "dc:id"),
        ("f/1.jpg:id", 0, "id"),
    ],
)
def test_a_table_is_found_by_its_last_segments(join: str, number: int, column: str) -> None:
    """Whole segments count, a whole name goes first, and colons may stand anywhere."""
    (table,) = find_tables([join], MEMBERS)

    assert (table.member, table.column) == (number, column)


@pytest.mark.parametrize(
    ("join", "told"),
    [
        ("style.csv:id", "f/styles.csv"),
        ("f/links.csv:id", "found 2"),
        ("out.csv:id", "was skipped"),
        ("tyles.csv:id", "no member is named"),
    ],
)
def test_a_table_that_is_not_one_member_is_refused(join: str, told: str) -> None:
    """The message names what is near, how many there are, or why it is not there."""
    with pytest.raises(UsageError, match=told):
        find_tables([join], MEMBERS)


def test_without_tables_the_message_says_so() -> None:
    """There is nothing near to name."""
    with pytest.raises(UsageError, match=r"hold no \.csv"):
        find_tables(["a.csv:id"], MEMBERS[:1])


def test_rows_go_to_the_items_that_they_name(make_run: Callable[..., Any], member: Any) -> None:
    """By key, name, base name or stem; numbers as they are written; the table is no item."""
    table = {"id": ["1", "i/2", "3.jpg", "i/4.jpg", "nobody", ""], "price": [10, 20, 30, 40, 50, 60]}
    names = [f"i/{n}.jpg" for n in range(1, 6)]
    run = make_run([*names, member("f/t.csv", table=table)], write=True)

    summary = assign_items(run.journal, ItemOptions(join=("t.csv:id",)), packs=run.packs)

    assert {name: row["price"] for name, row in joined(run).items()} == {"i/1": 10, "i/2": 20, "i/3": 30, "i/4": 40}
    assert run.roles()["f/t.csv"] == (None, "table")
    assert (summary.items, summary.unmatched_rows.first) == (5, ("nobody", "(row 6)"))
    assert summary.unjoined_items.first == ("i/5",)


def test_a_pair_is_named_by_any_member(make_run: Callable[..., Any], member: Any) -> None:
    """The record's name leads to the item as well as the picture's, also when it names another folder."""
    table = {"file": ["r/7.json", "8"], "n": [1, 2]}
    run = make_run(["i/7.jpg", "r/7.json", "i/8.jpg", member("t.csv", table=table)], write=True)

    assign_items(run.journal, ItemOptions("basename", ("t.csv:file",)), packs=run.packs)

    assert {name: row["n"] for name, row in joined(run).items()} == {"7": 1, "8": 2}


def test_any_stem_of_an_item_names_it(make_run: Callable[..., Any], member: Any) -> None:
    """Also where the pairing's key is only a part of it; an empty cell names nothing, not even an empty stem."""
    table = {"file": ["front_7a", "8", "", "back_8"], "n": [1, 2, 3, 4]}
    run = make_run(["front_7a.jpg", "back_7.jpg", "back_8.jpg", "odd/", member("t.csv", table=table)], write=True)

    options = ItemOptions(r"_(?P<item>\d)", ("t.csv:file",))
    summary = assign_items(run.journal, options, packs=run.packs)

    assert {name: row["n"] for name, row in joined(run).items()} == {"7": 1, "8": 2}
    assert summary.unmatched_rows.first == ("(row 3)",)


@pytest.mark.parametrize("cells", [[1, 2], [1.0, 2.0], ["1", "2"]])
def test_cells_match_as_they_are_written(make_run: Callable[..., Any], member: Any, cells: list[Any]) -> None:
    """Whole numbers, those that became floats for an empty cell's sake, and text."""
    cells = [*cells, float("nan")] if isinstance(cells[0], float) else cells
    table = {"id": cells, "n": list(range(len(cells)))}
    run = make_run(["1.jpg", "2.jpg", member("t.csv", table=table)], write=True)

    assign_items(run.journal, ItemOptions(join=("t.csv:id",)), packs=run.packs)

    assert {name: row["n"] for name, row in joined(run).items()} == {"1": 0, "2": 1}


def test_one_row_may_belong_to_several_items(make_run: Callable[..., Any], member: Any) -> None:
    """Every item whose stem is the cell gets the row."""
    run = make_run(["a/1.jpg", "b/1.jpg", member("t.csv", table={"id": [1]})], write=True)

    assign_items(run.journal, ItemOptions(join=("t.csv:id",)), packs=run.packs)

    assert set(joined(run)) == {"a/1", "b/1"}


def test_the_first_of_several_rows_wins(make_run: Callable[..., Any], member: Any) -> None:
    """Others are listed as duplicates, whether they spell the item alike or not; others than those as unmatched."""
    table = {"id": ["1.jpg", "1", "1.jpg", "9", "9"], "n": [0, 1, 2, 3, 4]}
    run = make_run(["1.jpg", member("t.csv", table=table)], write=True)

    summary = assign_items(run.journal, ItemOptions(join=("t.csv:id",)), packs=run.packs)

    assert joined(run)["1"]["n"] == 0
    assert summary.duplicate_rows.first == ("1", "1.jpg")
    assert summary.unmatched_rows.first == ("9", "9")


def test_several_tables_are_joined_side_by_side(make_run: Callable[..., Any], member: Any) -> None:
    """Each item gets a row of each; tables of one header in one pack are told apart."""
    first, second = {"id": [2, 1], "n": [20, 10]}, {"id": [1], "n": [99]}
    run = make_run([member("a.csv", table=first), member("b.csv", table=second), "1.jpg", "2.jpg"], write=True)

    assign_items(run.journal, ItemOptions(join=("a.csv:id", "b.csv:id")), packs=run.packs)

    rows = run.journal.execute(
        "SELECT code, position, json_extract(fields, '$.n') FROM item_rows JOIN join_rows"
        " USING (position, row) ORDER BY code, position"
    ).fetchall()
    assert rows == [(0, 0, 10), (0, 1, 99), (1, 0, 20)]


def test_an_unknown_column_leaves_the_run_as_it_was(make_run: Callable[..., Any], member: Any) -> None:
    """The message names what is near; the journal keeps its earlier items, for another attempt."""
    run = make_run(["1.jpg", member("t.csv", table={"id": [1], "price": [2]})], write=True)
    assign_items(run.journal, ItemOptions())
    before = "\n".join(run.journal.iterdump())

    with pytest.raises(UsageError, match=r"'pryce' in 't\.csv'.*'price'"):
        assign_items(run.journal, ItemOptions(join=("t.csv:pryce",)), packs=run.packs)

    assert "\n".join(run.journal.iterdump()) == before
    assert assign_items(run.journal, ItemOptions(join=("t.csv:price",)), packs=run.packs).items == 1


def test_what_holds_no_table_cannot_be_joined(make_run: Callable[..., Any]) -> None:
    """A member of another kind is refused, not taken for an empty table."""
    run = make_run(["1.jpg", "2.jpg"], write=True)

    with pytest.raises(UsageError, match=r"'2\.jpg' holds none"):
        assign_items(run.journal, ItemOptions(join=("2.jpg:id",)), packs=run.packs)


def test_a_table_that_failed_is_reported(make_run: Callable[..., Any], member: Any) -> None:
    """The run goes on without its rows, and the table is still no item."""
    run = make_run(["1.jpg", member("t.csv", "failed")], write=True)

    summary = assign_items(run.journal, ItemOptions(join=("t.csv:id",)), packs=run.packs)

    assert (summary.items, summary.unread_tables.first, summary.unjoined_items.count) == (1, ("t.csv",), 1)


def test_a_table_without_rows_joins_nothing(make_run: Callable[..., Any], member: Any) -> None:
    """A header alone is a table."""
    run = make_run(["1.jpg", member("t.csv", table={})], write=True)

    summary = assign_items(run.journal, ItemOptions(join=("t.csv:id",)), packs=run.packs)

    assert (summary.items, summary.unmatched_rows.count, summary.unjoined_items.count) == (1, 0, 1)


def test_a_column_of_several_types_cannot_be_joined(make_run: Callable[..., Any], member: Any) -> None:
    """A processor may give a column in parts of different types; their order is not known, so none is guessed."""
    run = make_run([member("t.csv", table={"id": [1, 2], "mixed": ["a", 5]})], write=True)

    with pytest.raises(UsageError, match=r"several in 'mixed'"):
        assign_items(run.journal, ItemOptions(join=("t.csv:id",)), packs=run.packs)
