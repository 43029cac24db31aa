"""Where the rows of an output array come from. All of them are safe in threads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from zarrpack.storage.merge.flat_layout import FlatLayout
from zarrpack.storage.merge.part_reader import PartReader
from zarrpack.storage.merge.pieces import Pieces
from zarrpack.storage.vlen import encode_bytes

__all__ = ["CodeRows", "FlatOffsetRows", "FlatShapeRows", "FlatValues", "KnownRows", "MergedRows", "RowSource"]

Values = npt.NDArray[Any]
Int64s = npt.NDArray[np.int64]


class RowSource(Protocol):
    """Gives an output array's rows."""

    __slots__ = ()

    def read(self, first: int, last: int) -> Values:
        """Give rows `first` to `last`, `last` excluded, in the output's dtype: a new array, or a view of rows that are kept."""

    def cuts(self, first: int, last: int, rows: int) -> Iterable[int]:
        """Give rows between `first` and `last` that divide these for reading, about `rows` apart where that costs nothing."""
        return range(first + rows, last, rows)

    def runs(self, first: int, last: int) -> list[bytes | memoryview] | None:
        """Give rows of strings or bytes as they lie in the sources' buffers; None where they are of another kind."""
        return None


@dataclass(frozen=True, slots=True)
class KnownRows(RowSource):
    """Rows that are in memory already, such as offsets.

    Parameters
    ----------
    values : ndarray of shape (rows, ...)
        All rows.
    """

    values: Values

    def read(self, first: int, last: int) -> Values:
        """Give rows."""
        return self.values[first:last]


@dataclass(frozen=True, slots=True)
class CodeRows(RowSource):
    """The code of each row.

    Parameters
    ----------
    offsets : ndarray of shape (codes + 1,), int64
        Where each code's rows start.
    labels : ndarray of shape (codes,), int64, or None
        What stands for each code; None: the code.

    Examples
    --------
    >>> CodeRows(np.array([0, 2, 2, 5])).read(1, 4)
    array([0, 2, 2])
    """

    offsets: Int64s
    labels: Int64s | None = None

    def read(self, first: int, last: int) -> Values:
        """Give the codes of rows."""
        begin = int(np.searchsorted(self.offsets, first, side="right")) - 1
        end = int(np.searchsorted(self.offsets, last, side="left"))
        borders = np.clip(self.offsets[begin : end + 1], first, last)
        codes = np.arange(begin, end, dtype=np.int64) if self.labels is None else self.labels[begin:end]
        return np.repeat(codes, np.diff(borders))


@dataclass(frozen=True, slots=True)
class MergedRows(RowSource):
    """Rows of the sources' arrays of one shape.

    Parameters
    ----------
    reader : PartReader
        Reads the sources.
    pieces : Pieces
        Where each row comes from; owners are positions in `parts`.
    parts : ndarray of int64
        Numbers of parts.
    dtype : str
        The output's dtype.
    tail : tuple of int
        The shape of one row.
    filler : scalar
        What rows are that no part has.
    """

    reader: PartReader
    pieces: Pieces
    parts: Int64s
    dtype: str
    tail: tuple[int, ...]
    filler: Any

    def read(self, first: int, last: int) -> Values:
        """Read rows; FormatError if a source is damaged."""
        target = np.full((last - first, *self.tail), self.filler, np.dtype(self.dtype))
        for out, owner, begin, end in self.pieces.within(first, last):
            start = out - first
            self.reader.read_into(int(self.parts[owner]), begin, end, target[start : start + end - begin])
        return target

    def cuts(self, first: int, last: int, rows: int) -> Iterable[int]:
        """Divide rows where another part begins, so that no part's chunk is decoded for each half of it."""
        return self.pieces.cuts(first, last, rows)

    def runs(self, first: int, last: int) -> list[bytes | memoryview] | None:
        """Give rows of strings or bytes as they lie in the sources' buffers; None where they are of another kind."""
        if self.dtype != "|O" or self.tail:
            return None
        found: list[bytes | memoryview] = []
        filler = encode_bytes([self.filler if isinstance(self.filler, bytes) else str(self.filler).encode()])[4:]
        at = first
        for out, owner, begin, end in self.pieces.within(first, last):
            part = int(self.parts[owner])
            if not self.reader.has_runs(part):
                return None
            found += [filler * (out - at), *self.reader.runs(part, begin, end)]
            at = out + end - begin
        return [*found, filler * (last - at)]


