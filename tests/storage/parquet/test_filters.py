"""Filters: every operator, any nesting, partition columns, and what is refused."""

from __future__ import annotations

import datetime
import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zarrpack.errors import UsageError
from zarrpack.storage.parquet import ParquetDatasetManager
from zarrpack.storage.parquet.filters import build_expression, canonical_filters

PDM = ParquetDatasetManager()
SYMBOLS = ["001", "1", "b", None, "x y"]
ROWS = [
    {
        "symbol": SYMBOLS[i % 5],
        "year": None if i == 7 else 2020 + i % 3,
        "timestamp": None if i == 11 else i * 10,
        "x": [None, -1.5, 2.0, 7.25][i % 4],
        "flag": [True, None, False][i % 3],
    }
    for i in range(60)
]
SCHEMA = pa.schema(
    {"symbol": pa.string(), "year": pa.int16(), "timestamp": pa.int64(), "x": pa.float64(), "flag": pa.bool_()}
)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a dataset of several files and row groups, partitioned by two columns."""
    folder = tmp_path_factory.mktemp("filters")
    for first in (0, 30):
        table = pa.Table.from_pylist(ROWS[first : first + 30], SCHEMA)
        PDM.write_partitioned_dataset(table, folder, ["symbol", "year"], min_rows_per_group=1, max_rows_per_file=2)
    return folder


def holds(row: dict[str, Any], condition: Any) -> bool:
    """Say what a condition means, without Arrow."""
    if isinstance(condition, list):
        parts = [holds(row, one) for one in condition]
        return any(parts) if all(isinstance(one, list) for one in condition) else all(parts)
    if condition[0] in ("and", "or") and len(condition) == 2:
        return (all if condition[0] == "and" else any)(holds(row, one) for one in condition[1])
    value, operator = row[condition[0]], condition[1]
    if operator in ("is_null", "is_not_null"):
        return (value is None) is (operator == "is_null")
    other = condition[2]
    if operator in ("in", "not in"):
        return (value in other) is (operator == "in")
    if value is None:
        return False
    return bool(
        {
            "==": value == other,
            "=": value == other,
            "!=": value != other,
            "<": value < other,
            "<=": value <= other,
            ">": value > other,
            ">=": value >= other,
        }[operator]
    )


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "symbol": st.sampled_from(["001", "1", "b", "zz", ""]),
    "year": st.integers(2018, 2024) | st.sampled_from([40_000, 2020.5]),
    "timestamp": st.integers(-10, 610) | st.sampled_from([105.5]),
    "x": st.sampled_from([-1.5, 2.0, 2, 7.25, 0]),
    "flag": st.booleans(),
}


@st.composite
def conditions(draw: st.DrawFn) -> tuple[Any, ...]:
    """Give one condition on any column."""
    column = draw(st.sampled_from(sorted(VALUES)))
    operator = draw(st.sampled_from(["==", "=", "!=", "<", "<=", ">", ">=", "in", "not in", "is_null", "is_not_null"]))
    if operator.startswith("is_"):
        return (column, operator)
    if "in" in operator:
        return (column, operator, draw(st.lists(VALUES[column] | st.none(), max_size=4)))
    return (column, operator, draw(VALUES[column]))


TREES = st.recursive(
    conditions(),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=4),
        st.tuples(st.sampled_from(["and", "or"]), st.lists(inner, min_size=1, max_size=3)),
    ),
    max_leaves=8,
)


@settings(max_examples=80, deadline=None)
@given(TREES)
def test_any_filter_selects_what_it_says(base: Path, tree: Any) -> None:
    """Pruned by partition, by bounds and by statistics, a scan gives the rows for which the filter holds."""
    filters = tree if isinstance(tree, list) else [tree]
    found = PDM.scan_dataset(base, filters, to_pandas=False).to_pylist()

    assert sorted(map(repr, found)) == sorted(repr(row) for row in ROWS if holds(row, filters))


def test_negation(base: Path) -> None:
    """("not", ...) turns what is known round; what is missing stays neither true nor false."""
    found = PDM.scan_dataset(base, ("not", [[("year", "==", 2020)], [("x", ">", 0)]]), to_pandas=False).to_pylist()

    expected = [
        row for row in ROWS if row["year"] not in (2020, None) and row["x"] is not None and float(row["x"]) <= 0
    ]
    assert sorted(map(repr, found)) == sorted(map(repr, expected))


def test_expressions_are_taken_as_they_are(base: Path) -> None:
    """Arrow's own expressions work beside lists."""
    assert PDM.scan_dataset(base, pc.field("timestamp") == 50, to_pandas=False).num_rows == 1
    assert PDM._build_filter_expression(None) is None
    assert str(PDM._build_filter_expression([("a", "=", 1)])) == "(a == 1)"
    assert build_expression([], SCHEMA) is None


