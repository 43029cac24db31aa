"""The export to Parquet, against what the dataset holds, read by pandas and pyarrow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

import zarrpack
from zarrpack.converters.commands.main import run
from zarrpack.converters.parquet_export import export_parquet
from zarrpack.errors import FormatError, OutputRefused, SourceError, UsageError
from zarrpack.storage.data_file import DataFile
from zarrpack.storage.parquet import ParquetDatasetManager


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a dataset with tables, texts, matrices of one shape and of several, complex numbers and dates."""
    source = tmp_path_factory.mktemp("source")
    random = np.random.default_rng(0)
    for number in range(4):
        (source / "train" / f"c{number % 2}").mkdir(parents=True, exist_ok=True)
        folder = source / "train" / f"c{number % 2}"
        np.savez(
            folder / f"{number}.npz",
            same=random.random((number + 2, 2, 3)).astype("f4"),
            other=random.integers(0, 99, (number + 1, number + 2)),
            z=random.random(2) + 1j,
            when=np.array(["2024-01-01", "NaT"], "M8[ms]"),
        )
        (folder / f"{number}.csv").write_text(f"x,name\n{number},a{number}\n{number + 10},ä\n")
    out = tmp_path_factory.mktemp("out")
    return zarrpack.convert(source, out, name="d", workers=1, labels="folder", compression="fast").dataset


def arrays(path: Path) -> dict[str, Any]:
    """Read every array of a dataset."""
    with DataFile(path) as data:
        return {name: array.read() for name, array in data.arrays.items()}


def table_of(folder: Path) -> pa.Table:
    """Read a table with plain pyarrow."""
    return ds.dataset(folder, format="parquet", partitioning="hive").to_table()


def test_every_group_becomes_a_table(dataset: Path, tmp_path: Path) -> None:
    """Rows, their file_id and their order are the dataset's; further axes are lists of fixed size."""
    result = export_parquet(dataset, tmp_path / "p")
    expected = arrays(dataset)
    csv = table_of(tmp_path / "p/table")

    assert csv.column("x").to_pylist() == expected["table/x"].tolist()
    assert csv.column("name").to_pylist() == expected["table/name"].tolist()
    assert csv.column("file_id").to_pylist() == expected["table/file_id"].tolist()
    assert result.tables["table"] == 8
    tables = {name: table_of(tmp_path / "p" / name) for name in result.tables}
    same = next(one for one in tables.values() if "same" in one.column_names)
    key = next(name for name in expected if name.endswith("/same"))
    assert np.array_equal(np.array(same.column("same").to_pylist(), "f4"), expected[key])
    assert pa.types.is_fixed_size_list(same.schema.field("same").type)
    assert pa.types.is_fixed_size_list(same.schema.field("same").type.value_type)


def test_things_of_several_shapes_are_lists(dataset: Path, tmp_path: Path) -> None:
    """Beside their shapes; complex numbers are pairs, dates dates, and NaT is missing."""
    result = export_parquet(dataset, tmp_path / "p")
    tables = [table_of(tmp_path / "p" / name) for name in result.tables]
    other = next(one for one in tables if "other" in one.column_names)
    random = np.random.default_rng(0)
    expected = []
    for number in range(4):
        random.random((number + 2, 2, 3))
        expected.append(random.integers(0, 99, (number + 1, number + 2)))
        random.random(2)
    order = np.argsort([one.size for one in expected])
    found = [
        np.array(row["other"]).reshape(row["other_shape"]).tolist()
        for row in sorted(other.to_pylist(), key=lambda row: len(row["other"]))
    ]
    assert found == [expected[index].tolist() for index in order]
    z = next(one for one in tables if "z" in one.column_names).column("z").to_pylist()
    assert all(len(pair) == 2 and pair[1] == 1 for pair in z)
    when = next(one for one in tables if "when" in one.column_names).column("when")
    assert when.type == pa.timestamp("ms")
    assert when.null_count == 4


def test_tables_beside_the_dataset_go_along(dataset: Path, tmp_path: Path) -> None:
    """Infoset and attribset, row by row as they are."""
    export_parquet(dataset, tmp_path / "p")
    for suffix in ("infoset", "attribset"):
        before = pq.read_table(dataset.with_suffix(f".{suffix}"))
        after = table_of(tmp_path / "p" / suffix)
        assert after.select(before.column_names).to_pylist() == before.to_pylist()


