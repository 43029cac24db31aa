"""A view as a map-style dataset of PyTorch's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from torch.utils.data import DataLoader, Dataset

from zarrpack.dataset.torch_items import collate_tensors, tensors_of

if TYPE_CHECKING:
    from zarrpack.dataset.view import DatasetView

__all__ = ["TorchAdapter", "TorchCADDataset"]


class TorchCADDataset(Dataset[Any]):  # type: ignore[misc] # torch is not followed
    """Items of a view with tensors for arrays.

    It may be used by the workers of a `torch.utils.data.DataLoader` under any start method: each opens the file for itself.

    Parameters
    ----------
    cad_dataset : DatasetView
        The items.
    collate_fn : callable, optional
        Makes a batch of items, in `get_dataloader`; a DataLoader that one makes oneself must be given it. If nothing is said:
        what has one shape is stacked, what has not is listed.

    Attributes
    ----------
    view : DatasetView
        The items.
    collate_fn : callable
        As given.
    """

    def __init__(self, cad_dataset: DatasetView, collate_fn: Callable[[list[Any]], Any] | None = None) -> None:
        self.view = cad_dataset
        self.collate_fn = collate_fn or collate_tensors

    def __len__(self) -> int:
        return len(self.view)

    def __getitem__(self, index: int) -> Any:
        return tensors_of(self.view.get_item(index))

    def __getitems__(self, indices: Sequence[int]) -> list[Any]:
        """Give several items at once; PyTorch's loader asks so."""
        return [tensors_of(item) for item in self.view.__getitems__(indices)]

    @property
    def data_files(self) -> list[Any]:
        """As `DatasetView.data_files`."""
        return self.view.data_files

    @property
    def label_datas(self) -> list[Any]:
        """As `DatasetView.label_datas`."""
        return self.view.label_datas

    def remove_indices(self, local_indices: Iterable[int]) -> dict[int, int]:
        """Do as `DatasetView.remove_indices`."""
        return self.view.remove_indices(local_indices)

    def batches(self, batch_size: int = 64, **options: Any) -> Iterator[Any]:
        """Read batches of tensors in threads, as `DatasetView.batches` does; for pixels faster than processes.

        Parameters
        ----------
        batch_size : int
            Items in a batch.
        **options
            ``seed``, ``epoch``, ``threads``, ``batch_sampler`` and ``collate_fn`` of `DatasetView.batches`.
        """
        collate = options.pop("collate_fn", self.collate_fn)

        def make(items: list[Any]) -> Any:
            return collate([tensors_of(item) for item in items])

        return self.view.batches(batch_size, collate_fn=make, **options)

    def get_dataloader(
        self, batch_size: int = 64, shuffle: bool = False, num_workers: int = 0, **options: Any
    ) -> DataLoader[Any]:
        """Give a loader of batches, made by `collate_fn`.

        Parameters
        ----------
        batch_size : int
            Items in a batch.
        shuffle : bool
            Whether each epoch has an order of its own.
        num_workers : int
            Processes that read; 0: this one.
        **options
            What else `torch.utils.data.DataLoader` takes.
        """
        if "batch_sampler" not in options:
            options = {"batch_size": batch_size, "shuffle": shuffle, **options}
        return DataLoader(self, num_workers=num_workers, **{"collate_fn": self.collate_fn, **options})


class TorchAdapter:
    """Makes a PyTorch dataset of a view.

    Parameters
    ----------
    cad_dataset : DatasetView
        The items.
    collate_fn : callable, optional
        As in `TorchCADDataset`.
    """

    def __init__(self, cad_dataset: DatasetView, collate_fn: Callable[[list[Any]], Any] | None = None) -> None:
        self._dataset = TorchCADDataset(cad_dataset, collate_fn)

    def get_dataset(self) -> TorchCADDataset:
        """Give the dataset, the same one each time."""
        return self._dataset
