"""Pass 1: what a source holds, read from its metadata and its code arrays alone."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from zarrpack.errors import FormatError, MergeError
from zarrpack.storage.array_metadata import ArrayMetadata
from zarrpack.storage.data_file import DataFile, StoredArray
from zarrpack.storage.merge.catalogue import ArrayKind, Catalogue, GroupKey

__all__ = ["scan_source"]

Int64s = npt.NDArray[np.int64]

#: Where arrays go that lie in no group.
_NO_GROUP = "arrays"
#: The dimension of arrays without axes: one row for each file.
_NO_AXIS = "file"
_MOST_LEVEL = 22  # of Zstd


def scan_source(catalogue: Catalogue, source: DataFile, codes: Int64s, count: int) -> None:
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
    catalogue.paths.append(source.path)
    groups: dict[str, dict[str, StoredArray]] = {}
    for place, array in source.arrays.items():
        group, _, name = place.rpartition("/")
        groups.setdefault(group, {})[name] = array
    for group, arrays in groups.items():
        attributes = source.groups.get(group, {})
        key = GroupKey(
            _text(attributes, "zarrpack_family") or group or _NO_GROUP, _text(attributes, "zarrpack_signature")
        )
        _GroupScan(catalogue, number, source, key, arrays, codes).run()


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
    ) -> None:
        self.catalogue = catalogue
        self.number = number
        self.source = source
        self.key = key
        self.codes = codes
        self.by_role: dict[str, dict[str, StoredArray]] = {"data": {}}
        for name, array in arrays.items():
            role = _text(array.metadata.attributes, "zarrpack_role") or "data"
            of = name if role == "data" else _text(array.metadata.attributes, "zarrpack_of")
            self.by_role.setdefault(role, {})[of] = array
        #: Dimension -> (row set, rows)
        self.row_sets: dict[str, tuple[int, int]] = {}

    def run(self) -> None:
        """Enter every data array."""
        for name, array in self.by_role["data"].items():
            kind = _kind(self.key, name, array)
            self.catalogue.note_attributes(kind, _users(array.metadata.attributes))
            if kind.flat:
                self._add_flat(name, array, kind)
            else:
                dims, shape = array.metadata.dims or (_NO_AXIS,), array.metadata.shape or (1,)
                self._add_part(array, kind, self._row_set(array, dims[0], shape[0]), data=1)

    def _add_flat(self, name: str, array: StoredArray, kind: ArrayKind) -> None:
        offsets = self.by_role.get("flat_offsets", {}).get(name)
        if offsets is None or len(offsets.metadata.shape) != 1 or len(array.metadata.shape) != 1:
            raise self._error(array, "a flat array with one axis and offsets of one axis", "none such")
        row_set = self._row_set(offsets, offsets.metadata.dims[0], offsets.metadata.shape[0])
        offsets_part = self._add_part(offsets, _kind(self.key, offsets.name, offsets), row_set)
        shapes_part = -1
        shapes = self.by_role.get("flat_shape", {}).get(name)
        if shapes is not None:
            expected = (*offsets.metadata.shape, kind.flat_axes)
            if shapes.metadata.shape != expected:
                raise self._error(shapes, f"the shape {list(expected)}", str(list(shapes.metadata.shape)))
            shapes_part = self._add_part(shapes, _kind(self.key, shapes.name, shapes), row_set)
        self._add_part(array, kind, row_set, offsets_part, shapes_part, data=1)

    def _add_part(
        self, array: StoredArray, kind: ArrayKind, row_set: int, offsets: int = -1, shapes: int = -1, data: int = 0
    ) -> int:
        metadata = array.metadata
        shape, chunks = metadata.shape or (1,), metadata.chunks or (1,)
        chunk = len(self.catalogue.chunks)
        if self.catalogue.row_sets["kept"][row_set]:
            for index in itertools.product(*map(range, metadata.chunk_grid())):
                location = array.chunk_location(index)
                if location is None:
                    raise self._error(array, f"chunk {metadata.chunk_key(index)}", "none; the file is not complete")
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
            offsets,
            shapes,
            data,
        )

    def _row_set(self, array: StoredArray, dim: str, rows: int) -> int:
        """Give the number of a dimension's row set, reading its code array when it is first met."""
        known = self.row_sets.get(dim)
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
        row_set = self._enter_runs(member, first, length, rows)
        self.row_sets[dim] = (row_set, rows)
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


def _kind(group: GroupKey, name: str, array: StoredArray) -> ArrayKind:
    metadata = array.metadata
    attributes = metadata.attributes
    flat = attributes.get("zarrpack_flat") is True
    dims = _texts(attributes, "zarrpack_dims")
    if not flat and len(dims) != len(metadata.dims):
        dims = metadata.dims
    draft = _draft_level(metadata)
    return ArrayKind(
        group=group,
        name=true_name if isinstance(true_name := attributes.get("name"), str) else name,
        dims=dims or (_NO_AXIS,),
        dtype=metadata.dtype,
        codec=metadata.codec if draft is None else replace(metadata.codec, level=draft),
        stands_for=_text(attributes, "zarrpack_dtype"),
        flat=flat,
        content="pixels" if attributes.get("zarrpack_content") == "pixels" else "values",
        unit="row" if attributes.get("zarrpack_unit") == "row" else "member",
        shape_from=_texts(attributes, "zarrpack_shape_from"),
        draft=draft is not None,
    )


def _draft_level(metadata: ArrayMetadata) -> int | None:
    """Give the Zstd level that a draft is to be encoded at; None: it is no draft."""
    level = metadata.attributes.get("zarrpack_draft")
    return level if metadata.codec.level is not None and type(level) is int and 1 <= level <= _MOST_LEVEL else None


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


def _users(attributes: Any) -> dict[str, Any]:
    return {key: value for key, value in attributes.items() if key != "name" and not key.startswith("zarrpack_")}


def _text(attributes: Any, key: str) -> str:
    value = attributes.get(key, "")
    return value if isinstance(value, str) else ""


def _texts(attributes: Any, key: str) -> tuple[str, ...]:
    value = attributes.get(key)
    return tuple(value) if isinstance(value, list) and all(isinstance(entry, str) for entry in value) else ()
