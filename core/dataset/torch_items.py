"""Arrays of an item become tensors that share their memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from zarrpack.dataset.item_batches import collate_items

__all__ = ["collate_tensors", "tensors_of"]


def tensors_of(item: Any) -> Any:
    """Make tensors of an item's arrays.

    Parameters
    ----------
    item : dict or anything else
        Anything else is given back as it is.

    Returns
    -------
    dict
        Numbers as tensors, which share the arrays' memory; strings and bytes as lists; things of different shapes as lists of tensors.
    """
    if not isinstance(item, dict):
        return item
    return {key: _tensor(value) for key, value in item.items()}


def collate_tensors(items: list[Any]) -> Any:
    """Make a batch as `collate_items` does, with ``id`` as a tensor."""
    batch = collate_items(items)
    if isinstance(batch, dict):
        return {key: _tensor(value) for key, value in batch.items()}
    return batch


def _tensor(value: Any) -> Any:
    if isinstance(value, np.generic) and value.dtype.kind in "biufc":
        return torch.from_numpy(np.array(value))
    if not isinstance(value, np.ndarray):
        return value
    if value.dtype == object:
        return [_tensor(one) for one in value.tolist()] if value.ndim else value.item()
    if value.dtype.kind not in "biufc":
        return value.tolist()
    if not value.dtype.isnative:
        value = value.astype(value.dtype.newbyteorder("="))
    return torch.from_numpy(value if value.flags.writeable else value.copy())
