"""An ``.h5`` file as a tree: those that zarrpack writes, and those of others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from zarrpack.converters.retrieval.tree import DatasetEntry, MemberEntry
from zarrpack.errors import FormatError, SourceError
from zarrpack.storage.hdf5.attributes import OWN, read_own
from zarrpack.storage.hdf5.dimension_names import axis_names, is_mere_dimension
from zarrpack.storage.hdf5.object_paths import ObjectPaths
from zarrpack.storage.hdf5.plain_attributes import attribute_value, plain_attribute
from zarrpack.storage.hdf5.tree import Array, Found, Group, Refusal, walk
from zarrpack.storage.hdf5.values import has_plain_form
from zarrpack.storage.pack_array import ENCODED

__all__ = ["Hdf5Tree"]

_SCALES = {"CLASS", "NAME", "DIMENSION_LIST", "DIMENSION_LABELS", "REFERENCE_LIST", "_Netcdf4Dimid", OWN}


class Hdf5Tree:
    """An HDF5 file. It is read in this process: a file that crashes the library ends it.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    SourceError
        If it cannot be opened.
    FormatError
        If it is no such file.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise SourceError(f"{path}: expected a file, found none; check the path")
        try:
            self._file = h5py.File(path, "r", locking=False)
            self._paths = ObjectPaths(self._file)
            self._found = [self._listed(one) for one in walk(self._file, self._paths)]
        except (OSError, RuntimeError, KeyError, ValueError) as exc:
            raise FormatError(f"{path}: expected an HDF5 file: {exc}") from exc
        self._path = path
        self._own = str(read_own(self._file).get("own", "")) if read_own(self._file) else ""

    def _listed(self, one: Found) -> Found:
        """Take a dataset that needs a filter as one that can be seen; whether it can be read is found when it is."""
        if isinstance(one, Refusal) and one.reason == "hdf5_filter":
            return Array(one.path, self._file[one.path])
        return one

    def groups(self) -> list[str]:
        """Give the paths of all groups but the root, parents first."""
        return [one.path for one in self._found if isinstance(one, Group) and one.path]

    def datasets(self) -> Mapping[str, DatasetEntry]:
        """Give all datasets by path, without those that only name an axis."""
        return {
            one.path: DatasetEntry(one.path, one.node.shape or (), _dtype(one.node), self._dims(one.node))
            for one in self._found
            if isinstance(one, Array) and not is_mere_dimension(one.node)
        }

    def _dims(self, data: h5py.Dataset) -> tuple[str, ...]:
        return tuple(axis_names(data, self._paths)) if data.shape else ()

    def attributes(self, path: str) -> dict[str, Any]:
        """Give the attributes of a group or dataset."""
        node = self._file[path] if path else self._file
        notes: set[str] = set()
        return {name: plain_attribute(node, name, self._paths, notes) for name in node.attrs if name not in _SCALES}

    def read(self, path: str, start: int, stop: int | None) -> npt.NDArray[Any]:
        """Give rows of a dataset; texts as str, and what stands for booleans or bytes as those.

        Raises
        ------
        FormatError
            If it is damaged, or of a type that has no plain form.
        """
        node = self._file[path]
        if not has_plain_form(node.dtype):
            raise FormatError(f"{self._path}: {path}: expected a type that has a plain form, found {node.dtype}")
        try:
            if h5py.check_string_dtype(node.dtype) is not None:
                texts = node.asstr(errors="backslashreplace")
                return np.asarray(texts[start:stop] if node.shape else texts[()], object)
            own = read_own(node)
            if isinstance(own.get("offsets"), str) and own["offsets"] in self._file:
                return self._rows(node, self._file[own["offsets"]], own, start, stop)
            values = np.asarray(node[start:stop] if node.shape else node[()])
        except (OSError, RuntimeError) as exc:
            raise FormatError(f"{self._path}: {path}: {exc}; if a filter is missing, import hdf5plugin first") from exc
        return values.astype(bool) if attribute_value(node, "dtype") == "bool" and values.dtype == np.int8 else values

    def members(self) -> Iterator[MemberEntry]:
        """Give the archive members: of the table in the file, else of its datasets' attributes."""
        table = self._file.get(f"{self._own}/members") if self._own else None
        if isinstance(table, h5py.Group):
            names = ("archive", "member", "item_code", "sha256")
            columns = [self.read(f"{self._own}/members/{name}", 0, None).tolist() for name in names]
            mask = table["item_code_is_null"][...].astype(bool) if "item_code_is_null" in table else None
            for row, (archive, member, code, sha256) in enumerate(zip(*columns, strict=True)):
                if mask is None or not mask[row]:
                    yield MemberEntry(archive, member, int(code), sha256, self._datasets_of(int(code)))
            return
        yield from self._from_attributes()

    def kept(self, entry: MemberEntry) -> Iterator[bytes]:
        """Give the files' own bytes that are kept of a member's item."""
        for path in entry.datasets:
            if str(read_own(self._file[path]).get("place", "")).rpartition("/")[2] == ENCODED:
                yield self._file[path][...].tobytes()
        for group in self.groups():
            ends = self._file.get(f"{group}/{ENCODED}_offsets")
            codes = self._file.get(f"{group}/file_id")
            if ends is not None and codes is not None and not group.startswith(f"{self._own}/"):
                for row in np.flatnonzero(codes[...] == entry.code).tolist():
                    first, last = (int(end) for end in ends[row : row + 2])
                    yield self._file[f"{group}/{ENCODED}"][first:last].tobytes()

    def close(self) -> None:
        """Close the file. Idempotent."""
        self._file.close()

    def _rows(
        self, node: h5py.Dataset, ends: h5py.Dataset, own: Mapping[str, Any], start: int, stop: int | None
    ) -> npt.NDArray[Any]:
        first, last, _ = slice(start, stop).indices(len(ends) - 1)
        places = ends[first : max(first, last) + 1].tolist()
        buffer = node[places[0] : places[-1]].tobytes()
        is_text = {"id": "vlen-utf8"} in (own.get("zarray", {}).get("filters") or ())
        rows = np.empty(max(0, last - first), object)
        for number in range(len(rows)):
            row = buffer[places[number] - places[0] : places[number + 1] - places[0]]
            rows[number] = row.decode("utf-8", "backslashreplace") if is_text else row
        return rows

    def _datasets_of(self, code: int) -> tuple[str, ...]:
        if not hasattr(self, "_by_code"):
            self._by_code: dict[int, list[str]] = {}
            for one in self._found:
                if isinstance(one, Array) and "item_code" in one.node.attrs:
                    self._by_code.setdefault(int(one.node.attrs["item_code"]), []).append(one.path)
        return tuple(self._by_code.get(code, ()))

    def _from_attributes(self) -> Iterator[MemberEntry]:
        seen: set[int] = set()
        for one in self._found:
            if isinstance(one, Array) and "item_code" in one.node.attrs and "member" in one.node.attrs:
                code = int(one.node.attrs["item_code"])
                if code not in seen:
                    seen.add(code)
                    archive = str(one.node.attrs.get("archive", ""))
                    yield MemberEntry(archive, str(one.node.attrs["member"]), code, "", self._datasets_of(code))


def _dtype(data: h5py.Dataset) -> str:
    if h5py.check_string_dtype(data.dtype) is not None:
        return "string"
    if isinstance(read_own(data).get("offsets"), str):
        return "bytes"
    return "bool" if attribute_value(data, "dtype") == "bool" else data.dtype.str.lstrip("<|>")
