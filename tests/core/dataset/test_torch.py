"""The view in PyTorch: whole epochs through worker processes, compared with the source."""

from __future__ import annotations

import pickle
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra torch")

from torch.utils.data import DataLoader

from zarrpack.dataset import (
    ClassBalancedSampler,
    DatasetView,
    ShapeBucketSampler,
    TorchAdapter,
    TorchCADDataset,
)
from zarrpack.errors import UsageError


def check_epoch(flow: Path, method: str, **options: Any) -> None:
    """Read a whole epoch in two workers and compare every item with the archive."""
    view = DatasetView.open(flow).select("images/encoded", "images/height", rows="first").subset(range(9))
    view.source_bytes(0)  # the parent has read, and has a file open
    members = sys.modules["archives"].product_members(9)
    loader = view.to_torch().get_dataloader(
        batch_size=2, num_workers=2, multiprocessing_context=method, persistent_workers=False, **options
    )

    found: dict[str, bytes] = {}
    for batch in loader:
        assert batch["images/height"].tolist() == [16] * len(batch["name"])
        found.update(zip(batch["name"], batch["images/encoded"], strict=True))
    assert found == {str(100 + number): members[f"p/images/{100 + number}.jpg"] for number in range(9)}


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_an_epoch_in_forked_workers(encoded_flow: Path) -> None:
    """Children that share the parent's descriptor read every item as it is in the archive."""
    check_epoch(encoded_flow, "fork")


def test_an_epoch_in_spawned_workers(encoded_flow: Path) -> None:
    """Children that get the view pickled do so too."""
    check_epoch(encoded_flow, "spawn", shuffle=True)


def test_an_epoch_in_workers_of_a_fork_server(encoded_flow: Path) -> None:
    """And those that are forked from a clean process."""
    check_epoch(encoded_flow, "forkserver")


def test_decoded_pictures_are_stacked(decoded_flow: Path) -> None:
    """Batches of pixels are tensors with an axis of items, equal to the view's arrays."""
    view = DatasetView.open(decoded_flow).select("images/pixels", rows="first").subset(range(9))
    (batch,) = view.to_torch().get_dataloader(batch_size=9)

    assert batch["images/pixels"].shape == (9, 16, 24, 3)
    assert batch["id"].tolist() == list(range(9))
    for number in range(9):
        np.testing.assert_array_equal(batch["images/pixels"][number].numpy(), view[number]["images/pixels"])


def test_every_kind_of_value(encoded_flow: Path) -> None:
    """Numbers are tensors, text and bytes are lists; what an item lacks is None in its batch."""
    dataset = DatasetView.open(encoded_flow).to_torch()

    assert isinstance(dataset[0]["images/height"], torch.Tensor)
    assert isinstance(dataset[0]["images/encoded"], list)
    assert dataset[9]["table/stock"].tolist() == list(range(9))
    batch = dataset.collate_fn([dataset[0], dataset[9]])
    assert batch["table/stock"][0] is None
    assert batch["images/height"][1] is None


def test_own_collation_and_removal(encoded_flow: Path) -> None:
    """`get_dataloader` uses the given function; the adapter gives one dataset; removed items are gone."""
    view = DatasetView.open(encoded_flow)
    dataset = TorchAdapter(view, collate_fn=len).get_dataset()

    assert list(dataset.get_dataloader(batch_size=4)) == [4, 4, 2]
    assert isinstance(dataset, TorchCADDataset)
    dataset.remove_indices([0])
    assert len(dataset) == len(view) == len(dataset.data_files) == len(dataset.label_datas) == 9
    assert pickle.loads(pickle.dumps(dataset))[0]["name"] == "101"


def test_streams_have_each_item_once(encoded_flow: Path) -> None:
    """The workers share the items out, in file order or shuffled by seed and epoch."""
    view = DatasetView.open(encoded_flow).select("images/height")
    stream = view.to_torch_stream(seed=3, block=2)
    orders = []
    for epoch in (0, 1, 0):
        stream.set_epoch(epoch)
        orders.append([item["id"] for item in DataLoader(stream, batch_size=None, num_workers=2)])

    assert [sorted(order) for order in orders] == [list(range(10))] * 3
    assert orders[0] == orders[2] != orders[1]
    assert sorted(item["id"] for item in view.to_torch_stream()) == list(range(10))
    assert len(stream) == 10
    with pytest.raises(ValueError, match="at least one item"):
        view.to_torch_stream(block=0)


def test_classes_are_drawn_alike(encoded_flow: Path) -> None:
    """Each class is drawn about as often, items without a class never, and seeds repeat."""
    view = DatasetView.open(encoded_flow).subset([0, 1, 3, 5, 7, 9])  # one red, four blue, and the table
    sampler = ClassBalancedSampler(view, "data/colour", count=4000, seed=1)
    draws = Counter(sampler)

    assert draws[0] / 4000 == pytest.approx(0.5, abs=0.05)
    assert draws[5] == 0
    assert Counter(sampler) == draws
    sampler.set_epoch(1)
    assert Counter(sampler) != draws
    with pytest.raises(UsageError, match="class"):
        ClassBalancedSampler(view.subset([5]), "data/colour")
    loader = (
        view.select("images/height")
        .to_torch()
        .get_dataloader(batch_size=10, sampler=ClassBalancedSampler(view, "data/colour"))
    )
    assert sum(len(batch["id"]) for batch in loader) == 6


def test_batches_of_one_shape(flat_flow: Path) -> None:
    """Every batch can be stacked, and together they have each item once."""
    view = DatasetView.open(flat_flow).select("images/pixels", rows="first").subset([0, 1, 2, 0, 1, 0])
    sampler = ShapeBucketSampler(view, "images/pixels", 2, seed=5)
    batches = list(sampler)

    assert sorted(place for batch in batches for place in batch) == list(range(6))
    assert len(batches) == len(sampler) == 4
    loaded = view.to_torch().get_dataloader(batch_sampler=sampler)
    assert all(isinstance(batch["images/pixels"], torch.Tensor) for batch in loaded)
    assert len(ShapeBucketSampler(view, "images/pixels", 2, drop_last=True)) == len(
        list(ShapeBucketSampler(view, "images/pixels", 2, drop_last=True))
    )
    assert next(iter(ShapeBucketSampler(view, "images/pixels", 2, seed=None))) == [0, 3]
    with pytest.raises(UsageError, match="batch_size"):
        ShapeBucketSampler(view, "images/pixels", 0)
