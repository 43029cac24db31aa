"""The sharded store: samples of named arrays in plain tar shards, one SQLite index over them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zarrpack.storage.sharded.reader import ShardedDatasetReader
    from zarrpack.storage.sharded.view import SampleView
    from zarrpack.storage.sharded.writer import ShardedDatasetWriter

# Imported on first use: who only reads needs no writer.
_HOMES = {
    "SampleView": "zarrpack.storage.sharded.view",
    "ShardedDatasetReader": "zarrpack.storage.sharded.reader",
    "ShardedDatasetWriter": "zarrpack.storage.sharded.writer",
}

__all__ = ["SampleView", "ShardedDatasetReader", "ShardedDatasetWriter"]


def __getattr__(name: str) -> Any:
    """Import a public name from its home on first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(
            f"module 'zarrpack.storage.sharded' has no attribute {name!r}; it offers {', '.join(__all__)}"
        )
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
