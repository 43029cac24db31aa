"""Schemas, their enforcement, timestamps of any unit, dates."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from market_rows import klines

from zarrpack.errors import UsageError
from zarrpack.storage.parquet import ParquetDatasetManager, TableSchema, register_schema, unregister_schema
from zarrpack.storage.parquet.dates import with_date_columns
from zarrpack.storage.parquet.enforcement import Enforcement
from zarrpack.storage.parquet.environment import ScanDefaults, scan_defaults
from zarrpack.storage.parquet.schemas import SCHEMAS
from zarrpack.storage.parquet.timestamps import Timestamps

PDM = ParquetDatasetManager()
MS = 1_704_067_200_000


def milliseconds(values: Any, unit: Any = None) -> list[int | None]:
    """Convert values."""
    found = Timestamps("t", unit).to_milliseconds(values if isinstance(values, pa.Array) else pa.array(values))
    assert found.type == pa.int64()
    result: list[int | None] = found.to_pylist()
    return result


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_datetimes_of_every_unit(unit: str) -> None:
    """The dtype's own unit counts, with and without a time zone, as pandas and as Arrow have it."""
    series = pd.Series(pd.to_datetime([MS, None], unit="ms")).astype(f"datetime64[{unit}]")  # type: ignore[call-overload]
    frame = pd.DataFrame({"timestamp": series})
    aware = pd.DataFrame({"timestamp": series.dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo")})

    for one in (frame, aware):
        found = PDM.enforce_schema(one, "split")["timestamp"]
        assert str(found.dtype) == "Int64"
        assert found.tolist() == [MS, pd.NA]
    assert str(PDM.enforce_schema(frame.head(1), "split")["timestamp"].dtype) == "int64"


def test_numbers_by_their_size() -> None:
    """Seconds, milliseconds, microseconds and nanoseconds of 2024 are told apart; fractions and missing values stay."""
    assert milliseconds([MS // 1000, None]) == [MS, None]
    assert milliseconds([MS]) == milliseconds([MS * 1000]) == milliseconds([MS * 1_000_000]) == [MS]
    assert milliseconds(np.array([MS / 1000 + 0.123])) == [MS + 123]
    assert milliseconds([float(MS), None]) == [MS, None]
    assert milliseconds(pa.array([MS // 1000], pa.uint32())) == [MS]
    assert milliseconds([None]) == [None]
    assert milliseconds([datetime.date(2024, 1, 1)]) == [MS]


def test_an_explicit_unit_comes_first() -> None:
    """Milliseconds of 1970 look like seconds; with a unit they are what they are."""
    assert milliseconds([5_000_000_000]) == [5_000_000_000_000]
    assert milliseconds([5_000_000_000], "ms") == [5_000_000_000]
    assert milliseconds([0, 10**12], "us") == [0, 10**9]
    with pytest.raises(UsageError, match="one of s, ms, us, ns"):
        milliseconds([0], "h")


@given(st.integers(-(2**62), 2**62), st.sampled_from(["us", "ns"]))
def test_fractions_are_rounded_down(value: int, unit: Any) -> None:
    """Also before 1970, as Python's floor division does."""
    assert milliseconds(pa.array([value]), unit) == [value // {"us": 1_000, "ns": 1_000_000}[unit]]
    assert milliseconds(pa.array([value], pa.timestamp(unit))) == [value // {"us": 1_000, "ns": 1_000_000}[unit]]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([MS, MS // 1000], "look like s and ms"),
        ([0, MS], "look like s and ms"),
        (["2024-01-01"], "expected datetimes, dates or numbers, found string"),
        ([True], "found bool"),
        (pa.array([2**64 - 1], pa.uint64()), "within 64 bits"),
        (np.array([np.inf]), "an infinity"),
        ([10**10 * 3, 10**17 * 3], "look like"),
    ],
)
def test_what_is_no_instant_is_an_error(values: Any, said: str) -> None:
    """Never a silent guess."""
    with pytest.raises(UsageError, match=said):
        milliseconds(values)
    if said != "found bool":
        return
    with pytest.raises(UsageError, match="fit into 64 bits"):
        milliseconds([2**62], "s")


def test_the_unit_holds_for_the_whole_stream(tmp_path: Path) -> None:
    """A later batch that looks like another unit is an error, and nothing is written."""
    pieces = [pa.table({"timestamp": [MS]}), pa.table({"timestamp": [MS // 1000]})]
    with pytest.raises(UsageError, match="look like s and ms"):
        PDM.write_partitioned_dataset(iter(pieces), tmp_path / "d", [], "split", auto_add_date_columns=False)

    assert not (tmp_path / "d").exists()


def test_named_schemas() -> None:
    """The five have the columns and types of the reference."""
    assert list(SCHEMAS) == ["klines", "aggtrades", "futures", "split", "unified"]
    assert dict(SCHEMAS["aggtrades"].columns) == {
        "timestamp": "int64",
        "price": "float64",
        "quantity": "float64",
        "is_buyer_maker": "bool",
        "agg_trade_id": "int64",
    }
    assert dict(SCHEMAS["futures"].columns) == {"timestamp": "int64", "fundingRate": "float64"}
    assert dict(SCHEMAS["split"].columns) == {"timestamp": "int64", "label": "int64"}
    assert [SCHEMAS["unified"].columns[one] for one in ("exchange", "year", "month", "day", "trade_count")] == [
        "string",
        "int16",
        "int8",
        "int8",
        "int64",
    ]


def test_enforcing_never_changes_the_input() -> None:
    """Columns get their types, others and the index stay, and the caller's frame is what it was."""
    frame = pd.DataFrame(
        {
            "timestamp": [MS // 1000, MS // 1000 + 60],
            "price": [1, 2],
            "is_buyer_maker": ["true", "False"],
            "agg_trade_id": ["7", " 8"],
            "note": [{"a": 1}, None],
        },
        index=[5, 9],
    )
    copy = frame.copy(deep=True)
    found = PDM.enforce_schema(frame, "aggtrades")

    pd.testing.assert_frame_equal(frame, copy)
    assert found.index.tolist() == [5, 9]
    assert {name: str(found[name].dtype) for name in found if name != "note"} == {
        "timestamp": "int64",
        "price": "float64",
        "is_buyer_maker": "bool",
        "agg_trade_id": "int64",
    }
    assert found["is_buyer_maker"].tolist() == [True, False]
    assert found["note"].tolist() == [{"a": 1}, None]
    assert PDM.enforce_schema(frame, None) is frame
    assert PDM.enforce_schema(pa.table({"price": [1]}), "aggtrades").schema.field("price").type == pa.float64()


@pytest.mark.parametrize(
    ("column", "values", "expected"),
    [
        ("price", ["1.5", "oops"], [1.5, None]),
        ("price", [1.5, "2"], [1.5, 2.0]),
        ("agg_trade_id", [1.5, 2.0], [None, 2]),
        ("is_buyer_maker", [0, 2], [False, None]),
        ("is_buyer_maker", ["yes", "true"], [None, True]),
    ],
)
def test_policies(column: str, values: list[Any], expected: list[Any], caplog: pytest.LogCaptureFixture) -> None:
    """A cell that does not fit raises, becomes missing, or leaves its column as it is; the log counts them."""
    frame = pd.DataFrame({column: values})
    bad = expected.count(None)
    if bad:
        with pytest.raises(UsageError, match=f"{column}: expected values that fit"):
            PDM.enforce_schema(frame, "aggtrades")
        assert PDM.enforce_schema(frame, "aggtrades", policy="report")[column].tolist() == values
        assert f"{column}: {bad} cells do not fit" in caplog.text
    coerced = PDM.enforce_schema(frame, "aggtrades", policy="coerce")[column]

    assert [None if pd.isna(one) else one for one in coerced] == expected


def test_reports() -> None:
    """What each column was, what it is, how many cells were lost, and which columns there are not."""
    enforcement = Enforcement(SCHEMAS["klines"], "coerce")
    for values in (["1", "x"], ["y", "2"]):
        enforcement.apply(pa.table({"timestamp": [MS, MS], "open": values}))
    report = enforcement.report

    assert (report.columns["open"].found, report.columns["open"].expected, report.columns["open"].lost) == (
        "string",
        "double",
        2,
    )
    assert report.columns["open"].is_changed
    assert not report.columns["timestamp"].is_changed
    assert report.missing == ("high", "low", "close", "volume")
    with pytest.raises(UsageError, match="policy: expected strict"):
        Enforcement(SCHEMAS["klines"], "lenient")  # type: ignore[arg-type]


def test_own_schemas(tmp_path: Path) -> None:
    """Registered by name, or given as they are; names are not taken twice."""
    mine = TableSchema("mine", {"at": "int64", "size": "uint8"}, timestamp="at")
    register_schema(mine)
    try:
        with pytest.raises(UsageError, match="is taken"):
            register_schema(mine)
        register_schema(mine, replace=True)
        PDM.write_partitioned_dataset(pa.table({"at": [MS // 1000], "size": [3]}), tmp_path / "a", ["year"], "mine")
    finally:
        unregister_schema("mine")
    PDM.write_partitioned_dataset(pa.table({"at": [MS // 1000], "size": [3]}), tmp_path / "b", ["year"], mine)

    for name in ("a", "b"):
        found = PDM.scan_dataset(tmp_path / name, columns=["at", "size", "year"], to_pandas=False)
        assert found.to_pylist() == [{"at": MS, "size": 3, "year": 2024}]
        assert found.schema.field("size").type == pa.uint8()
        assert PDM.get_latest_timestamp(tmp_path / name, "at") == MS
    for wrong in (
        lambda: TableSchema("x", {"a": "number"}, None),
        lambda: TableSchema("x", {"a": "int64"}),
        lambda: register_schema(TableSchema("klines", {}, None)),
        lambda: unregister_schema("mine"),
        lambda: PDM.enforce_schema(klines(1), "mine"),
    ):
        with pytest.raises(UsageError):
            wrong()


@settings(max_examples=60)
@given(st.datetimes(datetime.datetime(1, 1, 1), datetime.datetime(9999, 12, 31), timezones=st.just(datetime.UTC)))
def test_dates_are_those_of_utc(when: datetime.datetime) -> None:
    """As Python's calendar has them, from the year 1 to 9999."""
    stamp = int((when - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)) / datetime.timedelta(milliseconds=1) // 1)
    row = with_date_columns(pa.table({"timestamp": pa.array([stamp], pa.int64())})).to_pylist()[0]
    day = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(milliseconds=stamp)

    assert (row["year"], row["month"], row["day"]) == (day.year, day.month, day.day)


def test_dates_that_are_there_stay(tmp_path: Path) -> None:
    """Existing date columns are kept; a missing timestamp gives a missing date, and no row goes."""
    table = pa.table({"timestamp": [MS, None], "day": pa.array([31, 30], pa.int8())})
    PDM.write_partitioned_dataset(table, tmp_path, ["year", "day"], "unified")

    assert PDM.scan_dataset(tmp_path, columns=["year", "month", "day"], to_pandas=False).to_pylist() == [
        {"year": 2024, "month": 1, "day": 31},
        {"year": None, "month": None, "day": 30},
    ]
    with pytest.raises(UsageError, match="years 1 to 9999"):
        with_date_columns(pa.table({"timestamp": [2**62]}))


def test_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """zarrpack's names come first, older ones are taken, wrong values are named."""
    assert scan_defaults({}) == ScanDefaults(262_144, None)
    assert scan_defaults({"ARES_BLANK_MODE": "Yes"}).batch_size == 131_072
    assert scan_defaults({"ARES_BLANK_MODE": "1", "ZARRPACK_BLANK_MODE": "0"}).batch_size == 262_144
    assert scan_defaults({"ARES_BLANK_MODE": "1", "ARES_SCAN_BATCH_SIZE": "77"}).batch_size == 77
    assert scan_defaults({"ARES_SCAN_BATCH_SIZE": "77", "ZARRPACK_SCAN_BATCH_SIZE": "88"}).batch_size == 88
    assert scan_defaults({"ARROW_NUM_THREADS": "2"}).threads == 2
    for name, value in [
        ("ARES_SCAN_BATCH_SIZE", "many"),
        ("ZARRPACK_NUM_THREADS", "0"),
        ("ZARRPACK_BLANK_MODE", "maybe"),
    ]:
        with pytest.raises(UsageError, match=name):
            scan_defaults({name: value})
    PDM.write_partitioned_dataset(pa.table({"v": range(10)}), tmp_path, [])
    monkeypatch.setenv("ARES_SCAN_BATCH_SIZE", "4")
    monkeypatch.setenv("ARROW_NUM_THREADS", "1")
    threads = pa.cpu_count()

    assert [batch.num_rows for batch in PDM.scan_batches(tmp_path)] == [4, 4, 2]
    assert pa.cpu_count() == threads
