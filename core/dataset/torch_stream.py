"""A view as an iterable dataset of PyTorch's, for epochs from one end to the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from torch.utils.data import IterableDataset, get_worker_info

from zarrpack.dataset.item_order import block_order
from zarrpack.dataset.torch_items import tensors_of

if TYPE_CHECKING:
    from zarrpack.dataset.view import DatasetView

__all__ = ["TorchStream"]


class TorchStream(IterableDataset[Any]):  # type: ignore[misc] # torch is not followed
    """Items in the order in which they lie in the file, or shuffled block by block; the workers of a loader share the blocks.

    Parameters
    ----------
    view : DatasetView
        The items.
    seed : int or None
        Shuffles; None: in order.
    block : int
        Items that lie together and are shuffled together, at least 1.

    Raises
    ------
    ValueError
        If a block has no items.
    """

    def __init__(self, view: DatasetView, seed: int | None = None, block: int = 256) -> None:
        if block < 1:
            raise ValueError(f"expected blocks of at least one item, found {block}")
        self._view = view.in_file_order()
        self._seed = seed
        self._block = block
        self._epoch = 0

    def __len__(self) -> int:
        return len(self._view)

    def set_epoch(self, epoch: int) -> None:
        """Choose another order; workers that are running already do not see it.

        Parameters
        ----------
        epoch : int
            From 0.
        """
        self._epoch = epoch

    def __iter__(self) -> Iterator[Any]:
        worker = get_worker_info()
        part, parts = (0, 1) if worker is None else (worker.id, worker.num_workers)
        for positions in block_order(len(self._view), self._block, self._seed, self._epoch, part, parts):
            for position in positions:
                yield tensors_of(self._view.get_item(position))
