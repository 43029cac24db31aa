"""One run of the pipeline: sources in, durable packs and a journal out."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Container, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from multiprocessing import Pipe
from multiprocessing.connection import wait
from pathlib import Path

import cloudpickle

from zarrpack.converters.pipeline.batching import Batcher, StreamedMember
from zarrpack.converters.pipeline.journal import open_journal, record_findings
from zarrpack.converters.pipeline.messages import Batch, MirrorSpool, WorkerConfiguration
from zarrpack.converters.pipeline.picture_form import PictureForm
from zarrpack.converters.pipeline.pool import Pool
from zarrpack.converters.pipeline.resume import DoneBatches
from zarrpack.converters.pipeline.selection import Selection
from zarrpack.converters.pipeline.time_limits import TimeLimits
from zarrpack.converters.pipeline.workers import WorkerHandle
from zarrpack.errors import MemberError
from zarrpack.processors.archives.base import Finding, Source
from zarrpack.processors.archives.registry import open_source
from zarrpack.processors.base import Processor
from zarrpack.processors.limits import Limits
from zarrpack.storage.base import EncodingOptions

__all__ = ["PipelineRun", "RunPlan", "run_pipeline"]

_PIECE_BYTES = 1 << 20
_PROGRESS_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What one run of the pipeline does.

    Parameters
    ----------
    sources : sequence of Path
        Archives, folders and files, in order.
    labels : sequence of str
        How each is called in descriptions and in the ledger.
    journal : Path
        The one that the pool's writer keeps. Batches that it has already are not done again.
    processors : sequence of Processor
        Asked in this order.
    selection : Selection
        Which members are read.
    encoding : EncodingOptions
        How packs are encoded.
    decoded : bool
        Whether pictures are decoded, so that their sizes matter.
    uniform : bool
        Whether all pictures are brought to one size.
    limit, items_per_data : int or None
        As in ConvertOptions.
    limits : Limits
        What members may cost.
    salvage : bool
        Whether members behind damaged places are looked for.
    only : container of int, or None
        Numbers of the members that are converted; None: all.
    first_batch : int
        Number of the first batch.
    mirror : MirrorSpool or None
        Where chunks for an HDF5 mirror go; None: there is none.
    """

    sources: Sequence[Path]
    labels: Sequence[str]
    journal: Path
    processors: Sequence[Processor]
    selection: Selection = field(default_factory=Selection)
    encoding: EncodingOptions = field(default_factory=EncodingOptions)
    decoded: bool = True
    uniform: bool = False
    limit: int | None = None
    items_per_data: int | None = None
    limits: Limits = field(default_factory=Limits)
    salvage: bool = False
    only: Container[int] | None = None
    first_batch: int = 0
    mirror: MirrorSpool | None = None


def run_pipeline(
    plan: RunPlan,
    pool: Pool,
    *,
    progress: Callable[[int, int, int], None] | None = None,
    may_go_on: Callable[[int], bool] | None = None,
) -> int:
    """Convert all members of the sources into packs.

    Parameters
    ----------
    plan : RunPlan
        What to do.
    pool : Pool
        Processes that have not been told anything yet. All of them have ended afterwards.
    progress : callable, optional
        Called about five times a second with members done, bytes read and members failed.
    may_go_on : callable, optional
        Asked now and then with the number of failed members so far; False stops the run.

    Returns
    -------
    int
        Members found, over all sources.

    Raises
    ------
    SourceError
        If a source cannot be read at all.
    OutputRefused
        If the packs cannot be written.
    WorkerError
        If the worker processes cannot run.
    """
    form = _look_ahead(plan)
    encoding = replace(plan.encoding, expected_rows={"image": form.pictures} if form.pictures else {})
    configuration = WorkerConfiguration(
        tuple(str(path) for path in plan.sources),
        tuple(plan.labels),
        cloudpickle.dumps(tuple(plan.processors)),
        encoding,
        plan.limits,
        plan.mirror,
    )
    pool.configure(configuration)
    run = PipelineRun(plan, form, pool)
    return run.complete(progress or _no_progress, may_go_on or _always)


def _look_ahead(plan: RunPlan) -> PictureForm:
    form = PictureForm(plan.processors)
    left = plan.limit
    for path in plan.sources:
        source = open_source(path, plan.limits, salvage=plan.salvage)
        try:
            if source.random_access:
                taken = form.look_through(source, plan.selection, left, headers=plan.decoded and not plan.uniform)
                left = None if left is None else left - taken
        finally:
            source.close()
    return form


