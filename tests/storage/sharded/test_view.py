"""Samples for training: by position, split and sampled from SQL, in worker processes, as tensors."""

from __future__ import annotations

import pickle
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zarrpack.errors import UsageError
from zarrpack.storage.sharded import SampleView, ShardedDatasetWriter


@contextmanager
def opened(store: Path, *arguments: Any, **options: Any) -> Iterator[SampleView]:
    """Open a view, and close its files at the end."""
    view = SampleView(store, *arguments, **options)
    try:
        yield view
    finally:
        view.reader.close()


def doubled(item: dict[str, Any]) -> float:
    """Make one number of an item."""
    return float(item["history"].sum() * 2)


def test_items_by_position(store: Path) -> None:
    """Position, negative position, several at once, in the asked order; ids, names, arrays, metadata."""
    with opened(store) as view:
        assert len(view) == 10
        first = view[0]
        assert (first["id"], first["name"], first["metadata"]["length"]) == (0, "sample_000000000001", 1)
        assert view[-1]["history"].size == 10
        assert [item["history"].size for item in view.__getitems__([3, 1, 1, -1])] == [4, 2, 2, 10]
        assert [item["name"] for item in view] == view.names
        for wrong in (10, -11):
            with pytest.raises(IndexError):
                view[wrong]


def test_fields_conditions_and_transforms(store: Path) -> None:
    """What is not wanted is not read."""
    with opened(store, ["target"], where_clause="target_offset IS NOT NULL") as view:
        assert len(view) == 5
        assert set(view[0]) == {"id", "name", "target", "metadata"}
    with opened(store, where={"length": (">", 8)}, transform=doubled) as view:
        assert list(view) == [72.0, 90.0]
    with ShardedDatasetWriter(store) as writer:
        writer.add_field("name")
    with pytest.raises(UsageError, match=r"not called \['name'\]"):
        SampleView(store)


def test_split_by_conditions(store: Path) -> None:
    """Parts hold what fulfils them; a sample in two of them is refused."""
    with opened(store) as view:
        parts = view.split({"even": {"parity": "even"}, "last": "json_extract(meta_json, '$.length') = 10"})
        assert [item["metadata"]["length"] for item in parts["even"]] == [1, 3, 5, 7, 9]
        assert parts["last"].names == ["sample_000000000010"]
        with pytest.raises(UsageError, match="found 1 twice in 'b'"):
            view.split({"a": {"length": 3}, "b": {"parity": "even"}})


def test_random_split_is_stable_and_keeps_groups(tmp_path: Path) -> None:
    """New samples move no old one, groups stay whole, and the parts make the whole."""
    shares = {"train": 0.7, "test": 0.3}
    names: list[dict[str, set[str]]] = []
    for _ in range(2):
        with ShardedDatasetWriter(tmp_path) as writer:
            writer.add_field("x")
            for number in range(200):
                writer.add_sample({"x": [number]}, metadata={"person": number // 5})
        with opened(tmp_path) as view:
            parts = view.random_split(shares)
            names.append({key: set(part.names) for key, part in parts.items()})
            grouped = view.random_split(shares, group="person", seed=3)
            people = [set(part.metadata_values("person")) for part in grouped.values()]
            assert sum(map(len, parts.values())) == sum(map(len, grouped.values())) == len(view)
            assert people[0] & people[1] == set()
            with pytest.raises(UsageError, match="make 1 together"):
                view.random_split({"train": 0.5})
    assert all(names[0][key] <= names[1][key] for key in shares)
    assert 100 < len(names[0]["train"]) < 180


def test_balanced_weights(tmp_path: Path) -> None:
    """Each class has the same weight together, however rare it is."""
    with ShardedDatasetWriter(tmp_path) as writer:
        for label in "aaaaaaab":
            writer.add_sample({}, metadata={"label": label})
    with opened(tmp_path) as view:
        weights = view.balanced_weights("label")
    assert weights[:7].sum() == pytest.approx(0.5)
    assert weights[7] == pytest.approx(0.5)


def test_bucket_batches(store: Path) -> None:
    """Batches are alike in length; with a seed they are shuffled, the same way each time; each sample is there once."""
    with opened(store) as view:
        plain = view.bucket_batches("length", 4)
        shuffled = view.bucket_batches("length", 4, seed=1)
        assert plain == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
        assert shuffled == view.bucket_batches("length", 4, seed=1) != plain
        assert Counter(map(frozenset, shuffled)) == Counter(map(frozenset, plain))
        with pytest.raises(UsageError, match="expected numbers"):
            view.bucket_batches("parity", 4)
        with pytest.raises(UsageError, match="at least 1"):
            view.bucket_batches("length", 0)


def test_pickled_view_is_small(store: Path) -> None:
    """Numbers travel, not ids; the copy reads the same."""
    with opened(store) as view:
        data = pickle.dumps(view.subset([5, 2]))
    copy = pickle.loads(data)
    assert [item["metadata"]["length"] for item in copy] == [6, 3]
    assert len(data) < 1000
    copy.reader.close()


def test_missing_torch_names_the_extra(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has no PyTorch reads what to install."""
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setattr("zarrpack.storage.sharded.torch_samples.find_spec", lambda name: None)
    with opened(store) as view, pytest.raises(ImportError, match=r"zarrpack\[torch\]"):
        view.to_torch()


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_torch_loader_with_workers(store: Path, method: str) -> None:
    """Every sample comes once, as tensors, in the sampler's order, from two workers."""
    data = pytest.importorskip("torch.utils.data")
    import torch

    with opened(store, ["history"]) as view:
        batches = view.bucket_batches("length", 4, seed=2)
        loader = data.DataLoader(
            view.to_torch(), batch_sampler=batches, collate_fn=list, num_workers=2, multiprocessing_context=method
        )
        found = [[item["history"] for item in batch] for batch in loader]

    assert all(isinstance(one, torch.Tensor) for batch in found for one in batch)
    assert [[len(one) - 1 for one in batch] for batch in found] == batches


def test_torch_sampler_from_weights(store: Path) -> None:
    """The weights are what PyTorch's sampler takes; text stays text."""
    data = pytest.importorskip("torch.utils.data")
    with ShardedDatasetWriter(store) as writer:
        writer.add_field("caption")
        for number in range(1, 11):
            writer.update_sample(f"sample_{number:012d}", {"caption": np.array("ü")})
    with opened(store, ["caption"]) as view:
        sampler = data.WeightedRandomSampler(view.balanced_weights("parity"), 6)
        items = list(data.DataLoader(view.to_torch(), sampler=sampler, batch_size=None))
    assert [str(item["caption"]) for item in items] == ["ü"] * 6
