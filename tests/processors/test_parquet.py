"""The Parquet processor, against pyarrow and pandas."""

from __future__ import annotations

import datetime
import io
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import zarrpack
from zarrpack.errors import MemberError
from zarrpack.processors.limits import Limits
from zarrpack.processors.parquet import ParquetProcessor
from zarrpack.processors.testing import ProcessorConformance, read_member, rows_of
from zarrpack.storage.parquet import ParquetDatasetManager


def parquet(table: pa.Table, **options: Any) -> bytes:
    """Write a file."""
    file = io.BytesIO()
    pq.write_table(table, file, **options)
    return file.getvalue()


def read(content: bytes, name: str = "a.parquet", **limits: Any) -> dict[str, Any]:
    """Give the rows by array."""
    blocks, _ = read_member(ParquetProcessor(), name, content, limits=Limits(**limits))
    return {array: rows_of(blocks, array) for array in dict.fromkeys(block.array for block in blocks)}


def reason(content: bytes, **limits: Any) -> str:
    """Give the reason of the failure; empty if there is none."""
    try:
        read(content, **limits)
    except MemberError as error:
        return error.reason
    return ""


NESTED = pa.table(
    {
        "n": pa.array([1, None, 3], pa.int32()),
        "s": ["a", None, "ß"],
        "v": pa.array([[1.5, 2.5], None, [3.5, None]], pa.list_(pa.float32(), 2)),
        "st": [{"x": 1, "y": {"z": True}}, None, {"x": None, "y": {"z": False}}],
        "l": [[1, 2], [], None],
        "at": pa.array([0, None, 5], pa.timestamp("us", "UTC")),
    }
)


class TestContract(ProcessorConformance):
    """The contract."""

    def processor(self) -> ParquetProcessor:
        """Give the only kind there is."""
        return ParquetProcessor()

    def members(self) -> Mapping[str, bytes]:
        """Give tables of many kinds."""
        return {
            "a.parquet": parquet(NESTED, write_page_checksum=True),
            "symbol=001/year=2024/b.parquet": parquet(
                pa.table({"v": range(100)}), row_group_size=9, compression="zstd"
            ),
            "empty": parquet(NESTED.slice(0, 0)),
        }

    def refused(self) -> Mapping[str, bytes]:
        """Give other types under its name, and text."""
        return {"a.parquet": b"\x89PNG\r\n\x1a\n", "a.txt": b"PAR"}


def test_every_type() -> None:
    """What numpy has comes as that, what it has not as text; what is missing is NaN, NaT, or told beside."""
    found = read(parquet(NESTED))

    assert {name: getattr(rows, "dtype", type(rows)) for name, rows in found.items()} == {
        "n": np.dtype("i4"),
        "n_is_null": np.dtype("?"),
        "s": list,
        "s_is_null": np.dtype("?"),
        "v": np.dtype("f4"),
        "v_is_null": np.dtype("?"),
        "st.x": np.dtype("i8"),
        "st.x_is_null": np.dtype("?"),
        "st.y.z": np.dtype("?"),
        "st.y.z_is_null": np.dtype("?"),
        "l": list,
        "l_is_null": np.dtype("?"),
        "at": np.dtype("M8[us]"),
    }
    assert found["n"].tolist() == [1, 0, 3]
    assert found["n_is_null"].tolist() == [False, True, False]
    assert np.array_equal(found["v"], [[1.5, 2.5], [np.nan, np.nan], [3.5, np.nan]], equal_nan=True)
    assert found["l"] == ["[1, 2]", "[]", ""]
    assert np.isnat(found["at"]).tolist() == [False, True, False]


def test_further_types() -> None:
    """Decimals keep their digits, dictionaries their values, times of day are durations, axes of several lists are axes."""
    day = datetime.date(2024, 2, 29)
    table = pa.table(
        {
            "dec": pa.array(["1.10", None]).cast(pa.decimal128(9, 2)),
            "dict": pa.array(["a", "b"]).dictionary_encode(),
            "day": [day, None],
            "time": pa.array([1, 2], pa.time64("us")),
            "big": pa.array([2**64 - 1, 0], pa.uint64()),
            "half": pa.array(np.array([0.5, 1], "f2")),
            "bytes": [b"\xff", b""],
            "m": pa.array([[[1, 2], [3, 4]], [[5, 6], [None, 8]]], pa.list_(pa.list_(pa.int16(), 2), 2)),
            "none": pa.nulls(2),
            "map": pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int8())),
        }
    )
    blocks, metadata = read_member(ParquetProcessor(), "a", parquet(table))
    found = {one.array: rows_of(blocks, one.array) for one in blocks}

    assert found["dec"] == ["1.10", ""]
    assert found["dict"] == ["a", "b"]
    assert found["day"][0] == np.datetime64("2024-02-29")
    assert found["time"].tolist() == [datetime.timedelta(microseconds=1), datetime.timedelta(microseconds=2)]
    assert found["big"].tolist() == [2**64 - 1, 0]
    assert found["half"].dtype == np.float16
    assert found["bytes"] == [b"\xff", b""]
    assert found["m"].tolist() == [[[1, 2], [3, 4]], [[5, 6], [0, 8]]]
    assert found["none"] == ["", ""]
    assert found["map"] == ['[["k", 1]]', ""]
    assert metadata.notes == ("null_elements:1",)
    assert next(one.dims for one in blocks if one.array == "m") == ("row", "m_dim_1", "m_dim_2")


