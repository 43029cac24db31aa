"""Schemas, and what joins and describes many per-file stores."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zarrpack.storage.datasetstorage.dataset_info import DatasetInfo
    from zarrpack.storage.datasetstorage.dataset_merger import DatasetMerger
    from zarrpack.storage.datasetstorage.schema_builder import SchemaBuilder, create_cad_schema
    from zarrpack.storage.datasetstorage.schema_templates import SchemaTemplates

# Imported on first use: a schema needs neither the merge nor Parquet.
_HOMES = {
    "DatasetInfo": "zarrpack.storage.datasetstorage.dataset_info",
    "DatasetMerger": "zarrpack.storage.datasetstorage.dataset_merger",
    "SchemaBuilder": "zarrpack.storage.datasetstorage.schema_builder",
    "SchemaTemplates": "zarrpack.storage.datasetstorage.schema_templates",
    "create_cad_schema": "zarrpack.storage.datasetstorage.schema_builder",
}

__all__ = ["DatasetInfo", "DatasetMerger", "SchemaBuilder", "SchemaTemplates", "create_cad_schema"]


def __getattr__(name: str) -> Any:
    """Import a public name from its home on first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(
            f"module 'zarrpack.storage.datasetstorage' has no attribute {name!r}; it offers {', '.join(__all__)}"
        )
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
