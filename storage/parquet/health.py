"""Manifests made anew, and datasets compared with what their manifests say."""

from __future__ import annotations

import datetime
import logging
import uuid
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa

from zarrpack.errors import FormatError, SourceError
from zarrpack.storage.parquet.adoption import describe_tree
from zarrpack.storage.parquet.commit import leaving_files, publish, writers_lock
from zarrpack.storage.parquet.file_facts import read_footer, sha256_of
from zarrpack.storage.parquet.layout import list_files
from zarrpack.storage.parquet.manifest import Manifest, read_files, read_head
from zarrpack.storage.parquet.snapshot import open_snapshot

__all__ = ["DatasetHealth", "check_dataset", "rebuild_manifest"]


@dataclass(frozen=True, slots=True)
class DatasetHealth:
    """What was found in a dataset's folder.

    Parameters
    ----------
    files, rows : int
        That the dataset has.
    missing : tuple of str
        Files that the manifest lists and that are not there.
    unlisted : tuple of str
        Files that are there and that the manifest does not list; their rows are not read.
    unreadable : mapping of str to str
        Path -> what is wrong: no bytes, no Parquet, another size, other rows or another digest than the manifest says.
    """

    files: int
    rows: int
    missing: tuple[str, ...] = ()
    unlisted: tuple[str, ...] = ()
    unreadable: dict[str, str] = field(default_factory=dict)

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.missing or self.unlisted or self.unreadable)


def check_dataset(base: Path, *, digests: bool = False) -> DatasetHealth:
    """Compare a dataset's files with its manifest.

    Parameters
    ----------
    base : Path
        The dataset's folder.
    digests : bool
        Whether every byte is read.

    Raises
    ------
    SourceError
        If there is no such folder.
    """
    if not base.is_dir():
        raise SourceError(f"{base}: expected a folder of Parquet files, found none; check the path")
    listing = list_files(base)
    unreadable = dict.fromkeys(listing.empty, "it has no bytes")
    if read_head(base) is None:
        found = describe_tree(base, unreadable=unreadable)
        return DatasetHealth(len(found.files), found.rows, unreadable=unreadable)
    with open_snapshot(base) as snapshot:
        manifest = snapshot.manifest
        there = {*listing.files, *listing.empty} - leaving_files(base)
        listed = {one.path for one in manifest.files}
        for entry in manifest.files:
            if entry.path in there and entry.path not in unreadable:
                said = _difference(base, entry.path, entry.size, entry.rows, entry.sha256 if digests else "")
                unreadable.update({entry.path: said} if said else {})
        missing = tuple(sorted(listed - there))
        return DatasetHealth(len(listed), manifest.rows, missing, tuple(sorted(there - listed)), unreadable)


def rebuild_manifest(base: Path, timestamp_column: str | None, logger: logging.Logger) -> Manifest:
    """Write a manifest that lists what is there now; unreadable files are left out, with a warning.

    Parameters
    ----------
    base : Path
        The dataset's folder.
    timestamp_column : str or None
        Whose bounds are kept.
    logger : logging.Logger
        Where files that went or that cannot be read are said.

    Raises
    ------
    SourceError
        If there is no such folder.
    """
    if not base.is_dir():
        raise SourceError(f"{base}: expected a folder of Parquet files, found none; check the path")
    with writers_lock(base, repair=True):
        earlier = _earlier(base, logger)
        types = {name: earlier.schema.field(name).type for name in earlier.partition_columns} if earlier else None
        unreadable: dict[str, str] = {}
        found = describe_tree(base, timestamp_column, types=types, digest=True, unreadable=unreadable)
        leaving = leaving_files(base)
        found = found.with_files(one for one in found.files if one.path not in leaving)
        for path, why in sorted(unreadable.items()):
            logger.warning("%s: left out of the manifest: %s: %s", base, path, why)
        if earlier is not None:
            for path in sorted({one.path for one in earlier.files} - {one.path for one in found.files}):
                logger.warning("%s: %s was listed and is not there, or cannot be read", base, path)
            found = _continued(earlier, found)
        fresh = replace(
            found,
            commit=found.commit + 1,
            token=uuid.uuid4().hex,
            updated_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"),
        )
        publish(base, fresh, [])
    return fresh


def _earlier(base: Path, logger: logging.Logger) -> Manifest | None:
    try:
        head = read_head(base)
        return None if head is None else read_files(base, head)
    except (FormatError, FileNotFoundError) as exc:
        logger.warning("%s: the manifest is damaged and is made anew: %s", base, exc)
        return None


def _continued(earlier: Manifest, found: Manifest) -> Manifest:
    """Keep the id, the order of files and of columns that the earlier manifest had."""
    places = {one.path: index for index, one in enumerate(earlier.files)}
    files = sorted(found.files, key=lambda one: (places.get(one.path, len(places)), one.path))
    schema = found.schema
    names = [name for name in earlier.schema.names if name in schema.names]
    ordered = [*names, *(name for name in schema.names if name not in names)]
    kept = [schema.field(name) for name in ordered]
    return replace(
        found,
        dataset_id=earlier.dataset_id,
        commit=earlier.commit,
        files=tuple(files),
        schema=pa.schema(kept),
        widths=earlier.widths,
    )


def _difference(base: Path, path: str, size: int, rows: int, sha256: str) -> str:
    found = (base / path).stat().st_size
    if found != size:
        return f"it has {found} bytes, not {size}"
    try:
        footer = read_footer(base / path)
    except FormatError as exc:
        return str(exc)
    if footer.num_rows != rows:
        return f"it has {footer.num_rows} rows, not {rows}"
    if sha256 and sha256_of(base / path) != sha256:
        return "its bytes are not those that were written"
    return ""
