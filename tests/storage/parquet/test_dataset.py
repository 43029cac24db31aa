"""The manager as a whole: the reference's example, reading back with other readers, streaming, what is left on disk."""

from __future__ import annotations

import inspect
import json
import logging
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from market_rows import FIRST_MS, SIX, counted, files, klines, plain, small

from zarrpack.errors import FormatError, OutputRefused, SourceError, UsageError
from zarrpack.storage.parquet import ParquetDatasetManager, scan

PDM = ParquetDatasetManager()


def test_the_known_example(tmp_path: Path) -> None:
    """What older scripts do works as they do it: keywords, six partition columns, a filter on one of them."""
    my_logger, my_dataframe = logging.getLogger("mine"), pd.concat([klines(50), klines(30, symbol="BTCUSDT")])
    pdm = ParquetDatasetManager(logger=my_logger)
    pdm.write_partitioned_dataset(
        df=my_dataframe,
        base_dir=str(tmp_path / "dataset"),
        partition_cols=["exchange", "symbol", "timeframe", "year", "month", "day"],
        schema_name="unified",
        compression="snappy",
        max_rows_per_file=1_000_000,
    )
    data = pdm.scan_dataset(
        base_dir=str(tmp_path / "dataset"),
        columns=["timestamp", "open", "high", "low", "close", "volume"],
        filters=[("symbol", "==", "ETHUSDT")],
        batch_size=10000,
    )

    assert list(data.columns) == ["timestamp", "open", "high", "low", "close", "volume"]
    assert data.astype(float).equals(klines(50)[list(data.columns)].astype(float))
    assert all(isinstance(one, pd.ArrowDtype) for one in data.dtypes)


def test_signatures_are_the_known_ones() -> None:
    """Names, order and defaults of the parameters are the reference's; what was added is by keyword only."""
    expected = {
        "enforce_schema": "df, schema_name",
        "write_partitioned_dataset": "df, base_dir, partition_cols, schema_name=None, compression='snappy', "
        "use_dictionary=True, min_rows_per_group=50000, max_rows_per_file=5000000, use_threads=True, "
        "update_manifest=True, metadata=None, auto_add_date_columns=True",
        "scan_dataset": "base_dir, filters=None, columns=None, batch_size=None, to_pandas=True, use_threads=True, "
        "ignore_hidden_temp=True",
        "write_flat_parquet": "df, file_path, schema_name=None, compression='snappy', use_dictionary=True, "
        "row_group_size=128000, write_statistics=True, metadata=None",
        "update_manifest": "base_dir, ts_column='timestamp'",
        "get_latest_timestamp": "base_dir, ts_column='timestamp'",
        "get_latest_timestamp_from_manifest": "base_dir, ts_column='timestamp'",
        "cached_projection": "base_dir, filters, columns, cache_dir, cache_key_prefix, compression='snappy', "
        "snapshot_version=None, ttl_seconds=None, batch_size=None, arrow_transform=None",
        "materialize_projection": "base_dir, filters, columns, output_dir, partition_cols, schema_name='split', "
        "compression='snappy', batch_size=None, metadata=None",
        "compact_dataset": "base_dir, output_dir=None, compression='snappy', min_rows_per_group=None, "
        "max_rows_per_file=None",
        "migrate_flat_parquet_dir_to_partitioned": "src_dir, dst_base_dir, schema_name, static_columns=None, "
        "compression='snappy'",
        "_build_filter_expression": "filters, schema=None",
    }
    found = {}
    for name in expected:
        parameters = list(inspect.signature(getattr(ParquetDatasetManager, name)).parameters.values())[1:]
        given_ones = [one for one in parameters if one.kind is not inspect.Parameter.KEYWORD_ONLY]
        found[name] = ", ".join(
            one.name if one.default is inspect.Parameter.empty else f"{one.name}={one.default!r}" for one in given_ones
        )

    assert found == expected