def test_files_are_passed_over(base: Path) -> None:
    """Partitions and bounds of timestamps rule files out before they are opened."""
    total = len(list(base.rglob("*.parquet")))
    for filters in ([("symbol", "==", "b")], [("timestamp", ">", 550)], [("timestamp", "in", [500])]):
        PDM.scan_dataset(base, filters)
        assert 0 < PDM.last_scan.files < total / 2
        assert PDM.last_scan.files + PDM.last_scan.files_skipped == total


def test_many_conditions(base: Path) -> None:
    """Hundreds of them are no deeper than ten."""
    filters = [[("timestamp", "==", value)] for value in range(0, 3000, 10)]

    assert PDM.scan_dataset(base, filters, to_pandas=False).num_rows == 59


def test_instants_are_compared_by_their_time(tmp_path: Path) -> None:
    """Datetimes and dates with columns of datetimes and dates."""
    when = [datetime.datetime(2024, 1, day, tzinfo=datetime.UTC) for day in (1, 2, 3)]
    table = pa.table({"at": pa.array(when, pa.timestamp("ms", "UTC")), "day": [one.date() for one in when]})
    PDM.write_partitioned_dataset(table, tmp_path, ["day"])

    assert PDM.scan_dataset(tmp_path, [("at", ">", when[0])], to_pandas=False).num_rows == 2
    assert PDM.scan_dataset(tmp_path, [("day", "in", [when[1].date()])], to_pandas=False).num_rows == 1


@pytest.mark.parametrize(
    ("filters", "said"),
    [
        ([("symbol", "~", "a")], "unknown operator '~'"),
        ([("symbol", "not_in", ["a"])], "did you mean 'not in'"),
        ([("symbl", "==", "a")], "did you mean 'symbol'"),
        ([("symbol", "==", 1)], "to compare with string"),
        ([("year", "==", "2020")], "to compare with int16"),
        ([("year", "in", [2020, "x"])], "to compare with int16"),
        ([("year", "in", "2020")], "a list of values"),
        ([("symbol", "==", None)], "use 'is_null'"),
        ([("flag", "==", 1)], "to compare with bool"),
        ([("symbol", "==")], "expected .column, operator, value."),
        ([("symbol", "is_null", 5)], "nothing or true"),
        ([("symbol", "==", object())], "of type string"),
        ([[]], "expected a list of"),
        ([None], "found None inside"),
        ("symbol == 1", "expected a list"),
        ({"symbol": 1}, "expected a list"),
        (("or", []), "expected a list of conditions"),
        ([("x", "==", 1, 2)], "expected .column, operator, value."),
    ],
)
def test_what_is_no_filter_is_refused(base: Path, filters: Any, said: str) -> None:
    """Nothing is ignored: a filter that cannot be understood would otherwise give all rows."""
    with pytest.raises(UsageError, match=said):
        PDM.scan_dataset(base, filters)


def test_filters_nested_too_deeply_are_refused() -> None:
    """With a message, not with the interpreter's stack."""
    deep: Any = ("x", "==", 1)
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(UsageError, match="nested at most"):
        build_expression(deep, SCHEMA)


def test_canonical_text() -> None:
    """Equal for what says the same; different for different values, types, operators and nestings."""
    same = [
        [("a", "=", 1), ("b", "in", [3, 2, 3])],
        (("b", "in", (2, 3)), ("a", "==", 1)),
        ("and", [("a", "==", 1), ("b", "in", {2, 3})]),
        [[("a", "==", 1), ("b", "in", [2, 3])]],
    ]
    other = [
        [("a", "==", 1.0), ("b", "in", [2, 3])],
        [("a", "==", "1"), ("b", "in", [2, 3])],
        [("a", "==", True), ("b", "in", [2, 3])],
        [("a", "==", 1), ("b", "not in", [2, 3])],
        [[("a", "==", 1)], [("b", "in", [2, 3])]],
        ("not", [("a", "==", 1), ("b", "in", [2, 3])]),
        [("a", "==", 1)],
        None,
        [("a", "==", math.nan)],
    ]

    assert len({canonical_filters(one) for one in same}) == 1
    assert len({canonical_filters(one) for one in [same[0], *other]}) == len(other) + 1
    with pytest.raises(UsageError, match="no unique text"):
        canonical_filters(pc.field("a") == 1)
