"""What an earlier run has left in the tables: for files whose metadata is nowhere else any more, and to add to them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from zarrpack.errors import FormatError, SourceError
from zarrpack.storage.data_file import DataFile
from zarrpack.storage.datasetstorage.info_fields import split_metadata
from zarrpack.storage.datasetstorage.info_sources import InfoRecord
from zarrpack.storage.tables.rules import Category

__all__ = ["EarlierTables", "dataset_codes", "earlier_tables"]

_NOT_SAID = {"description": "not set", "subset": "N/A"}


class EarlierTables(NamedTuple):
    """What an earlier run has left.

    Parameters
    ----------
    records : dict of str to InfoRecord
        What the infoset says of its files, by name; empty if there is none that can be read.
    codes : dict of str to int
        Their codes.
    descriptions : dict of str to dict of int to Category
        What the attribset says, by table and id; likewise.
    """

    records: dict[str, InfoRecord]
    codes: dict[str, int]
    descriptions: dict[str, dict[int, Category]]


def earlier_tables(infoset: Path, attribset: Path) -> EarlierTables:
    """Read the tables that are there.

    Parameters
    ----------
    infoset, attribset : Path
        The files; they need not be there.
    """
    rows = [row for row in _rows(infoset) if {"id", "name"} <= row.keys()]
    codes = {str(row["name"]): int(row["id"]) for row in rows}
    return EarlierTables(_records(rows), codes, _descriptions(attribset))


def dataset_codes(path: Path) -> int | None:
    """Give how many codes a finished dataset has; None: it is none.

    Parameters
    ----------
    path : Path
        Any file; it need not be there.
    """
    if not path.is_file():
        return None
    try:
        with DataFile(path) as data:
            own = data.metadata.get("zarrpack") if data.kind == "dataset" else None
    except (FormatError, SourceError):
        return None
    codes = own.get("codes") if isinstance(own, Mapping) else None
    return codes if isinstance(codes, int) else None


def _records(rows: Iterable[Mapping[str, Any]]) -> dict[str, InfoRecord]:
    found = {}
    for row in rows:
        said = {key: value for key, value in row.items() if value is not None and _NOT_SAID.get(key) != value}
        fields = {key: value for key, value in said.items() if key not in ("id", "name", "table_name")}
        found[str(row["name"])] = InfoRecord(split_metadata(fields))
    return found


def _descriptions(attribset: Path) -> dict[str, dict[int, Category]]:
    tables: dict[str, dict[int, Category]] = {}
    for row in _rows(attribset):
        if {"table_name", "id", "name"} <= row.keys():
            description = str(row.get("description", _NOT_SAID["description"]))
            category = Category(str(row["name"]), "" if description == _NOT_SAID["description"] else description)
            tables.setdefault(str(row["table_name"]), {})[int(row["id"])] = category
    return tables


def _rows(path: Path) -> list[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file():
        return []
    try:
        rows: list[dict[str, Any]] = pq.ParquetFile(path).read().to_pylist()
    except (pa.ArrowException, OSError):
        return []
    return rows
