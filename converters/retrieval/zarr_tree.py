"""A ``.data`` or ``.dataset`` as a tree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy.typing as npt

from zarrpack.converters.retrieval.tree import DatasetEntry, MemberEntry
from zarrpack.errors import NotFound
from zarrpack.storage.data_file import DataFile
from zarrpack.storage.items.item_reader import ItemReader
from zarrpack.storage.member_descriptions import member_descriptions
from zarrpack.storage.pack_array import ENCODED

__all__ = ["ZarrTree"]

_DTYPES = {"vlen-utf8": "string", "vlen-bytes": "bytes"}


class ZarrTree:
    """A zipped Zarr file.

    Parameters
    ----------
    path : Path
        The file; ``NAME.members.parquet`` beside a dataset tells its members.

    Raises
    ------
    SourceError
        If it cannot be opened.
    FormatError
        If it is no such file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = DataFile(path)
        self._items: ItemReader | None = None

    def groups(self) -> list[str]:
        """Give the paths of all groups but the root, parents first."""
        found: dict[str, None] = {}
        for place in (*self._file.groups, *(name.rpartition("/")[0] for name in self._file.arrays)):
            parts = place.split("/")
            found.update(dict.fromkeys("/".join(parts[:length]) for length in range(1, len(parts) + 1)))
        found.pop("", None)
        return list(found)

    def datasets(self) -> Mapping[str, DatasetEntry]:
        """Give all datasets by path."""
        return {
            place: DatasetEntry(
                place,
                array.metadata.shape,
                _DTYPES.get(array.metadata.codec.object_codec or "", array.metadata.dtype.lstrip("<|>")),
                array.metadata.dims,
            )
            for place, array in self._file.arrays.items()
        }

    def attributes(self, path: str) -> dict[str, Any]:
        """Give the attributes of a group or dataset."""
        if not path:
            return dict(self._file.attributes)
        if path in self._file.arrays:
            return dict(self._file.arrays[path].metadata.attributes)
        return dict(self._file.groups.get(path, {}))

    def read(self, path: str, start: int, stop: int | None) -> npt.NDArray[Any]:
        """Give rows of a dataset."""
        return self._file.arrays[path].read(start, stop)

    def members(self) -> Iterator[MemberEntry]:
        """Give the archive members."""
        if self._file.kind != "dataset":
            for code, one in enumerate(member_descriptions(self._file)):
                archive = one.description.removesuffix(f"/{one.name}") if one.description != one.name else ""
                yield MemberEntry(archive, one.name, code)
            return
        table = self._path.with_suffix(".members.parquet")
        if table.is_file():
            import pyarrow.parquet

            columns = ["archive", "member", "item_code", "sha256"]
            for row in pyarrow.parquet.read_table(table, columns=columns, use_threads=False).to_pylist():
                if row["item_code"] is not None:
                    yield MemberEntry(row["archive"], row["member"], row["item_code"], row["sha256"] or "")

    def kept(self, entry: MemberEntry) -> Iterator[bytes]:
        """Give the files' own bytes that are kept of a member's item."""
        if self._items is None:
            self._items = ItemReader(self._path)
        for place in self._file.arrays:
            if place.rpartition("/")[2] == ENCODED:
                row = 0
                while True:
                    try:
                        yield bytes(self._items.item_bytes(place, entry.code, row))
                    except NotFound:
                        break
                    row += 1

    def close(self) -> None:
        """Close the file. Idempotent."""
        self._file.close()
        if self._items is not None:
            self._items.close()
