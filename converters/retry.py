"""The members of a published set that failed are read again, and what is stored now is merged in."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from zarrpack.converters.conversion_run import ConversionRun, check_counts, read_members, write_set
from zarrpack.converters.flow_file import published_result, read_flow
from zarrpack.converters.hdf5_mirror import suffixes_with
from zarrpack.converters.kept_journal import take_up_journal
from zarrpack.converters.options import ConvertOptions, options_from_mapping
from zarrpack.converters.output import OutputSet, claimed
from zarrpack.converters.pipeline.journal import journal_value, record_value
from zarrpack.converters.pipeline.lifeline import refuse_in_child
from zarrpack.converters.pipeline.process_start import prepare_processes
from zarrpack.converters.result import ConvertResult
from zarrpack.converters.run_identity import run_identity
from zarrpack.converters.settings import merged_settings
from zarrpack.converters.sources import DescribedSource, describe_sources
from zarrpack.converters.stage_clock import StageClock
from zarrpack.errors import FormatError, SourceError, UsageError
from zarrpack.storage.data_file import DataFile

__all__ = ["retry"]


def retry(
    out: str | os.PathLike[str],
    *,
    limits: Mapping[str, int] | None = None,
    processors: Mapping[str, Mapping[str, Any]] | None = None,
    processor: str | None = None,
    sources: Sequence[str | os.PathLike[str]] | None = None,
    workers: int | None = None,
    quiet: bool = True,
) -> ConvertResult:
    """Read the members again that failed, and merge into their set what can be stored now.

    Starts worker processes: in a script, call it under ``if __name__ == "__main__":``.

    Parameters
    ----------
    out : path
        The output folder of a conversion, or the ``.flow`` in it if it holds several sets.
    limits : mapping of str to int, optional
        Limits to set otherwise than in the conversion, such as ``{"pixels": 200000000}``.
    processors : mapping of str to mapping, optional
        Options of processors to set otherwise.
    processor : str, optional
        Name of the processor that reads these members, whatever they look like, such as ``"opaque"``, which keeps their
        bytes. None: as in the conversion.
    sources : sequence of path, optional
        Where the sources lie now, in their order, if they have been moved.
    workers : int, optional
        Worker processes. None: as in the conversion.
    quiet : bool
        Whether to show no progress bar, even on a terminal.

    Returns
    -------
    ConvertResult
        The whole set as it is now. If no member had failed, nothing has been done.

    Raises
    ------
    UsageError
        If a setting is wrong, a source has changed since, or a folder holds no set, or several.
    SourceError
        If a source is not where it was.
    FormatError
        If the set's files do not belong together.
    MergeError
        If what was read now changes the part that other members play.
    OutputRefused
        If another run holds the set, or it cannot be written.

    Examples
    --------
    >>> retry("out", limits={"pixels": 200_000_000}).counts["failed"]  # doctest: +SKIP
    0
    """
    refuse_in_child()
    prepare_processes()
    clock = StageClock()
    output = _output_of(Path(out))
    options = _options(output, limits or {}, processors or {}, workers)
    output = replace(output, suffixes=suffixes_with(options))
    with claimed(output, overwrite=True, needed_bytes=output.path(".dataset").stat().st_size):
        document = read_flow(output)
        if not document["zarrpack"]["counts"]["failed"]:
            return replace(published_result(output, document), notes=("retry: no member had failed; nothing was done",))
        _check_set(output, document)
        with closing(take_up_journal(output)) as journal:
            paths, described = _sources(journal, sources, options)
            run = ConversionRun(paths, described, output, options, quiet, clock)
            before, notes = _read_again(run, journal, processor)
            result = write_set(run, journal, [_told(before, journal), *notes])
    return replace(result, seconds=clock.seconds())


def _read_again(run: ConversionRun, journal: sqlite3.Connection, processor: str | None) -> tuple[int, list[str]]:
    """Read the failed members; give how many there were, and what is to be told of worker processes."""
    failed = {number for (number,) in journal.execute("SELECT number FROM members WHERE state = 'failed'")}
    (last,) = journal.execute("SELECT MAX(number) FROM batches").fetchone()
    (known,) = journal.execute("SELECT COUNT(*) FROM members").fetchone()
    with journal:
        journal.execute("DELETE FROM members WHERE state = 'failed'")
    with run.clock.stage("reading"):
        found, notes = read_members(run, journal, only=failed, first_batch=last + 1, processor=processor)
    if found != known:
        # Limits such as nesting, entries or ratio decide which members there are, and so all numbers behind them.
        raise UsageError(
            f"{run.output.folder}: expected the {known} members of the conversion, found {found} with these limits; "
            "convert the sources again, with --overwrite"
        )
    check_counts(journal, found, run.options)
    record_value(journal, "identity", run_identity(run.described, run.options))
    return len(failed), notes


def _told(before: int, journal: sqlite3.Connection) -> str:
    (after,) = journal.execute("SELECT COUNT(*) FROM members WHERE state = 'failed'").fetchone()
    return f"retry: of {before} members that had failed, {before - after} have not failed this time"


def _output_of(path: Path) -> OutputSet:
    if path.suffix == ".flow":
        flows = [path] if path.is_file() else []
    else:
        flows = sorted(path.glob("*.flow")) if path.is_dir() else []
    if len(flows) != 1:
        found = ", ".join(one.name for one in flows) or "none"
        raise UsageError(f"{path}: expected a folder with one .flow, or a .flow, found {found}; name the .flow")
    return OutputSet(flows[0].parent, flows[0].stem, stage="retry")


def _options(
    output: OutputSet, limits: Mapping[str, int], processors: Mapping[str, Mapping[str, Any]], workers: int | None
) -> ConvertOptions:
    values = merged_settings(read_flow(output)["zarrpack"]["options"], {"limits": limits, "processors": processors})
    if workers is not None:
        values["workers"] = workers
    # The name in the files is the set's own; packs that were kept stay; a strict run has nothing to be retried.
    return options_from_mapping({**values, "overwrite": False, "resume": False, "strict": False})


def _check_set(output: OutputSet, document: Mapping[str, Any]) -> None:
    """See to it that the dataset is the one that the journal is about."""
    try:
        said = document["zarrpack"]["files"][output.path(".dataset").name]["directory_sha256"]
        with DataFile(output.path(".dataset")) as dataset:
            found = dataset.directory_sha256
    except LookupError as error:
        raise FormatError(f"{output.path('.flow')}: expected the summary of a run, found no {error}") from error
    if said != found:
        raise FormatError(
            f"{output.path('.dataset')}: expected the dataset that {output.name}.flow is about, found another; "
            "convert the sources again"
        )
    if not output.kept_journal.is_file():
        raise FormatError(
            f"{output.kept_journal}: expected the journal of the conversion, found none; convert the sources again"
        )


def _sources(
    journal: sqlite3.Connection, given: Sequence[str | os.PathLike[str]] | None, options: ConvertOptions
) -> tuple[list[Path], list[DescribedSource]]:
    recorded = (journal_value(journal, "identity") or {}).get("sources", [])
    paths = [Path(one) for one in (given if given is not None else journal_value(journal, "paths") or [])]
    if len(paths) != len(recorded):
        raise UsageError(
            f"sources: expected the {len(recorded)} of the conversion, found {len(paths)}; give all of them"
        )
    try:
        described = describe_sources(paths, options.chosen_limits())
    except SourceError as error:
        error.add_note("if the source has been moved, say where it is with --source")
        raise
    for path, before, now in zip(paths, recorded, described, strict=True):
        if (before["bytes"], before["fingerprint"]) != (now.bytes, now.fingerprint):
            raise UsageError(f"{path}: expected the source that was converted, found other content; convert it again")
    # It keeps the name that it has in the tables.
    labels = [str(one["label"]) for one in recorded]
    return paths, [replace(one, label=label) for one, label in zip(described, labels, strict=True)]