class PipelineRun:
    """The parent's side of a run: a reading thread that gives out batches, and the watch over the processes."""

    def __init__(self, plan: RunPlan, form: PictureForm, pool: Pool) -> None:
        self._plan = plan
        self._pool = pool
        self._batcher = Batcher(
            plan.selection, form, plan.limit, plan.items_per_data, plan.only, batches=plan.first_batch
        )
        self._error: BaseException | None = None
        self._findings: dict[int, list[Finding]] = {}
        # Closed when the reading thread ends, so that the watch does not sleep on.
        self._reading_ended, self._reading_open = Pipe(duplex=False)
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._done = DoneBatches(plan.journal)
        self._failed = self._done.failed
        self._time_limits = TimeLimits(plan.limits)

    def complete(self, progress: Callable[[int, int, int], None], may_go_on: Callable[[int], bool]) -> int:
        """Run to the end; give the number of members found.

        Raises
        ------
        ZarrpackError
            Whatever ended the run early.
        """
        self._reading.start()
        due = 0.0
        while self._reading.is_alive() or self._pool.outstanding():
            self._watch()
            if time.monotonic() >= due:
                self._tell(progress)
                due = time.monotonic() + _PROGRESS_SECONDS
            if self._error is not None:
                raise self._error
            if not may_go_on(self._failed):
                break
        if self._error is not None:
            raise self._error  # it may have come while the loop was ending
        self._pool.finish()
        self._record_findings()
        self._tell(progress)
        return self._batcher.members

    def _record_findings(self) -> None:
        # Not by the reading thread, which may outlive a run that was stopped, and would write where all was removed.
        if self._findings:
            with closing(open_journal(self._plan.journal)) as journal:
                for number, findings in list(self._findings.items()):
                    record_findings(journal, number, findings)

    def _tell(self, progress: Callable[[int, int, int], None]) -> None:
        members, read, failed = self._pool.progress()
        progress(members + self._done.members, read, failed + self._done.failed)

    def _watch(self) -> None:
        pool = self._pool
        sentinels = {worker.process.sentinel: worker for worker in pool.workers}
        ends = [self._reading_ended] if self._reading.is_alive() else []
        for ready in wait([pool.writer.control, *ends, *sentinels], timeout=_PROGRESS_SECONDS):
            if ready is pool.writer.control:
                _, batch, failed = pool.receive()
                self._failed += failed
                pool.received(batch)
            elif isinstance(ready, int) and sentinels[ready] in pool.workers:
                pool.replace(sentinels[ready])
        for worker, detail in self._time_limits.overdue(pool.workers):
            pool.end(worker, detail)

    def _read(self) -> None:
        try:
            for number, path in enumerate(self._plan.sources):
                source = open_source(path, self._plan.limits, salvage=self._plan.salvage)
                try:
                    self._give_out(number, source)
                finally:
                    source.close()
            while (batch := self._pool.next_reread()) is not None:
                self._read_again(batch)
        except BaseException as error:  # noqa: BLE001 - raised again by the main thread
            self._error = error
            self._pool.fail()
        finally:
            self._reading_open.close()

    def _give_out(self, number: int, source: Source) -> None:
        for piece in self._batcher.batches_of(number, source):
            batch = piece.batch if isinstance(piece, StreamedMember) else piece
            if batch.number in self._done:
                self._done.check(batch, self._plan.labels[number])
                continue
            worker = self._pool.dispatch(batch)
            if worker is None:
                return
            if isinstance(piece, StreamedMember):
                _pump(piece, worker)
        if source.findings:
            self._findings[number] = list(source.findings)

    def _read_again(self, batch: Batch) -> None:
        """Give a streamed member out again whose worker has died: its source is read once more."""
        worker = self._pool.dispatch(batch)
        self._pool.rereads.popleft()
        if worker is None:
            return
        path = self._plan.sources[batch.source]
        source = open_source(path, self._plan.limits, salvage=self._plan.salvage)
        try:
            wanted = {member.entry.index for member in batch.members if member.content is not None}
            for entry, stream in source.forward():
                if entry.index in wanted:
                    _pump(StreamedMember(batch, stream), worker)
                    return
            worker.send(("unreadable", "the member was not found again; has the source changed since?"))
        finally:
            source.close()


def _pump(member: StreamedMember, worker: WorkerHandle) -> None:
    """Send a streamed member's content in pieces; stops without a word if the worker dies."""
    try:
        while piece := member.stream.read(_PIECE_BYTES):
            if not worker.send(piece):
                return
        worker.send(b"")
    except MemberError as error:
        worker.send((error.reason, error.detail))


def _no_progress(_members: int, _bytes: int, _failed: int) -> None:
    return


def _always(_failed: int) -> bool:
    return True
