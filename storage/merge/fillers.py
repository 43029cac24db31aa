"""What rows hold that no source has."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

__all__ = ["missing_value", "zero_value"]


def zero_value(dtype: str, object_codec: Literal["vlen-utf8", "vlen-bytes"] | None) -> Any:
    """Give what fills gaps of a flat array and the ends of last chunks.

    Examples
    --------
    >>> zero_value("|O", "vlen-utf8")
    ''
    """
    if object_codec is not None:
        return "" if object_codec == "vlen-utf8" else b""
    return np.zeros((), dtype)[()]


def missing_value(dtype: str, object_codec: Literal["vlen-utf8", "vlen-bytes"] | None, stands_for: str = "") -> Any:
    """Give the value of rows that a source lacks: NaN, -1, the largest unsigned number, ``""``, ``b""``, False.

    Parameters
    ----------
    dtype : str
        As in ``.zarray``.
    object_codec : {"vlen-utf8", "vlen-bytes"} or None
        For the dtype ``"|O"``.
    stands_for : str
        The dtype that `dtype` stands for; for dates and durations the value is their NaT.

    Examples
    --------
    >>> missing_value("|u1", None), missing_value("<f4", None), missing_value("|b1", None)
    (np.uint8(255), np.float32(nan), np.False_)
    """
    stored = np.dtype(dtype)
    if stored.kind == "u":
        return stored.type(np.iinfo(stored).max)
    if stored.kind == "i":
        # <M8 and <m8 keep NaT as the smallest number.
        return stored.type(np.iinfo(stored).min if stands_for[1:3] in ("M8", "m8") else -1)
    if stored.kind in "fc":
        return stored.type(np.nan)
    return zero_value(dtype, object_codec)
