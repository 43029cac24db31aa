"""The latest timestamp of a dataset."""

from __future__ import annotations

from pathlib import Path

from zarrpack.errors import SourceError
from zarrpack.storage.parquet.adoption import describe_tree
from zarrpack.storage.parquet.file_facts import read_footer, timestamp_bounds
from zarrpack.storage.parquet.manifest import read_head
from zarrpack.storage.parquet.snapshot import open_snapshot

__all__ = ["latest_timestamp", "latest_timestamp_of_manifest"]


def latest_timestamp(base: Path, column: str) -> int | None:
    """Give the latest value of a column of int64, from the manifest's head if it has it, else from the files' footers.

    Parameters
    ----------
    base : Path
        The dataset's folder.
    column : str
        The column.

    Returns
    -------
    int or None
        None if there is no such column, or no value in it.

    Raises
    ------
    SourceError
        If there is no such folder.
    """
    if not base.is_dir():
        raise SourceError(f"{base}: expected a folder of Parquet files, found none; check the path")
    head = read_head(base)
    if head is not None and head.get("timestamp_column") == column:
        return _whole(head.get("latest_timestamp"))
    if head is None:
        bounds = [one.bounds for one in describe_tree(base, column).files]
    else:
        with open_snapshot(base) as snapshot:
            paths = [base / one.path for one in snapshot.manifest.files]
            bounds = [timestamp_bounds(path, read_footer(path), column)[0] for path in paths]
    return max((one[1] for one in bounds if one is not None), default=None)


def latest_timestamp_of_manifest(base: Path, column: str) -> int | None:
    """Give what the manifest's head says; None if there is none, or it is about another column."""
    head = read_head(base)
    if head is None or head.get("timestamp_column") != column:
        return None
    return _whole(head.get("latest_timestamp"))


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) else None
