"""A dataset as it is at one moment, open for reading: old or new, never half."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.fs

from zarrpack.errors import SourceError
from zarrpack.storage.parquet.adoption import describe_tree
from zarrpack.storage.parquet.commit import READERS_LOCK
from zarrpack.storage.parquet.layout import PartitionValue
from zarrpack.storage.parquet.locks import shared
from zarrpack.storage.parquet.manifest import PRIVATE_FOLDER, FileEntry, Manifest, read_head
from zarrpack.storage.parquet.writing import current_manifest

__all__ = ["Snapshot", "open_snapshot"]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One state of a dataset. Good inside its ``with`` block.

    Parameters
    ----------
    base : Path
        The dataset's folder.
    manifest : Manifest
        The state; of a tree without a manifest, what one would say.
    is_managed : bool
        Whether there is a manifest.
    """

    base: Path
    manifest: Manifest
    is_managed: bool
    _expressions: dict[tuple[str, PartitionValue], pc.Expression] = field(default_factory=dict, repr=False)

    @property
    def schema(self) -> pa.Schema:
        """All columns, partition columns among them."""
        return self.manifest.schema

    @property
    def identity(self) -> str:
        """What tells this state from all others; of a tree without a manifest, from its files' sizes and times."""
        if self.is_managed:
            return self.manifest.identity
        stats = [(one.path, one.size, (self.base / one.path).stat().st_mtime_ns) for one in self.manifest.files]
        return hashlib.sha256(json.dumps([str(self.base.resolve()), stats]).encode()).hexdigest()

    def dataset(
        self, files: tuple[FileEntry, ...] | None = None, filesystem: pyarrow.fs.FileSystem | None = None
    ) -> ds.Dataset:
        """Give the state as Arrow's dataset, whose fragments know their partition and the bounds of their timestamps.

        Parameters
        ----------
        files : tuple of FileEntry, optional
            These files only.
        filesystem : pyarrow.fs.FileSystem, optional
            What to read through; the local one if not given.
        """
        files = self.manifest.files if files is None else files
        return ds.FileSystemDataset.from_paths(
            [self._place(one) for one in files],
            schema=self.schema,
            format=ds.ParquetFileFormat(),
            filesystem=filesystem or pyarrow.fs.LocalFileSystem(),
            partitions=[self._guarantee(one) for one in files],
        )

    def surviving(self, expression: pc.Expression | None) -> tuple[FileEntry, ...]:
        """Give the files that may hold rows for which an expression is true, by partition and bounds alone."""
        if expression is None:
            return self.manifest.files
        found = self.dataset().get_fragments(filter=expression)
        paths = {fragment.path for fragment in found}
        return tuple(one for one in self.manifest.files if self._place(one) in paths)

    def _place(self, entry: FileEntry) -> str:
        return f"{self.base.as_posix()}/{entry.path}"

    def _guarantee(self, entry: FileEntry) -> pc.Expression:
        """Say what is true of all rows of a file."""
        parts = [self._equals(key, value) for key, value in entry.partition.items()]
        column = self.manifest.timestamp_column
        if entry.bounds is not None and not entry.nulls and column is not None and column not in entry.partition:
            low, high = entry.bounds
            parts.append((pc.field(column) >= low) & (pc.field(column) <= high))
        whole = pc.scalar(True)
        for index, part in enumerate(parts):
            whole = part if index == 0 else whole & part
        return whole

    def _equals(self, key: str, value: PartitionValue) -> pc.Expression:
        found = self._expressions.get((key, value))
        if found is None:
            type_ = self.schema.field(key).type
            column = pc.field(key)
            found = column.is_null() if value is None else column == pa.scalar(value, type_)
            self._expressions[key, value] = found
        return found


@contextlib.contextmanager
def open_snapshot(
    base: Path,
    *,
    ignore_hidden_temp: bool = True,
    types: Mapping[str, Any] | None = None,
) -> Iterator[Snapshot]:
    """Open the present state of a dataset; none of its files is deleted until the block ends.

    Parameters
    ----------
    base : Path
        A dataset's folder, any folder of Parquet files, or one file.
    ignore_hidden_temp : bool
        False: all files of the tree, also hidden and unfinished ones, whatever a manifest says.
    types : mapping of str to pyarrow.DataType, optional
        Types of partition columns, for a tree without a manifest.

    Raises
    ------
    SourceError
        If there is nothing.
    """
    if base.is_file():
        yield _of_file(base)
        return
    if not base.is_dir():
        raise SourceError(f"{base}: expected a folder of Parquet files, found none; check the path")
    with shared(base / PRIVATE_FOLDER / READERS_LOCK):
        if not ignore_hidden_temp:
            yield Snapshot(base, describe_tree(base, types=types, ignore_hidden_temp=False), is_managed=False)
        elif read_head(base) is None:
            yield Snapshot(base, describe_tree(base, types=types), is_managed=False)
        else:
            yield Snapshot(base, current_manifest(base), is_managed=True)


def _of_file(path: Path) -> Snapshot:
    from zarrpack.storage.parquet.file_facts import file_entry, read_footer

    schema = read_footer(path).schema.to_arrow_schema().remove_metadata()
    entry = file_entry(path.parent, path.name, {}, "timestamp", digest=False)
    manifest = Manifest("", 0, "", schema, (), "timestamp", (entry,))
    return Snapshot(path.parent, manifest, is_managed=False)
