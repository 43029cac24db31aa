"""The names that people import, and what their packages cost."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys

import pytest

HEAVY = {"dask", "h5py", "matplotlib", "numcodecs", "numpy", "pandas", "pyarrow", "xarray", "zarr", "zstandard"}

NAMES = {
    "zarrpack.storage": [
        *("CADFileRetriever", "DataStorage", "DatasetInfo", "DatasetMerger", "JsonStorageHandler"),
        *("LocalStorageProvider", "MemoryStorage", "OptStorage", "SchemaBuilder", "SchemaTemplates", "convert_storage"),
    ],
    "zarrpack.storage.datastorage": [
        *("DataStorage", "JsonStorageHandler", "MemoryStorage", "OptStorage", "convert_storage"),
    ],
    "zarrpack.storage.datasetstorage": [
        *("DatasetInfo", "DatasetMerger", "SchemaBuilder", "SchemaTemplates", "create_cad_schema"),
    ],
}


def loaded_by(code: str) -> set[str]:
    """Name the modules that are loaded after some code has run in a fresh process."""
    code = f"import sys\n{code}\nprint(*sorted(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(result.stdout.split())


@pytest.mark.parametrize("package", NAMES)
def test_the_names_are_there(package: str) -> None:
    """All of them, and no others are announced; each is the very object of its home."""
    module = importlib.import_module(package)

    assert sorted(module.__all__) == sorted(NAMES[package])
    assert set(dir(module)) >= set(NAMES[package])
    for name in NAMES[package]:
        value = getattr(module, name)
        assert inspect.isclass(value) or inspect.isfunction(value)
        assert getattr(importlib.import_module(value.__module__), name) is value


@pytest.mark.parametrize("package", ["zarrpack.storage", "zarrpack.storage.datasetstorage"])
def test_an_unknown_name_is_an_attribute_error(package: str) -> None:
    """It says what there is."""
    with pytest.raises(AttributeError, match=r"has no attribute 'Nothing'; it offers .*DatasetInfo"):
        importlib.import_module(package).Nothing  # noqa: B018


@pytest.mark.parametrize(
    ("code", "forbidden"),
    [
        ("import zarrpack.storage", HEAVY),
        ("import zarrpack.storage.datasetstorage", HEAVY),
        ("from zarrpack.storage import SchemaBuilder", HEAVY - {"numpy"}),
        ("from zarrpack.storage import OptStorage, MemoryStorage", HEAVY - {"numpy", "zstandard", "numcodecs"}),
        ("from zarrpack.storage import DatasetInfo", HEAVY - {"numpy", "zstandard", "numcodecs"}),
        ("from zarrpack.storage import CADFileRetriever", HEAVY),
    ],
)
def test_what_is_not_used_is_not_loaded(code: str, forbidden: set[str]) -> None:
    """The packages cost nothing; a class costs what it needs."""
    loaded = loaded_by(code)

    assert "zarrpack.storage" in loaded
    assert not forbidden & loaded


def test_tables_are_written_without_pandas() -> None:
    """Which takes longer to import than the tables to write."""
    code = "from zarrpack.storage import DatasetInfo\nimport tempfile, os\nos.chdir(tempfile.mkdtemp())\n"
    loaded = loaded_by(f"{code}open('a.json', 'w').write('{{}}')\nDatasetInfo(['a.json'], 'i', 't').parse_info_files()")

    assert "pyarrow" in loaded
    assert not {"pandas", "xarray", "zarr", "dask"} & loaded
