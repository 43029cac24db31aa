"""Pages by their index: the same rows as a scan, of fewer bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zarrpack.errors import FormatError
from zarrpack.storage.parquet import ParquetDatasetManager, row_groups, scan
from zarrpack.storage.parquet.filters import interval_of
from zarrpack.storage.parquet.page_reader import read_interval
from zarrpack.storage.parquet.thrift_compact import read_struct, write_struct

PDM = ParquetDatasetManager()
ROWS = 3_000


def rows_of_pages(shuffled: bool = False) -> pa.Table:
    """Give rows of many types, some missing, with timestamps in order or not."""
    random = np.random.default_rng(5)
    stamps = np.arange(ROWS) * 10
    return pa.table(
        {
            "timestamp": random.permutation(stamps) if shuffled else stamps,
            "x": pa.array(random.random(ROWS), mask=random.random(ROWS) < 0.1),
            "s": pa.array([None if i % 7 == 0 else f"text {i % 50}" for i in range(ROWS)]),
            "long": [f"{i}" * 20 for i in range(ROWS)],
            "flag": random.random(ROWS) < 0.5,
            "when": pa.array(stamps, pa.timestamp("us", "UTC")),
            "small": pa.array(np.arange(ROWS) % 100, pa.int8()),
        }
    )


@pytest.fixture(scope="module", params=["snappy", "zstd", "none"])
def path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a file of several row groups and many pages, whose pages of different columns do not begin at the same rows."""
    file = tmp_path_factory.mktemp("pages") / "a.parquet"
    pq.write_table(
        rows_of_pages(),
        file,
        row_group_size=1_100,
        compression=request.param,
        data_page_size=700,
        write_batch_size=10,
        write_page_index=True,
        write_page_checksum=True,
        use_dictionary=["s", "small"],
    )
    return file


@settings(max_examples=40, deadline=None)
@given(st.none() | st.integers(-50, 10 * ROWS + 50), st.none() | st.integers(-50, 10 * ROWS + 50))
def test_pages_hold_the_interval(path: Path, low: int | None, high: int | None) -> None:
    """All rows of the interval, in order and in every type, as pyarrow reads them; or no answer."""
    table = rows_of_pages()
    found = read_interval(path, "timestamp", low, high, table.column_names)
    if found is None:
        return
    stamps = table.column("timestamp")
    wanted = table.filter(
        pc.and_(
            pc.greater_equal(stamps, -99 if low is None else low),
            pc.less_equal(stamps, 10**9 if high is None else high),
        )
    )
    kept = found.column("timestamp")
    inside = found.filter(
        pc.and_(
            pc.greater_equal(kept, -99 if low is None else low), pc.less_equal(kept, 10**9 if high is None else high)
        )
    )

    assert inside.cast(table.schema).to_pylist() == wanted.to_pylist()


def test_a_narrow_interval_reads_little(path: Path) -> None:
    """Of 3,000 rows some ten are read, not a row group."""
    found = read_interval(path, "timestamp", 15_000, 15_010, ["timestamp", "x"])

    assert found is not None
    assert 2 <= found.num_rows < 200
    assert read_interval(path, "timestamp", None, None, ["x"]) is None
    assert read_interval(path, "x", 0, 1, ["x"]) is None
    assert read_interval(path, "no", 0, 1, ["x"]) is None
    nothing = read_interval(path, "timestamp", 15_001, 15_002, ["x", "s"])
    assert nothing is not None
    assert nothing.schema.names == ["x", "s"]


