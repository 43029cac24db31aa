"""Sharing items out: what holds for every split, whatever the labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zarrpack.dataset.splits.fractions import apportion, check_fractions
from zarrpack.dataset.splits.grouped import grouped_subsets, number_groups
from zarrpack.dataset.splits.label_sets import LabelSets
from zarrpack.dataset.splits.stable import stable_subsets
from zarrpack.dataset.splits.stratified import stratified_subsets

FRACTIONS = [
    (0.7, 0.15, 0.15),
    (0.6, 0.2, 0.2),
    (0.8, 0.2, 0.0),
    (1.0, 0.0, 0.0),
    (0.5, 0.25, 0.25),
    (0.98, 0.01, 0.01),
]


def label_sets(matrix: npt.NDArray[Any]) -> LabelSets:
    """Make labels of a boolean matrix [item, label]."""
    items, labels = np.nonzero(matrix)
    return LabelSets(len(matrix), items.astype(np.int64), labels.astype(np.int64))


def random_matrix(number: int) -> npt.NDArray[np.bool_]:
    """Make a matrix of labels with common classes, and one class each of one and of two members."""
    random = np.random.default_rng(number)
    count, classes = int(random.integers(0, 80)), int(random.integers(0, 7))
    matrix = random.random((count, classes)) < random.random(classes)
    if number % 2 and count >= 3:
        rare = np.zeros((count, 2), bool)
        rare[random.integers(count), 0] = True
        rare[random.choice(count, 2, replace=False), 1] = True
        matrix = np.concatenate([matrix, rare], axis=1)
    return matrix


@pytest.mark.parametrize("start", range(0, 500, 50))
def test_every_split_is_one(start: int) -> None:
    """Of 500 random label matrices: each item is in one subset, sizes are as asked for, and order means nothing."""
    for number in range(start, start + 50):
        matrix = random_matrix(number)
        fractions = FRACTIONS[number % len(FRACTIONS)]
        count = len(matrix)
        random = np.random.default_rng(number)
        codes = np.sort(random.choice(10_000, count, replace=False)).astype(np.int64)

        subsets = stratified_subsets(label_sets(matrix), codes, fractions, number)

        assert subsets.shape == (count,)
        assert set(subsets.tolist()) <= {0, 1, 2}  # complete, and disjoint as each item has one number
        sizes = np.bincount(subsets, minlength=3)
        for size, fraction in zip(sizes.tolist(), fractions, strict=True):
            # What is moved so that no subset is empty is at most one item to each of the two others.
            forced = sum(0 < one * count < 1 for one in fractions) if count >= 3 else 0
            assert abs(size - fraction * count) < 1 + (forced if fraction * count >= 1 else 0) + 1e-9
            assert size > 0 or fraction == 0 or count < 3
            assert size == 0 or fraction > 0
        np.testing.assert_array_equal(stratified_subsets(label_sets(matrix), codes, fractions, number), subsets)
        order = random.permutation(count)
        shuffled = stratified_subsets(label_sets(matrix[order]), codes[order], fractions, number)
        np.testing.assert_array_equal(shuffled, subsets[order])


def test_labels_are_shared_out_as_items_are() -> None:
    """With one label each, every class has its share in every subset, but for one item."""
    random = np.random.default_rng(0)
    classes = random.choice(5, 400, p=[0.5, 0.3, 0.1, 0.06, 0.04])
    matrix = np.eye(5, dtype=bool)[classes]

    subsets = stratified_subsets(label_sets(matrix), np.arange(400), (0.7, 0.15, 0.15), 1)

    for label, total in enumerate(np.bincount(classes)):
        found = np.bincount(subsets[classes == label], minlength=3)
        np.testing.assert_allclose(found, np.array([0.7, 0.15, 0.15]) * total, atol=1.0)


def test_many_labels_are_shared_out_better_than_at_random() -> None:
    """Of items with several labels, each label's share is near what was asked for, and nearer than by chance."""
    random = np.random.default_rng(3)
    matrix = random.random((300, 20)) < 0.08

    def distance(subsets: npt.NDArray[np.int64]) -> float:
        shares = np.array([np.bincount(subsets[matrix[:, label]], minlength=3) for label in range(20)])
        return float(np.abs(shares - matrix.sum(axis=0)[:, np.newaxis] * np.array([0.7, 0.15, 0.15])).mean())

    codes = np.arange(300)
    stratified = distance(stratified_subsets(label_sets(matrix), codes, (0.7, 0.15, 0.15), 1))
    chance = distance(stratified_subsets(LabelSets.none(300), codes, (0.7, 0.15, 0.15), 1))
    assert stratified < 0.8
    assert stratified < chance / 2


