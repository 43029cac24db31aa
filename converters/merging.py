"""Per-file stores, packs and datasets, from anywhere, become one dataset with its tables."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from zarrpack.converters.items.assign import assign_items
from zarrpack.converters.items.metadata import ItemMetadata
from zarrpack.converters.items.options import ItemOptions
from zarrpack.converters.merged_items import MergedDataset, MergedItems
from zarrpack.converters.output import OutputSet, claimed
from zarrpack.converters.pipeline.journal_schema import SCHEMA
from zarrpack.converters.stage_clock import StageClock
from zarrpack.errors import NothingUsable, SourceError, UsageError
from zarrpack.storage.data_file import DataFile
from zarrpack.storage.datasetstorage.merge_layout import MergeLayout
from zarrpack.storage.datasetstorage.source_codes import SourceCodes, assign_codes, dataset_codes
from zarrpack.storage.datasetstorage.source_survey import SourceSurvey, survey_sources
from zarrpack.storage.datasetstorage.surveyed import SurveyedSource
from zarrpack.storage.member_descriptions import member_descriptions
from zarrpack.storage.merge.merge import MergeOptions, MergeReport, merge_arrays
from zarrpack.storage.merge.rules import MergeRules

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
        Files merged.
    items : int
        Rows of the `.infoset`.
    chunks_copied, chunks_encoded : int
        Chunks that were copied as they are, and that were encoded anew.
    notes : tuple of str
        What had to be done to make the sources fit together, and what of datasets was encoded anew although it was whole.
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
    sources: Sequence[Path],
    out: Path,
    *,
    overwrite: bool = False,
    promote: bool = False,
    strict: bool = False,
    threads: int | None = None,
) -> MergeResult:
    """Join ``.data`` files and datasets into one dataset; each member of a ``.data`` file becomes an item.

    Datasets come first. The items of the first keep their codes, those of others follow; what the datasets' infosets and
    attribsets say is taken over, and their chunks are copied where they can be.

    Parameters
    ----------
    sources : sequence of Path
        ``.data`` and ``.dataset`` files, and folders of ``.data`` files, taken in the order of their names.
    out : Path
        The ``NAME.dataset`` to write; the tables go beside it.
    overwrite : bool
        Whether files of that name may be replaced.
    promote : bool
        Whether numbers of different kinds in one array become one dtype.
    strict : bool
        Whether arrays that some sources lack are refused, not padded.
    threads : int or None
        Threads that encode; None: one per processor. The bytes written do not depend on it.

    Raises
    ------
    UsageError
        If `out` does not end in ``.dataset``, or is one of the sources.
    SourceError
        If a source does not exist.
    FormatError
        If a source is no such file, or damaged.
    MergeError
        If the sources do not fit together.
    NothingUsable
        If no source holds anything.
    OutputRefused
        If output files exist, or cannot be written.
    """
    if out.suffix != ".dataset" or not out.stem:
        raise UsageError(f"{out}: expected an output that ends in .dataset; name it NAME.dataset")
    files = _datasets_first([file for source in sources for file in _files(source)])
    if out.exists() and any(out.samefile(file) for file in files):
        raise UsageError(
            f"{out}: expected an output that is none of the sources, found one of them; choose another name"
        )
    clock = StageClock()
    output = OutputSet(out.parent, out.stem, _SUFFIXES)
    with closing(sqlite3.connect(":memory:")) as journal:
        journal.executescript(SCHEMA)
        needed = sum(Path(file).stat().st_size for file in files)
        with claimed(output, overwrite=overwrite, needed_bytes=needed):
            found = survey_sources(files, None, skips_unreadable=False)
            rules = MergeRules(has_own_chunks=True, is_strict=strict)
            report, notes = _merge_arrays(found, output, rules, promote=promote, threads=threads)
            items, table_notes = _write_tables(journal, found, output)
            output.publish()
    folder = out.parent.resolve()
    return MergeResult(
        dataset=folder / out.name,
        infoset=folder / f"{out.stem}.infoset",
        attribset=folder / f"{out.stem}.attribset",
        sources=len(files),
        items=items,
        chunks_copied=report.chunks_copied,
        chunks_encoded=report.chunks_encoded,
        notes=(
            *(*found.problems, *found.notes, *notes, *report.notes),
            *(f"{place}: encoded anew: {why}" for place, why in report.reencoded.items()),
            *table_notes,
        ),
        seconds=clock.seconds()["total"],
    )


def _files(source: Path) -> list[str]:
    """Give a source's files, as text, which takes a quarter of the memory of a Path."""
    if source.is_dir():
        found = sorted(source.glob("*.data"), key=lambda path: path.name)
        if not found:
            raise SourceError(f"{source}: expected a folder with .data files, found none in it")
        return [str(path.resolve()) for path in found]
    if not source.exists():
        raise SourceError(f"{source}: expected a .data file or a folder of them, found nothing; check the path")
    return [str(source.resolve())]


