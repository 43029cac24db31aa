"""Which arrays of a group share their rows, and what these rows are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from zarrpack.errors import MergeError
from zarrpack.storage.datasetstorage.discovery import FILE_GROUP, group_dimension
from zarrpack.storage.datasetstorage.survey import Survey
from zarrpack.storage.datasetstorage.surveyed import UNKNOWN, SurveyedArray

__all__ = ["check_rows", "row_dimensions"]

Int64s = npt.NDArray[np.int64]


class _SharedRows:
    """Arrays that have equally many rows in every file that has several of them."""

    def __init__(self, declared: str, is_scalar: bool, files: int) -> None:
        self.declared = declared
        self.is_scalar = is_scalar
        self.rows = np.full(files, UNKNOWN, np.int64)
        self.members: list[SurveyedArray] = []
        self.stored = ""

    def agrees(self, rows: Int64s) -> bool:
        known = (self.rows != UNKNOWN) & (rows != UNKNOWN)
        return bool((self.rows[known] == rows[known]).all())

    def add(self, member: SurveyedArray, rows: Int64s) -> None:
        self.members.append(member)
        self.stored = self.stored or (member.stored_dims[0] if member.stored_dims else "")
        np.copyto(self.rows, rows, where=self.rows == UNKNOWN)


def row_dimensions(survey: Survey, group: str, arrays: Sequence[SurveyedArray]) -> dict[str, str]:
    """Name the row dimension of each array of a group; the group's own comes first.

    What a schema declares counts. Else arrays with as many rows in every source share a dimension, those without axes one of
    their own; the dimension of most arrays is the group's.

    Parameters
    ----------
    survey : Survey
        All sources.
    group : str
        The group's name in the output.
    arrays : sequence of SurveyedArray
        Its arrays, in order.

    Returns
    -------
    dict of str to str
        Array name -> dimension.
    """
    count = survey.files
    shared: list[_SharedRows] = []
    for one in sorted(arrays, key=lambda one: not _declared_dimension(survey, group, one)):
        rows = _rows(one, count)
        declared = _declared_dimension(survey, group, one)
        _place(shared, one, rows, declared).add(one, rows)
    primary = _primary(survey.declared.group(group), shared)
    names = _names(group, survey.declared.group(group), shared, primary)
    ordered = sorted(zip(shared, names, strict=True), key=lambda pair: pair[0] is not primary)
    return {one.name: name for space, name in ordered for one in space.members}


def check_rows(survey: Survey, group: str, dimension: str, arrays: Sequence[SurveyedArray], *, is_strict: bool) -> None:
    """Check that arrays along one dimension have as many rows as each other in every source.

    Parameters
    ----------
    survey : Survey
        All sources.
    group, dimension : str
        Where they are.
    arrays : sequence of SurveyedArray
        The arrays.
    is_strict : bool
        Whether each must be there wherever there are rows.

    Raises
    ------
    MergeError
        If one has other rows than the others in a source, or is not there.
    """
    count = survey.files
    known = np.full(count, UNKNOWN, np.int64)
    for one in arrays:
        rows = _rows(one, count)
        differs = np.flatnonzero((known >= 0) & (rows >= 0) & (known != rows))
        if len(differs):
            file = int(differs[0])
            settled = survey.settled().get(f"{group}/{one.name}")
            raise MergeError(
                f"{survey.path_of(file)}: {group}/{one.name}: expected {known[file]} rows as other arrays along "
                f"{dimension} have, found {rows[file]}" + (f"; merge the files of {settled} anew" if settled else "")
            )
        np.copyto(known, rows, where=known == UNKNOWN)
    has_rows = (known != UNKNOWN) & (known != 0)
    for one in arrays if is_strict else ():
        lacking = np.flatnonzero(has_rows & (_rows(one, count) == UNKNOWN))
        if len(lacking):
            raise MergeError(
                f"{group}/{one.name}: expected it in every file that has rows of {dimension}, found {len(lacking)} of "
                f"{int(has_rows.sum())} without it, the first {survey.path_of(int(lacking[0]))}"
            )


def _rows(one: SurveyedArray, count: int) -> Int64s:
    rows = np.full(count, UNKNOWN, np.int64)
    rows[: len(one.rows)] = np.frombuffer(one.rows, np.int64)
    return rows


def _place(shared: list[_SharedRows], one: SurveyedArray, rows: Int64s, declared: str) -> _SharedRows:
    """Give the rows that an array shares; new ones if it shares none."""
    if declared:
        fitting = [space for space in shared if space.declared == declared]
    else:
        fitting = [space for space in shared if space.is_scalar == one.is_scalar and space.agrees(rows)]
        # Rather with arrays that are seen beside it than with those of other files.
        fitting.sort(key=lambda space: not ((space.rows != UNKNOWN) & (rows != UNKNOWN)).any())
    if fitting:
        return fitting[0]
    shared.append(_SharedRows(declared, one.is_scalar, len(rows)))
    return shared[-1]


def _primary(declared: Mapping[str, Any] | None, shared: Sequence[_SharedRows]) -> _SharedRows:
    named = None if declared is None else declared.get("primary_dimension")
    for space in shared:
        if named and named in (space.declared, space.stored):
            return space
    return max(shared, key=lambda space: (not space.is_scalar, len(space.members)))


def _names(
    group: str, declared: Mapping[str, Any] | None, shared: Sequence[_SharedRows], primary: _SharedRows
) -> list[str]:
    named = None if declared is None else declared.get("primary_dimension")
    taken = {space.declared for space in shared}
    names = []
    for space in shared:
        name = space.declared or (space.stored if space.stored not in taken else "")
        if not name and space is primary and not space.is_scalar:
            name = named if isinstance(named, str) and named else group_dimension(group)
        if not name and group == FILE_GROUP and all(one.is_single for one in space.members):
            name = group_dimension(group)
        if not name:
            name = f"{group}item" if space.is_scalar else f"{space.members[0].name}_dim_0"
        # Spaces that a file calls the same although they differ keep apart; scalars of the files' group do not.
        names.append(
            name if name == "file" or name == space.declared or name not in taken else f"{space.members[0].name}_dim_0"
        )
        taken.add(name)
    return names


def _declared_dimension(survey: Survey, group: str, one: SurveyedArray) -> str:
    spec = survey.declared.array(group, one.name)
    dims = None if spec is None else spec.get("dims")
    if not isinstance(dims, list) or not dims or not isinstance(dims[0], str):
        return ""
    if one.is_pairs and dims[:1] == dims[1:2]:
        part = survey.declared.group(group) or {}
        return str(part.get("primary_dimension") or group_dimension(group))
    return dims[0]
