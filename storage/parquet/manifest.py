"""The manifest of a dataset: a small head that is replaced at each commit, and the list of files that it names."""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from zarrpack.errors import FormatError
from zarrpack.storage.durability import publish_file
from zarrpack.storage.parquet.layout import PartitionValue

__all__ = ["MANIFEST_NAME", "PRIVATE_FOLDER", "FileEntry", "Manifest", "read_files", "read_head", "write_manifest"]

#: The head, in the dataset's folder. Its name begins with ``_``, so that other readers pass over it.
MANIFEST_NAME = "_manifest.json"

#: Lists of files, locks, and what is being written; hidden from other readers as well.
PRIVATE_FOLDER = "_zarrpack"

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file of a dataset.

    Parameters
    ----------
    path : str
        Relative to the dataset's folder, with ``/``.
    size, rows : int
        Bytes and rows.
    sha256 : str
        Digest of its bytes, hexadecimal; empty if it was never computed.
    partition : mapping of str to str, int, bool, date or None
        The values of the partition columns.
    bounds : tuple of (int, int) or None
        The first and the last timestamp; None where there is none.
    nulls : bool
        Whether timestamps are missing.
    """

    path: str
    size: int
    rows: int
    sha256: str
    partition: Mapping[str, PartitionValue] = field(default_factory=dict)
    bounds: tuple[int, int] | None = None
    nulls: bool = True


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a dataset is at one commit.

    Parameters
    ----------
    dataset_id : str
        Chosen at its first commit; copies keep it.
    commit : int
        Number of the commit, from 1.
    token : str
        Unique to the commit.
    schema : pyarrow.Schema
        All columns, partition columns among them, in the order in which they are read.
    partition_columns : tuple of str
        In the order of the folders.
    timestamp_column : str or None
        The column whose bounds are known.
    files : tuple of FileEntry
        In the order in which rows are read.
    updated_at : str
        When it was made, UTC, ISO 8601.
    widths : mapping of str to int
        Partition columns whose numbers are written with leading zeros in new folders.
    """

    dataset_id: str
    commit: int
    token: str
    schema: pa.Schema
    partition_columns: tuple[str, ...] = ()
    timestamp_column: str | None = None
    files: tuple[FileEntry, ...] = ()
    updated_at: str = ""
    widths: Mapping[str, int] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return sum(one.rows for one in self.files)

    @property
    def identity(self) -> str:
        """What tells this state of this dataset from all others."""
        return f"{self.dataset_id}/{self.commit}/{self.token}"

    def with_files(self, files: Iterable[FileEntry], **changes: Any) -> Manifest:
        """Give a manifest that differs in its files, and in what else is said."""
        return replace(self, files=tuple(files), **changes)


def read_head(base: Path) -> dict[str, Any] | None:
    """Read the head alone: one small file, whatever the size of the dataset.

    Parameters
    ----------
    base : Path
        The dataset's folder.

    Returns
    -------
    dict or None
        None if there is no manifest.

    Raises
    ------
    FormatError
        If it is damaged, or of a later format.
    """
    path = base / MANIFEST_NAME
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as exc:
        raise FormatError(f"{path}: expected a manifest that can be read, found: {exc}") from exc
    try:
        head: Any = json.loads(text)
        own = head.get("zarrpack") if isinstance(head, dict) else None
    except ValueError as exc:
        raise FormatError(f"{path}: expected JSON, found: {exc}; update_manifest can rebuild it") from exc
    if own is None:
        return None  # somebody else's file of that name
    if not isinstance(own, dict) or own.get("format") != _FORMAT:
        raise FormatError(f"{path}: expected format {_FORMAT}, found {own!r:.80}; a newer version may read it")
    found: dict[str, Any] = head
    return found


