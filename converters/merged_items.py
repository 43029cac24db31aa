"""The items of a merge: those that datasets have already, then the members of ``.data`` files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from zarrpack.converters.items.metadata import ItemMetadata
from zarrpack.storage.datasetstorage.description_tables import DescriptionTables
from zarrpack.storage.datasetstorage.earlier_tables import earlier_tables
from zarrpack.storage.datasetstorage.info_fields import item_row, split_metadata
from zarrpack.storage.datasetstorage.info_validation import listed
from zarrpack.storage.tables.infoset import ItemRow
from zarrpack.storage.tables.rules import Category

__all__ = ["MergedDataset", "MergedItems"]

_FIXED = ("id", "name", "description", "flow_name", "subset", "table_name")
_REST = "metadata_json"
_NOT_SET = "not set"
_NO_SUBSET = "N/A"
_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class MergedDataset:
    """A dataset that is merged with others.

    Parameters
    ----------
    path : Path
        The file; its tables are looked for beside it.
    first : int
        What is added to its codes.
    codes : tuple of int
        What they are then.
    """

    path: Path
    first: int
    codes: tuple[int, ...]

    def rows(self) -> Iterator[ItemRow]:
        """Give the rows of its infoset under their new codes; without an infoset one for each code, which says little."""
        import pyarrow.parquet as pq

        infoset = self.path.with_suffix(".infoset")
        if not infoset.is_file():
            for code in self.codes:
                yield ItemRow(code, f"{self.path.stem}#{code - self.first}")
            return
        with pq.ParquetFile(infoset) as table:
            for batch in table.iter_batches(_ROWS):
                for row in batch.to_pylist():
                    yield self._row(row)

    def descriptions(self) -> Mapping[str, Mapping[int, Category]]:
        """Give what its attribset says of categories."""
        return earlier_tables(Path(), self.path.with_suffix(".attribset")).descriptions

    def _row(self, row: Mapping[str, Any]) -> ItemRow:
        fields = {key: value for key, value in row.items() if value is not None and key not in (*_FIXED, _REST)}
        rest = row.get(_REST)
        fields.update(json.loads(rest) if isinstance(rest, str) else {})
        description, subset = row.get("description") or _NOT_SET, row.get("subset") or _NO_SUBSET
        return ItemRow(
            self.first + int(row["id"]),
            str(row["name"]),
            "" if description == _NOT_SET else description,
            None if subset == _NO_SUBSET else subset,
            fields,
        )


class MergedItems:
    """The rows of a merge's infoset, by code. May be gone through any number of times. Not safe for threads.

    Parameters
    ----------
    datasets : sequence of MergedDataset
        Whose rows come first.
    members : ItemMetadata
        The members of ``.data`` files.
    stores : mapping of int to str
        Numbers of members that are files of their own -> their stems, which are their names.
    first : int
        What is added to the members' numbers.
    """

    def __init__(
        self, datasets: Sequence[MergedDataset], members: ItemMetadata, stores: Mapping[int, str], first: int
    ) -> None:
        self._datasets = datasets
        self._members = members
        self._stores = stores
        self._first = first
        self._described = DescriptionTables()
        self._renamed: dict[str, None] = {}

    def __iter__(self) -> Iterator[ItemRow]:
        names: set[str] = set()
        for row in self._rows():
            if row.name in names:
                row = replace(row, name=f"{row.name}#{row.code}")
                self._renamed[row.name] = None
            names.add(row.name)
            yield row

    def dictionary(self) -> Mapping[str, Mapping[int, Category]]:
        """Give what is said of categories; of the same id the first dataset counts, then the first file.

        What files say is in it when the rows have been gone through.
        """
        for dataset in reversed(self._datasets):
            for table, categories in dataset.descriptions().items():
                self._described.tables.setdefault(table, {}).update(categories)
        return self._described.tables

    def notes(self) -> list[str]:
        """Give what is to be told when the rows have been gone through."""
        said = [f"descriptions of {table}: {problem}" for table, problem in self._described.problems.items()]
        if self._renamed:
            said.append(f"items have the names of others before them, and were called {listed([*self._renamed])}")
        return said

    def _rows(self) -> Iterator[ItemRow]:
        for dataset in self._datasets:
            yield from dataset.rows()
        for row in self._members:
            code = self._first + row.code
            stem = self._stores.get(row.code)
            if stem is None:
                yield replace(row, code=code)
            else:
                metadata = split_metadata(row.fields)
                if metadata.descriptions is not None:
                    self._described.add(metadata.descriptions)
                yield item_row(code, stem, metadata.fields, row.description)
