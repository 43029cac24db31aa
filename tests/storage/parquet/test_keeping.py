"""Caches, materialised projections, compaction, migration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from market_rows import SIX, counted, files, klines, small

from zarrpack.errors import ConservationError, FormatError, NothingUsable, OutputRefused, SourceError, UsageError
from zarrpack.storage.parquet import ParquetDatasetManager, projections, scan
from zarrpack.storage.parquet.rows_digest import RowsDigest

PDM = ParquetDatasetManager()


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """Give a dataset of three commits."""
    for part in range(3):
        PDM.write_partitioned_dataset(klines(48, first=48 * part), tmp_path / "d", SIX, "unified")
    return tmp_path / "d"


def cached(base: Path, **given_ones: Any) -> pd.DataFrame:
    """Read through the cache beside the dataset."""
    arguments: dict[str, Any] = {"filters": [("close", ">", 9)], "columns": ["close", "symbol"], **given_ones}
    return PDM.cached_projection(base, cache_dir=base.parent / "cache", cache_key_prefix="p", **arguments)


def entries(base: Path) -> int:
    """Count the files of the cache."""
    return len(list((base.parent / "cache").iterdir()))


def test_a_cached_projection_is_read_once(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second time the dataset's rows are not touched; without a TTL, for as long as the dataset is as it is."""
    first = cached(base)
    monkeypatch.setattr(projections, "read_table", None)
    again = cached(base, columns=["symbol", "close"], filters=(("close", ">", 9),))

    assert first["close"].tolist() == [float(value) for value in range(10, 144)]
    assert list(again.columns) == ["symbol", "close"]
    assert again["close"].tolist() == first["close"].tolist()
    assert entries(base) == 1


def test_the_key_is_all_that_matters(base: Path) -> None:
    """Other columns, filters, versions and transforms have entries of their own; so has the dataset after a commit."""
    cached(base)
    assert list(cached(base, columns=["open"]).columns) == ["open"]
    assert len(cached(base, filters=[("close", ">", 100)])) == 43
    cached(base, snapshot_version="2")
    cached(base, arrow_transform=lambda table: table.slice(0, 1), transform_id="first")
    assert entries(base) == 5
    PDM.write_partitioned_dataset(klines(1, first=144), base, SIX, "unified")
    assert len(cached(base)) == 135
    assert entries(base) == 6


