"""The stages of one conversion: members are read into packs, packs become the files of a set."""

from __future__ import annotations

import sqlite3
from collections.abc import Container, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zarrpack.converters.flow_file import output_paths, write_flow
from zarrpack.converters.hdf5_mirror import mirror_spool, write_mirror
from zarrpack.converters.kept_journal import keep_journal
from zarrpack.converters.options import ConvertOptions
from zarrpack.converters.output import OutputSet
from zarrpack.converters.pipeline.journal import journal_value, record_value, state_counts
from zarrpack.converters.pipeline.pool import Pool
from zarrpack.converters.progress import pipeline_bar
from zarrpack.converters.result import ConvertResult
from zarrpack.converters.run_identity import check_identity, package_versions
from zarrpack.converters.run_summary import failures, findings, reason_counts, told
from zarrpack.converters.sources import DescribedSource
from zarrpack.converters.stage_clock import StageClock
from zarrpack.errors import ConservationError, NothingUsable, StrictFailure
from zarrpack.processors.archives.registry import open_source
from zarrpack.storage.base import EncodingOptions

if TYPE_CHECKING:
    from zarrpack.converters.dataset_files import DatasetReport

__all__ = ["ConversionRun", "check_counts", "read_members", "write_set"]

_FAILURES_TOLD = 20


@dataclass(frozen=True, slots=True)
class ConversionRun:
    """What the stages of a run have in common.

    Parameters
    ----------
    sources : sequence of Path
        What is converted.
    described : sequence of DescribedSource
        The same.
    output : OutputSet
        Where the files go; claimed.
    options : ConvertOptions
        How.
    quiet : bool
        Whether to show no progress bar.
    clock : StageClock
        Measures the stages.
    """

    sources: Sequence[Path]
    described: Sequence[DescribedSource]
    output: OutputSet
    options: ConvertOptions
    quiet: bool
    clock: StageClock

    @property
    def labels(self) -> list[str]:
        """What each source is called."""
        return [one.label for one in self.described]


def read_members(
    run: ConversionRun,
    journal: sqlite3.Connection,
    *,
    only: Container[int] | None = None,
    first_batch: int = 0,
    processor: str | None = None,
) -> tuple[int, list[str]]:
    """Convert members into packs.

    Parameters
    ----------
    run : ConversionRun
        What is read.
    journal : sqlite3.Connection
        The run's. Batches that it has already are not done again.
    only : container of int, or None
        Numbers of the members that are read; None: all.
    first_batch : int
        Number of the first batch.
    processor : str or None
        The processor that reads them, whatever they look like; None: the first that accepts each.

    Returns
    -------
    tuple of (int, list of str)
        Members found, and what is to be told of worker processes.

    Raises
    ------
    ZarrpackError
        As :func:`zarrpack.converters.pipeline.run.run_pipeline`.
    """
    options, output = run.options, run.output
    _check_joins(run.sources, run.labels, options)
    # Imported here, beside the server of the processes: numpy and the processors take as long to import here as there.
    from zarrpack.converters.pipeline.run import RunPlan, run_pipeline
    from zarrpack.converters.pipeline.selection import Selection
    from zarrpack.processors.registry import only_processor, processors

    chosen = processors(_processor_options(options))
    if processor is not None:
        chosen = only_processor(chosen, processor)
    _check_packages(journal, output)
    plan = RunPlan(
        sources=run.sources,
        labels=run.labels,
        journal=output.journal,
        processors=chosen,
        selection=Selection(options.include, options.exclude),
        encoding=EncodingOptions(
            compression=options.compression,
            kind="store" if options.items_per_data == 1 else "pack",
            draft=not options.keep_data,
        ),
        decoded=options.images != "encoded",
        uniform=options.size is not None,
        limit=options.limit,
        items_per_data=options.items_per_data,
        limits=options.chosen_limits(),
        salvage=options.salvage,
        only=only,
        first_batch=first_batch,
        mirror=mirror_spool(output, options),
    )
    with (
        Pool(options.worker_count(), folder=output.packs, stem=output.name, journal=output.journal) as pool,
        pipeline_bar(run.quiet) as progress,
    ):
        found = run_pipeline(plan, pool, progress=progress, may_go_on=lambda failed: not (options.strict and failed))
        return found, pool.notes()


