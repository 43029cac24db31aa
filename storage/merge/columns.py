"""Tables of integers that grow row by row and take a few bytes a row.

A merge may see hundreds of thousands of sources; one Python object for each thing it must remember would
be its whole memory.
"""

from __future__ import annotations

from array import array
from collections.abc import Hashable
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

__all__ = ["Columns", "Interned", "distinct"]

Value = TypeVar("Value", bound=Hashable)

# How wide a column may be, ever wider, by the widest.
_WIDTHS = {"b": "b", "i": "bhi", "q": "bhiq", "I": "BHI"}


class Columns:
    """A growing table of integer columns. Not for threads while it grows.

    A column takes as few bytes a row as its largest number needs so far: for small files half of what it may need.

    Parameters
    ----------
    **typecodes : str
        Column name -> the widest it may become, as a type code of :mod:`array`: ``"b"`` 8 bits, ``"i"`` 32 bits,
        ``"I"`` 32 bits unsigned, ``"q"`` 64 bits.

    Examples
    --------
    >>> runs = Columns(member="i", rows="q")
    >>> runs.append(0, 12), runs.append(1, 3)
    (0, 1)
    >>> runs["rows"].tolist()
    [12, 3]
    """

    def __init__(self, **typecodes: str) -> None:
        self._numbers = {name: number for number, name in enumerate(typecodes)}
        self._widths = [_WIDTHS[code] for code in typecodes.values()]
        self._order = [array(widths[0]) for widths in self._widths]
        self._appends = [column.append for column in self._order]

    def __len__(self) -> int:
        return len(self._order[0])

    def append(self, *values: int) -> int:
        """Add a row; give its number.

        Parameters
        ----------
        *values : int
            One for each column, in the columns' order.
        """
        for number, value in enumerate(values):
            try:
                self._appends[number](value)
            except OverflowError:
                self._widen(number, value, value)
                self._appends[number](value)
        return len(self._order[0]) - 1

    def extend(self, *values: npt.NDArray[np.int64]) -> int:
        """Add rows; give the number of the first.

        Parameters
        ----------
        *values : ndarray of shape (N,), integers
            One for each column, in the columns' order. Copied.
        """
        first = len(self)
        for number, rows in enumerate(values):
            if len(rows):
                self._widen(number, int(rows.min()), int(rows.max()))
            column = self._order[number]
            column.frombytes(rows.astype(column.typecode, copy=False).tobytes())
        return first

    def __getitem__(self, name: str) -> npt.NDArray[np.int64]:
        """A column, as a view of its stored type, for single numbers. The table cannot grow while a view lives."""
        column = self._order[self._numbers[name]]
        return np.frombuffer(column, column.typecode) if column else np.empty(0, column.typecode)

    def of(self, name: str, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Give a column's values in some rows, to be calculated with.

        Parameters
        ----------
        name : str
            The column.
        numbers : ndarray of shape (N,), integers
            The rows' numbers.

        Returns
        -------
        ndarray of shape (N,), int64
            A copy.
        """
        return self[name][numbers].astype(np.int64)

    def _widen(self, number: int, low: int, high: int) -> None:
        """Make a column wide enough for numbers; OverflowError if it may not be."""
        for code in self._widths[number][self._widths[number].index(self._order[number].typecode) :]:
            limits = np.iinfo(code)
            if limits.min <= low and high <= limits.max:
                break
        else:
            raise OverflowError(
                f"column {list(self._numbers)[number]}: expected at most {limits.max}, found {low} to {high}"
            )
        if code != self._order[number].typecode:
            self._order[number] = array(code, self._order[number])
            self._appends[number] = self._order[number].append


def distinct(numbers: npt.NDArray[np.int64]) -> list[int]:
    """Give the different numbers of some, ascending. For small numbers of 0 or more, such as those of `Interned`.

    Examples
    --------
    >>> distinct(np.array([3, 0, 3]))
    [0, 3]
    """
    # np.unique would import numpy.ma, which takes as long as a small merge.
    found: list[int] = np.flatnonzero(np.bincount(numbers)).tolist()
    return found


class Interned(Generic[Value]):
    """Equal values, stored once and known by number, in order of first appearance.

    Examples
    --------
    >>> names = Interned[str]()
    >>> names.number("a"), names.number("b"), names.number("a")
    (0, 1, 0)
    >>> names[1]
    'b'
    """

    def __init__(self) -> None:
        self._numbers: dict[Value, int] = {}
        self._values: list[Value] = []

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, number: int) -> Value:
        return self._values[number]

    def number(self, value: Value) -> int:
        """Give the value's number, a new one if it was not seen before."""
        number = self._numbers.setdefault(value, len(self._values))
        if number == len(self._values):
            self._values.append(value)
        return number
