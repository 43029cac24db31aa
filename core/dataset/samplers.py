"""Which items come next: by class, or by shape. Any loader that takes an iterable of positions can use them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from zarrpack.dataset.item_order import epoch_random
from zarrpack.dataset.view import DatasetView
from zarrpack.errors import UsageError

__all__ = ["ClassBalancedSampler", "ShapeBucketSampler"]


class ClassBalancedSampler:
    """Draws items so that every class is as likely as any other, with repetition; a ``sampler`` for PyTorch's loader.

    Parameters
    ----------
    view : DatasetView
        The items.
    key : str
        What the classes are, as in `DatasetLoader.split`. An item of several classes is as likely as their mean; one of none is never drawn.
    group : str, optional
        The array's group.
    count : int, optional
        Draws in an epoch; as many as there are items if nothing is said.
    seed : int
        Equal seeds and epochs give equal draws.

    Raises
    ------
    UsageError
        If no item has a class.
    KeyError
        If there is nothing of that name.
    """

    def __init__(
        self, view: DatasetView, key: str, group: str | None = None, count: int | None = None, seed: int = 0
    ) -> None:
        labels = view.parent_dataset.labels_of(view.get_file_codes(), key, group)
        if not len(labels.items):
            raise UsageError(f"{key}: expected items with a class, found none")
        rarity = 1 / np.bincount(labels.labels)[labels.labels]
        sums = np.bincount(labels.items, rarity, len(view))
        weights = sums / np.maximum(1, np.bincount(labels.items, minlength=len(view)))
        self._borders = np.cumsum(weights / weights.sum())
        self._count = len(view) if count is None else count
        self._seed = seed
        self._epoch = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[int]:
        draws = epoch_random(self._seed, self._epoch).random(self._count) * self._borders[-1]
        return iter(np.searchsorted(self._borders, draws, "right").tolist())

    def set_epoch(self, epoch: int) -> None:
        """Choose other draws."""
        self._epoch = epoch


class ShapeBucketSampler:
    """Gives batches of items whose arrays have one shape, so that they can be stacked; a ``batch_sampler`` for PyTorch's loader.

    Parameters
    ----------
    view : DatasetView
        The items.
    array : str
        ``"group/array"``. Shapes are known without reading values; of pictures that are decoded from the source's bytes, their height,
        width and channels count. Items without such rows are a bucket of their own.
    batch_size : int
        Items in a batch at the most.
    seed : int or None
        Shuffles items in their buckets, and the batches; None: in order, bucket by bucket.
    drop_last : bool
        Whether batches that are not full are left out.

    Raises
    ------
    UsageError
        If the batches would have no items, or there is no dataset.
    NotFound
        If there is no such array.
    """

    def __init__(
        self, view: DatasetView, array: str, batch_size: int, seed: int | None = 0, drop_last: bool = False
    ) -> None:
        if batch_size < 1:
            raise UsageError(f"batch_size: expected at least 1, found {batch_size}")
        buckets: dict[Any, list[int]] = {}
        for position, shape in enumerate(view.shapes(array)):
            buckets.setdefault(shape, []).append(position)
        self._buckets = list(buckets.values())
        self._batch_size = batch_size
        self._seed = seed
        self._drop_last = drop_last
        self._epoch = 0

    def __len__(self) -> int:
        size = self._batch_size
        return sum(len(one) // size if self._drop_last else -(-len(one) // size) for one in self._buckets)

    def __iter__(self) -> Iterator[list[int]]:
        random = None if self._seed is None else epoch_random(self._seed, self._epoch)
        batches = []
        for bucket in self._buckets:
            positions = np.array(bucket)
            if random is not None:
                random.shuffle(positions)
            for start in range(0, len(positions), self._batch_size):
                batch = positions[start : start + self._batch_size].tolist()
                if len(batch) == self._batch_size or not self._drop_last:
                    batches.append(batch)
        order = range(len(batches)) if random is None else random.permutation(len(batches)).tolist()
        return (batches[number] for number in order)

    def set_epoch(self, epoch: int) -> None:
        """Choose another order."""
        self._epoch = epoch
