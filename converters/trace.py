"""Where an item came from, and where it is: from its name or code to members and rows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zarrpack.converters.flow_file import read_flow
from zarrpack.converters.output import OutputSet
from zarrpack.errors import FormatError, SourceError, UsageError

__all__ = ["trace_item"]

_COLUMNS = (
    *("archive", "member", "index", "role", "state", "reason", "detail", "notes"),
    *("media_type", "processor", "size", "crc32", "offset", "sha256", "item_code", "item"),
)
_MOST_RUNS = 1000


def trace_item(path: Path, item: str) -> dict[str, Any]:
    """Follow an item back to its members and forward to its rows.

    Parameters
    ----------
    path : Path
        A set's ``.flow``, or a folder that holds one set.
    item : str
        The item's name, its code, or the name of a member.

    Returns
    -------
    dict
        JSON values: ``item``, ``code``, ``members`` (a mapping each), and ``rows``: by ``"group/dimension"`` a list of
        ``[first, end]``.

    Raises
    ------
    SourceError
        If there is no such file.
    UsageError
        If the folder does not hold one set, or no item and no member is called so.
    FormatError
        If the set is damaged.
    """
    output = _output_of(path)
    read_flow(output)
    members = _members(output.path(".members.parquet"), item)
    if not members:
        raise UsageError(
            f"{path}: expected the name or the code of an item, or the name of a member, found {item!r:.200}"
        )
    code = members[0]["item_code"]
    return {
        "item": members[0]["item"],
        "code": code,
        "members": [{key: one[key] for key in _COLUMNS if key not in ("item", "item_code")} for one in members],
        "rows": {} if code is None else _rows(output.path(".dataset"), code),
    }


def _output_of(path: Path) -> OutputSet:
    if not path.exists():
        raise SourceError(f"{path}: expected a .flow or an output folder, found nothing; check the path")
    flows = [path] if path.is_file() else sorted(path.glob("*.flow"))
    if len(flows) != 1:
        found = ", ".join(one.name for one in flows) or "none"
        raise UsageError(f"{path}: expected a folder with one .flow, or a .flow, found {found}; name the .flow")
    return OutputSet(flows[0].parent, flows[0].stem)


def _members(ledger: Path, item: str) -> list[Mapping[str, Any]]:
    """Give the members of the item; of a member that belongs to none, itself."""
    import pyarrow
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(ledger) as table:
            code = None
            lone: list[Mapping[str, Any]] = []
            wanted = pc.field("item") == item
            # A name counts before a code that looks like it, and that before a member's name.
            for condition in (wanted, _by_code(pc, item), pc.field("member") == item):
                if condition is None:
                    continue
                for batch in table.iter_batches(columns=list(_COLUMNS)):
                    rows = pyarrow.Table.from_batches([batch]).filter(condition).to_pylist()
                    lone += [row for row in rows if row["item_code"] is None]
                    code = next((row["item_code"] for row in rows if row["item_code"] is not None), None)
                    if code is not None:
                        break
                if code is not None or lone:
                    break
            if code is None:
                return lone
            batches = table.iter_batches(columns=list(_COLUMNS))
            return [
                row
                for batch in batches
                for row in pyarrow.Table.from_batches([batch]).filter(pc.field("item_code") == code).to_pylist()
            ]
    except (pyarrow.ArrowException, OSError) as error:
        raise FormatError(f"{ledger}: expected the ledger of a conversion, found: {error}") from error


def _by_code(pc: Any, item: str) -> Any:
    return pc.field("item_code") == int(item) if item.isascii() and item.isdigit() and len(item) < 19 else None


def _rows(dataset: Path, code: int) -> dict[str, list[list[int]]]:
    """Give the stretches of rows of one code, by group and dimension."""
    import numpy as np

    from zarrpack.storage.data_file import DataFile

    found: dict[str, list[list[int]]] = {}
    with DataFile(dataset) as data:
        for name, array in data.arrays.items():
            if array.metadata.attributes.get("zarrpack_role") != "code":
                continue
            rows = np.flatnonzero(array.read() == code)
            if rows.size:
                cuts = np.flatnonzero(np.diff(rows) != 1)
                firsts, lasts = np.r_[rows[0], rows[cuts + 1]], np.r_[rows[cuts], rows[-1]]
                stretches = [[int(a), int(b) + 1] for a, b in zip(firsts, lasts, strict=True)]
                group = name.rpartition("/")[0]
                found[f"{group}/{array.metadata.dims[0]}"] = stretches[:_MOST_RUNS]
    return found