def test_partitions_come_from_the_infoset(dataset: Path, tmp_path: Path) -> None:
    """Each row lies in the folder of its item's value; a column of a table's own comes first."""
    result = export_parquet(dataset, tmp_path / "p", partition_by=["subset", "label"])
    items = pd.read_parquet(dataset.with_suffix(".infoset")).set_index("id")

    for name in result.tables:
        if name != "attribset":
            assert sorted(path.name for path in (tmp_path / "p" / name).glob("subset=*")) == ["subset=train"], name
    rows = table_of(tmp_path / "p/table").to_pylist()
    assert {row["label"] for row in rows} == {"c0", "c1"}
    assert all(row["label"] == items.loc[row["file_id"], "label"] for row in rows)
    pdm = ParquetDatasetManager()
    assert len(pdm.scan_dataset(tmp_path / "p/table", [("label", "==", "c1"), ("x", "<", 10)])) == 2
    with pytest.raises(UsageError, match=r"found 'lable'; there are .*label"):
        export_parquet(dataset, tmp_path / "q", partition_by=["lable"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p"]


def test_an_export_is_whole_or_not_there(dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What exists is refused; only an export is replaced, and it stays if the new one fails."""
    export_parquet(dataset, tmp_path / "p")
    with pytest.raises(OutputRefused, match="--overwrite"):
        export_parquet(dataset, tmp_path / "p")
    (tmp_path / "mine").mkdir()
    with pytest.raises(OutputRefused, match="found something else"):
        export_parquet(dataset, tmp_path / "mine", overwrite=True)
    export_parquet(dataset, tmp_path / "p", overwrite=True, partition_by=["subset"])
    before = sorted(tmp_path.rglob("*"))
    with monkeypatch.context() as patch:
        patch.setattr("zarrpack.storage.parquet.dataset_tables.DatasetTable.batches", lambda self: iter([None]))
        with pytest.raises(UsageError):
            export_parquet(dataset, tmp_path / "p", overwrite=True)
    assert sorted(tmp_path.rglob("*")) == before
    with pytest.raises(SourceError, match="check the path"):
        export_parquet(tmp_path / "no.dataset", tmp_path / "x")
    (tmp_path / "x.dataset").write_bytes(b"PK")
    with pytest.raises(FormatError):
        export_parquet(tmp_path / "x.dataset", tmp_path / "x")


def test_the_command(dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It prints what it wrote, as text or JSON, and ends with the documented statuses."""
    command = ["export", "parquet", str(dataset), "-o", str(tmp_path / "p")]
    assert run([*command, "--partition-by", "subset,label", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["tables"]["table"] == 8
    assert said["parquet"] == str(tmp_path / "p")
    assert run(command) == 5
    assert run([*command, "--overwrite", "--compression", "snappy"]) == 0
    assert "table 8" in capsys.readouterr().out
    assert run([*command, "--overwrite", "--partition-by", "nope"]) == 2
    assert "there are" in capsys.readouterr().err
    assert run(["export", "parquet", str(tmp_path / "none"), "-o", str(tmp_path / "q")]) == 4


def test_pictures_of_one_size_and_of_several(products_zip: Path, tmp_path: Path) -> None:
    """Pixels come back to the bit, as axes or as lists with the pictures' own shapes."""
    for name, options in [("one", {"size": (8, 6)}), ("several", {})]:
        result = zarrpack.convert(products_zip, tmp_path / name, workers=1, **options)  # type: ignore[arg-type]
        expected = arrays(result.dataset)
        export_parquet(result.dataset, tmp_path / f"{name}.parquet")
        rows = table_of(tmp_path / f"{name}.parquet/images").to_pylist()
        flat = expected["images/pixels"].reshape(-1)
        at = 0
        for index, row in enumerate(rows):
            size = row["height"] * row["width"] * row["channels"]
            at = int(expected["images/pixels_offsets"][index]) if "images/pixels_offsets" in expected else index * size
            assert np.array(row["pixels"], "u1").reshape(-1).tobytes() == flat[at : at + size].tobytes()
