"""Small examples from end to end: what is saved through the public classes is what the dataset and the tables hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
import zarr

from zarrpack.storage import (
    DatasetInfo,
    DatasetMerger,
    JsonStorageHandler,
    MemoryStorage,
    OptStorage,
    SchemaBuilder,
)


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each example runs in a folder of its own."""
    monkeypatch.chdir(tmp_path)


def schema() -> dict[str, Any]:
    """Declare areas, a label, and how metadata are routed."""
    builder = SchemaBuilder(domain="CAD_analysis", version="1.0")
    builder.create_group("faces", "face", "Faces").create_array("face_areas", ["face"], "float32", "Areas")
    builder.define_file_metadata("size_cadfile", "int64", "Bytes")
    builder.define_categorical_metadata("file_label", "int32", "Class", values=[0, 1, 2, 3, 4])
    return builder.build()


def saved(**files: dict[str, Any]) -> list[str]:
    """Save a store for each file; give the archives."""
    for name, data in files.items():
        with OptStorage(f"encoded/{name}.zarr") as storage:
            for key, value in data.items():
                storage.save_data(key, value)
            storage.compress_store()
    return [f"encoded/{name}.zarr.data" for name in files]


def merged(files: list[str], out: str = "all.dataset", **options: Any) -> zarr.Group:
    """Merge, and open what comes out with zarr-python."""
    DatasetMerger(files, out, delete_source_files=False).merge_data(**options)
    return zarr.open_group(zarr.storage.ZipStore(out, mode="r"), mode="r")


def values(group: zarr.Group, name: str) -> Any:
    """Read an array."""
    array = group[name]
    assert isinstance(array, zarr.Array)
    return np.asarray(array[...])


AREAS = {
    "part_001": {"face_areas": [1.5, 2.3, 4.1]},
    "part_002": {"face_areas": [3.7, 5.2]},
    "part_003": {"face_areas": [2.1, 1.8, 6.3]},
}


def test_areas_of_three_files() -> None:
    """Areas stand in the order of the files, and with each the code of its file."""
    found = merged(saved(**AREAS))

    assert values(found, "faces/face_areas").tolist() == [1.5, 2.3, 4.1, 3.7, 5.2, 2.1, 1.8, 6.3]
    assert values(found, "faces/file_id").tolist() == [0, 0, 0, 1, 1, 2, 2, 2]


def test_histograms_of_pairs() -> None:
    """Matrices of 3 x 3 and 2 x 2 histograms are 13 rows, pair (i, j) the row i * n + j of its file."""
    first, second = (np.random.default_rng(n).random((n, n, 64)).astype(np.float32) for n in (3, 2))

    found = merged(saved(a={"faceface/a3_distance": first}, b={"faceface/a3_distance": second}))

    rows = values(found, "faceface/a3_distance")
    assert rows.shape == (13, 64)
    np.testing.assert_array_equal(rows[1 * 3 + 2], first[1, 2])
    np.testing.assert_array_equal(rows[9 + 1 * 2], second[1, 0])


@pytest.mark.parametrize("make", [MemoryStorage, lambda: JsonStorageHandler("json"), lambda: OptStorage("a.zarr")])
def test_what_fits_a_schema(make: Any) -> None:
    """Float32 along one axis fits; two axes and integers do not; an array that is not declared does."""
    with make() as storage:
        storage.set_schema(schema())

        assert storage.validate_data_against_schema("face_areas", np.array([1.5, 2.3], np.float32)) is True
        assert storage.validate_data_against_schema("face_areas", np.array([[1.5, 2.3], [4.1, 3.2]])) is False
        assert storage.validate_data_against_schema("face_areas", np.array([1, 2], np.int32)) is False
        assert storage.validate_data_against_schema("unknown_array", np.array([1, 2], np.int32)) is True


def test_routing() -> None:
    """A number that is not declared, and a size, are columns; a label is a category, and a column as well."""
    with OptStorage("encoded/part_001.zarr") as storage:
        for key, value in {"custom_metric": 42.5, "file_label": 3, "size_cadfile": 1024}.items():
            storage.save_metadata(key, value)
        storage.compress_store()
    info = DatasetInfo(["files_summary/part_001.json"], "all.infoset", "all.attribset", schema())
    info.parse_info_files()
    info.build_code_mappings(["encoded/part_001.zarr.data"])
    info.store_info_to_parquet()

    infoset, attribset = pd.read_parquet("all.infoset"), pd.read_parquet("all.attribset")
    assert infoset[["custom_metric", "size_cadfile", "file_label"]].to_numpy().tolist() == [[42.5, 1024, 3]]
    assert set(attribset["table_name"]) == {"file_label"}
    assert list(attribset.columns) == ["table_name", "id", "name", "description"]


def test_sizes_of_two_arrays() -> None:
    """After two saves the section of sizes has both."""
    with OptStorage("a.zarr") as storage:
        storage.save_data("face_areas", np.ones(9))
        storage.save_data("edge_lengths", np.ones(9))

        sizes = storage.load_metadata("file_sizes_KB")

    assert set(sizes) == {"face_areas", "edge_lengths"}
    assert all(size > 0 for size in sizes.values())


def test_json_keeps_types() -> None:
    """Float32 and complex numbers come back as such; data called ``metadata`` and metadata are two things."""
    storage = JsonStorageHandler("json")
    storage.save_data("face_areas", np.array([1.5, 2.3], np.float32))
    storage.save_data("complex_data", np.array([1 + 2j, 3 + 4j]))
    storage.save_data("metadata", {"version": "1.0"})
    storage.save_metadata("version", "2.0")

    opened = JsonStorageHandler("json")
    assert opened.load_data("face_areas").dtype == np.float32
    assert opened.load_data("complex_data").tolist() == [1 + 2j, 3 + 4j]
    assert (opened.load_data("metadata"), opened.load_metadata("version")) == ({"version": "1.0"}, "2.0")


def test_batches() -> None:
    """A merge in batches of two gives the bytes of one merge."""
    files = saved(**AREAS)
    merged(files, "once.dataset")
    merged(files, "batches.dataset", batch_size=2)

    assert Path("batches.dataset").read_bytes() == Path("once.dataset").read_bytes()


def test_integers_and_zeros_in_xarray() -> None:
    """xarray, which knows nothing of zarrpack and masks what it takes for missing, finds integers, and zeros as zeros."""
    merged(saved(a={"face_types": np.array([0, 1, 0], np.int32), "face_areas": np.zeros(3, np.float32)}))

    faces = xr.open_zarr(zarr.storage.ZipStore("all.dataset", mode="r"), group="faces")
    assert (str(faces["face_types"].dtype), faces["face_types"].values.tolist()) == ("int32", [0, 1, 0])
    assert faces["face_areas"].values.tolist() == [0, 0, 0]
