"""Which rows belong to which code."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from zarrpack.errors import FormatError
from zarrpack.storage.items.file_index import FileIndex

__all__ = ["RowSpans", "code_array", "read_spans"]

Int64s = npt.NDArray[np.int64]


class RowSpans:
    """The rows of each code along one dimension. Safe in threads.

    Parameters
    ----------
    offsets : ndarray of shape (codes + 1,), int64
        Code c has the places ``[offsets[c], offsets[c + 1])``.
    order : ndarray of shape (rows,), int64, or None
        The row at each place; None: places are rows.

    Examples
    --------
    >>> RowSpans.of_codes(np.array([0, 2, 2]), 3).rows(2)
    (1, 3)
    """

    __slots__ = ("offsets", "order")

    def __init__(self, offsets: Int64s, order: Int64s | None = None) -> None:
        self.offsets = offsets
        self.order = order

    @classmethod
    def of_codes(cls, codes: Int64s, count: int) -> RowSpans:
        """Find the spans from a code per row.

        Parameters
        ----------
        codes : ndarray of shape (rows,), int64
            -1: the row belongs to nothing.
        count : int
            How many codes there are.
        """
        offsets = np.zeros(count + 1, np.int64)
        known = codes[codes >= 0]
        offsets[1:] = np.cumsum(np.bincount(known, minlength=count)[:count])
        if len(known) == len(codes) and bool((np.diff(codes) >= 0).all()):
            return cls(offsets)
        order = np.argsort(codes, kind="stable").astype(np.int64)
        return cls(offsets, order[len(codes) - len(known) :])

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def rows(self, code: int) -> tuple[int, int] | Int64s:
        """Give the rows of a code: (first, last) with `last` excluded, or where they are apart their numbers."""
        if not 0 <= code < len(self.offsets) - 1:
            return 0, 0
        first, last = int(self.offsets[code]), int(self.offsets[code + 1])
        if self.order is None:
            return first, last
        rows = self.order[first:last]
        if len(rows) == 0:
            return 0, 0
        begin = int(rows[0])
        return (begin, begin + len(rows)) if int(rows[-1]) == begin + len(rows) - 1 else rows


def code_array(index: FileIndex, group: str, dimension: str) -> str | None:
    """Name the array that has the code of each row along a dimension; None if there is none.

    Parameters
    ----------
    index : FileIndex
        The file.
    group, dimension : str
        The group and the rows' dimension.
    """
    for name in (f"{group}/file_id_{dimension}", f"{group}/file_id", f"{group}/file_id_code_{group}"):
        found = index.arrays.get(name)
        if found is not None and found.metadata.dims == (dimension,):
            return name
    return None


def read_spans(
    index: FileIndex, group: str, dimension: str, codes: int, read: Callable[[str], Int64s]
) -> RowSpans | None:
    """Read which rows belong to which code.

    Parameters
    ----------
    index : FileIndex
        The file.
    group, dimension : str
        The group and the rows' dimension.
    codes : int
        How many codes the file has.
    read : callable
        Gives a whole array by its name.

    Returns
    -------
    RowSpans or None
        None: nothing in the file says it.

    Raises
    ------
    FormatError
        If the file contradicts itself.
    """
    offsets_name = f"{group}/{dimension}_offsets"
    found = index.arrays.get(offsets_name)
    if found is not None and found.role == "offsets":
        offsets = read(offsets_name)
        if len(offsets) != codes + 1 or offsets[0] < 0 or bool((np.diff(offsets) < 0).any()):
            raise FormatError(
                f"{index.path}: expected {codes + 1} ascending offsets in {offsets_name}, found {len(offsets)} "
                "numbers that are not; the file is damaged"
            )
        return RowSpans(offsets)
    name = code_array(index, group, dimension)
    if name is None:
        return None
    numbers = read(name)
    if len(numbers) and not -1 <= int(numbers.min()) <= int(numbers.max()) < codes:
        raise FormatError(f"{index.path}: expected codes from 0 to {codes - 1} in {name}, found others")
    return RowSpans.of_codes(numbers, codes)