@pytest.mark.parametrize("shuffled", [False, True])
def test_scans_use_it_and_give_the_same(tmp_path: Path, shuffled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """With partitions, columns that came later, other conditions, rows in any order, tables and batches."""
    monkeypatch.setattr(scan, "_FEWEST_ROWS", 0)
    monkeypatch.setattr(row_groups, "_PAGE_ROWS", 100)
    table = rows_of_pages(shuffled).append_column("k", pa.repeat("001", ROWS))
    by_index = 0
    for part in range(3):
        moved = pc.add(table.column("timestamp"), part * 10 * ROWS)
        piece = table.set_column(0, "timestamp", moved)
        piece = piece if part else piece.drop_columns("flag")
        PDM.write_partitioned_dataset(piece, tmp_path, ["k"], max_rows_per_file=ROWS)
    whole = PDM.scan_dataset(tmp_path, to_pandas=False)
    assert PDM.last_scan.files_by_index == 0
    for low, high in [(15, 400), (29_000, 31_000), (-5, 10), (89_990, 10**9), (40_000, 39_000), (12_345, 12_345)]:
        for filters in (
            [("timestamp", ">=", low), ("timestamp", "<", high)],
            [
                ("timestamp", ">", low - 1),
                ("timestamp", "<=", high - 1),
                ("k", "==", "001"),
                ("x", ">", 0.5),
                ("flag", "is_null"),
            ],
        ):
            expression = PDM._build_filter_expression(filters)
            expected = whole.filter(expression).select(["s", "when", "flag", "k"])
            assert PDM.scan_dataset(tmp_path, filters, ["s", "when", "flag", "k"], to_pandas=False).equals(expected)
            by_index += PDM.last_scan.files_by_index
            batches = list(PDM.scan_batches(tmp_path, filters, ["s", "when", "flag", "k"], batch_size=7))
            assert pa.Table.from_batches(batches, expected.schema).equals(expected)
    assert by_index > (0 if shuffled else 4)


def test_a_scan_by_index_is_counted(tmp_path: Path) -> None:
    """A day of seconds, of which ten minutes are wanted: one file, by its index."""
    table = pa.table({"timestamp": 1_704_067_200_000 + np.arange(86_400) * 1_000, "close": np.arange(86_400) / 7})
    PDM.write_partitioned_dataset(table, tmp_path, [])
    first = 1_704_067_200_000 + 5_000_000
    found = PDM.scan_dataset(tmp_path, [("timestamp", ">=", first), ("timestamp", "<", first + 600_000)])

    assert found["close"].tolist() == (np.arange(5_000, 5_600) / 7).tolist()
    assert (PDM.last_scan.files, PDM.last_scan.files_by_index) == (1, 1)


def test_damage_is_told_by_the_scan(tmp_path: Path) -> None:
    """A page that does not have its checksum is an error, and never rows."""
    table = pa.table(
        {"timestamp": np.arange(100_000) + 10**12, "v": np.random.default_rng(0).integers(0, 2**60, 100_000)}
    )
    PDM.write_partitioned_dataset(table, tmp_path, [], compression="none", use_dictionary=False)
    path = next(tmp_path.glob("*.parquet"))
    narrow = [("timestamp", "<", 10**12 + 50)]
    assert len(PDM.scan_dataset(tmp_path, narrow)) == 50
    assert PDM.last_scan.files_by_index == 1
    content = bytearray(path.read_bytes())
    place = content.find(table.column("v")[10].as_py().to_bytes(8, "little"))
    content[place] ^= 1
    path.write_bytes(content)

    with pytest.raises(FormatError):
        PDM.scan_dataset(tmp_path, narrow)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=8))
def test_changed_indexes_never_give_other_rows(
    tmp_path_factory: pytest.TempPathFactory, place: int, patch: bytes
) -> None:
    """Whatever bytes of the footer or the indexes are changed, a scan gives rows of the file or an error."""
    base = tmp_path_factory.mktemp("changed")
    table = pa.table({"timestamp": range(5_000), "v": [value % 100 for value in range(5_000)]})
    pq.write_table(
        table,
        base / "a.parquet",
        write_page_index=True,
        write_page_checksum=True,
        data_page_size=500,
        write_batch_size=50,
    )
    content = bytearray((base / "a.parquet").read_bytes())
    at = len(content) - 1 - place % 1_500
    content[at : at + len(patch)] = patch[: len(content) - at]
    (base / "a.parquet").write_bytes(content)
    try:
        found = read_interval(base / "a.parquet", "timestamp", 100, 130, ["timestamp", "v"])
    except (ValueError, KeyError, IndexError, TypeError, OSError, pa.ArrowException):
        return
    assert found is None or found.num_columns <= 2


VALUES: st.SearchStrategy[Any] = st.one_of(
    st.integers(-(2**63), 2**63 - 1).map(lambda value: (6, value)),
    st.binary(max_size=20).map(lambda value: (8, value)),
    st.booleans().map(lambda value: (1 if value else 2, value)),
    st.floats(allow_nan=False).map(lambda value: (7, value)),
    st.lists(st.integers(-(2**31), 2**31 - 1), max_size=20).map(lambda values: (9, (5, values))),
    st.lists(st.booleans(), max_size=20).map(lambda values: (9, (1, values))),
)
STRUCTS = st.recursive(
    st.dictionaries(st.integers(1, 200), VALUES, max_size=4),
    lambda inner: st.dictionaries(st.integers(1, 50), inner.map(lambda value: (12, value)), max_size=3),
    max_leaves=6,
)


@given(STRUCTS)
def test_structs_come_back(fields: Any) -> None:
    """What is written is what is read, whatever the fields."""
    assert read_struct(write_struct(fields)) == fields


@given(st.binary(max_size=80))
def test_any_bytes_are_a_struct_or_an_error(data: bytes) -> None:
    """Foreign bytes end in a tree or a ValueError."""
    try:
        fields = read_struct(data)
    except ValueError:
        return
    assert isinstance(fields, dict)


@given(
    st.lists(
        st.tuples(st.sampled_from(["<", "<=", ">", ">=", "=="]), st.integers(-9, 9) | st.floats(-9, 9)),
        min_size=1,
        max_size=3,
    )
)
def test_intervals_hold_all_that_pass(conditions: list[tuple[str, Any]]) -> None:
    """A whole number for which all conditions are true lies in the interval, and one outside of it does not pass."""
    found = interval_of([("t", *one) for one in conditions], "t")
    assert found is not None
    for number in range(-12, 13):
        passes = all(
            {"<": number < v, "<=": number <= v, ">": number > v, ">=": number >= v, "==": number == v}[op]
            for op, v in conditions
        )
        inside = (found[0] is None or number >= found[0]) and (found[1] is None or number <= found[1])
        assert passes == inside
