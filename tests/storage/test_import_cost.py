"""Which libraries the processes that read, encode and write load."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {"dask", "h5py", "matplotlib", "numcodecs", "pandas", "pyarrow", "xarray", "zarr"}


@pytest.mark.parametrize(
    ("module", "forbidden"),
    [
        ("zarrpack.storage.zip_writer", HEAVY | {"numpy", "zstandard"}),
        ("zarrpack.storage.pack_encoder", HEAVY),
        ("zarrpack.storage.data_file", HEAVY),
        ("zarrpack.storage.open_dataset", HEAVY),
        ("zarrpack.storage.items.item_reader", HEAVY),
        ("zarrpack.dataset.loader", HEAVY | {"torch", "duckdb", "PIL", "simplejpeg"}),
        ("zarrpack.dataset.explore.explorer", HEAVY | {"torch", "duckdb"}),
    ],
)
def test_modules_load_what_they_need(module: str, forbidden: set[str]) -> None:
    """The writer needs no numpy, and none of the formats' modules a library that takes long to import."""
    code = f"import sys, {module}; print(*sorted(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(result.stdout.split())

    assert module in loaded
    assert not forbidden & loaded