CELLS = st.one_of(st.none(), st.integers(-(2**31), 2**31 - 1))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(CELLS, st.one_of(st.none(), st.text(max_size=3))), max_size=12), st.integers(1, 5))
def test_rows_come_back(rows: list[tuple[int | None, str | None]], group: int) -> None:
    """Values and what is missing are pandas' own, whatever the row groups; the first missing one may come late."""
    numbers, texts = [one[0] for one in rows], [one[1] for one in rows]
    content = parquet(
        pa.table({"n": pa.array(numbers, pa.int64()), "t": pa.array(texts, pa.string())}), row_group_size=group
    )
    found = read(content)
    frame = pd.read_parquet(io.BytesIO(content), dtype_backend="pyarrow")

    for name in ("n", "t"):
        missing = found.get(f"{name}_is_null", np.zeros(len(rows), bool))
        assert missing.tolist() == frame[name].isna().tolist()
        assert [value for value, gone in zip(found[name], missing, strict=True) if not gone] == frame[
            name
        ].dropna().tolist()


def test_folders_are_columns() -> None:
    """Text unless the file says what it is or the column is a known date; the table's own column of that name wins."""
    content = parquet(pa.table({"v": [1, 2], "own": [7, 8]}))
    found = read(content, "d/symbol=001/year=2024/n=5/own=9/x=a%2Fb/p.parquet")

    assert found["symbol"] == ["001", "001"]
    assert found["year"].tolist() == [2024, 2024]
    assert found["year"].dtype == np.int16
    assert found["n"] == ["5", "5"]
    assert found["x"] == ["a/b", "a/b"]
    assert found["own"].tolist() == [7, 8]


@pytest.mark.parametrize(
    ("content", "limits", "expected"),
    [
        (b"", {}, "empty"),
        (b"PAR1", {}, "not_decodable"),
        (b"PARE1234PARE", {}, "encrypted"),
        (parquet(NESTED)[:-1], {}, "not_decodable"),
        (parquet(NESTED)[:40] + parquet(NESTED)[60:], {}, "not_decodable"),
        (parquet(pa.table({"v": range(10)})), {"rows": 9}, "limit_rows"),
        (parquet(pa.table({"v": range(10)})), {"rows": 10}, ""),
        (parquet(pa.table({"v": np.zeros(100_000)})), {"ratio": 10, "ratio_grace_bytes": 1000}, "limit_ratio"),
        (parquet(pa.table({"v": np.zeros(100_000)})), {"ratio": 10_000, "ratio_grace_bytes": 1000}, ""),
        (parquet(pa.table({})), {}, "empty"),
    ],
)
def test_what_cannot_be_read_fails(content: bytes, limits: dict[str, int], expected: str) -> None:
    """Each with its reason."""
    assert reason(content, **limits) == expected


def test_texts_that_are_none() -> None:
    """Bytes that are no UTF-8 become escapes, and are noted."""
    raw = pa.Array.from_buffers(pa.string(), 1, pa.array([b"\xff"]).buffers())
    blocks, metadata = read_member(ParquetProcessor(), "a", parquet(pa.table({"t": raw})))

    assert rows_of(blocks, "t") == ["\\xff"]
    assert metadata.notes == ("bad_unicode",)


def test_pyarrow_is_loaded_for_parquet_only() -> None:
    """A worker that meets no Parquet pays nothing for it."""
    code = (
        "import sys; from zarrpack.processors.registry import processors, choose\n"
        "from zarrpack.processors.archives.registry import open_source\n"
        "choose(processors(), b'PAR1', 'a.parquet'); assert 'pyarrow' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False)

    assert done.returncode == 0


def test_a_dataset_as_a_source(tmp_path: Path) -> None:
    """Its files become one table; rows that it does not list, its manifest and its locks do not, and types are kept."""
    pdm = ParquetDatasetManager()
    rows = pa.table({"symbol": ["001", "2", "001"], "n": pa.array([1, 2, 3], pa.int8()), "close": [1.5, 2.5, None]})
    pdm.write_partitioned_dataset(rows, tmp_path / "d", ["symbol", "n"])
    pq.write_table(pa.table({"close": [9.0]}), tmp_path / "d/symbol=001/stray.parquet")
    result = zarrpack.convert(tmp_path / "d", tmp_path / "out", workers=1)
    table = zarrpack.open_dataset(result.dataset, "table")
    found = table.drop_dims("row_offset").to_dataframe()

    assert result.counts["members"] == result.counts["stored"] == 3
    assert sorted(zip(found["symbol"], found["n"], found["close"].fillna(-1), strict=True)) == [
        ("001", 1, 1.5),
        ("001", 3, -1.0),
        ("2", 2, 2.5),
    ]
    assert found["n"].dtype == np.int8
    table.close()
