"""Statistics of numbers that come piece by piece."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from zarrpack.dataset.explore.order_statistics import quantiles

__all__ = ["Moments", "numbers_only", "statistics", "survey", "without_nan"]

Values = npt.NDArray[Any]


@dataclass(slots=True)
class Moments:
    """Count, mean, squared deviations and range of the values seen so far.

    Parameters
    ----------
    count : int
        Values, without NaN.
    mean : float
        Of the values.
    squares : float
        The sum of the squared deviations from the mean.
    least, most : number
        The range.
    infinite : int
        Values that are infinite.

    Examples
    --------
    >>> moments = Moments()
    >>> moments.add(np.array([1, 3])), moments.mean, moments.least
    (None, 2.0, 1)
    """

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0
    least: Any = math.inf
    most: Any = -math.inf
    infinite: int = 0

    def add(self, values: Values) -> None:
        """Take in more values; no NaN."""
        if not values.size:
            return
        self.least = min(self.least, values.min().item())
        self.most = max(self.most, values.max().item())
        if values.dtype.kind == "f":
            self.infinite += int(np.isinf(values).sum())
        wide = values.astype(np.float64, copy=False)
        with np.errstate(invalid="ignore", over="ignore"):
            mean = float(wide.mean())
            squares = float(np.square(wide - mean).sum())
            total = self.count + len(values)
            difference = mean - self.mean
            # Chan's formula: the deviations of two parts, each from its own mean.
            self.squares += squares + difference * difference * self.count * len(values) / total
            self.mean += difference * len(values) / total
        self.count = total


def numbers_only(name: str, dtype: np.dtype[Any]) -> None:
    """Refuse what has no order and no mean.

    Raises
    ------
    TypeError
        If the values are neither real numbers nor booleans.
    """
    if dtype.kind not in "biuf":
        kind = "strings or bytes" if dtype.kind == "O" else str(dtype)
        raise TypeError(f"{name}: expected real numbers, found {kind}")


def survey(pieces: Callable[[], Iterable[Values]]) -> Moments:
    """Go through the values once."""
    moments = Moments()
    for values in without_nan(pieces()):
        moments.add(values)
    return moments


def statistics(pieces: Callable[[], Iterable[Values]]) -> dict[str, Any]:
    """Compute statistics in a few passes, never with all values in memory.

    Parameters
    ----------
    pieces : callable
        Gives the values piece by piece; called once for each pass. NaN is left out.

    Returns
    -------
    dict
        ``count``, ``mean``, ``std`` (of the population), ``min``, ``max``, ``median``, ``q25``, ``q75``; NaN where there are no values.

    Examples
    --------
    >>> found = statistics(lambda: [np.array([1, 2]), np.array([3])])
    >>> found["count"], found["mean"], found["median"], found["max"]
    (3, 2.0, 2.0, 3)
    """
    moments = survey(pieces)
    if moments.count == 0:
        return {"count": 0, **dict.fromkeys(("mean", "std", "min", "max", "median", "q25", "q75"), math.nan)}
    low, middle, high = quantiles(lambda: without_nan(pieces()), moments.count, (0.25, 0.5, 0.75))
    return {
        "count": moments.count,
        "mean": moments.mean,
        "std": math.sqrt(moments.squares / moments.count) if moments.squares >= 0 else math.nan,
        "min": moments.least,
        "max": moments.most,
        "median": middle,
        "q25": low,
        "q75": high,
    }


def without_nan(pieces: Iterable[Values]) -> Iterator[Values]:
    """Give the values without NaN; booleans as 0 and 1."""
    for piece in pieces:
        if piece.dtype.kind == "f":
            yield piece[~np.isnan(piece)]
        else:
            yield piece.view(np.uint8) if piece.dtype.kind == "b" else piece
