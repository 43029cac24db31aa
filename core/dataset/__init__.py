"""Exploring datasets and loading them for training."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zarrpack.dataset.explore.explorer import DatasetExplorer
    from zarrpack.dataset.item_batches import collate_items
    from zarrpack.dataset.leaks import Leak
    from zarrpack.dataset.loader import DatasetLoader
    from zarrpack.dataset.samplers import ClassBalancedSampler, ShapeBucketSampler
    from zarrpack.dataset.torch_dataset import TorchAdapter, TorchCADDataset
    from zarrpack.dataset.torch_stream import TorchStream
    from zarrpack.dataset.view import CADDataset, DatasetView

# Imported on first use: whoever trains needs no plots, and torch is not everybody's.
_HOMES = {
    "CADDataset": "zarrpack.dataset.view",
    "ClassBalancedSampler": "zarrpack.dataset.samplers",
    "DatasetExplorer": "zarrpack.dataset.explore.explorer",
    "DatasetLoader": "zarrpack.dataset.loader",
    "DatasetView": "zarrpack.dataset.view",
    "Leak": "zarrpack.dataset.leaks",
    "ShapeBucketSampler": "zarrpack.dataset.samplers",
    "TorchAdapter": "zarrpack.dataset.torch_dataset",
    "TorchCADDataset": "zarrpack.dataset.torch_dataset",
    "TorchStream": "zarrpack.dataset.torch_stream",
    "collate_items": "zarrpack.dataset.item_batches",
}

__all__ = [
    "CADDataset",
    "ClassBalancedSampler",
    "DatasetExplorer",
    "DatasetLoader",
    "DatasetView",
    "Leak",
    "ShapeBucketSampler",
    "TorchAdapter",
    "TorchCADDataset",
    "TorchStream",
    "collate_items",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its home on first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'zarrpack.dataset' has no attribute {name!r}; it offers {', '.join(__all__)}")
    if name.startswith("Torch"):
        from zarrpack.dataset.optional_libraries import require

        require("torch")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
