"""From packs and a journal to the files of a dataset: items, arrays, tables."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from zarrpack.converters.items.assign import assign_items, codes_of_batch
from zarrpack.converters.items.earlier import EARLIER, earlier_codes
from zarrpack.converters.items.members import member_rows
from zarrpack.converters.items.metadata import ItemMetadata
from zarrpack.converters.items.options import ItemOptions
from zarrpack.converters.output import OutputSet
from zarrpack.converters.progress import merge_bar
from zarrpack.storage.merge.chunk_origins import ChunkOrigins
from zarrpack.storage.merge.merge import MergeOptions, MergeReport, merge_arrays

__all__ = ["DatasetReport", "write_dataset_files"]

#: A class label is a category, however few items there are.
_LABEL_SCHEMA = {"metadata": {"categorical": {"label": {"dtype": "str"}}}}

# Batches of which something was stored, by their first member that was.
_PACKS = """
SELECT batches.number, file FROM batches JOIN members ON batch = batches.number
WHERE file <> '' GROUP BY batches.number ORDER BY MIN(members.number)
"""

_Source: TypeAlias = "tuple[Path, npt.NDArray[np.int64]]"
_Stage: TypeAlias = Callable[[str], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class DatasetReport:
    """What has been written under temporary names.

    Parameters
    ----------
    items : int
        Rows of the infoset.
    directory_sha256 : str
        Digest of the dataset's central directory.
    unmatched : mapping
        What pairing and joining found no partner for.
    notes : tuple of str
        What the merge had to do to make the members fit together.
    chunks_copied, chunks_encoded : int
        Chunks of the dataset that were copied as they are, and that were encoded anew.
    packs : sequence of Path
        What was merged.
    origins : ChunkOrigins or None
        Which chunks of the packs were copied.
    """

    items: int
    directory_sha256: str
    unmatched: Mapping[str, Any]
    notes: tuple[str, ...]
    chunks_copied: int
    chunks_encoded: int
    packs: Sequence[Path] = ()
    origins: ChunkOrigins | None = None


def write_dataset_files(
    journal: sqlite3.Connection,
    output: OutputSet,
    items: ItemOptions,
    *,
    threads: int | None,
    stage: _Stage,
    quiet: bool = True,
) -> DatasetReport:
    """Assign items and write the files of the set: ``.dataset``, ``.infoset``, ``.attribset``, ``.members.parquet``.

    Parameters
    ----------
    journal : sqlite3.Connection
        A complete journal; the packs it names lie in the output's work folder, or are named by whole paths. It is
        used by another thread meanwhile, so it must have been opened for that.
    output : OutputSet
        Where the files go, under their temporary names. The members table is written only if the set has one.
    items : ItemOptions
        How members become items.
    threads : int or None
        Threads that encode; None: one per processor.
    stage : callable
        Gives a context that measures a named stage.
    quiet : bool
        Whether to show no progress bar.

    Raises
    ------
    UsageError
        If an option does not fit the members, such as a table to join that is not there.
    MergeError
        If members that were read again change what the others are.
    """
    with stage("items"):
        summary = assign_items(journal, items, packs=output.packs)
        sources = _sources(journal, output)
    # The tables are Python's work, the arrays the kernel's and the codecs': side by side they take half the time.
    with ThreadPoolExecutor(1) as beside:
        tables = beside.submit(_write_tables, journal, output, items)
        with stage("merging"):
            merged = _merge(sources, output, summary.items, threads, quiet)
        with stage("tables"):  # what is left of them
            stored, notes = tables.result()
    unmatched = summary.to_json()
    return DatasetReport(
        items=stored,
        directory_sha256=merged.summary.directory_sha256,
        unmatched={key: value for key, value in unmatched.items() if key not in ("items", "stored_items")},
        notes=(*merged.notes, *notes),
        chunks_copied=merged.chunks_copied,
        chunks_encoded=merged.chunks_encoded,
        packs=[path for path, _ in sources],
        origins=merged.origins,
    )


def _sources(journal: sqlite3.Connection, output: OutputSet) -> list[_Source]:
    """Give every pack with its members' codes, by its first member; for packs that are gone the dataset that has their arrays."""
    sources: list[_Source] = []
    has_dataset = False
    for number, file in journal.execute(_PACKS).fetchall():
        if file != EARLIER:
            sources.append((output.packs / file, codes_of_batch(journal, number)))
        elif not has_dataset:
            sources.append((output.path(".dataset"), earlier_codes(journal)))
            has_dataset = True
    return sources


def _merge(sources: Sequence[_Source], output: OutputSet, count: int, threads: int | None, quiet: bool) -> MergeReport:
    # This run has written the packs, or checked every byte of them; not so the dataset of an earlier one.
    own = frozenset(os.fspath(path) for path, _ in sources if path.parent == output.packs)
    with merge_bar(quiet) as progress:
        return merge_arrays(
            [path for path, _ in sources],
            lambda index, _source: sources[index][1],
            output.temporary(".dataset"),
            count=count,
            threads=threads,
            progress=progress,
            options=MergeOptions(trusted=own),
        )


def _write_tables(journal: sqlite3.Connection, output: OutputSet, options: ItemOptions) -> tuple[int, list[str]]:
    # pyarrow costs a tenth of a second to import; the worker processes never need it.
    from zarrpack.storage.tables.infoset import write_tables
    from zarrpack.storage.tables.members import write_members

    metadata = ItemMetadata(journal, options, output.packs)
    report = write_tables(
        metadata.__iter__,
        output.temporary(".infoset"),
        output.temporary(".attribset"),
        flow_name=output.name,
        schema=_LABEL_SCHEMA if options.labels else None,
    )
    if ".members.parquet" in output.suffixes:
        write_members(member_rows(journal), output.temporary(".members.parquet"))
    notes = [
        f"infoset: {field} has different values in {count} items; the later one was taken"
        for field, count in sorted(metadata.overwritten.items())
    ]
    return report.items, notes
