"""What people who know the names from elsewhere write, works: each example of the reference as a call sequence."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zarrpack.storage import DataStorage, JsonStorageHandler, MemoryStorage, OptStorage
from zarrpack.storage.datasetstorage import SchemaBuilder
from zarrpack.storage.datastorage import DataStorage as SameDataStorage
from zarrpack.storage.datastorage import JsonStorageHandler as SameJsonStorageHandler
from zarrpack.storage.datastorage import MemoryStorage as SameMemoryStorage

AREAS = np.array([1.5, 2.3, 4.1], np.float32)


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each example runs in a folder of its own."""
    monkeypatch.chdir(tmp_path)


class FaceEncoder:
    """Stands for an encoder that pushes what it finds in a part to a store."""

    def __init__(self, storage_handler: DataStorage) -> None:
        self.storage = storage_handler

    def push_face_indices(self) -> None:
        """Push the faces' numbers."""
        self.storage.save_data("face_indices", np.arange(3, dtype=np.int32))

    def push_face_attributes(self) -> None:
        """Push areas and types of the faces."""
        self.storage.save_data("face_areas", AREAS)
        self.storage.save_data("face_types", np.array([0, 1, 1], np.int32))

    def push_edge_attributes(self) -> None:
        """Push the edges' numbers and lengths."""
        self.storage.save_data("edge_indices", np.arange(2, dtype=np.int32))
        self.storage.save_data("edge_lengths", np.array([0.5, 0.25], np.float32))


def cad_schema() -> dict[str, Any]:
    """Build the schema of the examples."""
    builder = SchemaBuilder(domain="CAD_analysis", version="1.0")
    faces_group = builder.create_group("faces", "face", "Face data")
    faces_group.create_array("face_indices", ["face"], "int32")
    faces_group.create_array("face_areas", ["face"], "float32")
    faces_group.create_array("face_types", ["face"], "int32")
    faces_group.create_array("face_normals", ["face", "coordinate"], "float32")
    edges_group = builder.create_group("edges", "edge", "Edge data")
    edges_group.create_array("edge_indices", ["edge"], "int32")
    edges_group.create_array("edge_lengths", ["edge"], "float32")
    builder.define_file_metadata("size_cadfile", "int64", "File size")
    builder.define_file_metadata("processing_time", "float32", "Processing time")
    builder.define_categorical_metadata("file_label", "int32", "Classification")
    builder.set_metadata_routing_rules(file_level_patterns=["size_*", "processing_*"], categorical_patterns=["*_label"])
    return builder.build()


def test_names_are_the_same_from_both_places() -> None:
    """The classes of zarrpack.storage are those of zarrpack.storage.datastorage."""
    assert (DataStorage, JsonStorageHandler, MemoryStorage) == (
        SameDataStorage,
        SameJsonStorageHandler,
        SameMemoryStorage,
    )
    assert issubclass(OptStorage, DataStorage)


def test_basic_use() -> None:
    """An encoder pushes to a store in memory, and to a store of Zarr in its place."""
    storages: list[DataStorage] = [MemoryStorage(), OptStorage("output/part001.zarr")]
    for storage in storages:
        encoder = FaceEncoder(storage)
        encoder.push_face_attributes()
        encoder.push_edge_attributes()

        np.testing.assert_array_equal(storage.load_data("face_areas"), AREAS)
        assert storage.get_keys() == ["face_areas", "face_types", "edge_indices", "edge_lengths"]
        storage.close()


@pytest.mark.parametrize("make", [MemoryStorage, lambda: OptStorage("a.zarr"), lambda: JsonStorageHandler("json")])
def test_core_methods(make: Any) -> None:
    """Data and metadata are saved and loaded by keys with slashes, missing ones raise KeyError."""
    storage = make()
    storage.save_data("face_areas", AREAS)
    storage.save_data("metadata/description", "CAD part analysis")
    storage.save_metadata("size_cadfile", 1024000)
    storage.save_metadata("file_sizes_KB/face_areas", 45.2)
    storage.save_metadata("processing/duration", 12.5)

    assert storage.load_data("metadata/description") == "CAD part analysis"
    assert storage.load_metadata("size_cadfile") == 1024000
    assert storage.load_metadata("file_sizes_KB/face_areas") == 45.2
    assert storage.load_metadata("processing/duration") == 12.5
    assert "face_areas" in storage.get_keys()
    with pytest.raises(KeyError):
        storage.load_data("face_normals")
    storage.close()


