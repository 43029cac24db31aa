"""A process that only saves and loads pays for nothing else."""

from __future__ import annotations

import subprocess
import sys

import pytest

import zarrpack.storage

HEAVY = {"dask", "h5py", "matplotlib", "numcodecs", "pandas", "pyarrow", "pytest", "xarray", "zarr"}

USE = """
from zarrpack.storage import OptStorage
with OptStorage("a.zarr") as storage:
    storage.set_schema({"groups": {"faces": {"arrays": {"areas": {"dims": ["face"], "dtype": "float32"}}}}})
    storage.save_data("areas", [1.5])
    storage.compress_store()
assert storage.load_data("areas").tolist() == [1.5]
"""


def loaded_by(code: str, folder: object) -> set[str]:
    """Name the modules that a process has loaded after running some code."""
    command = [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"]
    result = subprocess.run(command, capture_output=True, text=True, check=True, cwd=str(folder))
    return set(result.stdout.split())


def test_saving_loads_no_large_library(tmp_path: object) -> None:
    """To make a store, save, validate, pack and load needs numpy and Zstd alone."""
    loaded = loaded_by(USE, tmp_path)

    assert "zarrpack.storage.datastorage.opt" in loaded
    assert not HEAVY & loaded


def test_the_package_loads_nothing(tmp_path: object) -> None:
    """The names of zarrpack.storage are imported when they are used."""
    loaded = loaded_by("import zarrpack.storage", tmp_path)

    assert "zarrpack.storage" in loaded
    assert not {"numpy", "zarrpack.storage.datastorage"} & loaded


def test_the_names_are_there() -> None:
    """Every announced name can be imported, and no other."""
    for name in zarrpack.storage.__all__:
        assert getattr(zarrpack.storage, name).__name__ == name
    assert dir(zarrpack.storage) == sorted(zarrpack.storage.__all__)
    with pytest.raises(AttributeError, match="OptStorage"):
        zarrpack.storage.nothing  # noqa: B018
