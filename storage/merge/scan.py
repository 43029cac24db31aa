"""Pass 1: what a source holds, read from its metadata and its code arrays alone."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from zarrpack.errors import FormatError, MergeError
from zarrpack.storage.data_file import DataFile, StoredArray
from zarrpack.storage.merge.array_kinds import NO_AXIS, array_kind, attribute_text, users_attributes
from zarrpack.storage.merge.catalogue import ArrayKind, Catalogue, GroupKey
from zarrpack.storage.merge.damage import DamagedSource
from zarrpack.storage.merge.padding import Runs, common_runs, cut_runs, is_all_padding, read_runs
from zarrpack.storage.merge.views import ArrayView, SourceView

__all__ = ["scan_source"]

Int64s = npt.NDArray[np.int64]

#: Where arrays go that lie in no group.
_NO_GROUP = "arrays"
#: The attributes of most arrays of stores.
_PLAIN = {"zarrpack_role": "data"}
_AS_IT_IS = ArrayView(GroupKey("", ""), "", ())


def scan_source(
    catalogue: Catalogue, source: DataFile, codes: Int64s, count: int, view: SourceView | None = None
) -> None:
    """Enter a source into the catalogue.

    Parameters
    ----------
    catalogue : Catalogue
        Gets the source as its last one.
    source : DataFile
        A pack, a store, a dataset, or another's file of that layout. May be closed afterwards.
    codes : ndarray of shape (members,), int64
        The source's member number -> item code, or -1: its rows are left out.
    count : int
        Number of codes.
    view : callable, optional
        What to take the source's arrays for; None: what they say that they are.

    Raises
    ------
    FormatError
        If the source contradicts itself; the message names file and array.
    MergeError
        If a code is not below `count`, or the source has more members than `codes`.
    """
    if len(codes) and not -1 <= codes.min() <= codes.max() < count:
        raise MergeError(f"{source.path}: expected codes from -1 to {count - 1}, found {codes.min()} to {codes.max()}")
    number = len(catalogue.paths)
    catalogue.paths.append(str(source.path))
    views = {} if view is None else view(source)
    #: (group, dimension, what it becomes in the output if that may be another) -> (row set, rows)
    row_sets: dict[tuple[GroupKey, str, str], tuple[int, int]] = {}
    if source.kind == "dataset":
        catalogue.datasets.add(number)
    groups: dict[str, dict[str, StoredArray]] = {}
    for place, array in source.arrays.items():
        group, _, name = place.rpartition("/")
        groups.setdefault(group, {})[name] = array
    for group, arrays in groups.items():
        attributes = source.groups.get(group, {})
        key = GroupKey(
            attribute_text(attributes, "zarrpack_family") or group or _NO_GROUP,
            attribute_text(attributes, "zarrpack_signature"),
        )
        _GroupScan(catalogue, number, source, key, arrays, codes, views, row_sets).run()


class _GroupScan:
    """Enters one group of a source into the catalogue."""

    def __init__(
        self,
        catalogue: Catalogue,
        number: int,
        source: DataFile,
        key: GroupKey,
        arrays: dict[str, StoredArray],
        codes: Int64s,
        views: Mapping[str, ArrayView | None],
        row_sets: dict[tuple[GroupKey, str, str], tuple[int, int]],
    ) -> None:
        self.catalogue = catalogue
        self.number = number
        self.source = source
        self.key = key
        self.codes = codes
        self.by_role: dict[str, dict[str, StoredArray]] = {"data": {}}
        for name, array in arrays.items():
            role = attribute_text(array.metadata.attributes, "zarrpack_role") or "data"
            of = name if role == "data" else attribute_text(array.metadata.attributes, "zarrpack_of")
            self.by_role.setdefault(role, {})[of] = array
        self.views = views
        self.row_sets = row_sets

    def run(self) -> None:
        """Enter every data array."""
        lost = self._lost_rows()
        for name, array in self.by_role["data"].items():
            view = self.views.get(array.name, _AS_IT_IS)
            if view is None:
                continue
            kind = self._kind_of(name, array, view)
            if kind.flat:
                self._add_flat(name, array, kind)
                continue
            shape, chunks = self._grid(array, view.joined_axes)
            place = self._rows_of(array, kind.group, kind.dims[0], view)
            row_set = self._row_set(array, place, shape[0], lost.get(place, ()))
            padded = _padding(array, shape[0])
            if view.empty_row is not None:
                shape, chunks = (shape[0], *view.empty_row), (1, *(max(1, length) for length in view.empty_row))
            if is_all_padding(padded, shape[0]):
                # No file had any row of it, so that it says as little as an array without rows.
                none = np.empty(0, np.int64)
                self._add_part(array, kind, self._enter_runs(none, none, none, 0), (0, *shape[1:]), chunks, data=1)
                continue
            part = self._add_part(array, kind, row_set, shape, chunks, data=1)
            if padded:
                self.catalogue.padded_parts[part] = padded

    def _kind_of(self, name: str, array: StoredArray, view: ArrayView) -> ArrayKind:
        """Give an array's kind, and note its attributes."""
        metadata = array.metadata
        is_plain = metadata.attributes == _PLAIN
        plain = (self.key, name, metadata.dims, metadata.dtype, metadata.codec, view)
        kind = self.catalogue.plain_kinds.get(plain) if is_plain else None
        if kind is not None:
            return kind
        kind = array_kind(self.key, name, array)
        if view is not _AS_IT_IS:
            kind = replace(kind, group=view.group, name=view.name, dims=view.dims)
        self.catalogue.note_attributes(kind, users_attributes(metadata.attributes))
        if is_plain:
            self.catalogue.plain_kinds[plain] = kind
        return kind

    def _grid(self, array: StoredArray, joined_axes: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Give the shape and the chunks of an array with its leading axes joined."""
        metadata = array.metadata
        shape, chunks = metadata.shape or (1,), metadata.chunks or (1,)
        if joined_axes == 1:
            return shape, chunks
        inner, inner_chunks = shape[1:joined_axes], chunks[1:joined_axes]
        if 0 not in shape and (inner != inner_chunks or metadata.codec.order != "C"):
            raise self._error(
                array, f"chunks that are not divided along axes 1 to {joined_axes - 1}, in row-major order", f"{chunks}"
            )
        return (
            (math.prod(shape[:joined_axes]), *shape[joined_axes:]),
            (chunks[0] * math.prod(inner_chunks), *chunks[joined_axes:]),
        )

    def _rows_of(self, array: StoredArray, group: GroupKey, dim: str, view: ArrayView) -> tuple[GroupKey, str, str]:
        """Say what tells an array's rows: where there are code arrays its own dimension, else that of its view."""
        own = (array.metadata.dims or (NO_AXIS,))[0]
        if view is _AS_IT_IS or own in self.by_role.get("code", {}):
            return (group, own, "" if view is _AS_IT_IS else dim)
        return (group, dim, dim)

    def _lost_rows(self) -> dict[tuple[GroupKey, str, str], Runs]:
        """Find rows of a dataset that were padding beside arrays which now have other rows.

        Of the arrays that stay together, one at least has rows of a file, or these rows are nobody's.
        """
        together: dict[tuple[GroupKey, str, str], list[Runs]] = {}
        for array in self.by_role["data"].values() if self.source.kind == "dataset" else ():
            view = self.views.get(array.name, _AS_IT_IS)
            if view is None or view is _AS_IT_IS or array.metadata.attributes.get("zarrpack_flat") is True:
                continue
            rows = sum(array.metadata.shape[:1])
            padded = _padding(array, rows)
            if not is_all_padding(padded, rows):
                together.setdefault(self._rows_of(array, view.group, view.dims[0], view), []).append(padded)
        return {place: common_runs(several) for place, several in together.items()}

    def _add_flat(self, name: str, array: StoredArray, kind: ArrayKind) -> None:
        offsets = self.by_role.get("flat_offsets", {}).get(name)
        if offsets is None or len(offsets.metadata.shape) != 1 or len(array.metadata.shape) != 1:
            raise self._error(array, "a flat array with one axis and offsets of one axis", "none such")
        row_set = self._row_set(offsets, (kind.group, offsets.metadata.dims[0], ""), offsets.metadata.shape[0])
        offsets_part = self._add_stored(offsets, array_kind(self.key, offsets.name, offsets), row_set)
        shapes_part = -1
        shapes = self.by_role.get("flat_shape", {}).get(name)
        if shapes is not None:
            expected = (*offsets.metadata.shape, kind.flat_axes)
            if shapes.metadata.shape != expected:
                raise self._error(shapes, f"the shape {list(expected)}", str(list(shapes.metadata.shape)))
            shapes_part = self._add_stored(shapes, array_kind(self.key, shapes.name, shapes), row_set)
        part = self._add_stored(array, kind, row_set, data=1)
        self.catalogue.flat_parts[part] = (offsets_part, shapes_part)

    def _add_stored(self, array: StoredArray, kind: ArrayKind, row_set: int, data: int = 0) -> int:
        return self._add_part(array, kind, row_set, array.metadata.shape, array.metadata.chunks, data)

    def _add_part(
        self,
        array: StoredArray,
        kind: ArrayKind,
        row_set: int,
        shape: tuple[int, ...],
        chunks: tuple[int, ...],
        data: int = 0,
    ) -> int:
        metadata = array.metadata
        chunk = len(self.catalogue.chunks)
        if self.catalogue.row_sets["kept"][row_set]:
            for index in itertools.product(*map(range, metadata.chunk_grid())):
                location = array.chunk_location(index)
                if location is None:
                    raise DamagedSource(
                        str(self.source.path),
                        f"{self.source.path}: {array.name}: expected chunk {metadata.chunk_key(index)}, found none; "
                        "the file is not complete",
                    )
                self.catalogue.chunks.append(self.number, *location)
        return self.catalogue.parts.append(
            self.number,
            self.catalogue.kinds.number(kind),
            self.catalogue.grids.number((shape[1:], chunks)),
            self.catalogue.places.number(array.name),
            row_set,
            shape[0],
            chunk,
            len(self.catalogue.chunks) - chunk,
            data,
        )

    def _row_set(self, array: StoredArray, place: tuple[GroupKey, str, str], rows: int, lost: Runs = ()) -> int:
        """Give the number of a dimension's row set, reading its code array when it is first met."""
        dim = place[1]
        known = self.row_sets.get(place)
        if known is not None:
            if known[1] != rows:
                raise self._error(array, f"{known[1]} rows as other arrays along {dim} have", str(rows))
            return known[0]
        code_array = self.by_role.get("code", {}).get(dim)
        if code_array is not None:
            if code_array.metadata.shape != (rows,) or code_array.metadata.dtype[1] not in "iu":
                raise self._error(code_array, f"{rows} integers", f"shape {list(code_array.metadata.shape)}")
            member, first, length = _read_runs(code_array, rows)
        elif self.source.kind in ("pack", "dataset"):
            raise self._error(array, f"a code array for the dimension {dim}", "none")
        else:
            member, first, length = np.zeros(min(rows, 1), np.int64), np.zeros(min(rows, 1), np.int64), np.array([rows])
            length = length[: len(member)]
        if lost:  # most often nothing is
            number, first, length = cut_runs(first, length, lost)
            member = member[number]
        row_set = self._enter_runs(member, first, length, rows)
        self.row_sets[place] = (row_set, rows)
        return row_set

    def _enter_runs(self, member: Int64s, first: Int64s, length: Int64s, rows: int) -> int:
        if len(member) and member.max() >= len(self.codes):
            raise MergeError(
                f"{self.source.path}: expected codes for {int(member.max()) + 1} members, found {len(self.codes)}"
            )
        kept = member >= 0
        kept[kept] = self.codes[member[kept]] >= 0
        member = member[kept]
        run = self.catalogue.runs.extend(member, self.codes[member], first[kept], length[kept])
        return self.catalogue.row_sets.append(
            self.number, rows, int(length[kept].sum()), run, int(np.count_nonzero(kept))
        )

    def _error(self, array: StoredArray, expected: str, found: str) -> FormatError:
        return FormatError(f"{self.source.path}: {array.name}: expected {expected}, found {found}")


def _padding(array: StoredArray, rows: int) -> Runs:
    return read_runs(array.metadata.attributes.get("zarrpack_padded"), rows)


def _read_runs(codes: StoredArray, rows: int) -> tuple[Int64s, Int64s, Int64s]:
    """Give the runs of equal numbers: the number, the first row, the rows. Reads a chunk at a time."""
    members, firsts = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    last: int | None = None
    step = codes.metadata.chunks[0]
    for start in range(0, rows, step):
        block = codes.read(start, min(rows, start + step)).astype(np.int64, copy=False)
        changes = np.flatnonzero(block[1:] != block[:-1]) + 1
        if block[0] != last:
            changes = np.concatenate([np.zeros(1, np.int64), changes])
        members.append(block[changes])
        firsts.append(changes + start)
        last = int(block[-1])
    first = np.concatenate(firsts)
    return np.concatenate(members), first, np.concatenate([first[1:], [rows]]) - first if rows else first
