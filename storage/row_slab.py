"""Collects an array's rows until they fill a chunk."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from zarrpack.storage.row_values import Values

__all__ = ["NumberSlab", "ObjectSlab"]

_FIRST_ROWS = 16
# A first chunk of strings that is larger than this, in bytes, is closed early and sets the chunks' length.
_OBJECT_BYTES = 1 << 20


class NumberSlab:
    """The open chunk of an array of numbers. It grows with its rows, up to a whole chunk.

    Parameters
    ----------
    chunk_rows : int
        Rows of a full chunk.
    tail : tuple of int
        The shape of one row.
    dtype : str
        The rows' type.
    emit : callable
        Takes the rows of each full chunk; they are valid until it returns.

    Attributes
    ----------
    fill : int
        Rows in the open chunk.
    """

    def __init__(
        self, chunk_rows: int, tail: tuple[int, ...], dtype: str, emit: Callable[[npt.NDArray[Any]], None]
    ) -> None:
        self.chunk_rows = chunk_rows
        self.fill = 0
        self._emit = emit
        self._rows = np.empty((0, *tail), dtype)

    def add(self, values: Values) -> None:
        """Take rows; full chunks go out at once, without a copy where one block holds a whole chunk."""
        assert isinstance(values, np.ndarray)
        position, count = 0, len(values)
        while position < count:
            if not self.fill and count - position >= self.chunk_rows:
                self._emit(values[position : position + self.chunk_rows])
                position += self.chunk_rows
                continue
            taken = min(self.chunk_rows - self.fill, count - position)
            self._grow(self.fill + taken)
            self._rows[self.fill : self.fill + taken] = values[position : position + taken]
            self.fill += taken
            position += taken
            if self.fill == self.chunk_rows:
                self._emit(self._rows)
                self.fill = 0

    def rest(self) -> npt.NDArray[Any]:
        """The rows of the open chunk."""
        return self._rows[: self.fill]

    def truncate(self, fill: int) -> None:
        """Forget the open chunk's rows from `fill` on."""
        self.fill = fill

    def _grow(self, needed: int) -> None:
        if needed > len(self._rows):
            capacity = min(self.chunk_rows, max(needed, 2 * len(self._rows), _FIRST_ROWS))
            grown = np.empty((capacity, *self._rows.shape[1:]), self._rows.dtype)
            grown[: self.fill] = self._rows[: self.fill]
            self._rows = grown


class ObjectSlab:
    """The open chunk of an array of strings (as UTF-8) or bytes.

    Parameters
    ----------
    chunk_rows, tail
        As in `NumberSlab`.
    emit : callable
        Takes the rows of each full chunk, as an ndarray of objects.

    Attributes
    ----------
    chunk_rows : int
        Rows of a full chunk. Set anew, once, if the first chunk would be very large.
    """

    def __init__(self, chunk_rows: int, tail: tuple[int, ...], emit: Callable[[npt.NDArray[Any]], None]) -> None:
        self.chunk_rows = chunk_rows
        self._tail = tail
        self._emit = emit
        self._row_items = math.prod(tail)
        self._items: list[bytes] = []
        self._bytes = 0
        self._is_first = True

    @property
    def fill(self) -> int:
        """Rows in the open chunk."""
        return len(self._items) // self._row_items if self._row_items else 0

    def add(self, values: Values) -> None:
        """Take rows; full chunks go out at once."""
        assert isinstance(values, list)
        self._items += values
        if self._is_first:
            self._bytes += sum(map(len, values))
            if self._bytes > _OBJECT_BYTES:
                fitting = max(1, self.fill * _OBJECT_BYTES // self._bytes)
                self.chunk_rows = min(self.chunk_rows, 1 << (fitting.bit_length() - 1))
        count = self.chunk_rows * self._row_items
        full = len(self._items) // count * count if count else 0
        if full:
            for start in range(0, full, count):
                self._emit(self._rows(self._items[start : start + count]))
            del self._items[:full]
            self._is_first = False

    def rest(self) -> npt.NDArray[Any]:
        """The rows of the open chunk."""
        return self._rows(self._items)

    def truncate(self, fill: int) -> None:
        """Forget the open chunk's rows from `fill` on."""
        if self._is_first:
            self._bytes -= sum(map(len, self._items[fill * self._row_items :]))
        del self._items[fill * self._row_items :]

    def _rows(self, items: list[bytes]) -> npt.NDArray[Any]:
        rows = np.empty(len(items), object)
        rows[:] = items
        return rows.reshape(-1, *self._tail) if self._row_items else rows.reshape(0, *self._tail)
