"""Batches that threads read ahead."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from zarrpack.dataset import DatasetView
from zarrpack.dataset.threaded_batches import batch_positions, threaded_batches


def test_batches_are_the_items_in_order(encoded_flow: Path, decoded_flow: Path) -> None:
    """Whatever the threads, batches come in order and hold what the view gives."""
    view = DatasetView.open(encoded_flow).select("images/pixels", pictures="decoded", rows="first").subset(range(9))
    stored = DatasetView.open(decoded_flow)

    for threads in (1, 3):
        batches = list(view.batches(4, threads=threads))
        assert [batch["id"].tolist() for batch in batches] == [[0, 1, 2, 3], [4, 5, 6, 7], [8]]
        pixels = np.concatenate([batch["images/pixels"] for batch in batches])
        for number in range(9):
            np.testing.assert_array_equal(pixels[number], stored[number]["images/pixels"][0])


def test_shuffled_batches_repeat(encoded_flow: Path) -> None:
    """A seed and an epoch give one order, each item once; a sampler gives its own."""
    view = DatasetView.open(encoded_flow).select("images/height")

    def order(seed: int, epoch: int) -> list[int]:
        return [code for batch in view.batches(3, seed=seed, epoch=epoch) for code in batch["id"].tolist()]

    assert order(1, 0) == order(1, 0)
    assert len({tuple(order(*one)) for one in ((1, 0), (1, 1), (2, 0))}) == 3
    assert sorted(order(1, 0)) == list(range(10))
    assert [batch["id"].tolist() for batch in view.batches(batch_sampler=[[2, 2], [0]])] == [[2, 2], [0]]


def test_an_error_comes_in_its_place() -> None:
    """Batches before the bad one are given, its error is raised, and no thread is left."""

    def read(position: int) -> int:
        if position == 5:
            raise OSError("bad")
        return position

    batches = threaded_batches(read, batch_positions(8, 2), list, threads=2)

    assert [next(batches), next(batches)] == [[0, 1], [2, 3]]
    with pytest.raises(OSError, match="bad"):
        next(batches)
    assert not [one for one in threading.enumerate() if one.name.startswith("zarrpack-batches")]


def test_not_everything_is_read_ahead() -> None:
    """A consumer that stops early has had only a few batches read for it."""
    read: list[int] = []
    batches = threaded_batches(lambda position: read.append(position), ([at] for at in range(1000)), len, 2, ahead=2)

    assert next(batches) == 1
    batches.close()  # type: ignore[attr-defined]
    assert len(read) <= 6
    assert not [one for one in threading.enumerate() if one.name.startswith("zarrpack-batches")]


@pytest.mark.parametrize("wrong", [{"batch_size": 0}, {"threads": 0}])
def test_wrong_numbers(encoded_flow: Path, wrong: dict[str, int]) -> None:
    """No items in a batch and no threads are a ValueError."""
    with pytest.raises(ValueError, match="at least one"):
        next(DatasetView.open(encoded_flow).batches(**wrong))  # type: ignore[arg-type]


def test_batches_without_the_last() -> None:
    """A last batch that is not full can be left out."""
    assert list(batch_positions(5, 2, drop_last=True)) == [[0, 1], [2, 3]]
