"""What each item has in each array of a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from zarrpack.storage.array_metadata import ArrayMetadata
from zarrpack.storage.items.item_reader import ItemReader

__all__ = ["ItemArray", "item_arrays"]


@dataclass(frozen=True, slots=True)
class ItemArray:
    """An array of data, read item by item.

    Parameters
    ----------
    place : str
        ``"group/array"``.
    metadata : ArrayMetadata
        How it is stored.
    reader : ItemReader
        Reads it.
    is_flat : bool
        Whether its things differ in shape.
    is_single : bool
        Whether no item has more than one row, as pictures have.
    """

    place: str
    metadata: ArrayMetadata
    reader: ItemReader
    is_flat: bool
    is_single: bool

    @property
    def is_number(self) -> bool:
        """Whether a row is one number."""
        return not self.is_flat and self.metadata.dtype[1] not in "OUS" and len(self.metadata.shape) == 1

    def things(self, code: int) -> list[npt.NDArray[Any]]:
        """Give what an item has: its rows as one array, or, of a flat array, its things one by one.

        Parameters
        ----------
        code : int
            The item.

        Returns
        -------
        list of ndarray
            Empty if it has none.

        Raises
        ------
        FormatError
            If a chunk is missing or damaged.
        """
        if not self.metadata.shape:
            return [self.reader.read_whole(self.place)]
        values = self.reader.read(self.place, code)
        if values is None:
            return []
        return [np.asarray(one) for one in values] if self.is_flat else [values]


def item_arrays(reader: ItemReader) -> list[ItemArray]:
    """Give the arrays of data of a file; codes and offsets are none.

    Parameters
    ----------
    reader : ItemReader
        Reads the file.
    """
    found = []
    for place, array in reader.arrays.items():
        spans = reader.spans(array.group, array.dimension)
        most = int(np.diff(spans.offsets).max(initial=0)) if spans is not None else 0
        metadata = reader.index.arrays[place].metadata
        is_single = reader.index.kind != "store" and most <= 1
        found.append(ItemArray(place, metadata, reader, array.offsets is not None, is_single))
    return found
