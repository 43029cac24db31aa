"""What a survey of a merge's sources finds of each source and of each array."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from zarrpack.storage.array_metadata import ArrayMetadata
from zarrpack.storage.datasetstorage.discovery import FILE_GROUP
from zarrpack.storage.merge.catalogue import GroupKey

__all__ = ["UNKNOWN", "SurveyedArray", "SurveyedSource"]

#: Rows of an array that a source does not have.
UNKNOWN = -1


@dataclass(frozen=True, slots=True)
class SurveyedSource:
    """A source that can be read.

    Parameters
    ----------
    path : str
        The file.
    kind : str
        ``"store"``, ``"pack"``, ``"dataset"``, or empty for another's file.
    members : int
        How many codes it takes.
    order : tuple of int or None
        Of a dataset the codes in the order of its rows, if that is not theirs.
    is_partial : bool
        Whether it is a dataset whose codes are those of a larger one.
    """

    path: str
    kind: str
    members: int
    order: tuple[int, ...] | None = None
    is_partial: bool = False


@dataclass(slots=True)
class SurveyedArray:
    """An array that the output will have.

    Parameters
    ----------
    group : GroupKey
        Its group; an empty family: not known yet.
    name : str
        Its name.
    row_axes : int or None
        For arrays of pairs, how many axes a row has, if that is known beforehand.
    is_pairs : bool
        Whether matrices ``[n, n, ...]`` become rows.
    rows : array of int64
        For each file its rows, `UNKNOWN`, or a number below that: what stands for the rows of a dimension that the source
        itself names.
    stored_dims : tuple of str or None
        Its dimensions in sources that name them themselves.
    forms : dict
        (dtype, shape of a row) -> [in how many sources with rows, the number of the first].
    empty_forms : dict
        The same for sources without rows.
    is_scalar : bool
        Whether it has no axis in any source.
    is_single : bool
        Whether it has one row in every source.
    is_square : bool
        Whether its first two axes are alike in every source.
    is_pictures : bool
        Whether rows may differ in shape: pixels, and what is flat in a source.
    is_keyed : bool
        Whether a source has it under a key of its user's.
    has_variants : bool
        Whether a source has several arrays of the name, kept apart.
    keys : dict of tuple of str to None
        The keys that users have for it, in order of first appearance.
    is_flattened : bool
        Whether it is flattened in a dataset because its first two axes were alike in all sources.
    """

    group: GroupKey
    name: str
    row_axes: int | None = None
    is_pairs: bool = False
    rows: array[int] = field(default_factory=lambda: array("q"))
    stored_dims: tuple[str, ...] | None = None
    forms: dict[tuple[str, tuple[int, ...]], list[int]] = field(default_factory=dict)
    empty_forms: dict[tuple[str, tuple[int, ...]], list[int]] = field(default_factory=dict)
    is_scalar: bool = True
    is_single: bool = True
    is_square: bool = True
    is_pictures: bool = False
    is_keyed: bool = False
    has_variants: bool = False
    keys: dict[tuple[str, ...], None] = field(default_factory=dict)
    is_flattened: bool = False

    @property
    def pairs(self) -> int | None:
        """Of arrays of pairs, how many axes a row is known to have; -1: that is not known. None: it is none."""
        if not self.is_pairs:
            return None
        return -1 if self.row_axes is None else self.row_axes

    @property
    def output_group(self) -> GroupKey:
        """Its group in the output: where the name says nothing that of files if there is one row for each, else its own."""
        if self.group.family:
            return self.group
        return GroupKey(FILE_GROUP if self.is_single else self.name, "")

    def enter_rows(self, file: int, *rows: int) -> None:
        """Enter the rows of a source's files, of which `file` is the number of the first."""
        if len(self.rows) > file:
            self.has_variants = True
        else:
            self.rows.extend([UNKNOWN] * (file - len(self.rows)))
            self.rows.extend(rows)

    def enter_form(self, source: int, dtype: str, tail: tuple[int, ...], *, has_rows: bool) -> None:
        """Enter what a source's rows are."""
        forms = self.forms if has_rows else self.empty_forms
        form = forms.setdefault((dtype, tail), [0, source])
        form[0] += 1

    def enter_files(self, file: int, rows: npt.NDArray[np.int64]) -> bool:
        """Enter the rows of a dataset's files.

        Parameters
        ----------
        file : int
            The number of its first file.
        rows : ndarray of int64
            For each file its rows, or `UNKNOWN`.

        Returns
        -------
        bool
            Whether they were entered; not if a file has some already.
        """
        known = np.full(len(rows), UNKNOWN, np.int64)
        known[: max(0, len(self.rows) - file)] = self.rows[file:]
        if ((known != UNKNOWN) & (rows != UNKNOWN)).any():
            return False
        del self.rows[file:]
        self.rows.extend([UNKNOWN] * (file - len(self.rows)))
        self.rows.frombytes(np.where(known == UNKNOWN, rows, known).tobytes())
        return True

    def joined_axes(self, metadata: ArrayMetadata) -> int:
        """Give how many leading axes of a stored array become one."""
        ndim = len(metadata.shape)
        if not self.is_pairs or ndim < 2:
            return 1
        if self.row_axes is None:
            return 2 if self.is_square else 1
        return 2 if ndim == self.row_axes + 2 else 1
