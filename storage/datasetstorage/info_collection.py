"""All that is known of the files of a dataset: their metadata, their codes, and what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from zarrpack.errors import FormatError, SourceError, UsageError
from zarrpack.storage.datasetstorage.description_tables import DescriptionTables
from zarrpack.storage.datasetstorage.earlier_tables import EarlierTables, dataset_codes, earlier_tables
from zarrpack.storage.datasetstorage.file_names import file_names, unique_names
from zarrpack.storage.datasetstorage.info_fields import item_row
from zarrpack.storage.datasetstorage.info_sources import FoundInfo, InfoRecord, read_data_info
from zarrpack.storage.datasetstorage.info_validation import field_problems, listed
from zarrpack.storage.datastorage.keys import file_stem
from zarrpack.storage.tables.infoset import ItemRow
from zarrpack.storage.tables.rules import Category

__all__ = ["Dictionary", "InfoCollection"]

#: Table -> id -> what it means.
Dictionary: TypeAlias = Mapping[str, Mapping[int, Category]]


class InfoCollection:
    """Files' metadata by name. Not safe for threads.

    Parameters
    ----------
    schema : mapping or None
        What fields there are; None: as the first file says that has a schema.
    infoset, attribset : Path
        Where an earlier run may have left something.

    Attributes
    ----------
    codes : dict of str to int, or None
        Name -> code; None: nothing is numbered yet, and files count in the order of their names.
    """

    def __init__(self, schema: Mapping[str, Any] | None, infoset: Path, attribset: Path) -> None:
        self.codes: dict[str, int] | None = None
        self._given_schema = schema
        self._tables = infoset, attribset
        self._earlier: EarlierTables | None = None
        # None: nothing is known of the file.
        self._records: dict[str, InfoRecord | None] = {}
        # Name -> the ``.data`` file, and the file's place in it.
        self._data: dict[str, tuple[Path, int]] = {}
        self._validated = 0
        # Descriptions of earlier runs whose rows are taken over: they must not be numbered anew.
        self._kept_descriptions: dict[str, dict[int, Category]] = {}

    @property
    def schema(self) -> Mapping[str, Any]:
        """The schema that holds for all files; empty if there is none."""
        if self._given_schema is not None:
            return self._given_schema
        stored = (record.metadata.schema for record in self._known().values())
        return next((schema for schema in stored if isinstance(schema, Mapping) and schema), {})

    def add(self, found: Sequence[FoundInfo]) -> list[list[str]]:
        """Add what has been found, and give the files' names for each.

        Raises
        ------
        UsageError
            If two files have the same name; nothing has been added then.
        """
        names = unique_names([(one.path, _members(one)) for one in found])
        for one, own_names in zip(found, names, strict=True):
            self._records.update(zip(own_names, one.records or [None], strict=True))
        return names

    def assign_codes(self, paths: Sequence[Path]) -> dict[str, int]:
        """Number the files in ``.data`` files in order, behind those of datasets; give a copy of the codes.

        Raises
        ------
        UsageError
            If two files have the same name.
        """
        codes: dict[str, int] = {}
        taken = 0
        files = []
        for path in paths:
            count = dataset_codes(path)
            if count is None:
                files.append(path)
            else:
                merged = self._merged_before(path)
                repeated = [name for name in merged if name in codes]
                if repeated:
                    raise UsageError(
                        f"{path}: expected files of different names, found {repeated[0]!r} in two datasets"
                    )
                codes.update({name: taken + code for name, code in merged.items()})
                taken += count
        names = unique_names([(path, file_names(path)) for path in files])
        self._data = {
            name: (path, place)
            for path, own_names in zip(files, names, strict=True)
            for place, name in enumerate(own_names)
        }
        repeated = [name for name in self._data if name in codes]
        if repeated:
            raise UsageError(
                f"{self._data[repeated[0]][0]}: expected a new file, found {repeated[0]!r} in a dataset already"
            )
        self.codes = codes | {name: taken + number for number, name in enumerate(self._data)}
        return dict(self.codes)

    def keep_earlier(self) -> None:
        """Read what an earlier run has left, before it is replaced."""
        if self._earlier is None:
            self._earlier = earlier_tables(*self._tables)

    def data_of(self, path: Path) -> Path | None:
        """Give the numbered ``.data`` file that has a path's stem, if there is one."""
        known = self._data.get(file_stem(path))
        return known[0] if known else None

    def has_row(self, name: str) -> bool:
        """Whether a file of that name gets a row."""
        return self.codes is None or name in self.codes

    def complete(self) -> list[str]:
        """Look for what is missing wherever it may be, and give what there is to say about the metadata."""
        self._take_from_data([name for name in self._data if self._records.get(name) is None])
        codes = self._records if self.codes is None else self.codes
        missing = [name for name in codes if self._records.get(name) is None]
        recovered = self._take_from_earlier(missing) if missing else []
        said = [
            (recovered, "metadata found nowhere but in the tables of an earlier run, and taken from there:"),
            ([name for name in missing if name not in recovered], "metadata found nowhere, the row has defaults:"),
            ([name for name in self._records if not self.has_row(name)], "metadata of files without a code, no row:"),
        ]
        return [f"{text} {listed(names)}" for names, text in said if names] + self._problems()

    def rows(self) -> Iterator[ItemRow]:
        """Give the infoset's rows, by code."""
        codes = {name: code for code, name in enumerate(sorted(self._records))} if self.codes is None else self.codes
        for name, code in codes.items():
            record = self._records.get(name)
            if record is None:
                yield ItemRow(code, name)
            else:
                yield item_row(code, name, record.metadata.fields, record.description)

    def dictionary(self, stronger: Dictionary) -> tuple[dict[str, dict[int, Category]], list[str]]:
        """Give the described ids of all tables in order, and what is wrong with the files' descriptions.

        Parameters
        ----------
        stronger : mapping
            More of them, which replace those of files.
        """
        described = DescriptionTables()
        for record in self._known().values():
            if record.metadata.descriptions is not None:
                described.add(record.metadata.descriptions)
        tables: dict[str, dict[int, Category]] = {}
        for source in (self._kept_descriptions, described.tables, stronger):
            for table, categories in source.items():
                tables.setdefault(table, {}).update(categories)
        ordered = {table: dict(sorted(categories.items())) for table, categories in tables.items()}
        return ordered, [f"descriptions of {table}: {problem}" for table, problem in described.problems.items()]

    def _known(self) -> dict[str, InfoRecord]:
        return {name: record for name, record in self._records.items() if record is not None}

    def _take_from_data(self, names: Iterable[str]) -> None:
        read: dict[Path, tuple[InfoRecord, ...]] = {}
        for name in names:
            path, place = self._data[name]
            if path not in read:
                try:
                    read[path] = read_data_info(path)
                except (FormatError, SourceError):
                    read[path] = ()
            if place < len(read[path]):
                self._records[name] = read[path][place]

    def _take_from_earlier(self, names: Iterable[str]) -> list[str]:
        self.keep_earlier()
        return [] if self._earlier is None else self._take_over(self._earlier, names)

    def _merged_before(self, dataset: Path) -> dict[str, int]:
        """Take over the rows of a dataset that is added to, from the tables beside it; give its codes."""
        beside = dataset.with_suffix(".infoset"), dataset.with_suffix(".attribset")
        self.keep_earlier()
        is_replaced = beside[0].absolute() == self._tables[0].absolute()
        earlier = self._earlier if is_replaced and self._earlier else earlier_tables(*beside)
        self._take_over(earlier, earlier.records)
        return earlier.codes

    def _take_over(self, earlier: EarlierTables, names: Iterable[str]) -> list[str]:
        taken = [name for name in names if name in earlier.records]
        self._records.update((name, earlier.records[name]) for name in taken)
        if taken:
            for table, categories in earlier.descriptions.items():
                known = self._kept_descriptions.setdefault(table, {})
                known.update({number: one for number, one in categories.items() if number not in known})
        return taken

    def _problems(self) -> list[str]:
        """Say what does not fit the schema; nothing if it has been said of all that is known."""
        known = self._known()
        if len(known) == self._validated:
            return []
        self._validated = len(known)
        schema = self.schema
        problems = field_problems(((name, record.metadata.fields) for name, record in known.items()), schema)
        if self._given_schema is None:
            others = [name for name, record in known.items() if record.metadata.schema not in (None, {}, schema)]
            if others:
                problems.append(f"schema: expected one for all files, found another, not used, in {listed(others)}")
        return problems


def _members(found: FoundInfo) -> list[str] | None:
    """Name the members of a pack; None: it is none."""
    return [record.member for record in found.records if record.member is not None] or None
