"""Which HDF5 type stands for which dtype, so that every reader sees the values."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["stored_dtype", "to_stored"]


def stored_dtype(dtype: str) -> np.dtype[Any]:
    """Give the type in which numbers are stored.

    Booleans are int8: as HDF5's enumeration netCDF's C library does not read them. float16 is float32: netCDF4
    ends the process over float16.

    Parameters
    ----------
    dtype : str
        As in ``.zarray``; no strings.

    Examples
    --------
    >>> stored_dtype("|b1").str, stored_dtype("<f2").str, stored_dtype("<i4").str
    ('|i1', '<f4', '<i4')
    """
    kind = np.dtype(dtype)
    if kind.kind == "b":
        return np.dtype(np.int8)
    if kind == np.float16:
        return np.dtype("<f4")
    return kind


def to_stored(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Give values in their stored type; a copy only where it differs."""
    return values.astype(stored_dtype(values.dtype.str), copy=False)
