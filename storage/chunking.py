"""How many rows share a chunk."""

from __future__ import annotations

import math
from typing import Literal

__all__ = ["CHUNK_BYTES", "CHUNK_ELEMENTS", "MOST_AXES", "MOST_CHUNKS", "chunk_shape"]

#: About how many numbers a chunk holds.
CHUNK_ELEMENTS = 1 << 20
#: How many strings or bytes objects a chunk holds.
CHUNK_STRINGS = 1 << 16
#: From how many values on a picture has a chunk of its own.
PICTURE_VALUES = 1 << 16
#: How many chunks an array may have before several rows share one that would each have their own.
MOST_CHUNKS = 1 << 16
#: Largest chunk before compression, in bytes. What announces more is refused unread.
CHUNK_BYTES = 1 << 32
#: Most axes of an array, those of Zarr's readers on older numpy.
MOST_AXES = 32


def chunk_shape(
    shape_tail: tuple[int, ...],
    dtype: str,
    content: Literal["values", "pixels"],
    expected_rows: int | None,
    is_encoded: bool = False,
) -> tuple[int, ...]:
    """Choose the shape of an array's chunks.

    Only the first axis is divided. A row is what a block, a slab and a reader hold at least, so
    dividing a large row would save none of them any memory.

    Parameters
    ----------
    shape_tail : tuple of int
        The array's shape without its first axis; empty for a flat array.
    dtype : str
        As in ``.zarray``; ``"|O"`` for strings and bytes.
    content : {"values", "pixels"}
        A picture of 64 Ki values or more has a chunk of its own.
    expected_rows : int or None
        How many rows the array will have, as far as is known. Where rows in chunks of their own would make
        more than 65,536 chunks, 2**k rows share one.
    is_encoded : bool
        Whether the rows are files' own bytes (``vlen-bytes``): one a chunk.

    Returns
    -------
    tuple of int
        Rows per chunk, then `shape_tail` (a length of 0 counts as 1). Never a 0.

    Examples
    --------
    >>> chunk_shape((), "<i4", "values", None)
    (1048576,)
    >>> chunk_shape((600, 800, 3), "|u1", "pixels", 100_000)
    (2, 600, 800, 3)
    """
    row_values = math.prod(max(1, length) for length in shape_tail)
    if is_encoded or (content == "pixels" and row_values >= PICTURE_VALUES):
        rows = 1
    else:
        rows = max(1, (CHUNK_STRINGS if dtype == "|O" else CHUNK_ELEMENTS) // row_values)
    while expected_rows is not None and -(-expected_rows // rows) > MOST_CHUNKS:
        rows *= 2
    return (rows, *(max(1, length) for length in shape_tail))
