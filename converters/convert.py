"""Archives become a dataset: the stages of one conversion, in order."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zarrpack.converters.flow_file import finished_result, output_paths, write_flow
from zarrpack.converters.options import ConvertOptions, options_from_mapping
from zarrpack.converters.output import OutputSet, claimed, default_name
from zarrpack.converters.pipeline.journal import (
    create_journal,
    journal_value,
    open_journal,
    record_sources,
    record_value,
    state_counts,
)
from zarrpack.converters.pipeline.lifeline import refuse_in_child
from zarrpack.converters.pipeline.pool import Pool
from zarrpack.converters.pipeline.resume import drop_unsound_batches
from zarrpack.converters.progress import pipeline_bar
from zarrpack.converters.result import ConvertResult
from zarrpack.converters.run_identity import check_identity, package_versions, run_identity
from zarrpack.converters.run_summary import failures, findings, reason_counts, told
from zarrpack.converters.sources import DescribedSource, describe_sources, refuse_output_inside
from zarrpack.converters.stage_clock import StageClock
from zarrpack.errors import ConservationError, NothingUsable, StrictFailure, UsageError
from zarrpack.processors.archives.registry import open_source
from zarrpack.storage.base import EncodingOptions

if TYPE_CHECKING:
    from zarrpack.converters.dataset_files import DatasetReport

__all__ = ["convert", "convert_with"]

_FAILURES_TOLD = 20


def convert(
    sources: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    quiet: bool = True,
    **options: Any,
) -> ConvertResult:
    """Turn archives, folders and files into one dataset.

    Starts worker processes: in a script, call it under ``if __name__ == "__main__":``.

    Parameters
    ----------
    sources : path or sequence of paths
        Zips, tars (plain or compressed), single compressed files, folders, or any other files.
    out : path
        Output folder; made if it is missing.
    quiet : bool
        Whether to show no progress bar, even on a terminal.
    **options
        Any field of :class:`zarrpack.converters.options.ConvertOptions`, such as ``images="encoded"``.

    Returns
    -------
    ConvertResult
        Paths and counts. Members that failed do not raise: see its `counts` and `failures`.

    Raises
    ------
    UsageError
        If an option is unknown or has a value that is not allowed.
    SourceError
        If a source does not exist or cannot be read at all.
    NothingUsable
        If no member could be stored; nothing is published then.
    StrictFailure
        With ``strict=True``, if a member failed; nothing is published then.
    OutputRefused
        If output files exist, another run holds them, or they cannot be written.

    Examples
    --------
    >>> result = convert("photos.zip", "out", images="encoded")  # doctest: +SKIP
    >>> result.counts["stored"]  # doctest: +SKIP
    40
    """
    paths = [sources] if isinstance(sources, (str, os.PathLike)) else list(sources)
    return convert_with([Path(path) for path in paths], Path(out), options_from_mapping(options), quiet=quiet)


def convert_with(sources: Sequence[Path], out: Path, options: ConvertOptions, *, quiet: bool = True) -> ConvertResult:
    """Do what :func:`convert` does, with options that have been checked already.

    Raises
    ------
    UsageError
        If there is no source, an option does not fit the sources, the output lies inside a source, or a run that is to be
        resumed had other sources or options.
    """
    if not sources:
        raise UsageError("sources: expected at least one archive, folder or file, found none")
    refuse_in_child()
    clock = StageClock()
    output = OutputSet(out, options.name or default_name(sources, out))
    described = describe_sources(sources, options.chosen_limits())
    refuse_output_inside(sources, out)
    identity = run_identity(described, options)
    # What a part of the members needs is not known before they are read.
    partial = options.limit or options.include or options.exclude or options.size
    needed = 0 if partial else sum(one.bytes for one in described)
    with claimed(output, overwrite=options.overwrite, resume=options.resume, needed_bytes=needed) as state:
        if state == "finished":
            return finished_result(output, identity)
        with closing(_journal(output, state, identity, sources)) as journal:
            run = _Run(sources, [one.label for one in described], output, options, quiet, clock)
            result = _convert(run, journal, described)
    return replace(result, seconds=clock.seconds())


@dataclass(frozen=True, slots=True)
class _Run:
    """What the stages of a run have in common."""

    sources: Sequence[Path]
    labels: Sequence[str]
    output: OutputSet
    options: ConvertOptions
    quiet: bool
    clock: StageClock


def _journal(output: OutputSet, state: str, identity: Mapping[str, Any], sources: Sequence[Path]) -> sqlite3.Connection:
    """Open the run's journal: a new one, or that of the unfinished run if it is the same run."""
    if state == "fresh":
        create_journal(output.journal)
    journal = open_journal(output.journal)
    try:
        if state == "unfinished":
            check_identity(journal_value(journal, "identity") or {}, identity, str(output.folder))
            lost = drop_unsound_batches(journal, output.packs, output.folder / "encoded")
            if lost:
                record_value(journal, "found", None)
        else:
            record_sources(journal, [(one["label"], one["kind"]) for one in identity["sources"]])
            record_value(journal, "identity", identity)
        record_value(journal, "paths", [str(path.resolve()) for path in sources])
    except BaseException:
        journal.close()
        raise
    return journal


def _convert(run: _Run, journal: sqlite3.Connection, described: Sequence[DescribedSource]) -> ConvertResult:
    output, options, clock = run.output, run.options, run.clock
    notes: list[str] = []
    with clock.stage("reading"):
        found = journal_value(journal, "found")
        if found is None:
            found, notes = _read(run, journal)
    _check_counts(journal, found, options)
    record_value(journal, "found", found)
    from zarrpack.converters.dataset_files import write_dataset_files
    from zarrpack.converters.items.options import ItemOptions

    items = ItemOptions(options.pair, options.join, options.labels)
    report = write_dataset_files(
        journal, output, items, threads=options.worker_count(), stage=clock.stage, quiet=run.quiet
    )
    result = _result(output, journal, report, clock, notes)
    write_flow(output, result, options, described, report.directory_sha256)
    with clock.stage("publishing"):
        if options.overwrite:
            output.remove_old_packs()
        if options.keep_data:
            output.keep_packs()
        output.publish()
    return result


def _read(run: _Run, journal: sqlite3.Connection) -> tuple[int, list[str]]:
    """Convert all members into packs; give how many there are, and what is to be told of worker processes."""
    options, output = run.options, run.output
    _check_joins(run.sources, run.labels, options)
    with Pool(options.worker_count(), folder=output.packs, stem=output.name, journal=output.journal) as pool:
        # While the workers start: numpy and the processors take as long to import here as there.
        from zarrpack.converters.pipeline.run import RunPlan, run_pipeline
        from zarrpack.converters.pipeline.selection import Selection
        from zarrpack.processors.registry import processors

        chosen = processors(_processor_options(options))
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
        )
        with pipeline_bar(run.quiet) as progress:
            found = run_pipeline(
                plan, pool, progress=progress, may_go_on=lambda failed: not (options.strict and failed)
            )
        return found, pool.notes()


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


def _check_counts(journal: sqlite3.Connection, found: int, options: ConvertOptions) -> None:
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
