"""What is kept: formats, the pack encoder, the merge, the tables, and stores of one's own."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zarrpack.storage.datasetstorage.schema_builder import SchemaBuilder
    from zarrpack.storage.datasetstorage.schema_templates import SchemaTemplates
    from zarrpack.storage.datastorage.base import DataStorage
    from zarrpack.storage.datastorage.convert import convert_storage
    from zarrpack.storage.datastorage.json_files import JsonStorageHandler
    from zarrpack.storage.datastorage.memory import MemoryStorage
    from zarrpack.storage.datastorage.opt import OptStorage

# Imported on first use: a process that only encodes needs none of them.
_HOMES = {
    "DataStorage": "zarrpack.storage.datastorage.base",
    "JsonStorageHandler": "zarrpack.storage.datastorage.json_files",
    "MemoryStorage": "zarrpack.storage.datastorage.memory",
    "OptStorage": "zarrpack.storage.datastorage.opt",
    "SchemaBuilder": "zarrpack.storage.datasetstorage.schema_builder",
    "SchemaTemplates": "zarrpack.storage.datasetstorage.schema_templates",
    "convert_storage": "zarrpack.storage.datastorage.convert",
}

__all__ = [
    "DataStorage",
    "JsonStorageHandler",
    "MemoryStorage",
    "OptStorage",
    "SchemaBuilder",
    "SchemaTemplates",
    "convert_storage",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its home on first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'zarrpack.storage' has no attribute {name!r}; it offers {', '.join(__all__)}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
