"""Archives become datasets: the public face of zarrpack.

Everything here is loaded on first use, so that ``import zarrpack`` stays cheap and a process
pays only for what it touches.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zarrpack.converters.convert import convert
    from zarrpack.converters.result import ConvertResult
    from zarrpack.converters.retrieval.retriever import DataRetriever
    from zarrpack.converters.retry import retry
    from zarrpack.dataset.explore.explorer import DatasetExplorer
    from zarrpack.dataset.loader import DatasetLoader
    from zarrpack.dataset.view import DatasetView
    from zarrpack.errors import ZarrpackError
    from zarrpack.storage.open_dataset import open_dataset
    from zarrpack.storage.sharded.reader import ShardedDatasetReader
    from zarrpack.storage.sharded.writer import ShardedDatasetWriter

__version__ = "0.1.0"

_HOMES = {
    "ConvertResult": "zarrpack.converters.result",
    "DataRetriever": "zarrpack.converters.retrieval.retriever",
    "ShardedDatasetReader": "zarrpack.storage.sharded.reader",
    "ShardedDatasetWriter": "zarrpack.storage.sharded.writer",
    "DatasetExplorer": "zarrpack.dataset.explore.explorer",
    "DatasetLoader": "zarrpack.dataset.loader",
    "DatasetView": "zarrpack.dataset.view",
    "ZarrpackError": "zarrpack.errors",
    "convert": "zarrpack.converters.convert",
    "open_dataset": "zarrpack.storage.open_dataset",
    "retry": "zarrpack.converters.retry",
}

__all__ = [
    "ConvertResult",
    "DataRetriever",
    "DatasetExplorer",
    "DatasetLoader",
    "DatasetView",
    "ShardedDatasetReader",
    "ShardedDatasetWriter",
    "ZarrpackError",
    "__version__",
    "convert",
    "open_dataset",
    "retry",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its home on first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'zarrpack' has no attribute {name!r}; it offers {', '.join(__all__)}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
