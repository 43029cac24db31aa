"""What a dataset says of the files that it was merged from, so that a later merge can lay them out beside others."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from zarrpack.errors import FormatError, MergeError
from zarrpack.storage.data_file import DataFile
from zarrpack.storage.datasetstorage.stored_keys import StoredKey, stored_keys
from zarrpack.storage.datasetstorage.surveyed import SurveyedArray
from zarrpack.storage.merge.array_kinds import attribute_text
from zarrpack.storage.merge.catalogue import GroupKey

__all__ = ["Forms", "RecordedArray", "data_arrays", "is_name", "read_record"]

Int64s = npt.NDArray[np.int64]
#: (dtype, shape of a row)
Forms: TypeAlias = tuple[tuple[str, tuple[int, ...]], ...]


class _NotARecord(Exception):
    """What was found where something else belongs."""


@dataclass(frozen=True, slots=True)
class RecordedArray:
    """An array of a dataset, and what its files had.

    Parameters
    ----------
    group : GroupKey
        Its group in the dataset.
    name : str
        Its true name.
    keys : tuple of tuple of str
        The keys that users had for it, in order of first appearance; none: it is a pack's, and says itself what it is.
    forms, empty_forms : tuple
        The dtypes and shapes of rows that files with rows had, and those without, in order of first appearance.
    is_scalar, is_single, is_square : bool
        As in `SurveyedArray`.
    pairs : int or None
        Of matrices of pairs that became rows, how many axes a row was known to have; -1: their shapes told it. None: it is none.
    empty : tuple of (int, int)
        The codes of files that had the array without rows: the first, how many.
    """

    group: GroupKey
    name: str
    keys: tuple[tuple[str, ...], ...]
    forms: Forms
    empty_forms: Forms
    is_scalar: bool
    is_single: bool
    is_square: bool
    pairs: int | None
    empty: tuple[tuple[int, int], ...]

    def enter(
        self, found: SurveyedArray, source: int, file: int, path: str, rows: Int64s | None, others: Sequence[str]
    ) -> None:
        """Enter it into a survey.

        Parameters
        ----------
        found : SurveyedArray
            The array that it becomes.
        source, file : int
            The number of the dataset, and of its first file.
        path : str
            The dataset.
        rows : ndarray of int64
            For each file its rows, or `UNKNOWN`; None: no file has it.
        others : sequence of str
            The dataset's arrays that have become the same already.

        Raises
        ------
        MergeError
            If it was flattened and would not be now, or the other way round, or another array of the same files becomes the same.
        """
        axes = found.pairs
        if not self._is_flattened_alike(axes):
            raise MergeError(
                f"{path}: {self.label}: expected a schema that flattens the same matrices of pairs as when the "
                "dataset was merged, found another; merge its files anew"
            )
        found.keys.update(dict.fromkeys(self.keys))
        found.is_keyed = True
        found.is_scalar &= self.is_scalar
        found.is_single &= self.is_single
        found.is_square &= self.is_square
        before: tuple[int, ...] = ()
        if axes == -1 and self.is_square:
            found.is_flattened = True
            before = (0,)  # an axis that is joined with the rows when all sources are known
            if rows is not None:
                rows = np.array([math.isqrt(count) if count > 0 else count for count in rows.tolist()], np.int64)
        for forms, has_rows in ((self.forms, True), (self.empty_forms, False)):
            for dtype, tail in forms:
                found.enter_form(source, dtype, (*before, *tail), has_rows=has_rows)
        if rows is not None and not found.enter_files(file, rows):
            raise MergeError(
                f"{path}: {found.group.family or found.name}/{found.name}: expected one array of each file to become this, found "
                f"{', '.join((*others, self.label))}; merge the files of this dataset anew"
            )

    @property
    def place(self) -> tuple[GroupKey, str]:
        """Where it is in the dataset."""
        return (self.group, self.name)

    @property
    def label(self) -> str:
        """Its group and its name, for messages."""
        return f"{self.group.family}/{self.name}"

    def _is_flattened_alike(self, axes: int | None) -> bool:
        """Whether flattening leaves the rows that there are, if `axes` is what is known of a row now, as in `pairs`."""
        tails = [tail for _, tail in (*self.forms, *self.empty_forms)]
        if axes == self.pairs or not (self.is_square or any(tails)):
            return True
        return self.pairs == -1 and self.is_square and all(len(tail) == axes for tail in tails)

    def to_json(self) -> dict[str, Any]:
        """Give it as in ``metadata.json``; what is false or empty is left out."""
        signature = [self.group.signature] if self.group.signature else []
        entry: dict[str, Any] = {"array": [self.group.family, self.name, *signature]}
        if not self.keys:
            return entry
        entry["keys"] = [list(key) for key in self.keys]
        for name, forms in (("forms", self.forms), ("empty_forms", self.empty_forms)):
            if forms:
                entry[name] = [[dtype, list(tail)] for dtype, tail in forms]
        for name, value in (("scalar", self.is_scalar), ("single", self.is_single), ("square", self.is_square)):
            if value:
                entry[name] = True
        if self.pairs is not None:
            entry["pairs"] = self.pairs
        if self.empty:
            entry["empty"] = [list(run) for run in self.empty]
        return entry


def is_name(text: str) -> bool:
    """Whether a text can be a part of a user's key, or a name that follows from one."""
    return bool(text) and "\0" not in text


