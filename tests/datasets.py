"""What tests of exploring and loading share: datasets by a conversion and by a merge, and what is in them."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import zarrpack
from zarrpack.storage import DatasetInfo, DatasetMerger, OptStorage

__all__ = ["convert_members", "convert_products", "merge_parts", "zarr_arrays"]

PARTS = ([1.5, 2.3, 4.1], [3.7, 5.2], [2.1, 1.8, 6.3], [7.5])


def convert_members(folder: Path, members: Mapping[str, bytes], name: str = "products", **options: Any) -> Path:
    """Convert an archive of these members; give the ``.flow``."""
    source = sys.modules["archives"].write_zip(folder / f"{name}.zip", members)
    zarrpack.convert(source, folder / name, workers=1, **options)
    return folder / name / f"{name}.flow"


def convert_products(folder: Path, count: int = 6, *, vary: bool = False, **options: Any) -> Path:
    """Convert pictures, a record for each, and a table; give the ``.flow``."""
    members = sys.modules["archives"].product_members(count, vary=vary)
    return convert_members(folder, members, **{"pair": "basename", **options})


def merge_parts(folder: Path, areas: Sequence[Sequence[float]] = PARTS) -> Path:
    """Merge a file with faces for each list of areas, with a ``complexity_level``; give a ``.flow`` that names the result."""
    encoded = folder / "encoded"
    encoded.mkdir(parents=True)
    for number, values in enumerate(areas):
        with OptStorage(encoded / f"part_{number:03}.zarr") as storage:
            storage.save_data("face_areas", np.array(values, np.float32))
            storage.save_data("face_types", np.arange(len(values)) % 2)
            storage.save_data("edge_lengths", np.arange(number + 1, dtype=np.float32))
            storage.save_metadata("complexity_level", number % 3 + 2)
            storage.save_metadata("material", ["steel", "wood"][number % 2])
            storage.compress_store()
    files = sorted(encoded.glob("*.data"))
    summaries = sorted((folder / "files_summary").glob("*.json"))
    info = DatasetInfo(summaries, folder / "parts.infoset", folder / "parts.attribset")
    info.parse_info_files()
    codes = info.build_code_mappings(files)
    info.store_info_to_parquet()
    DatasetMerger(files, folder / "parts.dataset", codes, delete_source_files=False).merge_data()
    flow = folder / "parts.flow"
    paths = {"flow_data": ".dataset", "flow_info": ".infoset", "flow_attributes": ".attribset"}
    flow.write_text(json.dumps({key: str(folder / f"parts{suffix}") for key, suffix in paths.items()}))
    return flow


def zarr_arrays(path: Path) -> dict[str, dict[str, npt.NDArray[Any]]]:
    """Read a dataset with zarr-python: group -> array -> values."""
    arrays: dict[str, dict[str, npt.NDArray[Any]]] = sys.modules["stores"].read(path.with_suffix(".dataset"))
    return arrays
