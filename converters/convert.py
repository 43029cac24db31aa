"""Archives become a dataset: the stages of one conversion, in order."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from zarrpack.converters.conversion_run import ConversionRun, check_counts, read_members, write_set
from zarrpack.converters.flow_file import finished_result
from zarrpack.converters.hdf5_mirror import suffixes_with
from zarrpack.converters.memory_sources import ConvertSource, listed_sources, sources_on_disk
from zarrpack.converters.options import ConvertOptions, options_from_mapping
from zarrpack.converters.output import OutputSet, claimed, default_name
from zarrpack.converters.pipeline.journal import (
    create_journal,
    journal_value,
    open_journal,
    record_sources,
    record_value,
)
from zarrpack.converters.pipeline.lifeline import refuse_in_child
from zarrpack.converters.pipeline.process_start import prepare_processes
from zarrpack.converters.pipeline.resume import drop_unsound_batches
from zarrpack.converters.result import ConvertResult
from zarrpack.converters.run_identity import check_identity, run_identity
from zarrpack.converters.sources import describe_sources, refuse_output_inside
from zarrpack.converters.stage_clock import StageClock
from zarrpack.errors import UsageError

__all__ = ["convert", "convert_with"]


def convert(
    sources: ConvertSource | Sequence[ConvertSource],
    out: str | os.PathLike[str],
    *,
    quiet: bool = True,
    **options: Any,
) -> ConvertResult:
    """Turn archives, folders and files into one dataset.

    Starts worker processes: in a script, call it under ``if __name__ == "__main__":``.

    Parameters
    ----------
    sources : path, bytes or open file, or a sequence of them
        Zips, tars (plain or compressed), single compressed files, folders, or any other files. What is no path can be named:
        ``("photos.zip", content)``; it lies in a temporary file while the conversion runs.
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
    with sources_on_disk(listed_sources(sources)) as paths:
        return convert_with(paths, Path(out), options_from_mapping(options), quiet=quiet)


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
    prepare_processes()
    clock = StageClock()
    output = OutputSet(out, options.name or default_name(sources, out), suffixes_with(options))
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
            run = ConversionRun(sources, described, output, options, quiet, clock)
            notes: Sequence[str] = ()
            with clock.stage("reading"):
                found = journal_value(journal, "found")
                if found is None:
                    found, notes = read_members(run, journal)
            check_counts(journal, found, options)
            record_value(journal, "found", found)
            result = write_set(run, journal, notes)
    return replace(result, seconds=clock.seconds())


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
