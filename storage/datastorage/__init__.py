"""Per-file stores behind one interface."""

from __future__ import annotations

from zarrpack.storage.datastorage.base import DataStorage
from zarrpack.storage.datastorage.convert import convert_storage
from zarrpack.storage.datastorage.json_files import JsonStorageHandler
from zarrpack.storage.datastorage.memory import MemoryStorage
from zarrpack.storage.datastorage.opt import OptStorage

__all__ = ["DataStorage", "JsonStorageHandler", "MemoryStorage", "OptStorage", "convert_storage"]
