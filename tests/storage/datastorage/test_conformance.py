"""Every store does what every store must do."""

from __future__ import annotations

from pathlib import Path

from zarrpack.storage.datastorage import DataStorage, JsonStorageHandler, MemoryStorage, OptStorage
from zarrpack.storage.datastorage.testing import DataStorageConformance


class TestMemoryStorage(DataStorageConformance):
    """The store in memory."""

    takes_anything = True

    def make_storage(self, folder: Path) -> DataStorage:
        """Make an empty one."""
        return MemoryStorage()


class TestJsonStorage(DataStorageConformance):
    """The store of JSON files."""

    is_persistent = True

    def make_storage(self, folder: Path) -> DataStorage:
        """Open the folder."""
        return JsonStorageHandler(folder / "json")


class TestOptStorage(DataStorageConformance):
    """The store of compressed arrays, as a folder."""

    lists_become_arrays = True
    rejects_nan = True
    is_persistent = True

    def make_storage(self, folder: Path) -> DataStorage:
        """Open the folder."""
        return OptStorage(folder / "part_001.zarr")


class TestFastOptStorage(TestOptStorage):
    """The same with another codec."""

    def make_storage(self, folder: Path) -> DataStorage:
        """Open the folder."""
        return OptStorage(folder / "part_001.zarr", compression="fast")


class TestUncompressedOptStorage(TestOptStorage):
    """The same without compression."""

    def make_storage(self, folder: Path) -> DataStorage:
        """Open the folder."""
        return OptStorage(folder / "part_001.zarr", compression="none")
