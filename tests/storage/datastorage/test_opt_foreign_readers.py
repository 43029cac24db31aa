"""What the store writes is read by other programs, and what other programs write by the store."""

from __future__ import annotations

import json
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
import xarray as xr
import zarr
from zarr.storage import ZipStore

from zarrpack.errors import FormatError
from zarrpack.storage.data_file import DataFile
from zarrpack.storage.datastorage import OptStorage

VALUES: dict[str, Any] = {
    "zeros": np.array([0, 1, 0, 2], np.int32),
    "flags": np.array([False, True]),
    "areas": np.array([[0.0, np.inf]], np.float32),
    "complex": np.array([0, 1j]),
    "empty": np.empty((0, 3), np.uint8),
    "names": np.array(["", "größe", "x"], object),
    "number": 0,
    "text": "größe",
    "largest": np.arange(1_500_000, dtype=np.uint16),
}


@pytest.fixture(params=["folder", "archive"])
def written(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """A store with all values at the root and in a group, as a folder or as an archive, in zarr's terms."""
    path = tmp_path / "a.zarr"
    with OptStorage(path, compression="fast") as storage:
        for key, value in VALUES.items():
            storage.save_data(key, value)
        storage.save_data("group/inner", VALUES)
        if request.param == "archive":
            storage.compress_store()
    if request.param == "folder":
        yield path
        return
    store = ZipStore(f"{path}.data", mode="r")
    yield store
    store.close()


def test_zarr_reads_everything(written: Any) -> None:
    """zarr-python lists all groups and arrays and gives their values, without a warning."""
    root = zarr.open_group(written, mode="r", zarr_format=2)

    assert sorted(root.group_keys()) == ["group"]
    for group in (root, root["group/inner"]):
        assert isinstance(group, zarr.Group)
        assert sorted(group.array_keys()) == sorted(VALUES)
        for name, value in VALUES.items():
            array = group[name]
            assert isinstance(array, zarr.Array)
            assert array.fill_value is None
            np.testing.assert_array_equal(np.asarray(array[...]).astype(np.asarray(value).dtype), value)
            if name not in ("names", "text"):
                assert array.dtype == np.asarray(value).dtype


def test_xarray_reads_everything(written: Any) -> None:
    """xarray opens the store with zeros as zeros and integers as integers, and dimensions named after the arrays."""
    for group, prefix in [(None, ""), ("group/inner", "group_inner_")]:
        with xr.open_zarr(written, group=group, chunks=None) as data:
            assert set(data.variables) == set(VALUES)
            for name, value in VALUES.items():
                values = np.asarray(value)
                assert data[name].dims == tuple(f"{prefix}{name}_dim_{axis}" for axis in range(values.ndim))
                np.testing.assert_array_equal(data[name].values.astype(values.dtype), values)
                if name not in ("names", "text"):
                    assert data[name].dtype == values.dtype


def test_an_open_store_can_be_read(tmp_path: Path) -> None:
    """While a store is being written its folder is a Zarr hierarchy already."""
    with OptStorage(tmp_path / "a.zarr") as storage:
        storage.save_data("faces/areas", [1.5, 0.0])
        array = zarr.open_array(storage.get_file_path("faces/areas"), mode="r", zarr_format=2)

        assert np.asarray(array[...]).tolist() == [1.5, 0.0]


def test_reopening_forgets_what_was_consolidated(tmp_path: Path) -> None:
    """Arrays that come after a store was closed and opened again are seen by readers of consolidated metadata."""
    for key in "ab":
        with OptStorage(tmp_path / "a.zarr") as storage:
            storage.save_data(key, [1])
            assert not (tmp_path / "a.zarr" / ".zmetadata").exists()

    with xr.open_zarr(tmp_path / "a.zarr", chunks=None) as data:
        assert set(data.variables) == {"a", "b"}


def test_the_archive_is_a_sound_zip(tmp_path: Path) -> None:
    """The archive is stored, dated 1980, passes zip's own test, and begins with the documents."""
    with OptStorage(tmp_path / "part_001.zarr") as storage:
        storage.save_data("faces/areas", [1.5])
        storage.save_metadata("description", "a bracket")
        storage.compress_store()
    archive = tmp_path / "part_001.zarr.data"
    with zipfile.ZipFile(archive) as file:
        assert file.testzip() is None
        assert file.namelist()[:4] == [".zmetadata", ".zgroup", ".zattrs", "metadata.json"]
        assert all(entry.compress_type == 0 and entry.date_time[0] == 1980 for entry in file.infolist())
        documents = json.loads(file.read(".zmetadata"))["metadata"]
        assert all(json.loads(file.read(name)) == document for name, document in documents.items())
        assert len(documents) == sum(
            name.rpartition("/")[2] in (".zarray", ".zattrs", ".zgroup") for name in file.namelist()
        )
        metadata = json.loads(file.read("metadata.json"))
    if shutil.which("unzip"):
        assert subprocess.run(["unzip", "-t", archive], check=False, capture_output=True).returncode == 0

    assert metadata["zarrpack"] == {"name": "part_001", "description": "a bracket"}
    with DataFile(archive) as data:
        assert data.kind == "store"
        assert data.arrays["faces/areas"].metadata.attributes["zarrpack_role"] == "data"


def test_what_zarr_adds_to_the_folder_is_packed(tmp_path: Path) -> None:
    """Arrays that zarr-python writes into the folder are in the archive, whatever their codec, and block no others."""
    path = tmp_path / "a.zarr"
    with OptStorage(path) as storage:
        storage.save_data("own", [1.5])
        group = zarr.open_group(path, mode="a", zarr_format=2, use_consolidated=False)
        for name, compressor in [("plain", None), ("zstd", numcodecs.Zstd(3)), ("blosc", numcodecs.Blosc())]:
            array = group.create_array(name, shape=(3,), chunks=(2,), dtype="<i4", compressors=compressor, fill_value=0)
            array[:] = [1, 2, 3]
        group.create_array("absent", shape=(3,), dtype="<i4", compressors=None, fill_value=0)
        storage.compress_store()
    with ZipStore(f"{path}.data", mode="r") as store:
        root = zarr.open_group(store, mode="r", zarr_format=2)
        assert {name: np.asarray(root[name][:]).tolist() for name in ("plain", "blosc", "absent")} == {  # type: ignore[index]
            "plain": [1, 2, 3],
            "blosc": [1, 2, 3],
            "absent": [0, 0, 0],
        }

    with OptStorage(path) as storage:
        assert storage.load_data("plain").tolist() == storage.load_data("zstd").tolist() == [1, 2, 3]
        assert storage.load_data("own").tolist() == [1.5]
        for name in ("blosc", "absent"):
            with pytest.raises(FormatError, match=name):
                storage.load_data(name)


def test_nan_by_another_program_is_found_when_packing(tmp_path: Path) -> None:
    """An array with NaN that came into the folder by another way stops the packing and is named."""
    with OptStorage(tmp_path / "a.zarr") as storage:
        storage.save_data("own", [1.5])
        group = zarr.open_group(tmp_path / "a.zarr", mode="a", zarr_format=2, use_consolidated=False)
        array = group.create_array("foreign", shape=(3,), dtype="<f4", compressors=None, fill_value=None)
        array[:] = [1, np.nan, 2]

        with pytest.raises(ValueError, match=r"foreign: .*NaN"):
            storage.compress_store()


def test_a_plain_zip_by_zarr_is_read(tmp_path: Path) -> None:
    """An archive by zarr-python without consolidated metadata and without metadata.json is opened for reading."""
    with ZipStore(tmp_path / "a.zarr.data", mode="w") as store:
        group = zarr.create_group(store, zarr_format=2)
        group.create_array("faces/areas", data=np.array([1.5, 0.0]), compressors=numcodecs.Zstd(3), fill_value=None)
    with OptStorage(tmp_path / "a.zarr") as storage:
        assert storage.get_keys() == ["faces"]
        assert storage.load_data("faces/areas").tolist() == [1.5, 0.0]
        assert storage.get_metadata_keys() == []
        assert storage.get_schema() == {}