def test_age(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Younger than the TTL is good; older, or from the future, is not; zero is never."""
    now = [1_000.0]
    reads: list[int] = []

    def counting(*given_ones: Any) -> pa.Table:
        reads.append(1)
        return scan.read_table(*given_ones)

    monkeypatch.setattr(projections, "read_table", counting)
    monkeypatch.setattr(projections.Cache.__init__, "__defaults__", (None, "snappy", lambda: now[0]))
    for moment, ttl, count in [
        (1000, 60, 1),
        (1059, 60, 1),
        (1061, 60, 2),
        (900, 60, 3),
        (900, 0, 4),
        (10**9, None, 4),
    ]:
        now[0] = float(moment)
        cached(base, ttl_seconds=ttl)
        assert len(reads) == count, moment
    for wrong in (-1, float("nan")):
        with pytest.raises(UsageError, match="ttl_seconds"):
            cached(base, ttl_seconds=wrong)


def test_damage_in_the_cache_is_a_miss(base: Path) -> None:
    """Cut, changed or swapped files are read anew and replaced."""
    good = cached(base)
    path = next((base.parent / "cache").iterdir())
    content = path.read_bytes()
    other = pa.table({"close": [1.0], "symbol": ["x"]})
    for damage in (b"", content[:-9], content[:100] + b"\x00" * 50 + content[150:], None):
        if damage is None:
            pq.write_table(other, path)
        else:
            path.write_bytes(damage)
        assert cached(base).equals(good)
        assert pq.read_table(path).num_rows == len(good)


def test_transforms(base: Path) -> None:
    """With an id what they give is kept; without one they run each time; their errors are not swallowed."""
    calls: list[int] = []

    def double(table: pa.Table) -> pa.Table:
        calls.append(table.num_rows)
        return table.set_column(0, "close", pc.multiply(table.column("close"), 2))

    for _ in range(2):
        assert cached(base, arrow_transform=double)["close"].tolist()[:2] == [20.0, 22.0]
    assert len(calls) == 2
    for _ in range(2):
        assert cached(base, arrow_transform=double, transform_id="double/1")["close"].tolist()[:2] == [20.0, 22.0]
    assert len(calls) == 3
    assert cached(base)["close"].tolist()[:2] == [10.0, 11.0]
    with pytest.raises(ZeroDivisionError):
        cached(base, arrow_transform=lambda table: 1 / 0, transform_id="broken")
    with pytest.raises(UsageError, match="to give a pyarrow"):
        cached(base, arrow_transform=lambda table: None)
    with pytest.raises(UsageError, match="an arrow_transform with it"):
        cached(base, transform_id="alone")
    with pytest.raises(UsageError, match="start of a file name"):
        PDM.cached_projection(base, None, None, base.parent / "cache", "../up")


def test_trees_without_a_manifest_are_cached_by_their_files(tmp_path: Path) -> None:
    """A file more, and the entry is another."""
    folder = tmp_path / "d"
    folder.mkdir()
    pq.write_table(pa.table({"close": [10.0], "symbol": ["a"]}), folder / "a.parquet")
    assert len(cached(folder)) == 1
    pq.write_table(pa.table({"close": [11.0], "symbol": ["a"]}), folder / "b.parquet")

    assert len(cached(folder)) == 2


def test_materialised_projections(base: Path) -> None:
    """A dataset of its own, in one commit; nothing at all if no row passes."""
    target = base.parent / "m"
    columns = ["timestamp", "close", "symbol"]
    given_back = PDM.materialize_projection(
        base, [("close", "<", 100)], columns, target, ["symbol", "day"], batch_size=7
    )

    assert given_back == target
    found = PDM.scan_dataset(target)
    assert sorted(found["close"]) == [float(value) for value in range(100)]
    assert list(found.columns) == ["timestamp", "close", "symbol", "day", "year", "month"] or set(found.columns) == {
        "timestamp",
        "close",
        "symbol",
        "year",
        "month",
        "day",
    }
    with pytest.raises(OutputRefused, match="mode 'append'"):
        PDM.materialize_projection(base, None, columns, target, ["symbol", "day"])
    PDM.materialize_projection(base, None, columns, target, ["symbol", "day"], mode="overwrite")
    assert len(PDM.scan_dataset(target)) == 144
    with pytest.raises(ValueError, match="found none; nothing was written") as caught:
        PDM.materialize_projection(base, [("close", "<", -5)], columns, base.parent / "none", ["symbol"])
    assert isinstance(caught.value, NothingUsable)
    assert not (base.parent / "none").exists()
    with pytest.raises(UsageError, match="another folder"):
        PDM.materialize_projection(base, None, columns, base, ["symbol"])


def test_compaction_in_place(base: Path) -> None:
    """Each partition has one file, the rows, their order and the types are the same, and a second time does nothing."""
    for part in range(3):
        PDM.write_partitioned_dataset(klines(24, first=-24 * (part + 1)), base, SIX, "unified")
    PDM.write_partitioned_dataset(klines(12), base, SIX, "unified")
    before = PDM.scan_dataset(base, to_pandas=False)
    count = len(files(base))

    assert PDM.compact_dataset(base) == base
    after = PDM.scan_dataset(base, to_pandas=False)
    assert after.schema == before.schema
    assert counted(after) == counted(before)
    assert len(files(base)) == count - 1
    assert PDM.check_dataset(base, digests=True).is_sound
    commit = (base / "_manifest.json").read_text()
    PDM.compact_dataset(base)
    assert (base / "_manifest.json").read_text() == commit


def test_compaction_elsewhere_and_sizes(tmp_path: Path) -> None:
    """A copy, with the sizes asked for; the dataset stays. Without rows there is nothing to give."""
    for number in range(6):
        PDM.write_partitioned_dataset(pa.table({"v": range(number * 10, number * 10 + 10)}), tmp_path / "d", [])
    found = PDM.compact_dataset(tmp_path / "d", tmp_path / "c", "zstd", min_rows_per_group=10, max_rows_per_file=25)

    assert found == tmp_path / "c"
    assert [pq.read_metadata(tmp_path / "c" / path).num_rows for path in files(tmp_path / "c")] == [25, 25, 10]
    assert PDM.scan_dataset(tmp_path / "c")["v"].tolist() == list(range(60))
    assert pq.read_metadata(tmp_path / "c" / files(tmp_path / "c")[0]).row_group(0).column(0).compression == "ZSTD"
    assert len(files(tmp_path / "d")) == 6
    PDM.write_partitioned_dataset(pa.table({"v": pa.array([], pa.int64())}), tmp_path / "e", [])
    assert PDM.compact_dataset(tmp_path / "e") is None
    with pytest.raises(UsageError, match="another folder"):
        PDM.compact_dataset(tmp_path / "d", tmp_path / "d")


def test_nothing_goes_that_does_not_come_back(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If what was written is not what was read, old files and the manifest stay, and the error says so."""
    PDM.write_partitioned_dataset(klines(12), base, SIX, "unified")
    before, listed = PDM.scan_dataset(base, to_pandas=False), files(base)
    real = pq.ParquetFile.iter_batches

    def lying(self: Any, **given_ones: Any) -> Any:
        return (batch.slice(1) for batch in real(self, **given_ones))

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", lying)
    with pytest.raises(ConservationError, match="nothing was removed"):
        PDM.compact_dataset(base)
    monkeypatch.undo()

    assert files(base) == listed
    assert PDM.scan_dataset(base, to_pandas=False).equals(before)


def flat(folder: Path) -> Path:
    """Make a folder of single files whose columns differ."""
    folder.mkdir()
    PDM.write_flat_parquet(klines(30).drop(columns="exchange"), folder / "a.parquet")
    second = klines(20, first=30).drop(columns="exchange").astype({"volume": "float32"}).assign(trade_count=7)
    PDM.write_flat_parquet(second, folder / "sub/b.parquet", compression="zstd")
    return folder


def test_migration(tmp_path: Path) -> None:
    """Rows of all files with the columns of all, static columns and dates, partitioned by those of the six that there are."""
    source = flat(tmp_path / "flat")
    PDM.migrate_flat_parquet_dir_to_partitioned(source, tmp_path / "d", "unified", {"exchange": "KRAKEN"})
    found = PDM.scan_dataset(tmp_path / "d")

    assert sorted(found["close"]) == [float(value) for value in range(50)]
    assert set(found["exchange"]) == {"KRAKEN"}
    assert found["trade_count"].isna().sum() == 30
    assert files(tmp_path / "d")[0].startswith("exchange=KRAKEN/symbol=ETHUSDT/timeframe=1h/year=2024/month=1/day=1/")
    assert files(source) == ["a.parquet", "sub/b.parquet"]
    PDM.migrate_flat_parquet_dir_to_partitioned(
        source, tmp_path / "e", "unified", partition_cols=["symbol"], delete_source=True
    )
    assert len(PDM.scan_dataset(tmp_path / "e")) == 50
    assert files(source) == []


def test_migration_loses_no_file_silently(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Files that cannot be read are all named before anything is written; skipped only if asked for, and never deleted."""
    source = flat(tmp_path / "flat")
    (source / "empty.parquet").touch()
    (source / "torn.parquet").write_bytes((source / "a.parquet").read_bytes()[:-50])
    with pytest.raises(FormatError, match=r"empty\.parquet.*torn\.parquet"):
        PDM.migrate_flat_parquet_dir_to_partitioned(source, tmp_path / "d", "unified")
    assert not (tmp_path / "d").exists()
    PDM.migrate_flat_parquet_dir_to_partitioned(
        source, tmp_path / "d", "unified", skip_unreadable=True, delete_source=True
    )

    assert len(PDM.scan_dataset(tmp_path / "d")) == 50
    assert "torn.parquet" in caplog.text
    assert files(source) == ["empty.parquet", "torn.parquet"]


def test_migration_that_cannot_be(tmp_path: Path) -> None:
    """No folder, no files, files that do not fit together, a target inside the source."""
    (tmp_path / "none").mkdir()
    for wrong in ("missing", "none"):
        with pytest.raises(FileNotFoundError) as caught:
            PDM.migrate_flat_parquet_dir_to_partitioned(tmp_path / wrong, tmp_path / "d", None)
        assert isinstance(caught.value, SourceError)
    (tmp_path / "none/x.parquet").touch()
    with pytest.raises(ValueError, match="found none of"):
        PDM.migrate_flat_parquet_dir_to_partitioned(tmp_path / "none", tmp_path / "d", None, skip_unreadable=True)
    source = flat(tmp_path / "flat")
    with pytest.raises(UsageError, match="outside"):
        PDM.migrate_flat_parquet_dir_to_partitioned(source, source / "d", "unified")
    pq.write_table(pa.table({"close": ["text"]}), source / "c.parquet")
    with pytest.raises(FormatError, match="fit together"):
        PDM.migrate_flat_parquet_dir_to_partitioned(source, tmp_path / "d", "unified")
    assert not (tmp_path / "d").exists()


CELL = st.one_of(st.none(), st.integers(-5, 5))


@settings(max_examples=60)
@given(
    st.lists(st.tuples(CELL, st.text(max_size=2), st.lists(st.integers(0, 3), max_size=2)), max_size=8),
    st.randoms(use_true_random=False),
    st.integers(1, 8),
)
def test_digests_of_rows(rows: list[tuple[Any, ...]], random: Any, cut: int) -> None:
    """Equal for any order and cut; another for a row that was changed, lost or doubled."""

    def digest(*parts: list[tuple[Any, ...]]) -> RowsDigest:
        found = RowsDigest()
        for part in parts:
            numbers, texts, lists = zip(*part, strict=True) if part else ((), (), ())
            types = (pa.int64(), pa.string(), pa.list_(pa.int8()))
            arrays = [pa.array(list(one), type_) for one, type_ in zip((numbers, texts, lists), types, strict=True)]
            found.add(pa.table(arrays, names=["n", "t", "l"]))
        return found

    shuffled = random.sample(rows, len(rows))
    assert digest(rows) == digest(shuffled[:cut], shuffled[cut:])
    if rows:
        changed = (None if rows[0][0] is not None else 0, *rows[0][1:])
        assert len({digest(one).hexdigest for one in (rows, rows[1:], [*rows, rows[0]], [changed, *rows[1:]])}) == 4


def test_digests_of_every_type() -> None:
    """Values that differ in any type give another digest."""
    pairs: list[tuple[Any, Any, Any]] = [
        (1.5, 2.5, pa.float32()),
        (True, False, pa.bool_()),
        (b"a", b"b", pa.binary()),
        ("a", None, pa.large_string()),
        (0.0, -0.0, pa.float64()),
        (1, 2, pa.uint64()),
        (1, 2, pa.timestamp("ns", "UTC")),
        (1, 2, pa.date32()),
        ([1, 2], [2, 1], pa.list_(pa.int8(), 2)),
        ([[1], [2]], [[1, 2]], pa.list_(pa.list_(pa.int8()))),
        ({"a": 1}, {"a": 2}, pa.struct({"a": pa.int8()})),
        (1, 2, pa.decimal128(5, 2)),
        ("a", "b", pa.dictionary(pa.int8(), pa.string())),
        (1, 2, pa.time64("us")),
        ([(1, 2)], [(1, 3)], pa.map_(pa.int8(), pa.int8())),
    ]
    for first, second, type_ in pairs:
        digests = set()
        for value in (first, second, first):
            digest = RowsDigest()
            digest.add(pa.table({"x": pa.array([value], type_)}))
            digests.add(digest.hexdigest)
        assert len(digests) == 2, type_
    assert small([1]).num_rows == 1
