"""The store in memory keeps values as they are, and leaves nothing behind."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np

from zarrpack.storage.datastorage import MemoryStorage
from zarrpack.storage.datastorage.testing import assert_same


def test_values_keep_their_type() -> None:
    """Tuples, sets, None and dicts in lists come back as they were."""
    storage = MemoryStorage()
    values = {"tuple": (1, 2), "set": {1}, "none": None, "list": [{1: 2}]}
    for key, value in values.items():
        storage.save_data(key, value)

    assert {key: storage.load_data(key) for key in storage.get_keys()} == values
    assert storage.format() == "memory"
    assert storage.compress_store() == 0


def test_lists_are_copied() -> None:
    """What is in a list can be changed outside without changing the store."""
    storage = MemoryStorage()
    values: list[Any] = [np.array([1]), [2]]
    storage.save_data("values", values)
    values[0][0] = 7
    storage.load_data("values")[1].append(3)

    assert_same(storage.load_data("values"), [np.array([1]), [2]])


def test_sizes_are_those_in_memory() -> None:
    """Sizes are what Python says of the object, an array's values included."""
    storage = MemoryStorage()
    storage.save_data("values", np.zeros(1000)[::2])
    storage.save_data("text", "abc")

    assert storage.load_metadata("file_sizes_KB") == {
        "values": sys.getsizeof(np.zeros(500)) / 1024,
        "text": sys.getsizeof("abc") / 1024,
    }


def test_places() -> None:
    """A key has no file, and says so; the store's folder is temporary."""
    storage = MemoryStorage()
    folder = Path(storage.get_file_path(""))
    (folder / "visu.png").write_bytes(b"png")

    assert storage.get_file_path("face_areas") == "In-memory storage: No file path for key 'face_areas'"
    assert storage.get_file_path("") == str(folder)
    assert folder.is_dir()

    copy = pickle.loads(pickle.dumps(storage))
    copy.close()
    assert folder.is_dir()

    storage.close()
    storage.close()
    assert not folder.exists()


def test_closing_forgets() -> None:
    """A closed store is empty."""
    storage = MemoryStorage()
    storage.save_data("a", 1)
    storage.save_metadata("b", 2)
    storage.close()

    assert storage.get_keys() == storage.get_metadata_keys() == []


def test_pickled_copies_have_the_data() -> None:
    """A pickled store is one of its own, with the same data."""
    storage = MemoryStorage()
    storage.save_data("a", np.array([1]))
    copy = pickle.loads(pickle.dumps(storage))
    copy.save_data("b", 2)

    assert_same(copy.load_data("a"), np.array([1]))
    assert storage.get_keys() == ["a"]
