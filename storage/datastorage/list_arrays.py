"""Lists to arrays, without what numpy does silently: numbers that become text, large integers that are rounded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["list_to_array"]


def list_to_array(values: Sequence[Any]) -> npt.NDArray[Any]:
    """Convert a list of numbers, of booleans, of strings or of bytes, nested to any depth, to an array.

    Parameters
    ----------
    values : sequence
        Its parts of one shape. Arrays of one shape can take the place of inner lists.

    Returns
    -------
    ndarray
        Strings and bytes as objects, so that one long string does not make all others as long.

    Raises
    ------
    ValueError
        If the parts have different shapes, or an integer needs more than 64 bits.
    TypeError
        If the values are of several kinds, or of none that an array keeps.

    Examples
    --------
    >>> list_to_array([[1, 2], [3, 4]]).shape
    (2, 2)
    >>> list_to_array(["a", "bc"])
    array(['a', 'bc'], dtype=object)
    """
    try:
        array = np.asarray(values)
    except ValueError as exc:
        raise ValueError("expected lists of one length at each depth, found different ones") from exc
    kind = array.dtype.kind
    if kind in "US" and not _holds_arrays(values):
        # From the values themselves: numpy has cut zeros off the ends.
        array = np.array(values, dtype=object)
        found = {type(entry) for entry in array.reshape(-1).tolist()}
        if all(issubclass(one, str) for one in found) or all(issubclass(one, bytes) for one in found):
            return array
        raise TypeError(f"expected a list of strings or of bytes alone, found {_names(found)}")
    if kind == "O":
        found = {type(entry) for entry in array.reshape(-1).tolist()}
        if all(issubclass(one, int) for one in found):
            raise ValueError("expected integers of at most 64 bits, found larger ones")
        raise TypeError(f"expected a list of numbers, booleans, strings or bytes, found {_names(found)}")
    # Integers without a common type come as floats, the large ones among them rounded.
    if kind == "f" and array.size and bool((array == np.floor(array)).all()):
        exact = np.array(values, dtype=object)
        if all(issubclass(type(entry), int | np.integer) for entry in exact.reshape(-1).tolist()):
            return _integers(exact)
    return array


def _integers(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    low, high = int(values.min()), int(values.max())
    for dtype in (np.int64, np.uint64):
        limits = np.iinfo(dtype)
        if limits.min <= low and high <= limits.max:
            return values.astype(dtype)
    raise ValueError("expected integers that one type of 64 bits can hold, found larger ones")


def _holds_arrays(values: Any) -> bool:
    while isinstance(values, list | tuple) and values:
        values = values[0]
    return isinstance(values, np.ndarray)


def _names(types: set[type]) -> str:
    return ", ".join(sorted(one.__name__ for one in types))
