"""Samples as PyTorch tensors. PyTorch is imported when a dataset is made, not before."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np

from zarrpack.storage.sharded.view import SampleView

__all__ = ["TorchSamples"]


class TorchSamples:
    """A map-style dataset for ``torch.utils.data.DataLoader``, with any sampler and any number of workers.

    Parameters
    ----------
    view : SampleView
        The samples.

    Raises
    ------
    ImportError
        If PyTorch is not installed; the message names the extra.
    """

    def __init__(self, view: SampleView) -> None:
        if find_spec("torch") is None:
            raise ImportError(
                "PyTorch datasets need torch, which is not installed; install it with python -m pip install 'zarrpack[torch]'"
            )
        self.view = view

    def __len__(self) -> int:
        return len(self.view)

    def __getitem__(self, index: int) -> Any:
        return _with_tensors(self.view[index])

    def __getitems__(self, indices: Sequence[int]) -> list[Any]:
        """Read a batch at once; the loader asks so."""
        return [_with_tensors(item) for item in self.view.__getitems__(indices)]


def _with_tensors(item: Any) -> Any:
    """Replace arrays of numbers by tensors that share their memory; what else a transform gives stays."""
    if not isinstance(item, dict):
        return item
    return {key: _tensor(value) if isinstance(value, np.ndarray) else value for key, value in item.items()}


def _tensor(array: Any) -> Any:
    import torch

    if array.dtype.kind not in "biufc":
        return array  # text and dates, which tensors cannot be
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    return torch.from_numpy(array)
