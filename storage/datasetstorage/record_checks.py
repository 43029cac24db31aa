"""Whether what a dataset says of the files that it was merged from fits what is in it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from zarrpack.errors import FormatError
from zarrpack.storage.array_metadata import ArrayMetadata
from zarrpack.storage.chunking import MOST_AXES
from zarrpack.storage.data_file import DataFile
from zarrpack.storage.datasetstorage.recorded_arrays import RecordedArray, data_arrays
from zarrpack.storage.datasetstorage.stored_keys import dtype_name
from zarrpack.storage.merge.catalogue import GroupKey
from zarrpack.storage.merge.padding import is_all_padding, read_runs

__all__ = ["check_file_rows", "check_record"]

Int64s = npt.NDArray[np.int64]
_LONGEST_AXIS = 1 << 62
_CODES = "?bhilBHILefdFD"
_NUMBERS = frozenset(np.dtype(code).name for code in _CODES)
_TIMES = re.compile(r"[<>|=]?[mM]8\[\d{0,9}[A-Za-z]{1,2}\]|(datetime|timedelta)64\[\d{0,9}[A-Za-z]{1,2}\]")


def check_record(source: DataFile, record: Sequence[RecordedArray], codes: int) -> None:
    """Check a dataset's record against its arrays.

    Entries for arrays that it does not have are none of its faults: no file with rows of them may have been left.

    Parameters
    ----------
    source : DataFile
        The dataset.
    record : sequence of RecordedArray
        What it says.
    codes : int
        How many codes it counts.

    Raises
    ------
    FormatError
        If it cannot be so.
    """
    stored = data_arrays(source)
    entries = Counter(one.place for one in record)
    for place in (*entries, *stored):
        if entries[place] != 1:
            raise _contradiction(source, place, "one entry for it", str(entries[place] or "none"))
    for one in record:
        if not one.keys:
            continue
        _check_forms(source, one)
        _check_empty(source, one, codes)
        for key in stored.get(one.place, ()):
            _check_stored(source, one, key.metadata)


def check_file_rows(source: DataFile, one: RecordedArray, rows: Int64s) -> None:
    """Check how many rows of an array a dataset's files have against what its record says.

    Parameters
    ----------
    source : DataFile
        The dataset.
    one : RecordedArray
        What it says of the array.
    rows : ndarray of int64
        For each file its rows, or less than 0.

    Raises
    ------
    FormatError
        If it cannot be so.
    """
    most = int(rows.max(initial=0))
    if most > 1 and (one.is_single or one.is_scalar):
        raise _contradiction(source, one.place, "one row in each file", str(most))
    if one.pairs == -1 and one.is_square:
        real = rows[rows > 0]
        sides = np.sqrt(real).round().astype(np.int64)
        others = real[sides * sides != real]
        if len(others):
            raise _contradiction(source, one.place, "as many rows as square matrices have pairs", str(others[0]))


def _check_forms(source: DataFile, one: RecordedArray) -> None:
    for dtype, tail in (*one.forms, *one.empty_forms):
        if _class_of(dtype) is None:
            raise _contradiction(source, one.place, "dtypes of text, bytes, times or numbers", f"{dtype!r:.80}")
        if len(tail) >= MOST_AXES or any(length > _LONGEST_AXIS for length in tail):
            raise _contradiction(source, one.place, "shapes that an array can have", f"{list(tail)!r:.80}")


def _check_empty(source: DataFile, one: RecordedArray, codes: int) -> None:
    end = 0
    for first, count in one.empty:
        if not (end <= first and 0 < count <= codes - first):
            raise _contradiction(
                source, one.place, f"under 'empty' ascending runs of codes below {codes}", str([first, count])[:80]
            )
        end = first + count


def _check_stored(source: DataFile, one: RecordedArray, metadata: ArrayMetadata) -> None:
    if not metadata.shape or metadata.attributes.get("zarrpack_flat") is True:
        raise _contradiction(source, one.place, "an array with rows, as users' arrays are", f"{list(metadata.shape)}")
    # What files without rows had is not what is stored for others, which may have none either.
    tails = {tail for _, tail in one.forms or one.empty_forms[:1]}
    if tails != {metadata.shape[1:]}:
        raise _contradiction(
            source, one.place, f"rows of the shape {list(metadata.shape[1:])}, as are stored", f"{sorted(tails)!r:.80}"
        )
    rows = metadata.shape[0]
    if not rows or is_all_padding(read_runs(metadata.attributes.get("zarrpack_padded"), rows), rows):
        return
    name = dtype_name(metadata)
    expected = {_class_of(name), "times"} if metadata.dtype == "<i8" else {_class_of(name)}
    found = {_class_of(dtype) for dtype, _ in one.forms}
    if len(found) != 1 or not found <= expected:
        raise _contradiction(
            source,
            one.place,
            f"in files with rows dtypes that become {name}",
            ", ".join(dict.fromkeys(dtype for dtype, _ in one.forms))[:80] or "none",
        )


def _class_of(dtype: str) -> str | None:
    """Give what dtypes must have in common to become one; None: no array is said to have it."""
    if dtype in ("str", "bytes"):
        return dtype
    if dtype in _NUMBERS:
        return "numbers"
    return "times" if _TIMES.fullmatch(dtype) else None


def _contradiction(source: DataFile, place: tuple[GroupKey, str], expected: str, found: str) -> FormatError:
    group, name = place
    array = "/".join(filter(None, (group.family, group.signature, name)))
    return FormatError(f"{source.path}: metadata.json: 'arrays': {array!r:.80}: expected {expected}, found {found}")