def test_paths_and_formats() -> None:
    """Each store says where a key lies and what it is."""
    stores = [OptStorage("./encoded_data/my_part.zarr"), JsonStorageHandler("./json_data"), MemoryStorage()]

    assert [storage.get_file_path("face_areas") for storage in stores] == [
        "./encoded_data/my_part.zarr/face_areas",
        "./json_data/face_areas.json",
        "In-memory storage: No file path for key 'face_areas'",
    ]
    assert [storage.format() for storage in stores] == ["zarr", "json", "memory"]
    assert stores[0].compress_store() == Path("./encoded_data/my_part.zarr.data").stat().st_size
    assert [storage.compress_store() for storage in stores[1:]] == [0, 0]
    for storage in stores:
        storage.close()


def test_data_of_every_kind() -> None:
    """Numbers, arrays, dicts and strings come back as they were saved."""
    storage = OptStorage(store_path="./flow_output/flows/my_flow/encoded/part_001.zarr", compress_extension=".data")
    normals = np.random.default_rng(0).standard_normal((100, 3)).astype(np.float32)
    storage.save_data("num_faces", 42)
    storage.save_data("face_areas", AREAS)
    storage.save_data("face_normals", normals)
    storage.save_data(
        "graph", {"edges_source": np.array([0, 1, 2]), "edges_destination": np.array([1, 2, 3]), "num_nodes": 4}
    )
    storage.save_data("description", "High-complexity CAD part")

    assert storage.load_data("num_faces") == 42
    assert type(storage.load_data("num_faces")) is int
    np.testing.assert_array_equal(storage.load_data("face_normals"), normals)
    graph = storage.load_data("graph")
    assert graph["num_nodes"] == 4
    assert graph["edges_destination"].tolist() == [1, 2, 3]
    assert storage.load_data("description") == "High-complexity CAD part"

    archive = Path("flow_output/flows/my_flow/encoded/part_001.zarr.data")
    assert storage.compress_store() == archive.stat().st_size
    assert archive.with_suffix("").is_dir()
    storage.close()
    assert not archive.with_suffix("").exists()
    assert Path("flow_output/flows/my_flow/files_summary/part_001.json").is_file()


def test_dimension_names() -> None:
    """Axes are named after the key, a group's slash as an underscore."""
    with OptStorage("a.zarr") as storage:
        storage.save_data("face_areas", AREAS)
        storage.save_data("faceface/a3_distance", np.zeros((3, 3, 64), np.float32))
        attributes = {
            key: json.loads(Path(storage.get_file_path(key), ".zattrs").read_text())["_ARRAY_DIMENSIONS"]
            for key in ("face_areas", "faceface/a3_distance")
        }

    assert attributes == {
        "face_areas": ["face_areas_dim_0"],
        "faceface/a3_distance": [f"faceface_a3_distance_dim_{axis}" for axis in range(3)],
    }


def test_a_store_for_testing() -> None:
    """Mock data go into memory, are asserted on and forgotten."""
    storage = MemoryStorage()
    storage.save_data("face_indices", np.array([0, 1, 2, 3]))
    storage.save_data("face_areas", np.array([1.5, 2.3, 4.1, 3.7]))
    storage.save_metadata("num_faces", 4)

    assert len(storage.load_data("face_indices")) == 4
    assert storage.load_metadata("num_faces") == 4

    storage.close()

    assert storage.get_keys() == []


def test_json_for_people() -> None:
    """Arrays, complex numbers and dicts are JSON files that come back with their types."""
    storage = JsonStorageHandler(json_dir_path="./json_data")
    storage.save_data("face_areas", AREAS)
    storage.save_data("complex_data", np.array([1 + 2j, 3 + 4j]))
    storage.save_data("metadata", {"version": "1.0", "author": "somebody"})
    storage.save_metadata("export_timestamp", "2025-10-30T10:30:00")

    assert json.loads(Path("json_data/complex_data.json").read_text())[0] == {
        "real": 1.0,
        "imag": 2.0,
        "_numpy_complex": True,
    }
    loaded = storage.load_data("face_areas")
    assert loaded.dtype == np.float32
    np.testing.assert_array_equal(loaded, AREAS)
    assert storage.load_data("complex_data").tolist() == [1 + 2j, 3 + 4j]
    assert storage.load_data("metadata") == {"version": "1.0", "author": "somebody"}
    assert storage.load_metadata("export_timestamp") == "2025-10-30T10:30:00"
    assert json.loads(Path("json_data/metadata.json").read_text())["export_timestamp"] == "2025-10-30T10:30:00"


