"""What is said of each item, gathered from packs."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from zarrpack.converters.items import metadata
from zarrpack.converters.items.assign import assign_items
from zarrpack.converters.items.metadata import ItemMetadata
from zarrpack.converters.items.options import ItemOptions
from zarrpack.storage.data_file import DataFile


def gathered(run: Any, options: ItemOptions) -> ItemMetadata:
    """Assign items and give what is said of them."""
    assign_items(run.journal, options, packs=run.packs)
    return ItemMetadata(run.journal, options, run.packs)


@pytest.mark.parametrize("seed", range(3))
def test_every_item_has_its_own_record(
    make_run: Callable[..., Any], member: Any, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pictures and records in any order, and the same rows every time through."""
    monkeypatch.setattr(metadata, "_KEPT_PACKS", 1)
    members = [member(f"i/{n}.jpg", metadata={"width": n}) for n in range(10)]
    members += [member(f"r/{n}.json", record={"id": n, "tags": ["ä", None]}) for n in range(10)]
    random.Random(seed).shuffle(members)
    rows = gathered(make_run(members, write=True), ItemOptions("basename"))

    first = list(rows)

    assert list(rows) == first
    assert [row.code for row in first] == list(range(10))
    for row in first:
        n = int(row.name)
        assert row.fields == {"width": n, "id": n, "tags": ["ä", None]}
        assert row.description == f"i/{n}.jpg"


def test_items_without_a_stored_member_have_no_row(make_run: Callable[..., Any], member: Any) -> None:
    """Codes are gapped where everything of an item has failed; what is left of an item gives its fields."""
    members = [
        member("1.jpg", "failed"),
        member("2.jpg", "failed"),
        member("2.json", record={"id": 2}),
        member("3.jpg", "failed"),
        member("3.png", metadata={"width": 3}),
        member("4.jpg", metadata={"width": 4}),
        member("4.json", "failed"),
    ]

    rows = list(gathered(make_run(members, write=True), ItemOptions("stem")))

    assert [(row.code, row.description, row.fields) for row in rows] == [
        (1, "2.jpg", {"id": 2}),
        (2, "3.jpg", {"width": 3}),
        (3, "4.jpg", {"width": 4}),
    ]


def test_a_lone_record_gives_no_fields(make_run: Callable[..., Any], member: Any) -> None:
    """It is stored as arrays; only what is said of the member itself is in the table."""
    run = make_run([member("1.json", metadata={"size": 9}, record={"id": 1})], write=True)

    (row,) = gathered(run, ItemOptions("stem"))

    assert row.fields == {"size": 9}


def test_later_sources_overwrite_and_are_counted(make_run: Callable[..., Any], member: Any) -> None:
    """Member, record, joined row, folder label, in that order; equal values are no loss."""
    members = [
        member("cat/1.jpg", metadata={"a": 0, "b": 0, "c": 0, "same": 5}),
        member("cat/1.json", record={"b": 1, "c": 1, "label": "dog", "same": 5}),
        member("t.csv", table={"key": ["1"], "c": [2]}),
    ]
    rows = gathered(make_run(members, write=True), ItemOptions("stem", ("t.csv:key",), "folder"))

    (row,) = rows

    assert row.fields == {"a": 0, "b": 1, "c": 2, "label": "cat", "same": 5, "key": "1"}
    assert rows.overwritten == {"b": 1, "c": 2, "label": 1}


def test_folders_give_label_and_subset(make_run: Callable[..., Any], member: Any) -> None:
    """Only if asked for; an item in no folder has no label."""
    run = make_run(["train/cat/1.jpg", "2.jpg"], write=True)

    labelled = list(gathered(run, ItemOptions(labels="folder")))
    plain = list(gathered(run, ItemOptions()))

    assert [(row.subset, row.fields) for row in labelled] == [("train", {"label": "cat"}), (None, {})]
    assert [(row.subset, row.fields) for row in plain] == [(None, {}), (None, {})]


def test_packs_are_opened_once_in_the_usual_orders(
    make_run: Callable[..., Any], member: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With all pictures first and records in any order, each pack is parsed once per pass and once for records."""
    opened: list[str] = []
    real = DataFile

    def counting(path: Any) -> Any:
        opened.append(path.name)
        return real(path)

    monkeypatch.setattr(metadata, "DataFile", counting)
    numbers = list(range(30))
    random.Random(1).shuffle(numbers)
    members = [member(f"i/{n}.jpg") for n in range(30)]
    members += [member(f"r/{n}.json", record={"id": n}) for n in numbers]
    rows = gathered(make_run(members, write=True), ItemOptions("basename"))
    gathering = len(opened)
    list(rows)

    assert gathering == 10
    assert len(opened) == 20


def test_lone_surrogates_survive(make_run: Callable[..., Any], member: Any) -> None:
    """JSON may say what UTF-8 cannot; the record still reaches its item."""
    run = make_run([member("1.jpg"), member("1.json", record={"\ud800": "x\udfff"})], write=True)

    (row,) = gathered(run, ItemOptions("stem"))

    assert row.fields == {"\ud800": "x\udfff"}
