"""Quantiles, statistics and distributions of values that come in pieces, compared with numpy on the whole."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from zarrpack.dataset.explore.distributions import distribution
from zarrpack.dataset.explore.keyed_values import KeyedValues
from zarrpack.dataset.explore.memberships import memberships
from zarrpack.dataset.explore.order_statistics import order_statistics, quantiles
from zarrpack.dataset.explore.statistics import statistics

DTYPES = ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", ">i4", ">f8"]


def pieces(values: npt.NDArray[Any], size: int = 7) -> Callable[[], Iterator[npt.NDArray[Any]]]:
    """Give what gives an array in pieces."""
    return lambda: (values[start : start + size] for start in range(0, len(values), size))


def keyed(values: npt.NDArray[Any], codes: npt.NDArray[np.int64]) -> KeyedValues:
    """Give values with codes in pieces of three."""
    return KeyedValues(
        "x", values.dtype, lambda: ((values[at : at + 3], codes[at : at + 3]) for at in range(0, len(values), 3))
    )


@settings(max_examples=150, deadline=None)
@given(st.data(), st.sampled_from(DTYPES))
def test_order_statistics_are_those_of_sorting(data: st.DataObject, dtype: str) -> None:
    """Digit by digit, every place has the value that sorting puts there, to the bit, infinities included."""
    elements = {"allow_nan": False} if dtype.lstrip(">")[0] == "f" else None
    values = data.draw(nps.arrays(dtype, st.integers(1, 60), elements=elements))
    ranks = sorted(data.draw(st.sets(st.integers(0, len(values) - 1), min_size=1, max_size=4)))

    expected = np.sort(values)[ranks]
    for gathered in (0, 1000):
        assert [float(one) for one in order_statistics(pieces(values), len(values), ranks, gathered)] == [
            float(one) for one in expected
        ]


@settings(max_examples=60, deadline=None)
@given(nps.arrays("f8", st.integers(1, 60), elements=st.floats(-1e6, 1e6)), st.floats(0, 1))
def test_quantiles_are_numpys(values: npt.NDArray[np.float64], wanted: float) -> None:
    """Quantiles between values are interpolated as numpy does."""
    for gathered in (0, 1000):
        (found,) = quantiles(pieces(values), len(values), [wanted], gathered)
        assert found == pytest.approx(float(np.quantile(values, wanted)), rel=1e-9, abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(nps.arrays("f8", st.integers(0, 60), elements=st.floats(-1e6, 1e6) | st.just(math.nan)))
def test_statistics_are_numpys(values: npt.NDArray[np.float64]) -> None:
    """NaN does not count; without values all is NaN but the count."""
    found = statistics(pieces(values))
    present = values[~np.isnan(values)]

    assert found["count"] == len(present)
    if not len(present):
        assert all(math.isnan(value) for key, value in found.items() if key != "count")
        return
    expected = [present.mean(), present.std(), present.min(), present.max(), np.median(present)]
    np.testing.assert_allclose([found[key] for key in ("mean", "std", "min", "max", "median")], expected, 1e-6, 1e-6)


@settings(max_examples=60, deadline=None)
@given(nps.arrays("f8", st.integers(0, 40), elements=st.floats(-100, 100)), st.integers(1, 12), st.integers(1, 5))
def test_distributions_are_numpys(values: npt.NDArray[np.float64], bins: int, items: int) -> None:
    """Counts are numpy's for the same edges, and a bin has the codes of its values and no others."""
    codes = np.arange(len(values)) % items
    found = distribution(keyed(values, codes), bins)

    counts, _ = np.histogram(values, found["bin_edges"])
    np.testing.assert_array_equal(found["hist"], counts)
    assert len(found["bin_edges"]) == bins + 1
    for number, listed in enumerate(found["file_id_codes_in_bins"]):
        low, high = found["bin_edges"][number], found["bin_edges"][number + 1]
        is_in = (values >= low) & ((values <= high) if number == bins - 1 else (values < high))
        assert listed.tolist() == sorted(set(codes[is_in].tolist()))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["a", "b", "ü", ""])), max_size=40))
def test_memberships_count_pairs(rows: list[tuple[int, str]]) -> None:
    """Every pair of an item and a value is counted, and categories are sorted."""
    codes = np.array([code for code, _ in rows], np.int64)
    texts = np.array([text for _, text in rows], object)
    found = memberships(keyed(texts, codes))

    assert found.names == sorted({text for _, text in rows})
    pairs = zip(found.codes.tolist(), found.categories.tolist(), found.counts.tolist(), strict=True)
    assert {(code, found.names[at]): count for code, at, count in pairs} == {row: rows.count(row) for row in rows}


def test_constant_and_empty_values_have_bins() -> None:
    """Equal values lie in the middle of the range, none have the range 0 to 1."""
    same = distribution(keyed(np.full(5, 3.0), np.zeros(5, np.int64)), 4)
    assert same["bin_edges"].tolist() == [2.5, 2.75, 3.0, 3.25, 3.5]
    assert same["hist"].sum() == 5
    none = distribution(keyed(np.zeros(0), np.zeros(0, np.int64)), 2)
    assert none["bin_edges"].tolist() == [0, 0.5, 1]
    assert none["hist"].tolist() == [0, 0]
