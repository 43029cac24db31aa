"""Partitioned Parquet datasets: hive folders with a manifest, atomic commits, filtered scans."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zarrpack.storage.parquet.dataset_facade import ParquetDatasetManager
    from zarrpack.storage.parquet.schemas import TableSchema, register_schema, unregister_schema

# Imported on first use: importing this package loads no pyarrow.
_HOMES = {
    "ParquetDatasetManager": "zarrpack.storage.parquet.dataset_facade",
    "TableSchema": "zarrpack.storage.parquet.schemas",
    "register_schema": "zarrpack.storage.parquet.schemas",
    "unregister_schema": "zarrpack.storage.parquet.schemas",
}

__all__ = ["ParquetDatasetManager", "TableSchema", "register_schema", "unregister_schema"]


def __getattr__(name: str) -> Any:
    """Import a public name from its home on first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(
            f"module 'zarrpack.storage.parquet' has no attribute {name!r}; it offers {', '.join(__all__)}"
        )
    try:
        return getattr(import_module(_HOMES[name]), name)
    except ModuleNotFoundError as exc:
        if exc.name is None or exc.name.partition(".")[0] != "pyarrow":
            raise
        raise ImportError(f"{name} needs pyarrow, which is not installed; python -m pip install pyarrow") from exc


def __dir__() -> list[str]:
    return sorted(__all__)