def test_other_readers_read_it(tmp_path: Path) -> None:
    """pandas and plain pyarrow see the rows and nothing of zarrpack's own files."""
    PDM.write_partitioned_dataset(klines(100), tmp_path / "d", SIX, "unified")
    by_pandas = pd.read_parquet(tmp_path / "d").sort_values("timestamp")
    by_arrow = plain(tmp_path / "d")

    assert by_pandas["close"].tolist() == klines(100)["close"].tolist()
    assert set(by_pandas["symbol"].astype(str)) == {"ETHUSDT"}
    assert by_arrow.num_rows == 100
    assert files(tmp_path / "d")[0].startswith("exchange=BINANCE/symbol=ETHUSDT/timeframe=1h/year=2024/month=1/day=1/")


def test_types_of_partitions_come_back(tmp_path: Path) -> None:
    """Text that looks like a number stays text, dates have the width that was written, bools and dates are what they were."""
    table = pa.table(
        {
            "symbol": ["001", "1", "a/b", "", "x=y", "é %", None, ".."],
            "flag": [True, False] * 4,
            "date": pa.array([19_000, None] * 4, pa.date32()),
            "small": pa.array([-1, 2, None, 4] * 2, pa.int16()),
            "v": range(8),
        }
    )
    PDM.write_partitioned_dataset(table, tmp_path, ["symbol", "flag", "date", "small"])
    found = PDM.scan_dataset(tmp_path, to_pandas=False)

    assert found.schema == table.schema
    assert counted(found) == counted(table)
    assert PDM.scan_dataset(tmp_path, [("symbol", "==", "001")], ["v"], to_pandas=False).to_pylist() == [{"v": 0}]
    assert PDM.scan_dataset(tmp_path, [("symbol", "is_null")], ["v"], to_pandas=False).to_pylist() == [{"v": 6}]
    types = {name: table.schema.field(name).type for name in ("symbol", "flag", "date", "small")}
    assert counted(plain(tmp_path, **types).select(table.column_names)) == counted(table)


def test_a_foreign_hive_tree_keeps_its_texts(tmp_path: Path) -> None:
    """Without a manifest symbol=001 is text; year is a number; other keys are numbers only if all are written like ones."""
    for symbol, year, other in [("001", "2023", "5"), ("7", "2024", "06")]:
        folder = tmp_path / f"symbol={symbol}/year={year}/other={other}"
        folder.mkdir(parents=True)
        pq.write_table(pa.table({"v": [1]}), folder / "x.parquet")
    before = PDM.scan_dataset(tmp_path, to_pandas=False)
    PDM.update_manifest(tmp_path)
    after = PDM.scan_dataset(tmp_path, to_pandas=False)

    assert before.select(["symbol", "year", "other"]).to_pylist() == [
        {"symbol": "001", "year": 2023, "other": "5"},
        {"symbol": "7", "year": 2024, "other": "06"},
    ]
    assert str(before.schema.field("year").type) == "int16"
    assert after.equals(before)


def test_rows_of_a_foreign_tree_are_kept(tmp_path: Path) -> None:
    """A write into a tree that another tool has made takes its rows over."""
    (tmp_path / "k=a").mkdir()
    pq.write_table(pa.table({"v": [1, 2]}), tmp_path / "k=a/part-0.parquet")
    PDM.write_partitioned_dataset(small([3]), tmp_path, ["k"])

    assert sorted(PDM.scan_dataset(tmp_path)["v"]) == [1, 2, 3]
    with pytest.raises(UsageError, match=r"partitioned by \['k'\]"):
        PDM.write_partitioned_dataset(small([3]), tmp_path, [])