def read_files(base: Path, head: Mapping[str, Any]) -> Manifest:
    """Read the list of files that a head names.

    Raises
    ------
    FileNotFoundError
        If the list is gone, because a later commit has replaced the head meanwhile.
    FormatError
        If the list or the head is damaged.
    """
    path = base / PRIVATE_FOLDER / f"files-{head.get('token')}.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        schema = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(head["arrow_schema"])))
        types = {name: schema.field(name).type for name in head["partition_columns"]}
        files = tuple(_entry(one, types) for one in document["files"])
        manifest = Manifest(
            dataset_id=head["dataset_id"],
            commit=head["commit"],
            token=head["token"],
            schema=schema,
            partition_columns=tuple(types),
            timestamp_column=head["timestamp_column"],
            files=files,
            updated_at=head["updated_at"],
            widths=head.get("widths", {}),
        )
    except FileNotFoundError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError, pa.ArrowException) as exc:
        raise FormatError(f"{path}: expected a list of files, found: {exc}; update_manifest can rebuild it") from exc
    if manifest.rows != head.get("row_count"):
        raise FormatError(f"{path}: expected {head.get('row_count')} rows, found {manifest.rows} in the list of files")
    return manifest


def write_manifest(base: Path, manifest: Manifest, version: str) -> None:
    """Write the list of files, then put the head in place: at every moment the old state is there, or the new one.

    Parameters
    ----------
    base : Path
        The dataset's folder, with its private folder; the caller holds the writers' lock.
    manifest : Manifest
        The new state.
    version : str
        The writer's version.
    """
    folder = base / PRIVATE_FOLDER
    files = {"token": manifest.token, "files": [_entry_document(one) for one in manifest.files]}
    _write(folder, folder / f"files-{manifest.token}.json", json.dumps(files))
    _write(folder, base / MANIFEST_NAME, json.dumps(_head(manifest, version), indent=1) + "\n")


def _write(folder: Path, final: Path, text: str) -> None:
    temporary = folder / f"{final.name}.tmp"
    temporary.write_text(text, encoding="utf-8")
    publish_file(temporary, final)


def _head(manifest: Manifest, version: str) -> dict[str, Any]:
    bounds = [one.bounds for one in manifest.files if one.bounds is not None]
    serialized = manifest.schema.serialize().to_pybytes()
    return {
        "zarrpack": {"format": _FORMAT, "kind": "parquet_dataset", "version": version},
        "dataset_id": manifest.dataset_id,
        "commit": manifest.commit,
        "token": manifest.token,
        "updated_at": manifest.updated_at or datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"),
        "timestamp_column": manifest.timestamp_column,
        "file_count": len(manifest.files),
        "row_count": manifest.rows,
        "latest_timestamp": max((high for _, high in bounds), default=None),
        "earliest_timestamp": min((low for low, _ in bounds), default=None),
        "partition_columns": list(manifest.partition_columns),
        "widths": dict(manifest.widths),
        "columns": {one.name: str(one.type) for one in manifest.schema},
        "schema_sha256": hashlib.sha256(serialized).hexdigest(),
        "arrow_schema": base64.b64encode(serialized).decode(),
    }


def _entry_document(entry: FileEntry) -> dict[str, Any]:
    return {
        "path": entry.path,
        "size": entry.size,
        "rows": entry.rows,
        "sha256": entry.sha256,
        "partition": {
            key: value.isoformat() if isinstance(value, datetime.date) else value
            for key, value in entry.partition.items()
        },
        "min_timestamp": entry.bounds[0] if entry.bounds else None,
        "max_timestamp": entry.bounds[1] if entry.bounds else None,
        "null_timestamps": entry.nulls,
    }


def _entry(document: Mapping[str, Any], types: Mapping[str, pa.DataType]) -> FileEntry:
    low, high = document["min_timestamp"], document["max_timestamp"]
    values = document["partition"]
    partition = {
        key: datetime.date.fromisoformat(values[key])
        if pa.types.is_date(type_) and values[key] is not None
        else values[key]
        for key, type_ in types.items()
    }
    return FileEntry(
        path=document["path"],
        size=document["size"],
        rows=document["rows"],
        sha256=document["sha256"],
        partition=partition,
        bounds=None if low is None or high is None else (low, high),
        nulls=document["null_timestamps"],
    )
