"""``zarrpack verify --against``: whether a source still has the members that a set's ledger says were stored of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from zarrpack.converters.options import options_from_mapping
from zarrpack.errors import MemberError, UsageError, ZarrpackError
from zarrpack.processors.archives.base import Entry, Source
from zarrpack.processors.archives.registry import open_source

__all__ = ["SourceComparison", "compare_with_sources"]

_PIECE_BYTES = 1 << 20
_MOST_PROBLEMS = 100
_COLUMNS = ("archive", "member", "index", "state", "raw_name", "sha256")


@dataclass(frozen=True, slots=True)
class SourceComparison:
    """What the comparison of one source with the ledger has found.

    Parameters
    ----------
    label : str
        The source.
    compared : int
        Members whose content has the digest that the ledger says.
    problems : tuple of str
        What differs, a sentence each, at most 100.
    """

    label: str
    compared: int
    problems: tuple[str, ...]


def compare_with_sources(document: dict[str, Any], members: Path, sources: Sequence[Path]) -> list[SourceComparison]:
    """Read sources again and compare every member's digest.

    Parameters
    ----------
    document : dict
        The set's summary; see :func:`zarrpack.converters.flow_file.read_flow`.
    members : Path
        Its ledger.
    sources : sequence of Path
        All its sources, in their order.

    Raises
    ------
    UsageError
        If there are not as many sources as the set was made of.
    SourceError
        If a source cannot be read at all.
    """
    run = document["zarrpack"]
    labels = [str(one["label"]) for one in run["sources"]]
    if len(labels) != len(sources):
        raise UsageError(
            f"against: expected the {len(labels)} sources {', '.join(labels)}, found {len(sources)}; give all"
        )
    options = options_from_mapping({**run["options"], "resume": False, "overwrite": False})
    found = []
    for label, path in zip(labels, sources, strict=True):
        with closing(open_source(path, options.chosen_limits(), salvage=options.salvage)) as source:
            found.append(_compare(label, source, _rows(members, label), is_partial=options.limit is not None))
    return found


def _rows(members: Path, label: str) -> Iterator[dict[str, Any]]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(members) as table:
        for batch in table.iter_batches(columns=list(_COLUMNS)):
            yield from (row for row in batch.to_pylist() if row["archive"] == label)


def _compare(label: str, source: Source, rows: Iterator[dict[str, Any]], *, is_partial: bool) -> SourceComparison:
    compared = 0
    problems: list[str] = []
    expected = next(rows, None)
    for entry, stream in _contents(source):
        while expected is not None and expected["index"] < entry.index:
            problems.append(f"{expected['member']}: expected in the source, found no longer")
            expected = next(rows, None)
        if expected is None or expected["index"] != entry.index:
            if not is_partial:
                problems.append(f"{entry.name}: found in the source, but not in the ledger")
            continue
        problem = _difference(expected, entry, source, stream)
        compared += not problem and expected["sha256"] is not None
        problems += [problem] if problem else []
        expected = next(rows, None)
        if len(problems) >= _MOST_PROBLEMS or (expected is None and is_partial):
            break
    else:
        problems += [f"{row['member']}: expected in the source, found no longer" for row in _rest(expected, rows)]
    return SourceComparison(label, compared, tuple(problems[:_MOST_PROBLEMS]))


def _rest(expected: dict[str, Any] | None, rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    if expected is not None:
        yield expected
        yield from rows


def _contents(source: Source) -> Iterator[tuple[Entry, BinaryIO | None]]:
    if source.random_access:
        return ((entry, None) for entry in source.entries())
    return iter(source.forward())


def _difference(row: dict[str, Any], entry: Entry, source: Source, stream: BinaryIO | None) -> str:
    if row["raw_name"] != entry.raw_name:
        return f"{row['member']}: expected as member {entry.index}, found {entry.name}"
    if row["sha256"] is None:
        return ""
    digest = hashlib.sha256()
    try:
        content = source.open(entry) if stream is None else stream
        while piece := content.read(_PIECE_BYTES):
            digest.update(piece)
    except MemberError as error:
        # A member may have failed when its end was reached: then it must do so again.
        return "" if row["state"] == "failed" else f"{row['member']}: can no longer be read: {error}"
    except (ZarrpackError, OSError) as error:
        return f"{row['member']}: can no longer be read: {error}"
    return "" if digest.hexdigest() == row["sha256"] else f"{row['member']}: its content is not what was read"
