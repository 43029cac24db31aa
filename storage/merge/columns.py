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


class Columns:
    """A growing table of integer columns. Not for threads while it grows.

    Parameters
    ----------
    **typecodes : str
        Column name -> type code of :mod:`array`: ``"i"`` 32 bits, ``"I"`` 32 bits unsigned, ``"q"`` 64 bits.

    Examples
    --------
    >>> runs = Columns(member="i", rows="q")
    >>> runs.append(0, 12), runs.append(1, 3)
    (0, 1)
    >>> runs["rows"].tolist()
    [12, 3]
    """

    def __init__(self, **typecodes: str) -> None:
        self._arrays = {name: array(code) for name, code in typecodes.items()}
        self._order = tuple(self._arrays.values())
        self._appends = tuple(column.append for column in self._order)

    def __len__(self) -> int:
        return len(self._order[0])

    def append(self, *values: int) -> int:
        """Add a row; give its number.

        Parameters
        ----------
        *values : int
            One for each column, in the columns' order.
        """
        for append, value in zip(self._appends, values, strict=True):
            append(value)
        return len(self._order[0]) - 1

    def extend(self, *values: npt.NDArray[np.int64]) -> int:
        """Add rows; give the number of the first.

        Parameters
        ----------
        *values : ndarray of shape (N,), integers
            One for each column, in the columns' order. Copied.
        """
        first = len(self)
        for column, rows in zip(self._order, values, strict=True):
            column.frombytes(rows.astype(column.typecode, copy=False).tobytes())
        return first

    def __getitem__(self, name: str) -> npt.NDArray[np.int64]:
        """A column, as a view of its stored type. The table cannot grow while a view lives."""
        column = self._arrays[name]
        return np.frombuffer(column, column.typecode) if column else np.empty(0, column.typecode)


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
