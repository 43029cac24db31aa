"""Things of different shapes that lie one behind the other in a flat array."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from zarrpack.errors import FormatError
from zarrpack.storage.items.array_reader import ArrayReader

__all__ = ["FlatThings"]

Int64s = npt.NDArray[np.int64]


class FlatThings:
    """Where each thing of a flat array lies, and its shape. Safe in threads.

    Parameters
    ----------
    values : ArrayReader
        The flat array.
    offsets : ndarray of shape (things,), int64
        Where each thing's values start.
    shapes : ndarray of shape (things, axes), int64
        Each thing's shape.

    Raises
    ------
    FormatError
        If a thing reaches beyond the array.
    """

    __slots__ = ("_values", "lengths", "offsets", "shapes")

    def __init__(self, values: ArrayReader, offsets: Int64s, shapes: Int64s) -> None:
        self._values = values
        self.offsets = offsets
        self.shapes = shapes
        self.lengths = np.prod(shapes, axis=1, dtype=np.int64)
        ends = offsets + self.lengths
        is_wrong = len(offsets) != len(shapes) or bool((shapes < 0).any() or (offsets < 0).any())
        if is_wrong or int(ends.max(initial=0)) > len(values):
            raise FormatError(
                f"{values.name}: expected offsets and shapes of things among {len(values)} values, found others; "
                "the file is damaged"
            )

    def __len__(self) -> int:
        return len(self.offsets)

    def read(self, thing: int) -> npt.NDArray[Any]:
        """Read one thing.

        Parameters
        ----------
        thing : int
            From 0.

        Returns
        -------
        ndarray
            Of the thing's own shape, owned by the caller.
        """
        first = int(self.offsets[thing])
        values = self._values.read(first, first + int(self.lengths[thing]))
        return values.reshape(tuple(map(int, self.shapes[thing])))
