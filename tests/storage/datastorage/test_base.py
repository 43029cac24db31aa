"""A store of somebody else needs the abstract methods alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zarrpack.storage.datastorage import DataStorage, MemoryStorage
from zarrpack.storage.datastorage.testing import DataStorageConformance, assert_same


class OthersStorage(DataStorage):
    """The least that one can write: what must be there, around another store."""

    def __init__(self) -> None:
        self.inner = MemoryStorage()
        self.inner.validate_on_save = False

    def save_data(self, data_key: str, data: Any) -> None:
        """Keep data."""
        self.require_fit(data_key, data)
        self.inner.save_data(data_key, data)

    def load_data(self, data_key: str) -> Any:
        """Give data."""
        return self.inner.load_data(data_key)

    def save_metadata(self, key: str, value: Any) -> None:
        """Keep metadata."""
        self.inner.save_metadata(key, value)

    def load_metadata(self, key: str) -> Any:
        """Give metadata."""
        return self.inner.load_metadata(key)

    def get_keys(self) -> list[str]:
        """Give the keys."""
        return self.inner.get_keys()

    def get_file_path(self, data_key: str) -> str:
        """Give a sentence."""
        return f"nowhere: {data_key}"

    def close(self) -> None:
        """Forget everything."""
        self.inner.close()

    def format(self) -> str:
        """Give a name."""
        return "others"


class TestOthersStorage(DataStorageConformance):
    """The least that one can write passes."""

    takes_anything = True

    def make_storage(self, folder: Path) -> DataStorage:
        """Make an empty one."""
        return OthersStorage()


@pytest.mark.parametrize(
    "method",
    ["save_data", "load_data", "save_metadata", "load_metadata", "get_keys", "get_file_path", "close", "format"],
)
def test_what_is_abstract(method: str) -> None:
    """A class without one of these methods cannot be used."""
    incomplete = type("Incomplete", (OthersStorage,), {method: getattr(DataStorage, method)})

    with pytest.raises(TypeError, match=method):
        incomplete()


def test_the_rest_has_defaults() -> None:
    """Without more, nothing is compressed, and only what zarrpack writes itself is listed among the metadata."""
    storage = OthersStorage()
    storage.save_metadata("size", 1)
    assert storage.get_metadata_keys() == []
    storage.save_data("a", 1)
    storage.set_schema({"groups": {}})

    assert storage.compress_store() == 0
    assert storage.get_metadata_keys() == ["_storage_schema", "file_sizes_KB"]


def test_a_schema_is_copied() -> None:
    """A store that keeps metadata by reference keeps a copy of the schema all the same."""

    class ByReference(OthersStorage):
        def save_metadata(self, key: str, value: Any) -> None:
            self.kept = value

        def load_metadata(self, key: str) -> Any:
            return self.kept

    schema: dict[str, Any] = {"groups": {"faces": {}}}
    storage = ByReference()
    storage.set_schema(schema)
    schema["groups"].clear()

    assert storage.get_schema() == {"groups": {"faces": {}}}


def test_a_schema_must_be_a_dict() -> None:
    """A builder that was not built is refused, and a schema that somebody damaged counts as none."""
    storage = MemoryStorage()
    with pytest.raises(TypeError, match="build"):
        storage.set_schema("faces")  # type: ignore[arg-type]
    storage.save_metadata("_storage_schema", "damaged")

    assert storage.get_schema() == {}
    assert storage.validate_data_against_schema("face_areas", 1)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (1, True),
        (1, 1.0),
        ([1], [1, 2]),
        ({"a": 1}, {"b": 1}),
        ({"a": 1}, {"a": 2}),
        (np.array([1]), np.array([1.0])),
        (np.array([1]), np.array([[1]])),
        (np.array([1]), [1]),
        (np.array([1.0]), np.array([np.nan])),
        ("a", "b"),
    ],
)
def test_the_comparison_sees_differences(found: object, expected: object) -> None:
    """What differs in type, shape, names or values is not the same; what does not is."""
    with pytest.raises(AssertionError):
        assert_same(found, expected)
    assert_same(expected, expected)
