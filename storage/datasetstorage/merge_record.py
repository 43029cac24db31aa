"""What a merge's output is to say of the files that it was merged from."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from zarrpack.storage.datasetstorage.recorded_arrays import RecordedArray, is_name
from zarrpack.storage.datasetstorage.source_codes import SourceCodes
from zarrpack.storage.datasetstorage.survey import Survey
from zarrpack.storage.datasetstorage.surveyed import SurveyedArray
from zarrpack.storage.merge.catalogue import GroupKey

__all__ = ["merge_record"]

Int64s = npt.NDArray[np.int64]


def merge_record(
    survey: Survey, groups: dict[tuple[GroupKey, str], GroupKey], codes: SourceCodes
) -> list[dict[str, Any]] | None:
    """Give what ``metadata.json`` is to say of the files, array by array; None: what can be said does not tell enough.

    Parameters
    ----------
    survey : Survey
        All sources, with their rows.
    groups : dict
        (Group, name) in the survey -> the group that the array has.
    codes : SourceCodes
        The codes of the files.
    """
    # An array is not one user's if a pack has it too.
    if not survey.is_recordable or any(found.is_keyed and found.stored_dims for found in survey.arrays.values()):
        return None
    if len({(groups[place], place[1]) for place in survey.arrays}) < len(survey.arrays):
        return None  # a key with a group and one without have become the same
    names = (part for found in survey.arrays.values() for key in ((found.name,), *found.keys) for part in key)
    if not all(map(is_name, names)):
        return None
    of_files = _codes_of_files(survey, codes)
    return [_recorded(groups[place], found, of_files).to_json() for place, found in survey.arrays.items()]


def _recorded(group: GroupKey, found: SurveyedArray, of_files: Int64s) -> RecordedArray:
    empty = np.sort(of_files[np.flatnonzero(np.frombuffer(found.rows, np.int64) == 0)])
    starts = np.flatnonzero(np.diff(empty, prepend=-2) != 1)
    counts = np.diff(np.append(starts, len(empty)))
    return RecordedArray(
        group,
        found.name,
        tuple(found.keys),
        tuple(found.forms),
        tuple(found.empty_forms),
        is_scalar=found.is_scalar,
        is_single=found.is_single,
        is_square=found.is_square,
        pairs=found.pairs,
        empty=tuple(zip(empty[starts].tolist(), counts.tolist(), strict=True)),
    )


def _codes_of_files(survey: Survey, codes: SourceCodes) -> Int64s:
    """Give the code of each file of the survey, by the file's number."""
    places = []
    for number, source in enumerate(survey.sources):
        own = codes.of(number)
        if source.kind == "dataset":
            own = own if source.order is None else own[np.array(source.order, np.int64)]
        elif len(own) != 1:
            own = np.full(1, -1)  # a pack's members, which count as one and have no array of a user's
        places.append(own)
    joined = np.concatenate([np.empty(0, np.int64), *places])
    return joined if codes.labels is None else np.where(joined < 0, -1, codes.labels[joined])
