"""Which member belongs to which item, against a plain implementation with dictionaries."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zarrpack.converters.items.assign import assign_items, codes_of_batch
from zarrpack.converters.items.names import folder, stem
from zarrpack.converters.items.options import ItemOptions

REGEX = r"(?P<item>[ab]\d?)\b"
FIXTURES_ARE_REUSED = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def plain_key(name: str, source: int, number: int, pair: str) -> Any:
    """Say what the members of one item have in common."""
    import re

    if pair == "stem" and stem(name):
        return source, folder(name), stem(name)
    if pair == "basename" and stem(name):
        return stem(name)
    if pair == REGEX and (match := re.search(REGEX, name)):
        return match["item"]
    return number, "alone"


def plain_assignment(members: Sequence[Any], pair: str) -> dict[int, tuple[int, str]]:
    """Assign items the obvious way: member number -> (code, role)."""
    items: dict[Any, list[int]] = {}
    for number, one in enumerate(members):
        if one.state != "skipped":
            items.setdefault(plain_key(one.name, one.source, number, pair), []).append(number)
    found = {}
    firsts = {}
    for key, numbers in items.items():
        arrays = [number for number in numbers if not members[number].is_record]
        records = [number for number in numbers if members[number].is_record]
        firsts[key] = (arrays or records)[0]
        winner = min(records, key=lambda number: (members[number].state != "stored", number), default=None)
        for number in numbers:
            role = "arrays" if number in arrays or not arrays else "record" if number == winner else "extra_record"
            found[number] = (key, role)
    codes = {key: code for code, key in enumerate(sorted(items, key=firsts.__getitem__))}
    return {number: (codes[key], role) for number, (key, role) in found.items()}


@st.composite
def made_members(draw: st.DrawFn) -> list[tuple[str, str, int]]:
    """Give names that often pair, states, and sources."""
    name = st.builds(
        "{}{}{}".format,
        st.sampled_from(["", "x/", "y/", "x/y/", "./"]),
        st.sampled_from(["a", "b", "a1", "b2.x", ".a", "ä", "c d", ""]),
        st.sampled_from([".jpg", ".json", ".json", ".png", "", ".nii.gz"]),
    )
    state = st.sampled_from(["stored", "stored", "stored", "failed", "skipped"])
    return draw(st.lists(st.tuples(name, state, st.integers(0, 1)), max_size=14))


@FIXTURES_ARE_REUSED
@given(made_members(), st.sampled_from(["member", "stem", "basename", REGEX]))
def test_items_are_those_of_the_plain_implementation(
    make_run: Callable[..., Any], member: Any, members: list[tuple[str, str, int]], pair: str
) -> None:
    """Codes, roles and names for any mix of names, states and sources."""
    made = [member(name, state, source) for name, state, source in members]
    run = make_run(made, labels=("a.zip", "b.zip"))

    summary = assign_items(run.journal, ItemOptions(pair))

    rows = run.journal.execute("SELECT member, code, role FROM member_items").fetchall()
    assert {number: (code, role) for number, code, role in rows} == plain_assignment(made, pair)
    codes = run.column("SELECT code FROM items ORDER BY code")
    assert codes == list(range(summary.items))
    names = run.column("SELECT name FROM items")
    assert all(names)
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("seed", range(3))
def test_the_order_in_the_archive_never_matters(make_run: Callable[..., Any], seed: int) -> None:
    """Pictures first, records first, or mixed: each picture gets its own record."""
    pictures = [f"images/{n}.jpg" for n in range(8)]
    records = [f"styles/{n}.json" for n in range(8)]
    mixed = pictures + records
    random.Random(seed).shuffle(mixed)
    for order in (pictures + records, records + pictures, mixed):
        run = make_run(order)
        assign_items(run.journal, ItemOptions("basename"))
        roles = run.roles()
        for n in range(8):
            code, role = roles[f"images/{n}.jpg"]
            assert role == "arrays"
            assert roles[f"styles/{n}.json"] == (code, "record")
        ordered = sorted((name for name in order if name in pictures), key=lambda name: roles[name][0])
        assert ordered == [name for name in order if name in pictures]


def test_assignment_is_repeatable(make_run: Callable[..., Any]) -> None:
    """A second assignment, with other options in between, leaves the tables of the first."""
    run = make_run(["a/1.jpg", "b/1.json", "a/2.jpg", "b/3.json"])

    def tables() -> list[Any]:
        return [run.journal.execute(f"SELECT * FROM {name}").fetchall() for name in ("items", "member_items")]

    first = assign_items(run.journal, ItemOptions("basename"))
    kept = tables()
    assign_items(run.journal, ItemOptions("member"))
    assert tables() != kept
    assert assign_items(run.journal, ItemOptions("basename")) == first
    assert tables() == kept


def test_a_failed_member_keeps_its_code(make_run: Callable[..., Any], member: Any) -> None:
    """Codes are those of the run without the failure; a skipped member has none."""
    names = ["1.jpg", "1.json", "2.jpg", "junk.jpg", "3.jpg", "3.json"]
    whole = make_run([member(name, "skipped" if name == "junk.jpg" else "stored") for name in names])
    hurt = make_run([member("1.jpg", "failed"), *[member(name) for name in names[1:]]])
    hurt.journal.execute("UPDATE members SET state = 'skipped' WHERE name = 'junk.jpg'")
    hurt.journal.execute("UPDATE members SET state = 'failed' WHERE name IN ('1.json', '2.jpg')")

    counts = [assign_items(run.journal, ItemOptions("stem")) for run in (whole, hurt)]

    assert whole.roles() == hurt.roles()
    assert "junk.jpg" not in whole.roles()
    assert [(one.items, one.stored_items) for one in counts] == [(3, 3), (3, 1)]


def test_the_first_stored_record_wins(make_run: Callable[..., Any], member: Any) -> None:
    """Further records are dropped and listed; one that failed does not displace one that did not."""
    run = make_run([member("1.x.json", "failed"), "1.y.json", "1.z.json", "1.q.jpg"])

    summary = assign_items(run.journal, ItemOptions(r"(?P<item>\d+)"))

    assert run.roles() == {
        "1.x.json": (0, "extra_record"),
        "1.y.json": (0, "record"),
        "1.z.json": (0, "extra_record"),
        "1.q.jpg": (0, "arrays"),
    }
    assert summary.extra_records.first == ("1.x.json", "1.z.json")


def test_what_finds_no_partner_is_listed(make_run: Callable[..., Any]) -> None:
    """Records and items alone, only where pairing was asked for and there is something to pair with."""
    names = ["i/1.jpg", "i/2.jpg", "r/1.json", "r/9.json"]

    paired = assign_items(make_run(names).journal, ItemOptions("basename"))
    alone = assign_items(make_run(names).journal, ItemOptions())
    pictures = assign_items(make_run(names[:2]).journal, ItemOptions("basename"))

    assert (paired.items, paired.unmatched_items.first, paired.unmatched_records.first) == (3, ("2",), ("r/9.json",))
    assert alone.unmatched_items.count == alone.unmatched_records.count == 0
    assert pictures.unmatched_items.count == 0


def test_what_the_expression_does_not_match_is_listed(make_run: Callable[..., Any]) -> None:
    """Such members are items of their own, also without any record in the run."""
    summary = assign_items(make_run(["a1.jpg", "b.jpg", "a1.png"]).journal, ItemOptions(r"(?P<item>\w\d)"))

    assert (summary.items, summary.unmatched_items.first) == (2, ("b",))


def test_a_listing_names_twenty(make_run: Callable[..., Any]) -> None:
    """The count is whole, the names are few, and it is JSON."""
    summary = assign_items(make_run([f"{n}.json" for n in range(30)]).journal, ItemOptions("stem"))

    listed = summary.to_json()["unmatched_records"]
    assert (listed["count"], listed["first"]) == (30, [f"{n}.json" for n in range(20)])


def test_the_codes_of_a_pack_drop_what_is_no_array(make_run: Callable[..., Any], member: Any) -> None:
    """Per stored member of the pack its item, or -1 for a record."""
    run = make_run(["1.jpg", "1.json", member("2.jpg", "failed"), "3.jpg", "2.json", "4.json"], per_pack=4)
    assign_items(run.journal, ItemOptions("stem"))

    assert codes_of_batch(run.journal, 0).tolist() == [0, -1, 2]
    assert codes_of_batch(run.journal, 1).tolist() == [-1, 3]
    assert codes_of_batch(run.journal, 2).tolist() == []
    assert codes_of_batch(run.journal, 0).dtype == "int64"


@pytest.mark.parametrize("isolation", ["", None])
def test_any_transaction_control_will_do(make_run: Callable[..., Any], isolation: str | None) -> None:
    """A connection in autocommit mode has the same tables afterwards, and no transaction is left open."""
    run = make_run(["1.jpg", "2.jpg"])
    run.journal.isolation_level = isolation

    assign_items(run.journal, ItemOptions())

    assert not run.journal.in_transaction
    assert run.column("SELECT COUNT(*) FROM items") == [2]


def test_memory_does_not_grow_with_the_members(make_run: Callable[..., Any]) -> None:
    """Python holds no more for 20,000 members than for 1,000: everything is in the journal."""
    import tracemalloc

    peaks = []
    for count in (1_000, 20_000):
        run = make_run([f"i/{n}.jpg" for n in range(count)], per_pack=500)
        tracemalloc.start()
        assign_items(run.journal, ItemOptions("basename"))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 100_000
