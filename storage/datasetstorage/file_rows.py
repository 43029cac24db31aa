"""How many rows of an array each file of a dataset had."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from zarrpack.errors import FormatError
from zarrpack.storage.data_file import DataFile, StoredArray
from zarrpack.storage.datasetstorage.recorded_arrays import RecordedArray, data_arrays
from zarrpack.storage.datasetstorage.stored_keys import StoredKey
from zarrpack.storage.datasetstorage.surveyed import UNKNOWN
from zarrpack.storage.merge.padding import Runs, read_runs

__all__ = ["FileRows"]

Int64s = npt.NDArray[np.int64]


class FileRows:
    """Tells them of the arrays of one dataset, by the lengths of its dimensions and by what was padded.

    Parameters
    ----------
    source : DataFile
        The dataset; open while it is asked.
    codes : int
        How many codes it counts.
    order : sequence of int or None
        The codes in the order of its rows, different and below `codes`; None: all of them in their own.

    Attributes
    ----------
    files : int
        How many files it was merged from.

    """

    def __init__(self, source: DataFile, codes: int, order: tuple[int, ...] | None) -> None:
        self._source = source
        self._codes = codes
        self._order = np.arange(codes) if order is None else np.array(order, np.int64)
        self._arrays = data_arrays(source)
        self._along: dict[tuple[str, str], Int64s] = {}
        self.files = len(self._order)

    def of(self, recorded: RecordedArray) -> Int64s:
        """Give for each file, in the order of the rows, how many rows of an array it had, or `UNKNOWN`.

        Parameters
        ----------
        recorded : RecordedArray
            The array.

        Raises
        ------
        FormatError
            If the dataset contradicts itself.
        """
        rows = np.full(self.files, UNKNOWN, np.int64)
        for key in self._arrays.get(recorded.place, ()):
            along = self._rows_along(key)
            padded = read_runs(key.metadata.attributes.get("zarrpack_padded"), key.metadata.shape[0])
            ends = np.cumsum(along)
            real = along - (_padded_before(padded, ends) - _padded_before(padded, ends - along))
            rows[real > 0] = along[real > 0]
        is_empty = np.zeros(self._codes, np.bool_)
        for first, count in recorded.empty:
            is_empty[first : first + count] = True
        rows[is_empty[self._order] & (rows == UNKNOWN)] = 0
        return rows

    def _rows_along(self, key: StoredKey) -> Int64s:
        """Give for each file, in the order of the rows, how many there are along an array's first dimension."""
        group, dim = key.place.rpartition("/")[0], (key.metadata.dims or ("",))[0]
        known = self._along.get((group, dim))
        if known is None:
            of_code = self._rows_of_codes(key, group, dim)
            if len(of_code) != self._codes or of_code.min(initial=0) < 0 or of_code.sum() != key.metadata.shape[0]:
                raise FormatError(
                    f"{self._source.path}: {key.place}: expected {key.metadata.shape[0]} rows of {self._codes} codes along "
                    f"{dim}, found {of_code.sum()} of {len(of_code)}"
                )
            known = of_code[self._order]
            if known.sum() != key.metadata.shape[0]:
                raise FormatError(
                    f"{self._source.path}: metadata.json: expected under 'order' the codes of all {key.metadata.shape[0]} rows "
                    f"of {key.place}, found those of {known.sum()}"
                )
            self._along[group, dim] = known
        return known

    def _rows_of_codes(self, key: StoredKey, group: str, dim: str) -> Int64s:
        offsets = self._own_array(group, "offsets", dim)
        if offsets is not None:
            borders: Int64s = offsets.read().astype(np.int64, copy=False)
            return borders[1:] - borders[:-1]
        codes = self._own_array(group, "code", dim)
        if codes is None:
            raise FormatError(
                f"{self._source.path}: {key.place}: expected a code array for the dimension {dim}, found none"
            )
        counts = np.zeros(self._codes, np.int64)
        step = codes.metadata.chunks[0]
        for start in range(0, codes.metadata.shape[0], step):
            block = codes.read(start, start + step)
            if block.min(initial=0) < 0 or block.max(initial=-1) >= self._codes:
                raise FormatError(
                    f"{self._source.path}: {codes.name}: expected codes below {self._codes}, found others"
                )
            counts += np.bincount(block, minlength=self._codes)
        return counts

    def _own_array(self, group: str, role: str, dim: str) -> StoredArray | None:
        for place, array in self._source.arrays.items():
            attributes = array.metadata.attributes
            is_it = attributes.get("zarrpack_role") == role and attributes.get("zarrpack_of") == dim
            if is_it and place.rpartition("/")[0] == group and len(array.metadata.shape) == 1:
                return array
        return None


def _padded_before(padded: Runs, rows: Int64s) -> Int64s:
    """Give how many rows before each of some are padding."""
    if not padded:
        return np.zeros(len(rows), np.int64)
    first, count = np.array(padded, np.int64).T
    number = np.searchsorted(first, rows, side="left")
    before = np.concatenate([[0], np.cumsum(count)])[number]
    last = np.maximum(number - 1, 0)
    return np.where(number > 0, before - np.maximum(0, (first + count)[last] - rows), 0)
