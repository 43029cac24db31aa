"""Archives become a dataset: the stages of one conversion, in order."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zarrpack.converters.flow_file import write_flow
from zarrpack.converters.options import ConvertOptions, options_from_mapping
from zarrpack.converters.output import OutputSet, claimed, default_name
from zarrpack.converters.pipeline.journal import create_journal, open_journal, record_sources, state_counts
from zarrpack.converters.pipeline.lifeline import refuse_in_child
from zarrpack.converters.pipeline.pool import Pool
from zarrpack.converters.pipeline.process_start import prepare_processes
from zarrpack.converters.progress import pipeline_bar
from zarrpack.converters.result import ConvertResult
from zarrpack.converters.stage_clock import StageClock
from zarrpack.errors import ConservationError, NothingUsable, SourceError, StrictFailure, UsageError
from zarrpack.processors.archives.registry import open_source
from zarrpack.processors.limits import Limits
from zarrpack.storage.base import EncodingOptions

if TYPE_CHECKING:
    from zarrpack.converters.dataset_files import DatasetReport

__all__ = ["convert", "convert_with"]

_FAILURES_TOLD = 20
_FAILURES_IN_ERRORS = 5


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
        If there is no source, an option does not fit the sources, or the output lies inside a source.
    """
    if not sources:
        raise UsageError("sources: expected at least one archive, folder or file, found none")
    refuse_in_child()
    prepare_processes()
    clock = StageClock()
    output = OutputSet(out, options.name or default_name(sources, out))
    described = _describe(sources, options.chosen_limits())
    _refuse_output_inside(sources, out)
    # What a part of the members needs is not known before they are read.
    partial = options.limit or options.include or options.exclude or options.size
    needed = 0 if partial else sum(one["bytes"] for one in described)
    with claimed(output, overwrite=options.overwrite, needed_bytes=needed):
        journal_path = output.work / "journal.sqlite"
        create_journal(journal_path)
        with closing(open_journal(journal_path)) as journal:
            record_sources(journal, [(one["label"], one["kind"]) for one in described])
            with clock.stage("reading"):
                found = _read(sources, [one["label"] for one in described], output, journal_path, options, quiet)
            _check_counts(journal, found, options)
            from zarrpack.converters.dataset_files import write_dataset_files
            from zarrpack.converters.items.options import ItemOptions

            items = ItemOptions(options.pair, options.join, options.labels)
            report = write_dataset_files(
                journal, output, items, threads=options.worker_count(), stage=clock.stage, quiet=quiet
            )
            result = _result(output, journal, report, clock)
        write_flow(
            output,
            result,
            options,
            [{"label": one["label"], "kind": one["kind"]} for one in described],
            report.directory_sha256,
        )
        with clock.stage("publishing"):
            if options.overwrite:
                output.remove_old_packs()
            if options.keep_data:
                output.keep_packs()
            output.publish()
    return replace(result, seconds=clock.seconds())


def _describe(sources: Sequence[Path], limits: Limits) -> list[dict[str, Any]]:
    """Give label, kind and bytes of every source; a missing one ends the run before anything is written."""
    described: list[dict[str, Any]] = []
    labels: set[str] = set()
    for path in sources:
        try:
            with closing(open_source(path, limits)) as source:
                kind = source.kind
        except PermissionError as error:
            raise SourceError(f"{path}: expected a source that can be read, found: {error.strerror}") from error
        # A name that is not UTF-8 goes into tables and JSON, which hold no other text.
        label = base = os.fsencode(path.resolve().name or "root").decode("utf-8", "backslashreplace")
        count = 1
        while label in labels:
            count += 1
            label = f"{base} ({count})"
        labels.add(label)
        described.append({"label": label, "kind": kind, "bytes": path.stat().st_size if path.is_file() else 0})
    return described


