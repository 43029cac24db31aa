"""A dataset to export: its items in order, with names, metadata and arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zarrpack.errors import SourceError, UsageError
from zarrpack.storage.items.item_reader import ItemReader

__all__ = ["ExportedItem", "ItemSource"]

#: Columns of the infoset that say nothing about the item itself.
_OWN_COLUMNS = ("id", "table_name")


@dataclass(frozen=True, slots=True)
class ExportedItem:
    """One item.

    Parameters
    ----------
    code : int
        Its code.
    name : str
        Its name; its code where there is no infoset.
    metadata : dict
        The infoset's row, without what is missing.
    arrays : dict
        ``"group/array"`` -> its rows; rows of different shapes as an array of objects, each an array.
    """

    code: int
    name: str
    metadata: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, Any] = field(default_factory=dict)


class ItemSource:
    """Reads a dataset item by item. For one thread.

    Parameters
    ----------
    path : Path
        A ``.dataset``; ``NAME.infoset`` beside it is read too, if it is there.
    arrays : sequence of str
        ``"group/array"`` or ``"group"``; all if empty.

    Raises
    ------
    SourceError
        If there is no such file.
    UsageError
        If it is no dataset, or has no such array.
    FormatError
        If it is damaged.
    """

    def __init__(self, path: Path, arrays: Sequence[str] = ()) -> None:
        if not path.is_file():
            raise SourceError(f"{path}: expected a .dataset file, found none; check the path")
        self.path = path
        self._reader = ItemReader(path)
        try:
            kind = self._reader.index.kind
            if kind != "dataset":
                raise UsageError(
                    f"{path}: expected a dataset, found {kind or 'another file'}; make one with zarrpack merge"
                )
            self.arrays: list[str] = self._chosen(arrays)
        except BaseException:
            self._reader.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._reader.close()

    def __iter__(self) -> Iterator[ExportedItem]:
        """Give the items by code, those that have an array or a row in the infoset."""
        rows = self._infoset_rows()
        row = next(rows, None)
        read = self._reader.read
        for code in range(self._reader.codes):
            # Both come by code; a code that failed has no row.
            while row is not None and row["id"] < code:
                row = next(rows, None)
            own = row if row is not None and row["id"] == code else None
            arrays = {name: values for name in self.arrays if (values := read(name, code)) is not None}
            if own is None and not arrays:
                continue
            known = own or {}
            metadata = {key: value for key, value in known.items() if value is not None and key not in _OWN_COLUMNS}
            yield ExportedItem(code, str(known.get("name", code)), metadata, arrays)

    def _chosen(self, names: Sequence[str]) -> list[str]:
        found = list(self._reader.arrays)
        groups = {name: name.rpartition("/")[0] for name in found}
        for name in names:
            if name not in groups and name not in groups.values():
                raise UsageError(f"{self.path}: expected one of {sorted({*found, *groups.values()})}, found {name!r}")
        return [one for one in found if not names or {one, groups[one]} & set(names)]

    def _infoset_rows(self) -> Iterator[dict[str, Any]]:
        path = self.path.with_suffix(".infoset")
        if not path.is_file():
            return
        import pyarrow.parquet

        with closing(pyarrow.parquet.ParquetFile(path)) as table:
            for batch in table.iter_batches(batch_size=4096):
                yield from batch.to_pylist()
