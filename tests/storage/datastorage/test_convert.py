"""One store becomes another, or it is said why not."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from zarrpack.storage.datastorage import DataStorage, JsonStorageHandler, MemoryStorage, OptStorage, convert_storage
from zarrpack.storage.datastorage.testing import assert_same


def fill(storage: DataStorage) -> None:
    """Save something of every kind."""
    storage.save_data("graph", {"edges": np.array([0, 1], np.int32), "num_nodes": 4, "empty": {}})
    storage.save_data("face_areas", np.array([1.5], np.float32))
    storage.save_data("names", np.array(["a", "größe"], object))
    storage.save_data("metadata", {"version": "1"})
    storage.save_metadata("processing/duration", 12.5)
    storage.set_schema({"groups": {"faces": {"arrays": {"face_areas": {"dims": ["face"], "dtype": "float32"}}}}})


def test_there_and_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Data, metadata and schema come through all three stores; sizes and index are each store's own."""
    stores: list[DataStorage] = [
        JsonStorageHandler(tmp_path / "json"),
        OptStorage(tmp_path / "a.zarr"),
        MemoryStorage(),
        JsonStorageHandler(tmp_path / "json2"),
    ]
    fill(stores[0])
    for source, target in itertools.pairwise(stores):
        convert_storage(source, target)
    first, last = stores[0], stores[-1]

    assert sorted(last.get_keys()) == sorted(first.get_keys())
    for key in first.get_keys():
        assert_same(last.load_data(key), first.load_data(key))
    assert last.load_metadata("processing") == {"duration": 12.5}
    assert last.get_schema() == first.get_schema()
    assert set(last.get_metadata_keys()) == {"file_sizes_KB", "processing", "_storage_schema"}
    assert stores[2].load_metadata("file_sizes_KB/face_areas") != first.load_metadata("file_sizes_KB/face_areas")
    assert capsys.readouterr().out == ""
    stores[1].close()


def test_verbose_names_the_keys(capsys: pytest.CaptureFixture[str]) -> None:
    """On request every key is printed."""
    source = MemoryStorage()
    source.save_data("areas", [1.5])
    source.save_metadata("size", 1)
    convert_storage(source, MemoryStorage(), verbose=True)

    assert capsys.readouterr().out == "data areas\nmetadata size\n"


def test_nothing_to_convert() -> None:
    """A store without data raises RuntimeError."""
    with pytest.raises(RuntimeError, match="no keys"):
        convert_storage(MemoryStorage(), MemoryStorage())


@pytest.mark.parametrize("error", [RuntimeError, ValueError])
def test_nan_names_its_key(tmp_path: Path, error: type[Exception]) -> None:
    """What the other store refuses is an error of both kinds that one may expect, and names the key."""
    source = JsonStorageHandler(tmp_path / "json")
    source.save_data("group", {"areas": np.array([np.nan])})

    with OptStorage(tmp_path / "a.zarr") as target, pytest.raises(error, match="group/areas"):
        convert_storage(source, target)


def test_a_store_that_lists_no_metadata_gives_its_schema() -> None:
    """A store of somebody else, with the abstract methods alone, is converted with its schema."""

    class Plain(MemoryStorage):
        get_metadata_keys = DataStorage.get_metadata_keys

    source, target = Plain(), MemoryStorage()
    fill(source)
    convert_storage(source, target)

    assert source.get_metadata_keys() == ["_storage_schema", "file_sizes_KB"]
    assert target.get_schema() == source.get_schema() != {}


def test_metadata_that_cannot_be_kept_name_their_key() -> None:
    """An error of metadata says which."""

    class Refusing(MemoryStorage):
        def save_metadata(self, key: str, value: object) -> None:
            raise OSError("disk full")

    source = MemoryStorage()
    source.save_data("a", 1)
    source.save_metadata("size", 1)

    with pytest.raises(RuntimeError, match=r"metadata size: .* disk full"):
        convert_storage(source, Refusing())
