"""What is kept: formats, the pack encoder, the merge, the tables, and the stores and datasets of one's own."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zarrpack.storage.datasetstorage.dataset_info import DatasetInfo
    from zarrpack.storage.datasetstorage.dataset_merger import DatasetMerger
    from zarrpack.storage.datasetstorage.schema_builder import SchemaBuilder
    from zarrpack.storage.datasetstorage.schema_templates import SchemaTemplates
    from zarrpack.storage.datastorage.base import DataStorage
    from zarrpack.storage.datastorage.convert import convert_storage
    from zarrpack.storage.datastorage.json_files import JsonStorageHandler
    from zarrpack.storage.datastorage.memory import MemoryStorage
    from zarrpack.storage.datastorage.opt import OptStorage
    from zarrpack.storage.file_retriever import CADFileRetriever, LocalStorageProvider

# Imported on first use: a process that only encodes needs none of them.
_HOMES = {
    "CADFileRetriever": "zarrpack.storage.file_retriever",
    "DataStorage": "zarrpack.storage.datastorage.base",
    "DatasetInfo": "zarrpack.storage.datasetstorage.dataset_info",
    "DatasetMerger": "zarrpack.storage.datasetstorage.dataset_merger",
    "JsonStorageHandler": "zarrpack.storage.datastorage.json_files",
    "LocalStorageProvider": "zarrpack.storage.file_retriever",
    "MemoryStorage": "zarrpack.storage.datastorage.memory",
    "OptStorage": "zarrpack.storage.datastorage.opt",
    "SchemaBuilder": "zarrpack.storage.datasetstorage.schema_builder",
    "SchemaTemplates": "zarrpack.storage.datasetstorage.schema_templates",
    "convert_storage": "zarrpack.storage.datastorage.convert",
}

__all__ = [
    "CADFileRetriever",
    "DataStorage",
    "DatasetInfo",
    "DatasetMerger",
    "JsonStorageHandler",
    "LocalStorageProvider",
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
