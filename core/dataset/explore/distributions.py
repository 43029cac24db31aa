"""Histograms that know which items are in each bin."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from zarrpack.dataset.explore.keyed_values import KeyedValues
from zarrpack.dataset.explore.memberships import bin_numbers
from zarrpack.dataset.explore.order_statistics import quantiles
from zarrpack.dataset.explore.statistics import Moments, numbers_only, survey

__all__ = ["Bins", "distribution"]

#: A number of bins of equal width; their edges; or None: a bin for each whole number, of floats as many as numpy would take.
Bins: TypeAlias = int | Sequence[float] | npt.NDArray[Any] | None

_MOST_UNIT_BINS = 10_000


def distribution(values: KeyedValues, bins: Bins = 10) -> dict[str, Any]:
    """Count values in bins, in a few passes, never with all of them in memory.

    Parameters
    ----------
    values : KeyedValues
        Numbers. NaN is left out, infinities too, with a warning.
    bins : int, sequence of float, or None
        See `Bins`.

    Returns
    -------
    dict
        ``hist``: ndarray of shape (bins,), int64; ``bin_edges``: ndarray of shape (bins + 1,); ``file_id_codes_in_bins``: for each bin an
        ascending ndarray of codes.

    Raises
    ------
    TypeError
        If the values are no numbers.
    ValueError
        If there is no bin, or edges do not ascend.
    """
    numbers_only(values.name, values.dtype)
    edges = _edges(values, bins)
    counts = np.zeros(len(edges) - 1, np.int64)
    pairs = [np.zeros((2, 0), np.int64)]
    for piece, codes in values.pieces():
        numbers = bin_numbers(piece, edges)
        is_in = numbers >= 0
        counts += np.bincount(numbers[is_in], minlength=len(counts))
        is_in &= codes >= 0
        pairs.append(np.unique(np.stack([numbers[is_in], codes[is_in]]), axis=1))
    bins_of, codes_of = np.unique(np.concatenate(pairs, axis=1), axis=1)
    starts = np.searchsorted(bins_of, np.arange(len(counts) + 1))
    return {
        "hist": counts,
        "bin_edges": edges,
        "file_id_codes_in_bins": [codes_of[starts[at] : starts[at + 1]] for at in range(len(counts))],
    }


def _edges(values: KeyedValues, bins: Bins) -> npt.NDArray[Any]:
    if bins is not None and not isinstance(bins, int | np.integer):
        edges = np.asarray(bins, np.float64)
        if edges.ndim != 1 or len(edges) < 2 or bool((np.diff(edges) <= 0).any()):
            raise ValueError(f"expected at least two ascending edges of bins, found {bins!r:.80}")
        return edges
    if bins is not None and bins < 1:
        raise ValueError(f"expected at least one bin, found {bins}")
    moments = survey(lambda: _finite(values))
    skipped = survey(lambda: (piece for piece, _ in values.pieces())).infinite if values.dtype.kind == "f" else 0
    if skipped:
        warnings.warn(f"{values.name}: {skipped} infinite values are left out", stacklevel=4)
    if moments.count == 0:
        return np.linspace(0.0, 1.0, (bins or 1) + 1)
    if bins is None and values.dtype.kind in "iub" and int(moments.most) - int(moments.least) < _MOST_UNIT_BINS:
        return np.arange(int(moments.least), int(moments.most) + 2) - 0.5
    low, high = float(moments.least), float(moments.most)
    if low == high:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, int(bins if bins is not None else _automatic_bins(values, moments)) + 1)


def _automatic_bins(values: KeyedValues, moments: Moments) -> int:
    """Give the number of bins that numpy's rule ``auto`` gives."""
    count, span = moments.count, float(moments.most) - float(moments.least)
    if span == 0:
        return 1
    low, high = quantiles(lambda: _finite(values), count, (0.25, 0.75))
    width: float = max(2 * (high - low) * count ** (-1 / 3), span / math.sqrt(count) / 2)
    width = min(width, span / (math.log2(count) + 1))
    if values.dtype.kind in "iu":
        width = max(width, 1.0)
    return max(1, math.ceil(span / width))


def _finite(values: KeyedValues) -> Any:
    for piece, _ in values.pieces():
        yield (
            piece[np.isfinite(piece)]
            if piece.dtype.kind == "f"
            else piece.view(np.uint8)
            if piece.dtype.kind == "b"
            else piece
        )
