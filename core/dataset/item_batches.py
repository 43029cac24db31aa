"""Items become batches: what has one shape is stacked, what has not is listed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["collate_items"]


def collate_items(items: Sequence[Any]) -> Any:
    """Make a batch of items.

    Parameters
    ----------
    items : sequence of dict
        As a view or `TorchCADDataset` gives them. Anything else is left as a list.

    Returns
    -------
    dict
        Key -> the items' values: arrays of one shape and dtype stacked along a new first axis (tensors in shared memory, if a worker of
        PyTorch's loader does it), ``id`` as an array or tensor, anything else as a list; an item without the key has None there.

    Examples
    --------
    >>> batch = collate_items([{"id": 0, "name": "a", "g/x": np.zeros(2)}, {"id": 1, "name": "b", "g/x": np.ones(2)}])
    >>> batch["id"], batch["name"], batch["g/x"].shape
    (array([0, 1]), ['a', 'b'], (2, 2))
    """
    if not items or not all(isinstance(item, Mapping) for item in items):
        return list(items)
    keys = dict.fromkeys(key for item in items for key in item)
    return {key: _column([item.get(key) for item in items]) for key in keys}


def _column(values: list[Any]) -> Any:
    first = values[0]
    kinds = {type(value) for value in values}
    if kinds <= {int, bool, float} and len(kinds) == 1:
        return np.array(values)
    if len(kinds) != 1 or not hasattr(first, "shape"):
        return values
    if len({(tuple(value.shape), value.dtype) for value in values}) > 1 or first.dtype == object:
        return values
    if isinstance(first, np.ndarray | np.generic):
        return np.stack(values)
    from torch.utils.data import default_collate

    return default_collate(values)
