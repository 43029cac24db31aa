"""Per-file stores and packs, from anywhere, become one dataset with its tables."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from zarrpack.converters.dataset_files import write_dataset_files
from zarrpack.converters.items.options import ItemOptions
from zarrpack.converters.output import OutputSet, claimed
from zarrpack.converters.pipeline.journal_schema import SCHEMA
from zarrpack.converters.stage_clock import StageClock
from zarrpack.errors import NothingUsable, SourceError, UsageError
from zarrpack.storage.data_file import DataFile
from zarrpack.storage.member_descriptions import member_descriptions

__all__ = ["MergeResult", "merge_files"]

_SUFFIXES = (".infoset", ".attribset", ".dataset")


@dataclass(frozen=True, slots=True)
class MergeResult:
    """Where a merge's files are.

    Parameters
    ----------
    dataset, infoset, attribset : Path
        The files, as absolute paths.
    sources : int
        ``.data`` files merged.
    items : int
        Rows of the `.infoset`.
    chunks_copied, chunks_encoded : int
        Chunks that were copied as they are, and that were encoded anew.
    notes : tuple of str
        What had to be done to make the sources fit together.
    seconds : float
        Time it took.
    """

    dataset: Path
    infoset: Path
    attribset: Path
    sources: int
    items: int
    chunks_copied: int
    chunks_encoded: int
    notes: tuple[str, ...]
    seconds: float

    def to_mapping(self) -> dict[str, Any]:
        """Give the result as JSON values: what ``--json`` prints."""
        values = asdict(self)
        values.update({key: str(values[key]) for key in ("dataset", "infoset", "attribset")})
        return {**values, "notes": list(self.notes), "seconds": round(self.seconds, 3)}


def merge_files(
    sources: Sequence[Path], out: Path, *, overwrite: bool = False, threads: int | None = None
) -> MergeResult:
    """Join ``.data`` files into one dataset; each of their members becomes an item.

    Parameters
    ----------
    sources : sequence of Path
        ``.data`` files, and folders of them, taken in the order of their names.
    out : Path
        The ``NAME.dataset`` to write; the tables go beside it.
    overwrite : bool
        Whether files of that name may be replaced.
    threads : int or None
        Threads that encode; None: one per processor. The bytes written do not depend on it.

    Raises
    ------
    UsageError
        If `out` does not end in ``.dataset``, or is one of the sources.
    SourceError
        If a source does not exist.
    FormatError
        If a source is no ``.data`` file, or damaged.
    NothingUsable
        If no source holds anything.
    OutputRefused
        If output files exist, or cannot be written.
    """
    if out.suffix != ".dataset" or not out.stem:
        raise UsageError(f"{out}: expected an output that ends in .dataset; name it NAME.dataset")
    files = [file for source in sources for file in _data_files(source)]
    if out.resolve() in files:
        raise UsageError(f"{out}: expected an output that is none of the sources; choose another name")
    clock = StageClock()
    output = OutputSet(out.parent, out.stem, _SUFFIXES)
    with closing(sqlite3.connect(":memory:", check_same_thread=False)) as journal:
        journal.executescript(SCHEMA)
        needed = sum(file.stat().st_size for file in files)
        with claimed(output, overwrite=overwrite, needed_bytes=needed):
            _journal_members(journal, files)
            report = write_dataset_files(journal, output, ItemOptions(), threads=threads, stage=clock.stage)
            output.publish()
    folder = out.parent.resolve()
    return MergeResult(
        dataset=folder / out.name,
        infoset=folder / f"{out.stem}.infoset",
        attribset=folder / f"{out.stem}.attribset",
        sources=len(files),
        items=report.items,
        chunks_copied=report.chunks_copied,
        chunks_encoded=report.chunks_encoded,
        notes=report.notes,
        seconds=clock.seconds()["total"],
    )


def _data_files(source: Path) -> list[Path]:
    if source.is_dir():
        found = sorted(source.glob("*.data"), key=lambda path: path.name)
        if not found:
            raise SourceError(f"{source}: expected a folder with .data files, found none in it")
        return [path.resolve() for path in found]
    if not source.exists():
        raise SourceError(f"{source}: expected a .data file or a folder of them, found nothing; check the path")
    return [source.resolve()]


def _journal_members(journal: sqlite3.Connection, files: Sequence[Path]) -> None:
    number = 0
    for batch, file in enumerate(files):
        with DataFile(file) as data:
            names = [member.name for member in member_descriptions(data)]
        rows = [(number + local, batch, local, name, batch, local) for local, name in enumerate(names)]
        journal.execute("INSERT INTO sources VALUES (?, ?, 'data')", (batch, file.name))
        journal.execute("INSERT INTO batches VALUES (?, ?, ?, ?, 0, '')", (batch, number, len(names), str(file)))
        journal.executemany(
            "INSERT INTO members (number, source, position, name, is_record, state, batch, local)"
            " VALUES (?, ?, ?, ?, 0, 'stored', ?, ?)",
            rows,
        )
        number += len(names)
    if not number:
        raise NothingUsable("none of the sources holds a member; nothing was published")