def check_counts(journal: sqlite3.Connection, found: int, options: ConvertOptions) -> None:
    """See to it that every member found is accounted for, and that something can be published.

    Raises
    ------
    ConservationError
        If members found are not stored + skipped + failed.
    NothingUsable
        If none is stored.
    StrictFailure
        In a strict run, if a member failed or a source is damaged.
    """
    counts = state_counts(journal)
    wrong = told(journal)
    if options.strict and wrong:
        raise StrictFailure(f"{wrong[0]}; the run was strict, so nothing was published")
    if counts["members"] != found:
        raise ConservationError(f"{found} members were found, but {counts['members']} accounted for: {counts}")
    if not counts["stored"]:
        why = ", ".join(f"{reason}: {count}" for reason, count in reason_counts(journal).items())
        lines = "".join(f"\n  {line}" for line in wrong)
        raise NothingUsable(
            f"none of {found} members could be stored ({why or 'the sources hold none'}); nothing was published{lines}"
        )


def write_set(run: ConversionRun, journal: sqlite3.Connection, notes: Sequence[str]) -> ConvertResult:
    """Make the files of the set from a complete journal and its packs, and publish them.

    Parameters
    ----------
    run : ConversionRun
        What was read.
    journal : sqlite3.Connection
        What became of every member.
    notes : sequence of str
        What is to be told besides.
    """
    output, options, clock = run.output, run.options, run.clock
    from zarrpack.converters.dataset_files import write_dataset_files
    from zarrpack.converters.items.options import ItemOptions

    items = ItemOptions(options.pair, options.join, options.labels)
    report = write_dataset_files(
        journal, output, items, threads=options.worker_count(), stage=clock.stage, quiet=run.quiet
    )
    if options.hdf5:
        with clock.stage("hdf5"):
            write_mirror(output, report, options, quiet=run.quiet)
    if not options.hdf5 and output.path(".h5").exists():
        notes = [*notes, f"{output.name}.h5 is no part of this set; give --hdf5 to write it anew"]
    result = _result(output, journal, report, clock, notes)
    if result.counts["failed"]:
        keep_journal(journal, output)
    write_flow(output, result, options, run.described, report.directory_sha256)
    with clock.stage("publishing"):
        if options.overwrite or options.resume:  # what is resumed may have been given --overwrite
            output.remove_old_packs()
        if options.keep_data:
            output.keep_packs()
        output.publish()
    return result


def _check_packages(journal: sqlite3.Connection, output: OutputSet) -> None:
    now = package_versions()
    before = journal_value(journal, "packages")
    if before is not None:
        check_identity({"packages": before}, {"packages": now}, str(output.folder))
    record_value(journal, "packages", now)


def _check_joins(sources: Sequence[Path], labels: Sequence[str], options: ConvertOptions) -> None:
    """Refuse a table to join that no source lists, before anything is read; a stream shows its names too late."""
    if not options.join:
        return
    from zarrpack.converters.items.joins import find_tables

    limits = options.chosen_limits()
    for path in sources:
        with closing(open_source(path, limits)) as source:
            if not source.random_access:
                return

    def names() -> Iterator[tuple[int, str, str, None]]:
        for path, label in zip(sources, labels, strict=True):
            with closing(open_source(path, limits)) as source:
                for entry in source.entries():
                    yield entry.index, label, entry.name, None

    find_tables(options.join, names())


def _processor_options(options: ConvertOptions) -> dict[str, dict[str, Any]]:
    chosen = {name: dict(values) for name, values in options.processors.items()}
    image = {"images": options.images, "size": options.size, "fit": options.fit}
    chosen["image"] = {**image, **chosen.get("image", {})}
    return chosen


def _result(
    output: OutputSet, journal: sqlite3.Connection, report: DatasetReport, clock: StageClock, notes: Sequence[str]
) -> ConvertResult:
    return ConvertResult(
        name=output.name,
        **output_paths(output),
        counts={**state_counts(journal), "items": report.items},
        seconds=clock.seconds(),
        failures=failures(journal, _FAILURES_TOLD),
        findings=findings(journal),
        reasons=reason_counts(journal),
        unmatched=report.unmatched,
        notes=(*notes, *report.notes),
    )
