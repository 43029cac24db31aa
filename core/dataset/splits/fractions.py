"""Whole numbers out of fractions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["apportion", "check_fractions"]

_TOLERANCE = 1e-6


def check_fractions(train: float, validation: float, test: float) -> tuple[float, float, float]:
    """Check the fractions of a split.

    Raises
    ------
    ValueError
        If one is negative, `train` is 0, or they do not make 1 together.
    """
    fractions = float(train), float(validation), float(test)
    if not all(fraction >= 0 for fraction in fractions) or fractions[0] == 0 or abs(sum(fractions) - 1) > _TOLERANCE:
        raise ValueError(
            "expected train > 0, validation and test of at least 0, and together 1, "
            f"found {train}, {validation} and {test}"
        )
    return fractions


def apportion(count: int, fractions: Sequence[float]) -> npt.NDArray[np.int64]:
    """Share out whole things: each share within one of its fraction, all together `count`.

    From as many things as there are shares on, no share with a fraction above 0 is empty; that alone can take a share further
    from its fraction.

    Parameters
    ----------
    count : int
        How many things.
    fractions : sequence of float
        At least 0, together 1.

    Returns
    -------
    ndarray of int64
        One number per fraction.

    Examples
    --------
    >>> apportion(101, [0.6, 0.2, 0.2])
    array([61, 20, 20])
    """
    # Rounded, so that 0.7 * 10 is 7 and not a little less.
    exact = np.round(np.array(fractions, np.float64) * count, 9)
    shares = np.floor(exact).astype(np.int64)
    # The largest remainders get what is left; of equal ones the earlier.
    order = np.argsort(shares - exact, kind="stable")
    shares[order[: count - int(shares.sum())]] += 1
    wanted = exact > 0
    if count >= len(fractions):
        for empty in np.flatnonzero(wanted & (shares == 0)):
            shares[int(np.argmax(shares))] -= 1
            shares[empty] += 1
    return shares