def _read(
    sources: Sequence[Path],
    labels: Sequence[str],
    output: OutputSet,
    journal: Path,
    options: ConvertOptions,
    quiet: bool,
) -> int:
    _check_joins(sources, labels, options)
    # Imported here, beside the server of the processes: numpy and the processors take as long to import here as there.
    from zarrpack.converters.pipeline.run import RunPlan, run_pipeline
    from zarrpack.converters.pipeline.selection import Selection
    from zarrpack.processors.registry import processors

    plan = RunPlan(
        sources=sources,
        labels=labels,
        journal=journal,
        processors=processors(_processor_options(options)),
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
    )
    with (
        Pool(
            options.worker_count(), folder=output.packs, stem=output.name, journal=journal, durable=options.keep_data
        ) as pool,
        pipeline_bar(quiet) as progress,
    ):
        return run_pipeline(plan, pool, progress=progress, may_go_on=lambda failed: not (options.strict and failed))


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
    wrong = _told(journal)
    if options.strict and wrong:
        raise StrictFailure(f"{wrong[0]}; the run was strict, so nothing was published")
    if counts["members"] != found:
        raise ConservationError(f"{found} members were found, but {counts['members']} accounted for: {counts}")
    if not counts["stored"]:
        why = ", ".join(f"{reason}: {count}" for reason, count in _reasons(journal).items())
        lines = "".join(f"\n  {line}" for line in wrong)
        raise NothingUsable(
            f"none of {found} members could be stored ({why or 'the sources hold none'}); nothing was published{lines}"
        )


def _result(output: OutputSet, journal: sqlite3.Connection, report: DatasetReport, clock: StageClock) -> ConvertResult:
    folder = output.folder.resolve()
    paths = {suffix: folder / f"{output.name}{suffix}" for suffix in (".dataset", ".infoset", ".attribset", ".flow")}
    return ConvertResult(
        name=output.name,
        dataset=paths[".dataset"],
        infoset=paths[".infoset"],
        attribset=paths[".attribset"],
        members=folder / f"{output.name}.members.parquet",
        flow=paths[".flow"],
        counts={**state_counts(journal), "items": report.items},
        seconds=clock.seconds(),
        failures=_failures(journal, _FAILURES_TOLD),
        findings=_findings(journal),
        reasons=_reasons(journal),
        unmatched=report.unmatched,
        notes=report.notes,
    )


def _told(journal: sqlite3.Connection) -> list[str]:
    """Give what is wrong with sources and the first members, a line each."""
    findings = [f"{one['archive']}: {one['reason']}: {one['detail']}" for one in _findings(journal)]
    return findings + [
        f"{one['archive']}/{one['member']}: {one['reason']}: {one['detail']}"
        for one in _failures(journal, _FAILURES_IN_ERRORS)
    ]


def _refuse_output_inside(sources: Sequence[Path], out: Path) -> None:
    """Refuse to write into a folder that is being read: the run would store its own files."""
    target = out.resolve()
    for source in sources:
        if source.is_dir() and (target == source.resolve() or source.resolve() in target.parents):
            raise UsageError(
                f"{out}: expected an output folder outside the source {source}, found one inside it; choose another"
            )


def _failures(journal: sqlite3.Connection, most: int) -> list[dict[str, Any]]:
    rows = journal.execute(
        "SELECT sources.label, members.name, reason, detail FROM members JOIN sources ON sources.number = source"
        " WHERE state = 'failed' ORDER BY members.number LIMIT ?",
        (most,),
    )
    return [dict(zip(("archive", "member", "reason", "detail"), row, strict=True)) for row in rows]


def _findings(journal: sqlite3.Connection) -> list[dict[str, Any]]:
    rows = journal.execute(
        "SELECT sources.label, reason, detail, offset FROM findings JOIN sources ON sources.number = source"
        " ORDER BY source, offset, reason"
    )
    return [dict(zip(("archive", "reason", "detail", "offset"), row, strict=True)) for row in rows]


def _reasons(journal: sqlite3.Connection) -> dict[str, int]:
    rows = journal.execute(
        "SELECT reason, COUNT(*) FROM members WHERE state <> 'stored' GROUP BY reason ORDER BY reason"
    )
    return dict(rows.fetchall())
