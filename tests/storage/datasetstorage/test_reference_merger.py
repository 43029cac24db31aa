"""What the reference's page on the merger shows, with this package's import root."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from stores import read

from zarrpack.storage import DatasetMerger as FromStorage
from zarrpack.storage import OptStorage
from zarrpack.storage.datasetstorage import DatasetInfo, DatasetMerger, SchemaBuilder

STEMS = ("part_001", "part_002", "part_003")
FACES = (3, 2, 3)


def encoded(folder: Path) -> list[str]:
    """Encode three parts as the reference's file structure shows them; give what their stores are called."""
    paths = []
    for stem, faces in zip(STEMS, FACES, strict=True):
        storage = OptStorage(str(folder / "encoded" / f"{stem}.zarr"))
        storage.save_data("faces/face_indices", np.arange(faces, dtype=np.int32))
        storage.save_data("faces/face_areas", np.linspace(1, 2, faces, dtype=np.float32))
        storage.save_data("faces/face_types", np.zeros(faces, np.int32))
        storage.save_data("faces/face_uv_grids", np.zeros((faces, 2, 2, 7), np.float32))
        storage.save_data("edges/edge_indices", np.arange(faces + 1, dtype=np.int32))
        storage.save_data("edges/edge_lengths", np.ones(faces + 1, np.float32))
        storage.save_data("edges/edge_types", np.zeros(faces + 1, np.int32))
        storage.save_data("graph/edges/source", np.zeros(faces + 1, np.int32))
        storage.save_data("graph/edges/destination", np.ones(faces + 1, np.int32))
        storage.save_data("graph/num_nodes", faces)
        storage.save_data("a3_distance", np.zeros((faces, faces, 64), np.float32))
        storage.save_metadata("size_cadfile", 1024 * faces)
        storage.save_metadata("file_label", faces)
        storage.compress_store()
        storage.close()
        paths.append(storage.get_file_path(""))
    return paths


def test_initialization_and_discovery(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The constructor's parameters by their names, discovery, and what is printed."""
    monkeypatch.chdir(tmp_path)
    files = [f"{path}.data" for path in encoded(tmp_path)]
    merger = DatasetMerger(
        zip_files=files,
        merged_store_path="merged_dataset.dataset",
        file_id_codes={"part_001": 0, "part_002": 1, "part_003": 2},
        dask_client_params={"disable": True},
        delete_source_files=True,
    )

    discovered_groups = merger.discover_groups_from_files(max_files_to_scan=5)
    merger.print_discovered_structure()

    assert discovered_groups["graph"] == {"arrays": ["edges_destination", "edges_source", "num_nodes"]}
    assert set(discovered_groups) == {"faces", "edges", "graph", "faceface"}
    printed = capsys.readouterr().out.splitlines()
    assert printed[:2] == ["Discovered Data Structure:", "=" * 50]
    assert "  Arrays: ['face_areas', 'face_indices', 'face_types', 'face_uv_grids']" in printed
    assert FromStorage is DatasetMerger


@pytest.mark.parametrize("batch_size", [None, 200, 2])
def test_single_pass_and_batches(tmp_path: Path, batch_size: int | None) -> None:
    """Both calls of the reference, with every parameter; sources are deleted behind them."""
    files = [f"{path}.data" for path in encoded(tmp_path)]
    merger = DatasetMerger(zip_files=files, merged_store_path=str(tmp_path / "merged_dataset.dataset"))

    merger.merge_data(
        face_chunk=500_000,
        edge_chunk=500_000,
        faceface_flat_chunk=100_000,
        batch_size=batch_size,
        consolidate_metadata=True,
        force_compression=True,
    )

    merged = read(tmp_path / "merged_dataset.dataset")
    assert merged["faces"]["file_id"].tolist() == [0, 0, 0, 1, 1, 2, 2, 2]
    assert merged["faceface"]["a3_distance"].shape == (9 + 4 + 9, 64)
    assert merged["graph"]["edges_source"].shape == (11,)
    assert not any(Path(file).exists() for file in files)


def test_manual_schema(tmp_path: Path) -> None:
    """A schema of the builder is applied to the merger."""
    files = [f"{path}.data" for path in encoded(tmp_path)]
    builder = SchemaBuilder(domain="CAD_analysis")
    faces_group = builder.create_group("faces", "face", "Face data")
    faces_group.create_array("face_areas", ["face"], "float32")
    schema = builder.build()
    merger = DatasetMerger(files, str(tmp_path / "merged.dataset"), delete_source_files=False)

    merger.set_schema(schema)
    merger.merge_data()

    assert read(tmp_path / "merged.dataset")["faces"]["face_areas"].dtype == np.float32


def test_custom_merging_task(tmp_path: Path) -> None:
    """T27: metadata and arrays by a task of one's own; the JSON files it names lie in files_summary."""
    encoded_files = encoded(tmp_path)

    def custom_merge_task(encoded_files: list[str]) -> str:
        data_files = [f"{f}.data" for f in encoded_files]
        json_files = [f"{f}.json" for f in encoded_files]
        output_dir = tmp_path / "custom_merged"
        output_dir.mkdir(exist_ok=True)
        ds_info = DatasetInfo(
            info_files=json_files,
            merged_store_path=str(output_dir / "custom.infoset"),
            attribute_file_path=str(output_dir / "custom.attribset"),
            schema=cad_schema(),
        )
        ds_info.parse_info_files()
        file_id_codes = ds_info.build_code_mappings(data_files)
        ds_info.store_info_to_parquet()
        merger = DatasetMerger(
            zip_files=data_files,
            merged_store_path=str(output_dir / "custom.dataset"),
            file_id_codes=file_id_codes,
            delete_source_files=False,
        )
        merger.set_schema(cad_schema())
        merger.merge_data(face_chunk=1_000_000, edge_chunk=1_000_000, batch_size=500)
        return str(output_dir / "custom.dataset")

    dataset = custom_merge_task(encoded_files)

    infoset = pd.read_parquet(tmp_path / "custom_merged" / "custom.infoset")
    assert dict(zip(infoset["name"], infoset["id"], strict=True)) == {stem: code for code, stem in enumerate(STEMS)}
    assert read(Path(dataset))["edges"]["file_id"].tolist() == [0] * 4 + [1] * 3 + [2] * 4


def cad_schema() -> dict[str, Any]:
    """Give the schema of the reference's schema-driven example, with its routing rules."""
    return {
        "groups": {
            "faces": {
                "primary_dimension": "face",
                "arrays": {
                    "face_indices": {"dims": ["face"], "dtype": "int32"},
                    "face_areas": {"dims": ["face"], "dtype": "float32"},
                },
            },
            "edges": {
                "primary_dimension": "edge",
                "arrays": {"edge_lengths": {"dims": ["edge"], "dtype": "float32"}},
            },
        },
        "metadata": {"routing_rules": {"file_level_patterns": ["size_*"], "categorical_patterns": ["*_label"]}},
    }