def test_schema_validation() -> None:
    """Data are held against what the builder has declared; what it has not declared is allowed."""
    storage = OptStorage(store_path="./data.zarr")
    schema = cad_schema()
    storage.set_schema(schema)

    assert storage.get_schema() == schema
    assert storage.validate_data_against_schema("face_areas", AREAS)
    assert not storage.validate_data_against_schema("face_areas", np.array([[1.5, 2.3], [4.1, 3.2]]))
    assert not storage.validate_data_against_schema("face_areas", np.array([1, 2, 3], np.int32))
    assert storage.validate_data_against_schema("unknown_array", AREAS)
    groups = [storage.get_group_for_array(name) for name in ("face_areas", "edge_lengths", "unknown_array")]
    assert groups == ["faces", "edges", None]
    storage.close()


def test_nested_metadata() -> None:
    """Slashes nest, and a section is loaded whole."""
    storage = JsonStorageHandler("json")
    storage.save_metadata("size_cadfile", 1024000)
    storage.save_metadata("file_sizes_KB/face_areas", 45.2)
    storage.save_metadata("file_sizes_KB/edge_lengths", 12.3)
    storage.save_metadata("processing/duration", 12.5)
    storage.save_metadata("processing/timestamp", "2025-10-30T10:30:00")

    assert storage.load_metadata("file_sizes_KB") == {"face_areas": 45.2, "edge_lengths": 12.3}
    written = json.loads(Path("json/metadata.json").read_text())
    assert written == {
        "size_cadfile": 1024000,
        "file_sizes_KB": {"face_areas": 45.2, "edge_lengths": 12.3},
        "processing": {"duration": 12.5, "timestamp": "2025-10-30T10:30:00"},
    }


@pytest.mark.parametrize("make", [MemoryStorage, lambda: OptStorage("a.zarr"), lambda: JsonStorageHandler("json")])
def test_sizes_are_tracked(make: Any) -> None:
    """After two saves both keys have a size in kilobytes."""
    with make() as storage:
        storage.save_data("face_areas", AREAS)
        storage.save_data("edge_lengths", AREAS)

        assert set(storage.load_metadata("file_sizes_KB")) == {"face_areas", "edge_lengths"}
        assert storage.load_metadata("file_sizes_KB/face_areas") > 0


def test_encoding_a_part() -> None:
    """Schema, encoder, metadata, compression and closing, as a whole."""
    Path("part_001.step").write_text("ISO-10303-21;")
    storage = OptStorage(store_path="./encoded/part_001.zarr")
    storage.set_schema(cad_schema())
    encoder = FaceEncoder(storage_handler=storage)
    encoder.push_face_indices()
    encoder.push_face_attributes()
    encoder.push_edge_attributes()
    storage.save_metadata("size_cadfile", os.path.getsize("part_001.step"))  # noqa: PTH202
    storage.save_metadata("processing_time", 0.5)
    storage.save_metadata("file_label", 2)
    compressed_size = storage.compress_store()
    storage.close()

    assert compressed_size > 0
    assert sorted(str(path) for path in Path().rglob("*") if path.is_file()) == [
        "encoded/part_001.zarr.data",
        "files_summary/part_001.json",
        "part_001.step",
    ]
    summary = json.loads(Path("files_summary/part_001.json").read_text())
    assert (summary["size_cadfile"], summary["file_label"]) == (13, 2)
    assert summary["_storage_schema"] == cad_schema()


def test_validated_measurements() -> None:
    """Data that pass are saved, data that fail are told apart before."""
    builder = SchemaBuilder(domain="production_data")
    group = builder.create_group("measurements", "sample")
    group.create_array("temperature", ["sample"], "float32")
    group.create_array("pressure", ["sample"], "float32")
    storage = OptStorage("./validated_data.zarr")
    storage.set_schema(builder.build())
    valid_temps = np.array([20.5, 25.3, 22.1], dtype=np.float32)
    assert storage.validate_data_against_schema("temperature", valid_temps)
    storage.save_data("temperature", valid_temps)

    assert not storage.validate_data_against_schema("temperature", np.array([[20.5, 25.3], [22.1, 23.4]]))
    assert storage.get_keys() == ["temperature"]
    storage.close()


def test_error_handling() -> None:
    """A store is closed in a finally block, and missing keys are looked for in two ways."""
    storage = OptStorage("output.zarr", compress_extension=".data")
    try:
        for key, data in {"face_areas": AREAS, "edge_lengths": AREAS}.items():
            storage.save_data(key, data)
        storage.save_metadata("processing_time", 12.5)
        storage.compress_store()
    finally:
        storage.close()

    assert "face_areas" in storage.get_keys()
    with pytest.raises(KeyError, match="face_normals"):
        storage.load_data("face_normals")
    assert Path("output.zarr.data").is_file()