def test_compression_and_dictionary_reach_the_files(tmp_path: Path) -> None:
    """The files' own metadata say what was asked for, and that there are statistics and a page index."""
    for codec, dictionary in [("zstd", False), ("snappy", True), ("gzip", True), ("none", False)]:
        base = tmp_path / codec
        PDM.write_partitioned_dataset(
            klines(100), base, ["symbol"], "unified", codec, dictionary, metadata={"origin": "test"}
        )
        footer = pq.read_metadata(base / files(base)[0])
        column = footer.row_group(0).column(1)
        assert column.compression == ("UNCOMPRESSED" if codec == "none" else codec.upper())
        assert ("RLE_DICTIONARY" in column.encodings) is dictionary
        assert column.is_stats_set
        assert column.has_column_index
        assert column.has_offset_index
        assert footer.metadata[b"origin"] == b"test"
    with pytest.raises(UsageError, match="compression: expected one of"):
        PDM.write_partitioned_dataset(klines(1), tmp_path / "x", ["symbol"], compression="zipp")
    assert not (tmp_path / "x").exists()


def test_pages_have_checksums(tmp_path: Path) -> None:
    """A changed byte in a page is an error, not another number."""
    table = pa.table({"v": np.arange(10_000) * 7919 % 10_007})
    PDM.write_partitioned_dataset(table, tmp_path, [], compression="none", use_dictionary=False)
    assert PDM.scan_dataset(tmp_path, to_pandas=False).column("v").to_pylist() == table.column("v").to_pylist()
    path = tmp_path / files(tmp_path)[0]
    content = bytearray(path.read_bytes())
    content[20_000] ^= 1
    path.write_bytes(content)

    with pytest.raises(FormatError, match="could not verify page integrity"):
        PDM.scan_dataset(tmp_path)
    assert list(PDM.check_dataset(tmp_path, digests=True).unreadable) == files(tmp_path)