def read_record(source: DataFile) -> tuple[RecordedArray, ...] | None:
    """Give what a dataset says of the files that it was merged from; None: it is none, or says nothing.

    Parameters
    ----------
    source : DataFile
        Any source of a merge.

    Raises
    ------
    FormatError
        If what it says is no such record.
    """
    own = source.metadata.get("zarrpack") if source.kind == "dataset" else None
    entries = own.get("arrays") if isinstance(own, Mapping) else None
    if entries is None:
        return None
    try:
        return tuple(_read_array(entry) for entry in _list(entries))
    except _NotARecord as exc:
        raise FormatError(
            f"{source.path}: metadata.json: expected under 'arrays' what the dataset's files had, found {exc.args[0]!r:.80}"
        ) from exc


def data_arrays(source: DataFile) -> dict[tuple[GroupKey, str], list[StoredKey]]:
    """Give the data arrays of a dataset by their groups and their true names, which packs' variants share.

    Parameters
    ----------
    source : DataFile
        The dataset.
    """
    found: dict[tuple[GroupKey, str], list[StoredKey]] = {}
    for key in stored_keys(source):
        group = key.place.rpartition("/")[0]
        attributes = source.groups.get(group, {})
        family, signature = (attribute_text(attributes, f"zarrpack_{part}") for part in ("family", "signature"))
        found.setdefault((GroupKey(family or group, signature), key.segments[-1]), []).append(key)
    return found


def _read_array(entry: object) -> RecordedArray:
    if not isinstance(entry, dict):
        raise _NotARecord(entry)
    array = _texts(entry.get("array"))
    if len(array) not in (2, 3):
        raise _NotARecord(array)
    pairs = entry.get("pairs")
    if pairs is not None and type(pairs) is not int:
        raise _NotARecord(pairs)
    keys = tuple(_texts(key) for key in _list(entry.get("keys", [])))
    if not all(is_name(text) for text in (*array, *(part for key in keys for part in key))):
        raise _NotARecord(entry)
    forms, empty_forms = (_forms(entry.get(part, [])) for part in ("forms", "empty_forms"))
    if keys and not (forms or empty_forms):
        raise _NotARecord(entry)
    return RecordedArray(
        GroupKey(array[0], "".join(array[2:])),
        array[1],
        keys,
        forms,
        empty_forms,
        is_scalar=entry.get("scalar") is True,
        is_single=entry.get("single") is True,
        is_square=entry.get("square") is True,
        pairs=pairs,
        empty=tuple(_numbers(run, 2) for run in _list(entry.get("empty", []))),  # type: ignore[misc]
    )


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise _NotARecord(value)
    return value


def _texts(value: object) -> tuple[str, ...]:
    texts = _list(value)
    if not (texts and all(isinstance(text, str) for text in texts)):
        raise _NotARecord(value)
    return tuple(texts)


def _numbers(value: object, count: int | None = None) -> tuple[int, ...]:
    numbers = _list(value)
    if not (all(type(number) is int and number >= 0 for number in numbers) and count in (None, len(numbers))):
        raise _NotARecord(value)
    return tuple(numbers)


def _forms(value: object) -> Forms:
    return tuple(_read_forms(_list(value)))


def _read_forms(forms: list[Any]) -> Iterator[tuple[str, tuple[int, ...]]]:
    for form in forms:
        if len(_list(form)) != 2:
            raise _NotARecord(form)
        yield _texts(form[:1])[0], _numbers(form[1])