@dataclass(frozen=True, slots=True)
class FlatValues(RowSource):
    """The values of a flat array; zeros in the gaps.

    Parameters
    ----------
    reader : PartReader
        Reads the sources.
    layout : FlatLayout
        Where each part's values lie.
    dtype : str
        The output's dtype.
    filler : scalar
        What the gaps hold.
    """

    reader: PartReader
    layout: FlatLayout
    dtype: str
    filler: Any

    def read(self, first: int, last: int) -> Values:
        """Read values; FormatError if a source is damaged."""
        target = np.full(last - first, self.filler, np.dtype(self.dtype))
        for out, owner, begin, end in self.layout.pieces.within(first, last):
            self._read_part(owner, begin, end, target[out - first : out - first + end - begin])
        return target

    def cuts(self, first: int, last: int, rows: int) -> Iterable[int]:
        """Divide values where another part begins, so that no part's chunk is decoded for each half of it."""
        return self.layout.pieces.cuts(first, last, rows)

    def _read_part(self, owner: int, begin: int, end: int, target: Values) -> None:
        part, row_values = int(self.layout.parts[owner]), int(self.layout.row_values[owner])
        if not row_values:
            self.reader.read_into(part, begin, end, target)
            return
        for row, rows in self.reader.shared_rows(part, begin // row_values, -(-end // row_values)):
            start = row * row_values
            cut = rows.reshape(-1)[max(0, begin - start) : end - start]
            place = max(0, start - begin)
            target[place : place + len(cut)] = cut


@dataclass(frozen=True, slots=True)
class FlatOffsetRows(RowSource):
    """Where each thing of a flat array starts; 0 for things that it lacks.

    Parameters
    ----------
    reader : PartReader
        Reads the sources' offsets.
    layout : FlatLayout
        Where each part's values lie.
    things : Pieces
        Where each thing comes from; owners are positions in the layout's parts.
    """

    reader: PartReader
    layout: FlatLayout
    things: Pieces

    def read(self, first: int, last: int) -> Values:
        """Read offsets; FormatError if a source is damaged."""
        target = np.zeros(last - first, np.int64)
        layout = self.layout
        for out, owner, begin, end in self.things.within(first, last):
            part = target[out - first : out - first + end - begin]
            if layout.row_values[owner]:
                part[:] = layout.first_row(owner, begin, end) * layout.row_values[owner]
            elif layout.offset_parts[owner] >= 0:
                self.reader.read_into(int(layout.offset_parts[owner]), begin, end, part)
            part += layout.base[owner]
        return target

    def cuts(self, first: int, last: int, rows: int) -> Iterable[int]:
        """Divide things where another part begins."""
        return self.things.cuts(first, last, rows)


@dataclass(frozen=True, slots=True)
class FlatShapeRows(RowSource):
    """The shape of each thing of a flat array; zeros for things that it lacks.

    Parameters
    ----------
    reader : PartReader
        Reads the sources' shapes.
    layout : FlatLayout
        What the parts are.
    things : Pieces
        Where each thing comes from; owners are positions in the layout's parts.
    axes : int
        How many axes a thing has.
    lengths : sequence of RowSource
        Arrays of the output that hold the lengths of the things of parts that have no shapes of their own.
    """

    reader: PartReader
    layout: FlatLayout
    things: Pieces
    axes: int
    lengths: Sequence[RowSource]

    def read(self, first: int, last: int) -> Values:
        """Read shapes; FormatError if a source is damaged."""
        target = np.zeros((last - first, self.axes), np.int64)
        layout = self.layout
        for out, owner, begin, end in self.things.within(first, last):
            shapes = target[out - first : out - first + end - begin]
            if not layout.is_flat[owner]:
                tail = self.reader.tail(int(layout.parts[owner]))
                shapes[:, self.axes - len(tail) :] = tail
                if self.axes > len(tail):
                    shapes[:, 0] = layout.row_count(owner, begin, end)
            elif layout.shape_parts[owner] >= 0:
                self.reader.read_into(int(layout.shape_parts[owner]), begin, end, shapes)
            else:
                for axis, lengths in enumerate(self.lengths):
                    shapes[:, axis] = lengths.read(out, out + end - begin)
        return target

    def cuts(self, first: int, last: int, rows: int) -> Iterable[int]:
        """Divide things where another part begins."""
        return self.things.cuts(first, last, rows)