@pytest.mark.parametrize(
    ("smallest", "largest", "groups"),
    [(50_000, 5_000_000, [30]), (1, 1, [1] * 30), (2_000_000, 3_000_000, [30]), (10, 5, [5] * 6), (9, 2, [2] * 15)],
)
def test_row_groups_follow_the_rule(
    tmp_path: Path, smallest: int, largest: int, groups: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    """min <= group <= file for any two numbers, said once in the log where one had to give way; no row is lost."""
    table = pa.table({"v": range(30)})
    PDM.write_partitioned_dataset(table, tmp_path, [], min_rows_per_group=smallest, max_rows_per_file=largest)
    footers = [pq.read_metadata(tmp_path / path) for path in files(tmp_path)]

    assert [one.row_group(i).num_rows for one in footers for i in range(one.num_row_groups)] == groups
    assert all(one.num_rows <= largest for one in footers)
    assert PDM.scan_dataset(tmp_path)["v"].tolist() == list(range(30))
    assert ("does not fit" in caplog.text) is (smallest >= largest > 1 or smallest > 1 << 20)
    for wrong in (0, -1, 1.5, True):
        with pytest.raises(UsageError, match="min_rows_per_group: expected a whole number"):
            PDM.write_partitioned_dataset(table, tmp_path, [], min_rows_per_group=wrong)  # type: ignore[arg-type]


def test_batches_have_the_size_asked_for(tmp_path: Path) -> None:
    """Every batch but the last has batch_size rows, whatever the files and row groups are."""
    for part in range(7):
        PDM.write_partitioned_dataset(pa.table({"v": range(part * 100, part * 100 + 100)}), tmp_path, [])
    for size in (1, 64, 150, 700, 10_000):
        batches = list(PDM.scan_batches(tmp_path, batch_size=size))
        assert {batch.num_rows for batch in batches[:-1]} <= {size}
        assert [value for batch in batches for value in batch.column("v").to_pylist()] == list(range(700))
    assert list(PDM.scan_batches(tmp_path, [("v", "<", 0)])) == []
    for wrong in (0, -5, 2.0):
        with pytest.raises(UsageError, match="batch_size"):
            list(PDM.scan_batches(tmp_path, batch_size=wrong))  # type: ignore[arg-type]


def test_streams_are_never_held_whole(tmp_path: Path) -> None:
    """Rows go in and come out in memory that does not grow with their number; the default pool is the one it was."""

    def stream(pieces: int) -> Iterator[pa.Table]:
        for piece in range(pieces):
            values = np.random.default_rng(piece).integers(0, 1 << 60, (4, 100_000))
            yield pa.table({"day": pa.repeat(piece, 100_000), **{f"c{i}": values[i] for i in range(4)}})

    default, peaks = pa.default_memory_pool(), []
    for pieces in (5, 20):
        base = tmp_path / str(pieces)
        PDM.write_partitioned_dataset(stream(pieces), base, ["day"], use_threads=False)
        assert sum(batch.num_rows for batch in PDM.scan_batches(base, batch_size=20_000)) == pieces * 100_000
        peaks.append(PDM.last_scan.peak_bytes)

    assert 0 < peaks[1] < 2 * peaks[0]
    assert peaks[1] < 20 * 100_000 * 32 / 2
    assert pa.default_memory_pool().backend_name == default.backend_name
    assert type(pa.default_memory_pool()) is type(default)


def test_a_slow_reader_is_not_read_ahead_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are scanned a few at a time, large ones by some of their row groups, in order and without loss."""
    monkeypatch.setattr(scan, "_WINDOW_ROWS", 250)
    for first in range(0, 1_000, 100):
        PDM.write_partitioned_dataset(pa.table({"v": range(first, first + 100)}), tmp_path, [])
    PDM.write_partitioned_dataset(pa.table({"v": range(1_000, 2_000)}), tmp_path, [], min_rows_per_group=100)
    PDM.write_partitioned_dataset(
        (pa.table({"v": range(at, at + 90)}) for at in range(2_000, 2_900, 90)), tmp_path, [], min_rows_per_group=90
    )
    for filters, expected in [(None, range(2_900)), ([("v", ">", 150), ("v", "<", 2_222)], range(151, 2_222))]:
        found = [
            value
            for batch in PDM.scan_batches(tmp_path, filters, batch_size=64)
            for value in batch.column("v").to_pylist()
        ]
        assert found == list(expected)


def test_rows_outlive_their_scan(tmp_path: Path) -> None:
    """What was read stays valid after the scan's pool was lent to other scans."""
    PDM.write_partitioned_dataset(klines(500), tmp_path, ["symbol"], "unified")
    tables = [PDM.scan_dataset(tmp_path, to_pandas=False) for _ in range(5)]

    assert all(table.equals(tables[0]) for table in tables)
    assert tables[0].column("close").to_pylist() == klines(500)["close"].tolist()


def test_inputs_of_every_kind(tmp_path: Path) -> None:
    """DataFrames, tables, batches, readers, datasets and streams of them give the same rows."""
    import pyarrow.dataset as ds

    table = small([1, 2, 3])
    frame = pd.DataFrame({"k": ["a"] * 3, "v": [1, 2, 3]})
    pq.write_table(table, tmp_path / "x.parquet")
    inputs = [
        table,
        frame,
        frame.set_index("k"),
        frame.astype({"k": "category"}),
        table.to_batches()[0],
        table.to_reader(),
        ds.dataset(tmp_path / "x.parquet"),
        iter([small([1]), pd.DataFrame({"k": ["a", "a"], "v": [2, 3]})]),
        (batch for batch in table.to_batches(max_chunksize=1)),
    ]
    for number, rows in enumerate(inputs):
        base = tmp_path / str(number)
        PDM.write_partitioned_dataset(rows, base, ["k"])
        assert counted(PDM.scan_dataset(base, columns=["k", "v"], to_pandas=False)) == counted(table), number
    for wrong in (
        [],
        "text",
        5,
        [1],
        iter([small([1]), small([1]).drop_columns("v")]),
        frame.set_axis([0.5, 1.5, 2.5]),
    ):
        with pytest.raises(UsageError, match="expected"):
            PDM.write_partitioned_dataset(wrong, tmp_path / "wrong", ["k"])
    assert not (tmp_path / "wrong").exists()


def test_columns_may_come_later(tmp_path: Path) -> None:
    """New columns are missing in older rows; other types are brought to those that are there, or refused."""
    PDM.write_partitioned_dataset(small([1]), tmp_path, ["k"])
    PDM.write_partitioned_dataset(pa.table({"k": ["b"], "v": pa.array([2], pa.int8()), "w": [0.5]}), tmp_path, ["k"])
    found = PDM.scan_dataset(tmp_path, to_pandas=False)

    assert found.to_pylist() == [{"k": "a", "v": 1, "w": None}, {"k": "b", "v": 2, "w": 0.5}]
    assert str(found.schema.field("v").type) == "int64"
    assert PDM.scan_dataset(tmp_path, [("w", "is_null")], ["v"])["v"].tolist() == [1]
    with pytest.raises(UsageError, match="expected rows that fit"):
        PDM.write_partitioned_dataset(pa.table({"k": ["b"], "v": ["text"]}), tmp_path, ["k"])
    assert len(PDM.scan_dataset(tmp_path)) == 2


def test_hidden_and_unfinished_files_are_left_out(tmp_path: Path) -> None:
    """By every part of the path, but not by the value of a partition; asked for, they are read."""
    table = pa.table({"v": [1]})
    for name in (
        "k=_x/a.parquet",
        ".tmp/k=1/b.parquet",
        "k=1/_c.parquet",
        "k=1/d.parquet.tmp",
        "_s/k=2/e.parquet",
        "k=1/f.partial/g.parquet",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, tmp_path / name)
    (tmp_path / "k=_x/.a.parquet.crc").write_bytes(b"x")

    assert PDM.scan_dataset(tmp_path)["k"].tolist() == ["_x"]
    assert len(PDM.scan_dataset(tmp_path, ignore_hidden_temp=False)) == 6
    (tmp_path / "k=_x/empty.parquet").touch()
    with pytest.raises(FormatError, match=r"empty\.parquet: it has no bytes"):
        PDM.scan_dataset(tmp_path)
    assert list(PDM.check_dataset(tmp_path).unreadable) == ["k=_x/empty.parquet"]


def test_wrong_arguments_are_named(tmp_path: Path) -> None:
    """Each with what there is instead, and nothing is written."""
    PDM.write_partitioned_dataset(small([1]), tmp_path / "d", ["k"])
    wrong: list[tuple[type[Exception], str, Callable[[], object]]] = [
        (SourceError, "expected a folder", lambda: PDM.scan_dataset(tmp_path / "no")),
        (UsageError, "did you mean 'v'", lambda: PDM.scan_dataset(tmp_path / "d", columns=["vv"])),
        (UsageError, "unknown column 'x'", lambda: PDM.write_partitioned_dataset(small([1]), tmp_path / "e", ["x"])),
        (UsageError, "the text 'k'", lambda: PDM.write_partitioned_dataset(small([1]), tmp_path / "e", "k")),
        (
            UsageError,
            "left for the files",
            lambda: PDM.write_partitioned_dataset(small([1]), tmp_path / "e", ["k", "v"]),
        ),
        (
            UsageError,
            "did you mean 'klines'",
            lambda: PDM.write_partitioned_dataset(small([1]), tmp_path / "e", ["k"], "kline"),
        ),
        (
            UsageError,
            "__HIVE_DEFAULT",
            lambda: PDM.write_partitioned_dataset(small([1], "__HIVE_DEFAULT_PARTITION__"), tmp_path / "e", ["k"]),
        ),
        (
            UsageError,
            "found double",
            lambda: PDM.write_partitioned_dataset(pa.table({"k": [0.5], "v": [1]}), tmp_path / "e", ["k"]),
        ),
        (
            UsageError,
            "metadata: expected texts",
            lambda: PDM.write_flat_parquet(small([1]), tmp_path / "f", metadata={"a": 1}),  # type: ignore[dict-item]
        ),
        (UsageError, "row_group_size", lambda: PDM.write_flat_parquet(small([1]), tmp_path / "f", row_group_size=0)),
        (
            OutputRefused,
            "found a file",
            lambda: PDM.write_partitioned_dataset(small([1]), tmp_path / "d" / files(tmp_path / "d")[0], ["k"]),
        ),
    ]
    for error, said, call in wrong:
        with pytest.raises(error, match=said):
            call()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d"]


def test_flat_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One file, also by a bare name, with the row groups, statistics and metadata asked for; it appears whole."""
    monkeypatch.chdir(tmp_path)
    PDM.write_flat_parquet(klines(1000), "x.parquet", "klines", row_group_size=300, metadata={"a": "b"})
    PDM.write_flat_parquet(klines(10), tmp_path / "sub/y.parquet", write_statistics=False, compression="zstd")
    footer = pq.read_metadata("x.parquet")

    assert [footer.row_group(i).num_rows for i in range(footer.num_row_groups)] == [300, 300, 300, 100]
    assert footer.metadata[b"a"] == b"b"
    assert not pq.read_metadata("sub/y.parquet").row_group(0).column(0).is_stats_set
    assert pd.read_parquet("x.parquet")["close"].tolist() == klines(1000)["close"].tolist()
    assert len(PDM.scan_dataset("x.parquet", [("close", "<", 5)])) == 5
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sub", "x.parquet"]


def test_the_latest_timestamp_is_one_small_file(tmp_path: Path) -> None:
    """It is read from the manifest's head alone: the list of files may even be gone."""
    base = tmp_path / "d"
    PDM.write_partitioned_dataset(klines(48), base, SIX, "unified")
    last = FIRST_MS + 47 * 3_600_000

    assert PDM.get_latest_timestamp(base, "nothing") is None
    shutil.rmtree(base / "_zarrpack")
    assert PDM.get_latest_timestamp(base) == PDM.get_latest_timestamp_from_manifest(base) == last
    (base / "_manifest.json").unlink()
    assert PDM.get_latest_timestamp(base) == last
    assert PDM.get_latest_timestamp_from_manifest(base) is None
    PDM.update_manifest(base)
    assert PDM.get_latest_timestamp_from_manifest(base) == last


def test_without_statistics_the_latest_timestamp_is_read(tmp_path: Path) -> None:
    """Files of other writers may have none; then the column is read."""
    table = pa.table({"timestamp": [5, 9, None, 7]})
    pq.write_table(table, tmp_path / "a.parquet", write_statistics=False)
    pq.write_table(
        pa.table({"timestamp": pa.array([None], pa.int64())}), tmp_path / "b.parquet", write_statistics=False
    )

    assert PDM.get_latest_timestamp(tmp_path) == 9


def test_the_manifest_says_what_there_is(tmp_path: Path) -> None:
    """Files with size, rows, bounds, digest and partition; no path of this machine, so that the folder can be moved."""
    PDM.write_partitioned_dataset(klines(48), tmp_path / "d", ["symbol", "day"], "unified", zero_pad_dates=True)
    head = json.loads((tmp_path / "d/_manifest.json").read_text())
    listed = json.loads((tmp_path / f"d/_zarrpack/files-{head['token']}.json").read_text())["files"]
    shutil.move(tmp_path / "d", tmp_path / "moved")

    assert (head["file_count"], head["row_count"], head["timestamp_column"]) == (2, 48, "timestamp")
    assert [one["rows"] for one in listed] == [24, 24]
    assert [one["path"].rpartition("/")[0] for one in listed] == ["symbol=ETHUSDT/day=01", "symbol=ETHUSDT/day=02"]
    assert listed[1]["max_timestamp"] == head["latest_timestamp"]
    assert str(tmp_path) not in json.dumps([head, listed])
    assert len(PDM.scan_dataset(tmp_path / "moved", [("day", "==", 2)])) == 24
    assert PDM.check_dataset(tmp_path / "moved", digests=True).is_sound


def test_damage_is_found(tmp_path: Path) -> None:
    """Missing, foreign and changed files are told apart; a scan of a dataset with a missing file fails."""
    for number in range(3):
        PDM.write_partitioned_dataset(small([number]), tmp_path, ["k"])
    assert PDM.check_dataset(tmp_path).is_sound
    first, second, third = files(tmp_path)
    pq.write_table(pa.table({"v": [9]}), tmp_path / "k=a/foreign.parquet")
    (tmp_path / first).unlink()
    (tmp_path / second).write_bytes(b"PAR1")
    health = PDM.check_dataset(tmp_path)

    assert (health.missing, health.unlisted, list(health.unreadable)) == ((first,), ("k=a/foreign.parquet",), [second])
    with pytest.raises(FormatError):
        PDM.scan_dataset(tmp_path)
    PDM.update_manifest(tmp_path)
    assert len(PDM.scan_dataset(tmp_path)) == 2
    assert PDM.check_dataset(tmp_path).unlisted == (second,)
    assert third in files(tmp_path)


def test_damaged_manifests_are_told_and_rebuilt(tmp_path: Path) -> None:
    """A manifest that is no JSON, or of a later format, or whose list has gone, is an error with a way out."""
    PDM.write_partitioned_dataset(small([1, 2]), tmp_path, ["k"])
    good = (tmp_path / "_manifest.json").read_text()
    for text in ("{", good.replace('"format": 1', '"format": 9'), good.replace('"token": "', '"token": "0')):
        (tmp_path / "_manifest.json").write_text(text)
        with pytest.raises(FormatError):
            PDM.scan_dataset(tmp_path)
        with pytest.raises(FormatError):
            PDM.write_partitioned_dataset(small([3]), tmp_path, ["k"])
        PDM.update_manifest(tmp_path)
        assert len(PDM.scan_dataset(tmp_path)) == 2


COLUMN = st.one_of(
    st.lists(st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)), min_size=12, max_size=12).map(
        lambda values: pa.array(values, pa.int64())
    ),
    st.lists(st.one_of(st.none(), st.floats(width=32)), min_size=12, max_size=12).map(
        lambda values: pa.array(values, pa.float32())
    ),
    st.lists(st.one_of(st.none(), st.text(max_size=4)), min_size=12, max_size=12).map(
        lambda values: pa.array(values, pa.string())
    ),
    st.lists(st.one_of(st.none(), st.binary(max_size=3)), min_size=12, max_size=12).map(
        lambda values: pa.array(values, pa.binary())
    ),
    st.lists(st.one_of(st.none(), st.lists(st.integers(0, 9), max_size=3)), min_size=12, max_size=12).map(
        lambda values: pa.array(values, pa.list_(pa.int8()))
    ),
    st.lists(st.one_of(st.none(), st.datetimes()), min_size=12, max_size=12).map(
        lambda values: pa.array(values, pa.timestamp("us", "UTC"))
    ),
)
KEYS = st.lists(
    st.one_of(st.none(), st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=5)),
    min_size=12,
    max_size=12,
)


@settings(max_examples=20, deadline=None)
@given(KEYS, st.lists(COLUMN, min_size=1, max_size=3), st.integers(1, 12), st.integers(1, 12))
def test_rows_come_back(
    tmp_path_factory: pytest.TempPathFactory, keys: list[str | None], columns: list[pa.Array], cut: int, per_file: int
) -> None:
    """Whatever the values and the keys are, written in two commits of any size of file, the rows are those written."""
    base = tmp_path_factory.mktemp("d")
    table = pa.table({"k": pa.array(keys, pa.string()), **{f"c{i}": column for i, column in enumerate(columns)}})
    for part in (table.slice(0, cut), table.slice(cut)):
        PDM.write_partitioned_dataset(part, base, ["k"], max_rows_per_file=per_file, min_rows_per_group=1)
    found = PDM.scan_dataset(base, to_pandas=False)

    assert found.schema == table.schema
    assert sorted(map(repr, found.to_pylist())) == sorted(map(repr, table.to_pylist()))
    assert sorted(map(repr, plain(base, k=pa.string()).select(table.column_names).to_pylist())) == sorted(
        map(repr, table.to_pylist())
    )
