"""What all sources of a merge hold: dtypes and shapes by array, before anything is written.

Which arrays share their rows shows only in the shapes of all files; and where files do not fit together, that is said of all
of them at once.
"""

from __future__ import annotations

import bisect
from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from zarrpack.errors import MergeError
from zarrpack.storage.data_file import DataFile
from zarrpack.storage.datasetstorage.declared import Declared
from zarrpack.storage.datasetstorage.file_rows import FileRows
from zarrpack.storage.datasetstorage.flattening import is_flattened_group, row_axes
from zarrpack.storage.datasetstorage.record_checks import check_file_rows, check_record
from zarrpack.storage.datasetstorage.recorded_arrays import RecordedArray, data_arrays, read_record
from zarrpack.storage.datasetstorage.source_members import describe_source
from zarrpack.storage.datasetstorage.stored_keys import StoredKey, dtype_name, stored_keys
from zarrpack.storage.datasetstorage.surveyed import UNKNOWN, SurveyedArray, SurveyedSource
from zarrpack.storage.merge.catalogue import GroupKey
from zarrpack.storage.merge.padding import is_all_padding, read_runs

__all__ = ["Survey", "stored_schema"]

_STORED_SCHEMA = "_storage_schema"


class Survey:
    """Goes over sources and keeps some bytes for each array of each. Not safe in threads.

    Parameters
    ----------
    schemas : sequence of mapping
        Schemas by which arrays find their groups, the most binding first.

    Attributes
    ----------
    declared : Declared
        What the schemas say.
    sources : list of SurveyedSource
        What has been entered.
    arrays : dict
        (Group, name) -> the array, in order of first appearance.
    clashes : dict
        (Group, name) -> the keys that mean it, where a source has several.
    files : int
        How many files the sources are. A dataset that says what its sources were counts as so many, any other source as one.
    is_recordable : bool
        Whether all datasets among the sources do, so that their output can too.
    unrecorded : dict of str to set of str
        The datasets that do not -> their groups.
    """

    def __init__(self, schemas: Sequence[Mapping[str, Any]]) -> None:
        self.declared = Declared(schemas)
        self.sources: list[SurveyedSource] = []
        self.arrays: dict[tuple[GroupKey, str], SurveyedArray] = {}
        self.clashes: dict[tuple[GroupKey, str], set[str]] = {}
        self.files = 0
        self.is_recordable = True
        self.unrecorded: dict[str, set[str]] = {}
        self._settled: dict[tuple[GroupKey, str], str] = {}
        self._first_files = array("q")
        self._row_markers = UNKNOWN

    def enter(self, source: DataFile, path: str) -> None:
        """Enter a source.

        Parameters
        ----------
        source : DataFile
            The open file.
        path : str
            Its path, as it is to be called.

        Raises
        ------
        FormatError
            If it cannot be read, or contradicts itself.
        MergeError
            If an array of pairs is not square, or a dataset's arrays cannot become what they mean beside other sources.
        """
        described = describe_source(source, path)
        record = read_record(source)
        number = len(self.sources)
        if record is not None:
            self._enter_record(source, described, record)
            return
        self.is_recordable &= source.kind != "dataset"
        keys = self.choose(source, stored_keys(source))
        markers: dict[tuple[GroupKey, str], int] = {}
        for key, place in keys:
            if key.says_itself:
                found, marker = self._enter_as_it_is(source, key, number, markers, place)
                found.enter_rows(self.files, marker)
                if source.kind == "dataset":
                    self._settled.setdefault(place, path)
                    self.unrecorded.setdefault(path, set()).add(place[0].family)
            else:
                self._enter_user_key(source, key, number, place)
        self._append(described, 1)

    def path_of(self, file: int) -> str:
        """Give the path of the source that a file is in, by the file's number."""
        return self.sources[bisect.bisect_right(self._first_files, file) - 1].path

    def choose(self, source: DataFile, keys: Iterable[StoredKey]) -> list[tuple[StoredKey, tuple[GroupKey, str]]]:
        """Give of the arrays of a source what they become; of several that become the same only the most explicit."""
        chosen: dict[tuple[GroupKey, str], StoredKey] = {}
        others: list[tuple[StoredKey, tuple[GroupKey, str]]] = []
        for key in keys:
            place = self.place_of(source, key)
            if key.says_itself:
                others.append((key, place))
                continue
            other = chosen.get(place)
            if other is not None:
                self.clashes.setdefault(place, set()).update(("/".join(other.segments), "/".join(key.segments)))
                if not _is_preferred(key, other):
                    continue
            chosen[place] = key
        return [*others, *((key, place) for place, key in chosen.items())]

    def finish(self) -> None:
        """Settle what only the shapes in all sources tell: whether arrays of pairs are square.

        Raises
        ------
        MergeError
            If they were in a dataset, but are not in another source.
        """
        for found in self.arrays.values():
            if found.is_flattened and not found.is_square:
                raise MergeError(
                    f"{found.group.family}/{found.name}: expected square matrices of pairs as a dataset has, found others; "
                    "merge the files of the dataset anew"
                )
            if found.is_pairs and found.row_axes is None and found.is_square:
                found.rows = array("q", (rows * rows if rows >= 0 else rows for rows in found.rows))
                found.forms, found.empty_forms = _without_an_axis(found.forms), _without_an_axis(found.empty_forms)

    def forget_rows(self) -> None:
        """Give up what was kept for each source; views can still be given."""
        for found in self.arrays.values():
            found.rows = array("q")

    def place_of(self, source: DataFile, key: StoredKey) -> tuple[GroupKey, str]:
        """Give the group and the name that an array has in the output. An empty group is not known yet."""
        if key.says_itself:
            attributes = source.groups.get(key.place.rpartition("/")[0], {})
            family = attributes.get("zarrpack_family") or "/".join(key.segments[:-1]) or "arrays"
            return GroupKey(str(family), str(attributes.get("zarrpack_signature", ""))), key.segments[-1]
        return self.declared.place(key.segments)

    def place_of_record(self, path: str, recorded: RecordedArray) -> tuple[GroupKey, str]:
        """Give the group and the name of an array of a dataset that says what its sources were.

        Raises
        ------
        MergeError
            If its sources' keys mean several arrays now.
        """
        places = {self.declared.place(key) for key in recorded.keys}
        if len(places) > 1:
            raise MergeError(
                f"{path}: {recorded.label}: expected keys that mean one array, found "
                f"{', '.join('/'.join(key) for key in recorded.keys)}, which the schema takes for several; merge the files of "
                "this dataset anew"
            )
        return places.pop()

    def settled(self) -> dict[str, str]:
        """Give the arrays of users' sources that stay as an earlier dataset has them, which does not say what its files had.

        Returns
        -------
        dict of str to str
            ``"group/array"`` -> the dataset.
        """
        return {
            f"{group.family}/{name}": path
            for (group, name), path in self._settled.items()
            if self.arrays[group, name].is_keyed
        }

    def _enter_as_it_is(
        self,
        source: DataFile,
        key: StoredKey,
        number: int,
        markers: dict[tuple[GroupKey, str], int],
        place: tuple[GroupKey, str],
    ) -> tuple[SurveyedArray, int]:
        """Enter an array that says itself what it is, but its rows; give it and what stands for them."""
        metadata = key.metadata
        dims = metadata.attributes.get("zarrpack_dims")
        dims = tuple(map(str, dims)) if isinstance(dims, list) and dims else metadata.dims or ("file",)
        if (place[0], dims[0]) not in markers:
            self._row_markers -= 1
            markers[place[0], dims[0]] = self._row_markers
        found = self._array(place)
        found.stored_dims = found.stored_dims or dims
        found.is_scalar = False
        is_flat = metadata.attributes.get("zarrpack_flat") is True
        found.is_pictures |= is_flat or metadata.attributes.get("zarrpack_content") == "pixels"
        found.is_single &= dims[0] == "file"
        if found.is_pairs and found.row_axes is None:
            found.row_axes = len(metadata.shape) - 1
        padded = read_runs(metadata.attributes.get("zarrpack_padded"), sum(metadata.shape[:1]))
        has_rows = 0 not in metadata.shape[:1] and not is_all_padding(padded, sum(metadata.shape[:1]))
        tail = () if is_flat else metadata.shape[1:]
        found.enter_form(number, dtype_name(metadata), tail, has_rows=has_rows)
        return found, markers[place[0], dims[0]]

    def _enter_record(self, source: DataFile, described: SurveyedSource, record: Sequence[RecordedArray]) -> None:
        """Enter a dataset as if its sources were there."""
        check_record(source, record, described.members)
        file_rows = FileRows(source, described.members, described.order)
        arrays, markers = data_arrays(source), dict[tuple[GroupKey, str], int]()
        # All is read before anything is entered: what cannot be read is left out.
        rows = {one.place: file_rows.of(one) for one in record if one.keys and (one.empty or one.place in arrays)}
        for one in record:
            if one.place in rows:
                check_file_rows(source, one, rows[one.place])
        is_other = np.ones(file_rows.files, np.bool_)  # the files of packs' members
        for known in rows.values():
            is_other &= known == UNKNOWN
        becoming: dict[tuple[GroupKey, str], list[str]] = {}
        for one in record:
            if one.keys:
                place = self.place_of_record(described.path, one)
                others = becoming.setdefault(place, [])
                known_rows = rows.get(one.place)
                one.enter(self._array(place), len(self.sources), self.files, described.path, known_rows, others)
                others.append(one.label)
                continue
            for key in arrays.get(one.place, ()):
                found, marker = self._enter_as_it_is(source, key, len(self.sources), markers, one.place)
                found.enter_rows(self.files, *np.where(is_other, marker, UNKNOWN).tolist())
        self._append(described, file_rows.files)

    def _append(self, described: SurveyedSource, files: int) -> None:
        self.sources.append(described)
        self._first_files.append(self.files)
        self.files += files

    def _enter_user_key(self, source: DataFile, key: StoredKey, number: int, place: tuple[GroupKey, str]) -> None:
        metadata, shape = key.metadata, key.metadata.shape
        found = self._array(place)
        found.is_keyed = True
        found.keys.setdefault(key.segments)
        found.is_scalar &= not shape
        found.is_single &= not shape or shape[0] == 1
        found.is_square &= len(shape) >= 2 and shape[0] == shape[1]
        joined = found.joined_axes(metadata) if found.row_axes is not None else 1
        if joined == 2 and shape[0] != shape[1]:
            raise MergeError(
                f"{source.path}: {'/'.join(key.segments)}: expected a square matrix of pairs, found the shape {list(shape)}"
            )
        rows = 1 if not shape else shape[0] * shape[1] if joined == 2 else shape[0]
        found.enter_rows(self.files, rows)
        found.enter_form(number, dtype_name(metadata), shape[joined:], has_rows=0 not in shape[:1])

    def _array(self, place: tuple[GroupKey, str]) -> SurveyedArray:
        found = self.arrays.get(place)
        if found is None:
            group, name = place[0].family, place[1]
            found = self.arrays[place] = SurveyedArray(place[0], name)
            found.is_pairs = is_flattened_group(group, self.declared.group(group))
            if found.is_pairs:
                found.row_axes = row_axes(name, self.declared.array(group, name))
        return found


def stored_schema(source: DataFile) -> Mapping[str, Any] | None:
    """Give the schema that a source was saved with, or None.

    Parameters
    ----------
    source : DataFile
        The file.
    """
    schema = source.metadata.get(_STORED_SCHEMA)
    return schema if isinstance(schema, Mapping) and schema else None


def _without_an_axis(
    forms: dict[tuple[str, tuple[int, ...]], list[int]],
) -> dict[tuple[str, tuple[int, ...]], list[int]]:
    joined: dict[tuple[str, tuple[int, ...]], list[int]] = {}
    for (name, tail), (count, first) in forms.items():
        joined.setdefault((name, tail[1:]), [0, first])[0] += count
    return joined


def _is_preferred(key: StoredKey, other: StoredKey) -> bool:
    """Whether a key says more of where its array belongs: a group before none, the flattened form before the nested."""
    return (len(key.segments) > 1, -len(key.segments)) > (len(other.segments) > 1, -len(other.segments))
