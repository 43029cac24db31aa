"""The dtype and the row shape that an array has in all sources of a merge, or what keeps it from having one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from zarrpack.errors import MergeError, UsageError
from zarrpack.storage.datasetstorage.declared_values import numpy_dtype
from zarrpack.storage.datasetstorage.surveyed import SurveyedArray, SurveyedSource

__all__ = ["common_dtype"]

_Forms: TypeAlias = Mapping[tuple[str, tuple[int, ...]], Sequence[int]]
_OBJECTS = ("str", "bytes")
_INTEGERS = "iu"


def common_dtype(
    found: SurveyedArray, sources: Sequence[SurveyedSource], declared: str | None, *, promote: bool
) -> str:
    """Give the dtype that holds an array's values of all sources, as in ``.zarray``; ``"str"`` and ``"bytes"`` for these.

    A declared one wins if the values can become it: integers of one another, and of floats; never numbers of text.
    Otherwise it is numpy's common type, within booleans, integers, floats, complex numbers, text or bytes.

    Parameters
    ----------
    found : SurveyedArray
        The array.
    sources : sequence of SurveyedSource
        For the message.
    declared : str or None
        What a schema says.
    promote : bool
        Whether booleans and numbers of different kinds may become one.

    Raises
    ------
    MergeError
        If there is no such dtype, or rows differ in shape; the message lists what was found where.
    """
    place = f"{found.group.family or found.name}/{found.name}"
    forms = found.forms or found.empty_forms
    if found.forms and not found.is_pictures and len({tail for _, tail in forms}) > 1:
        raise MergeError(f"{place}: expected rows of one shape, found several\n{_table(forms, sources)}")
    names = list(dict.fromkeys(name for name, _ in forms))
    if not found.forms:
        # Where there are no values any dtype holds them.
        names = names[:1] if declared is None else [declared]
    dtype = _of_times(names)
    if dtype is None:
        dtype = _common(names, promote=promote) if declared is None else _declared(names, declared)
    if dtype is None:
        expected = f"values that can become {declared}" if declared else "values of one kind"
        advice = "save them alike" if declared or promote else "save them alike, or promote"
        raise MergeError(f"{place}: expected {expected}, found others; {advice}\n{_table(forms, sources)}")
    return dtype


def _of_times(names: Iterable[str]) -> str | None:
    """Give what times and durations are stored as, if all have one unit."""
    distinct = set(names)
    return "<i8" if len(distinct) == 1 and np.dtype(_numpy_name(distinct.pop())).kind in "mM" else None


def _declared(names: Sequence[str], declared: str) -> str | None:
    if declared in _OBJECTS:
        return declared if set(names) == {declared} else None
    try:
        dtype = numpy_dtype(declared)
    except UsageError:
        return _common(names, promote=False)
    if dtype.kind in "USO":
        return "str" if set(names) == {"str"} else None
    fits = all(name not in _OBJECTS and _can_become(np.dtype(_numpy_name(name)), dtype) for name in names)
    return dtype.newbyteorder("<").str if fits else None


def _can_become(stored: np.dtype[np.generic], declared: np.dtype[np.generic]) -> bool:
    return np.can_cast(stored, declared, "same_kind") or (stored.kind in _INTEGERS and declared.kind in _INTEGERS)


def _common(names: Sequence[str], *, promote: bool) -> str | None:
    if set(names) & set(_OBJECTS):
        return names[0] if len(set(names)) == 1 else None
    dtypes = [np.dtype(_numpy_name(name)) for name in names]
    if any(dtype.kind in "mMV" for dtype in dtypes):
        return None
    common = np.result_type(*dtypes)
    kinds = {_kind(dtype) for dtype in (*dtypes, common)}
    return common.newbyteorder("<").str if len(kinds) == 1 or promote else None


def _kind(dtype: np.dtype[np.generic]) -> str:
    return "i" if dtype.kind in _INTEGERS else dtype.kind


def _numpy_name(name: str) -> str:
    return {"str": "U1", "bytes": "S1"}.get(name, name)


def _table(forms: _Forms, sources: Sequence[SurveyedSource]) -> str:
    lines = []
    for (name, tail), (count, first) in forms.items():
        shape = f"[rows{''.join(f', {length}' for length in tail)}]"
        lines.append(f"  {name} {shape}: {count} files, the first {sources[first].path}")
    return "\n".join(lines)