def _datasets_first(files: Sequence[str]) -> list[str]:
    return sorted(files, key=lambda file: Path(file).suffix != ".dataset")


def _merge_arrays(
    found: SourceSurvey, output: OutputSet, rules: MergeRules, *, promote: bool, threads: int | None
) -> tuple[MergeReport, list[str]]:
    layout = MergeLayout(found.survey)
    layout.check_rows(is_strict=rules.is_strict)
    sources = found.survey.sources
    codes = _codes(sources)
    options = MergeOptions(
        view=layout.view,
        rules=replace(
            rules,
            dtypes=layout.dtypes(promote=promote, only_keyed=True),
            first_dimensions=layout.primary,
            order=layout.order,
        ),
        record=layout.record(codes),
        labels=codes.labels,
        schema=found.schema,
    )
    found.survey.forget_rows()
    report = merge_arrays(
        [one.path for one in sources],
        lambda number, _source: codes.of(number),
        output.temporary(".dataset"),
        count=codes.count,
        threads=threads,
        metadata=None if found.schema is None else {"_storage_schema": found.schema},
        options=options,
    )
    return report, layout.contradictions()


def _codes(sources: Sequence[SurveyedSource]) -> SourceCodes:
    """Give the codes of all members, in the order of the sources, behind those of datasets."""
    # Numbers of the members stand for their names, which need not differ.
    numbers = [
        [] if one.kind == "dataset" else [f"{n}/{k}" for k in range(one.members)] for n, one in enumerate(sources)
    ]
    _, taken = dataset_codes(sources)
    given = {name: taken + code for code, name in enumerate(name for some in numbers for name in some)}
    if not taken + len(given):
        raise NothingUsable("none of the sources holds a member; nothing was published")
    return assign_codes(sources, numbers, given)


def _write_tables(journal: sqlite3.Connection, found: SourceSurvey, output: OutputSet) -> tuple[int, list[str]]:
    """Write infoset and attribset; give the number of items, and what is to be told of them."""
    # pyarrow costs a tenth of a second to import.
    from zarrpack.storage.tables.infoset import write_tables
    from zarrpack.storage.tables.rules import TableRules

    of_datasets, taken = dataset_codes(found.survey.sources)
    datasets = []
    for number, codes in of_datasets.items():
        source = found.survey.sources[number]
        first = int(codes.min(initial=taken)) - (min(source.order, default=0) if source.order else 0)
        datasets.append(MergedDataset(Path(source.path), first, tuple(sorted(codes.tolist()))))
    data = [Path(source.path) for source in found.survey.sources if source.kind != "dataset"]
    stores = _journal_members(journal, data)
    assign_items(journal, ItemOptions(), packs=output.packs)
    items = MergedItems(datasets, ItemMetadata(journal, ItemOptions(), output.packs), stores, taken)
    report = write_tables(
        items.__iter__,
        output.temporary(".infoset"),
        output.temporary(".attribset"),
        flow_name=output.name,
        schema=found.schema,
        rules=TableRules(dictionary=items.dictionary()),
    )
    return report.items, items.notes()


def _journal_members(journal: sqlite3.Connection, files: Sequence[Path]) -> dict[int, str]:
    """Enter all members; give the numbers of those that are a user's own stores, with their names."""
    stores: dict[int, str] = {}
    number = 0
    for batch, file in enumerate(files):
        with DataFile(file) as data:
            names = [member.name for member in member_descriptions(data)]
            if data.kind != "pack" and not any("zarrpack_family" in group for group in data.groups.values()):
                stores[number] = names[0]
        rows = [(number + local, batch, local, name, batch, local) for local, name in enumerate(names)]
        journal.execute("INSERT INTO sources VALUES (?, ?, 'data')", (batch, file.name))
        journal.execute("INSERT INTO batches VALUES (?, ?, ?, ?, 0, '')", (batch, number, len(names), str(file)))
        journal.executemany(
            "INSERT INTO members (number, source, position, name, is_record, state, batch, local)"
            " VALUES (?, ?, ?, ?, 0, 'stored', ?, ?)",
            rows,
        )
        number += len(names)
    return stores
