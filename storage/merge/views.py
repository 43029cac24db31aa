"""What a merge takes the arrays of a source for, where their own names do not say it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from zarrpack.storage.data_file import DataFile
from zarrpack.storage.merge.catalogue import GroupKey

__all__ = ["ArrayView", "SourceView"]


@dataclass(frozen=True, slots=True)
class ArrayView:
    """What an array of a source is in the output. Its chunks stay as they are.

    Parameters
    ----------
    group : GroupKey
        Its group.
    name : str
        Its name there.
    dims : tuple of str
        Its dimensions there.
    joined_axes : int
        How many leading axes become one: with 2 ``[n, n, ...]`` is ``[n * n, ...]``, (i, j) at row i * n + j.
    empty_row : tuple of int or None
        If the array has no rows, or nothing but padding: the shape that a row would have; None: as the array says.
    """

    group: GroupKey
    name: str
    dims: tuple[str, ...]
    joined_axes: int = 1
    empty_row: tuple[int, ...] | None = None


#: Gives the views of a source's arrays by their places, such as ``"graph/edges/source"``. None: the array is left out.
#: An array that it does not name is what it says that it is.
SourceView: TypeAlias = Callable[[DataFile], Mapping[str, ArrayView | None]]