def test_another_seed_gives_another_split() -> None:
    """The seed decides among equals."""
    labels, codes = LabelSets.none(100), np.arange(100)

    first = stratified_subsets(labels, codes, (0.5, 0.5), 1)
    assert not np.array_equal(first, stratified_subsets(labels, codes, (0.5, 0.5), 2))


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.integers(0, 100), min_size=1, max_size=8).filter(any))
def test_shares_are_whole_and_near(count: int, weights: list[int]) -> None:
    """Shares add up; each is within one of its fraction, but for what keeps others from being empty."""
    fractions = np.array(weights) / sum(weights)
    shares = apportion(count, fractions.tolist())

    assert shares.sum() == count
    assert (shares[fractions == 0] == 0).all()
    if count >= len(weights):
        assert (shares[fractions > 0] > 0).all()
    if not ((fractions > 0) & (fractions * count < 1)).any():
        assert (np.abs(shares - fractions * count) < 1 + 1e-6).all()


@pytest.mark.parametrize("fractions", [(0.5, 0.5, 0.5), (-0.1, 0.6, 0.5), (0, 0.5, 0.5), (float("nan"), 0.5, 0.5)])
def test_wrong_fractions_are_refused(fractions: tuple[float, float, float]) -> None:
    """Fractions that are negative, do not make 1, or leave nothing to train on are a ValueError."""
    with pytest.raises(ValueError, match="together 1"):
        check_fractions(*fractions)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(st.none(), st.sampled_from("abcdefgh")), min_size=1, max_size=60), st.integers(0, 5))
def test_groups_stay_together(values: list[str | None], seed: int) -> None:
    """Items of one group are in one subset, whatever the order of the items; missing values bind nothing."""
    count = len(values)
    groups, codes = number_groups(values), np.arange(count)
    random = np.random.default_rng(seed)
    labels = label_sets(random.random((count, 3)) < 0.4)

    subsets = grouped_subsets(labels, codes, groups, (0.6, 0.2, 0.2), seed)

    for value in set(values) - {None}:
        assert len({int(subsets[place]) for place, one in enumerate(values) if one == value}) == 1
    if len(set(groups.tolist())) >= 3:
        assert set(subsets.tolist()) == {0, 1, 2}
    order = random.permutation(count)
    place = np.argsort(order)
    shuffled = LabelSets(count, place[labels.items], labels.labels)
    again = grouped_subsets(shuffled, codes[order], number_groups([values[at] for at in order]), (0.6, 0.2, 0.2), seed)
    np.testing.assert_array_equal(again, subsets[order])


def test_groups_of_equal_size_give_the_sizes_asked_for() -> None:
    """Where whole groups allow it, sizes and labels are as asked for."""
    groups = np.repeat(np.arange(100), 3)
    labels = LabelSets(300, np.arange(300), (groups % 2).astype(np.int64))

    subsets = grouped_subsets(labels, np.arange(300), groups, (0.7, 0.15, 0.15), 0)

    np.testing.assert_allclose(np.bincount(subsets), [210, 45, 45], atol=3)
    np.testing.assert_allclose(np.bincount(subsets[groups % 2 == 0], minlength=3), [105, 22.5, 22.5], atol=4)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(max_size=5), max_size=40), st.lists(st.text(max_size=5), max_size=40), st.integers())
def test_stable_splits_never_move_what_is_there(old: list[str], new: list[str], seed: int) -> None:
    """Items that are added change no other item's subset."""
    fractions = (0.7, 0.15, 0.15)

    before = stable_subsets(old, fractions, seed)
    np.testing.assert_array_equal(stable_subsets([*old, *new], fractions, seed)[: len(old)], before)
    np.testing.assert_array_equal(stable_subsets([*new, *old], fractions, seed)[len(new) :], before)


def test_stable_splits_have_the_sizes_on_average() -> None:
    """Of many items about the asked fractions are in each subset, none in one that was not asked for."""
    subsets = stable_subsets([str(number) for number in range(10_000)], (0.7, 0.3, 0.0), 4)

    np.testing.assert_allclose(np.bincount(subsets, minlength=3) / 10_000, [0.7, 0.3, 0.0], atol=0.02)
