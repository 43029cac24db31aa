"""What tests of merges share: stores made by OptStorage, and datasets read by zarr-python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr
from zarr.storage import ZipStore

from zarrpack.storage import OptStorage
from zarrpack.storage.datasetstorage import DatasetMerger

Arrays = dict[str, npt.NDArray[Any]]


def save(folder: Path, name: str, data: Mapping[str, Any], schema: Mapping[str, Any] | None = None) -> Path:
    """Save data as ``<name>.zarr.data``."""
    storage = OptStorage(folder / f"{name}.zarr")
    storage.validate_on_save = False
    if schema is not None:
        storage.set_schema(dict(schema))
    for key, value in data.items():
        storage.save_data(key, value)
    storage.compress_store()
    storage.close()
    return folder / f"{name}.zarr.data"


def save_all(folder: Path, files: Sequence[Mapping[str, Any]], schema: Mapping[str, Any] | None = None) -> list[Path]:
    """Save several as ``part_0``, ``part_1``, ..."""
    folder.mkdir(exist_ok=True)
    return [save(folder, f"part_{number}", data, schema) for number, data in enumerate(files)]


def merger(sources: list[Path], out: Path, **options: Any) -> DatasetMerger:
    """Give a merger that keeps its sources unless it is told otherwise."""
    return DatasetMerger(sources, out, **{"delete_source_files": False, **options})


def merge(sources: list[Path], out: Path, **options: Any) -> dict[str, Arrays]:
    """Merge without any options and read the result."""
    merger(sources, out).merge_data(**options)
    return read(out)


def read(path: Path) -> dict[str, Arrays]:
    """Read a dataset with zarr-python: group -> array -> values."""
    store = ZipStore(path, mode="r") if path.is_file() else zarr.storage.LocalStore(path, read_only=True)
    try:
        root = zarr.open_group(store, mode="r")
        return {
            group_name: {name: np.asarray(array[...]) for name, array in group.arrays()}
            for group_name, group in root.groups()
        }
    finally:
        store.close()
