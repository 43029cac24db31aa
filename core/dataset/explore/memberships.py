"""Which items have which values."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from zarrpack.dataset.explore.keyed_values import KeyedValues
from zarrpack.dataset.explore.statistics import survey

__all__ = ["Categories", "Memberships", "bin_numbers", "memberships"]

Int64s = npt.NDArray[np.int64]
#: None: distinct values, of floats 10 equal bins; int: so many bins; else the categories, of floats the edges of bins.
Categories: TypeAlias = int | Sequence[Any] | npt.NDArray[Any] | None

_FLOAT_BINS = 10


@dataclass(frozen=True, slots=True)
class Memberships:
    """How often items have values of categories; only those that do.

    Parameters
    ----------
    codes, categories : ndarray of shape (n,), int64
        An item's code and a position in `names`, each pair once, ascending.
    counts : ndarray of shape (n,), int64
        How often.
    names : list or ndarray
        The categories, or the edges of bins, one more than there are bins.
    """

    codes: Int64s
    categories: Int64s
    counts: Int64s
    names: list[Any] | npt.NDArray[Any]


def memberships(values: KeyedValues, wanted: Categories = None) -> Memberships:
    """Find which items have which values, piece by piece.

    Parameters
    ----------
    values : KeyedValues
        The values.
    wanted : int, sequence or None
        None: distinct values, of floats 10 bins of equal width; int: so many bins; else the categories, of floats the bins' edges.

    Raises
    ------
    ValueError
        If fewer than one bin is asked for, or fewer than two edges are given.
    """
    is_binned = isinstance(wanted, int | np.integer) and not isinstance(wanted, bool)
    if is_binned or values.dtype.kind == "f":
        return _binned(values, wanted)
    if wanted is not None:
        known: dict[Hashable, int] = {_plain(value): number for number, value in enumerate(wanted)}  # type: ignore[arg-type]
        found = _counted(values, known, grows=False)
        return Memberships(*found, list(wanted))  # type: ignore[arg-type]
    known = {}
    codes, categories, counts = _counted(values, known, grows=True)
    # In the order of the values, not of their appearance.
    names = sorted(known, key=_order)
    place = {name: number for number, name in enumerate(names)}
    ranks = np.array([place[name] for name in known], np.int64)
    return Memberships(*_sorted_pairs(codes, ranks[categories] if len(categories) else categories, counts), names)


def _binned(values: KeyedValues, wanted: Categories) -> Memberships:
    if wanted is None or isinstance(wanted, int | np.integer):
        bins = _FLOAT_BINS if wanted is None else int(wanted)
        if bins < 1:
            raise ValueError(f"expected at least one bin, found {bins}")
        edges = _equal_edges(values, bins)
    else:
        edges = np.asarray(wanted, np.float64)
        if edges.ndim != 1 or len(edges) < 2 or bool((np.diff(edges) <= 0).any()):
            raise ValueError(f"expected at least two ascending edges of bins, found {wanted!r:.80}")
    pairs: list[tuple[Int64s, Int64s, Int64s]] = []
    for piece, codes in values.pieces():
        bins_of = bin_numbers(piece, edges)
        is_in = (bins_of >= 0) & (codes >= 0)
        pairs.append(_distinct(codes[is_in], bins_of[is_in]))
    return Memberships(*_joined(pairs), edges)


def _equal_edges(values: KeyedValues, bins: int) -> npt.NDArray[np.float64]:
    found = survey(lambda: (piece[np.isfinite(piece)] for piece, _ in values.pieces()))
    if found.count == 0:
        return np.linspace(0.0, 1.0, bins + 1)
    low, high = float(found.least), float(found.most)
    if low == high:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, bins + 1)


def bin_numbers(values: npt.NDArray[Any], edges: npt.NDArray[Any]) -> Int64s:
    """Tell each value's bin; the last bin has both its edges.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Numbers.
    edges : ndarray of shape (bins + 1,)
        Ascending.

    Returns
    -------
    ndarray of shape (n,), int64
        -1: in none, or NaN.

    Examples
    --------
    >>> bin_numbers(np.array([0.0, 1.0, 2.0, 2.5]), np.array([0.0, 1.0, 2.0]))
    array([ 0,  1,  1, -1])
    """
    numbers = np.searchsorted(edges, values, "right").astype(np.int64) - 1
    numbers[values == edges[-1]] = len(edges) - 2
    numbers[~((values >= edges[0]) & (values <= edges[-1]))] = -1
    return numbers


def _counted(values: KeyedValues, known: dict[Hashable, int], *, grows: bool) -> tuple[Int64s, Int64s, Int64s]:
    pairs = []
    for piece, codes in values.pieces():
        numbers = _category_numbers(piece, known, grows)
        is_in = (numbers >= 0) & (codes >= 0)
        pairs.append(_distinct(codes[is_in], numbers[is_in]))
    return _joined(pairs)


def _category_numbers(piece: npt.NDArray[Any], known: dict[Hashable, int], grows: bool) -> Int64s:
    if piece.dtype == object:
        distinct: list[Any] = piece.tolist()
        places = None
    else:
        found, places = np.unique(piece, return_inverse=True)
        distinct = found.tolist()
    if grows:
        numbers = [-1 if value is None else known.setdefault(_plain(value), len(known)) for value in distinct]
    else:
        numbers = [known.get(_plain(value), -1) for value in distinct]
    categories = np.array(numbers, np.int64)
    return categories if places is None else categories[places]


def _distinct(codes: Int64s, categories: Int64s) -> tuple[Int64s, Int64s, Int64s]:
    if not len(codes):
        return codes, categories, np.zeros(0, np.int64)
    pairs, counts = np.unique(np.stack([codes, categories]), axis=1, return_counts=True)
    return pairs[0], pairs[1], counts.astype(np.int64)


def _joined(pieces: list[tuple[Int64s, Int64s, Int64s]]) -> tuple[Int64s, Int64s, Int64s]:
    empty = np.zeros(0, np.int64)
    codes, categories, counts = (
        np.concatenate([empty, *(piece[column] for piece in pieces)]).astype(np.int64) for column in range(3)
    )
    return _sorted_pairs(codes, categories, counts)


def _sorted_pairs(codes: Int64s, categories: Int64s, counts: Int64s) -> tuple[Int64s, Int64s, Int64s]:
    if not len(codes):
        return codes, categories, counts
    order = np.lexsort((categories, codes))
    codes, categories, counts = codes[order], categories[order], counts[order]
    is_first = np.r_[True, (np.diff(codes) != 0) | (np.diff(categories) != 0)]
    starts = np.flatnonzero(is_first)
    return codes[starts], categories[starts], np.add.reduceat(counts, starts)


def _plain(value: Any) -> Hashable:
    plain: Hashable = value.item() if isinstance(value, np.generic) else value
    return plain


def _order(value: Any) -> tuple[str, Any]:
    # Values of different kinds have no order among each other.
    return ("number" if isinstance(value, bool | int | float) else type(value).__name__, value)
