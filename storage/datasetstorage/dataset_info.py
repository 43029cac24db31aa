"""The tables of a dataset that is merged from per-file stores: one row for each file, and a dictionary of categories."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from zarrpack.errors import OutputRefused, UsageError
from zarrpack.storage.datasetstorage.description_tables import read_table
from zarrpack.storage.datasetstorage.info_collection import InfoCollection
from zarrpack.storage.datasetstorage.info_fields import OWN_COLUMNS
from zarrpack.storage.datasetstorage.info_sources import find_info
from zarrpack.storage.datastorage.metadata_file import temporary_name
from zarrpack.storage.durability import publish_file
from zarrpack.storage.tables.infoset import write_tables
from zarrpack.storage.tables.rules import Category, TableRules

__all__ = ["DatasetInfo"]

_TABLE_NAME = "file_info"


class DatasetInfo:
    """Gathers files' metadata into an ``.infoset`` and an ``.attribset``.

    Metadata are read from JSON files, from packs, whose members are files each, and, where a JSON file is gone, from
    the ``.data`` file of its stem. What fails for one file, or is not as the schema declares it, is a warning. All metadata
    are held in memory. Not safe for threads.

    Parameters
    ----------
    info_files : iterable of path-like
        JSON files such as stores leave in ``files_summary``, or ``.data`` files. The JSON files are deleted as soon as
        their content is in the tables, and their folder with them if nothing else is in it.
    merged_store_path : path-like
        The infoset; what is there is replaced.
    attribute_file_path : path-like
        The attribset; likewise.
    schema : mapping or None
        Which fields there are and where they go, possibly in part; None: the schema that the files were stored with.

    Raises
    ------
    TypeError
        If `info_files` is a single path, or the schema no mapping.
    UsageError
        If both tables are to be one file. A ValueError.

    Examples
    --------
    >>> Path("part_001.json").write_text('{"mass": 2.5, "file_label": 3}')
    30
    >>> info = DatasetInfo(["part_001.json"], "parts.infoset", "parts.attribset")
    >>> info.parse_info_files()
    >>> info.build_code_mappings(["part_001.zarr.data"])
    {'part_001': 0}
    >>> info.store_info_to_parquet()
    >>> import pandas as pd
    >>> pd.read_parquet("parts.infoset")[["id", "name", "mass", "file_label"]].values.tolist()
    [[0, 'part_001', 2.5, 3]]
    >>> pd.read_parquet("parts.attribset").values.tolist()
    [['file_label', 3, '3', 'not set']]
    """

    def __init__(
        self,
        info_files: Iterable[str | os.PathLike[str]],
        merged_store_path: str | os.PathLike[str],
        attribute_file_path: str | os.PathLike[str],
        schema: Mapping[str, Any] | None = None,
    ) -> None:
        if isinstance(info_files, str | os.PathLike):
            raise TypeError(f"info_files: expected a list of paths, found one, {os.fspath(info_files)!r}")
        if schema is not None and not isinstance(schema, Mapping):
            raise TypeError(f"schema: expected a dict, found {type(schema).__name__}; call build() on a builder")
        self._paths = [Path(path) for path in info_files]
        self._infoset, self._attribset = Path(merged_store_path), Path(attribute_file_path)
        if self._infoset.absolute() == self._attribset.absolute():
            raise UsageError(f"{self._infoset}: expected two files, found one path for both tables")
        self._is_parsed = False
        self._files = InfoCollection(schema, self._infoset, self._attribset)
        self._attributes: dict[str, dict[int, Category]] = {}
        self._said: set[str] = set()
        # Name -> the JSON file that was deleted before the files were numbered, and what it held.
        self._deleted: dict[str, tuple[Path, bytes]] = {}

    def parse_info_files(self) -> None:
        """Read and check all metadata. If there are JSON files among them, write the tables and delete those files.

        The tables have the codes of `build_code_mappings` or, until that has been called, of the order of the files' names, as
        a `DatasetMerger` that is given none. A JSON file that cannot be read, or whose file has no code, is kept. Does nothing
        when it is called again.

        Raises
        ------
        UsageError
            If two files have the same name; nothing has been written or deleted then.
        OutputRefused
            If the tables cannot be written; nothing has been deleted then.
        """
        if self._is_parsed:
            return
        found = [find_info(path, self._files.data_of(path)) for path in self._paths]
        names = self._files.add(found)
        self._warn([f"{one.problem}; it is kept" for one in found if one.problem])
        self._warn(self._files.complete())
        read = {
            own_names[0]: one.json
            for one, own_names in zip(found, names, strict=True)
            if one.json is not None and self._files.has_row(own_names[0])
        }
        if read:
            self._write(_TABLE_NAME)
        self._is_parsed = True
        if self._files.codes is None:
            self._deleted = {name: (path, path.read_bytes()) for name, path in read.items()}
        _delete(read.values())

    def build_code_mappings(self, zip_files: Iterable[str | os.PathLike[str]]) -> dict[str, int]:
        """Number files from 0, in the order given.

        A ``.dataset`` among them is added to: its files keep their codes, and their rows are taken from the tables beside
        it; other files are counted on from there. Call this before `parse_info_files` then.

        Parameters
        ----------
        zip_files : iterable of path-like
            ``.data`` files, which need not be there. A store is called by its stem; a pack's members get a code each.

        Returns
        -------
        dict of str to int
            Name -> code. The caller's own.

        Raises
        ------
        TypeError
            If it is a single path.
        UsageError
            If two files have the same name. A ValueError.
        """
        if isinstance(zip_files, str | os.PathLike):
            raise TypeError(f"zip_files: expected a list of paths, found one, {os.fspath(zip_files)!r}")
        return self._files.assign_codes([Path(path) for path in zip_files])

    def set_attributes(self, metadata: Mapping[Any, Any], table_name: str) -> None:
        """Add rows to the attribset. They are stronger than what files say of the same ids.

        Parameters
        ----------
        metadata : mapping
            Id -> name, or ``{"name": ..., "description": ...}``.
        table_name : str
            What the ids are of: a field, or an array such as ``face_types``.

        Raises
        ------
        UsageError
            If an id is no whole number, or has no name. A ValueError.

        Examples
        --------
        >>> info = DatasetInfo([], "parts.infoset", "parts.attribset")
        >>> info.set_attributes({0: "Plane", 1: {"name": "Cone", "description": "Conical surface"}}, "face_types")
        """
        self._attributes.setdefault(table_name, {}).update(read_table(table_name, metadata))

    def store_info_to_parquet(self, table_name: str = _TABLE_NAME) -> None:
        """Write both tables. They have their names only when they are whole and on disk.

        A file that has a code but no metadata gets a row that says so little; one that has no code gets none, and its JSON file
        is written again if `parse_info_files` has deleted it.

        Parameters
        ----------
        table_name : str
            Value of the infoset's column ``table_name``.

        Raises
        ------
        UsageError
            If nothing has been parsed yet, and two files have the same name.
        OutputRefused
            If a table cannot be written, or a JSON file that is written again.
        """
        self.parse_info_files()
        self._warn(self._files.complete())
        self._restore_deleted()
        self._write(table_name)

    def _restore_deleted(self) -> None:
        """Write again the JSON files of files that turn out to have no code: the tables will not have their content."""
        for name, (path, content) in self._deleted.items():
            if self._files.has_row(name) or path.exists():
                continue
            draft = temporary_name(path)
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                draft.write_bytes(content)
                publish_file(draft, path)
            except OSError as exc:
                raise OutputRefused(f"{path}: expected a file that can be written again, found: {exc}") from exc
            finally:
                with contextlib.suppress(OSError):
                    draft.unlink(missing_ok=True)

    def _write(self, table_name: str) -> None:
        self._files.keep_earlier()
        dictionary, problems = self._files.dictionary(self._attributes)
        self._warn(problems)
        rules = TableRules(
            table_name=table_name,
            own_columns=OWN_COLUMNS,
            text_is_categorical=True,
            sorted_categories=True,
            dictionary=dictionary,
        )
        drafts = [temporary_name(path) for path in (self._infoset, self._attribset)]
        try:
            for path in (self._infoset, self._attribset):
                path.parent.mkdir(parents=True, exist_ok=True)
            write_tables(self._files.rows, drafts[0], drafts[1], schema=self._files.schema, rules=rules)
            publish_file(drafts[1], self._attribset)
            publish_file(drafts[0], self._infoset)
        except OSError as exc:
            raise OutputRefused(f"{self._infoset}: expected a table that can be written, found: {exc}") from exc
        finally:
            for draft in drafts:
                with contextlib.suppress(OSError):
                    draft.unlink(missing_ok=True)

    def _warn(self, messages: Iterable[str]) -> None:
        for message in messages:
            if message not in self._said:
                self._said.add(message)
                warnings.warn(message, stacklevel=3)


def _delete(paths: Iterable[Path]) -> None:
    """Delete files, and the folders that are empty afterwards."""
    folders = {path.parent: None for path in paths}
    for path in paths:
        path.unlink(missing_ok=True)
    for folder in folders:
        if folder.resolve() != Path.cwd().resolve():
            with contextlib.suppress(OSError):
                folder.rmdir()
