"""The pool of worker processes and the writer: who has which batch, and what happens when one dies."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from zarrpack.converters.pipeline.deaths import Deaths
from zarrpack.converters.pipeline.lifeline import start_resource_tracker
from zarrpack.converters.pipeline.messages import STREAMED, Batch, WorkerConfiguration
from zarrpack.converters.pipeline.process_start import process_context
from zarrpack.converters.pipeline.worker_process import run_worker
from zarrpack.converters.pipeline.workers import OUTSTANDING, WorkerHandle, start_worker
from zarrpack.converters.pipeline.writer_handle import start_writer
from zarrpack.errors import OutputRefused, WorkerError

__all__ = ["Pool"]

#: Messages that wait in one worker's queue; each holds a megabyte, or one larger chunk.
_QUEUE_MESSAGES = 4

_NOT_READY = (
    "a worker process ended before it could start (exit code {code}). Most often a script calls zarrpack.convert at "
    'its top level, or is read from standard input: save it as a file and put the call under `if __name__ == "__main__":`'
    ", for every worker imports the script again"
)


class Pool:
    """Worker processes with one queue each, and the one writer process that reads them all.

    The reading thread calls `dispatch`; the main thread calls everything else.

    The processes start at once; where :func:`prepare_processes` was called early they have all imports behind them.

    Parameters
    ----------
    workers : int
        How many there are.
    folder, stem, journal : Path, str, Path
        Where the writer puts packs, how they are called, and where it keeps the journal.
    spares : int
        Queues for replacements. When they are used up, writer and workers are all started anew.
    target : callable
        What a worker process runs; tests put a worker of their own here.
    """

    def __init__(
        self,
        workers: int,
        *,
        folder: Path,
        stem: str,
        journal: Path,
        spares: int = 8,
        target: Callable[..., None] = run_worker,
    ) -> None:
        self._configuration: WorkerConfiguration | None = None
        self._count = workers
        self._writer_arguments = (str(folder), stem, str(journal))
        self._was_ready = False
        self._spares = spares
        self._target = target
        self._context = process_context()
        self._changed = threading.Condition()
        self._deaths = Deaths()
        self._past = (0, 0, 0)
        self._failed = False
        self.rereads: deque[Batch] = deque()
        start_resource_tracker()
        self._start()

    def _start(self) -> None:
        queues = [self._context.Queue(_QUEUE_MESSAGES) for _ in range(self._count + self._spares)]
        # Workers first: they take longest to start.
        self.workers = [self._worker(index, queues[index]) for index in range(self._count)]
        self.writer = start_writer(self._context, *self._writer_arguments, queues)
        self._queues = queues
        self._next_queue = self._count

    def _worker(self, index: int, results: Any) -> WorkerHandle:
        worker = start_worker(self._context, index, results, self._target)
        if self._configuration is not None:
            worker.send(self._configuration)
        return worker

    def configure(self, configuration: WorkerConfiguration) -> None:
        """Tell the workers, and all that will replace them, what they work on. Before the first `dispatch`."""
        self._configuration = configuration
        for worker in self.workers:
            worker.send(configuration)

    def dispatch(self, batch: Batch) -> WorkerHandle | None:
        """Give a batch to the worker with the least to do, waiting until one has room.

        Returns
        -------
        WorkerHandle or None
            The worker; None if the run has failed meanwhile.
        """
        with self._changed:
            while not self._failed:
                worker = min(self.workers, key=lambda one: len(one.outstanding))
                if len(worker.outstanding) < OUTSTANDING:
                    worker.outstanding[batch.number] = batch
                    break
                self._changed.wait()
            else:
                return None
        worker.send(batch)
        return worker

    def received(self, batch: int) -> None:
        """Take note that the writer has a batch whole: its worker's death no longer matters to it."""
        with self._changed:
            for worker in self.workers:
                worker.outstanding.pop(batch, None)
            for waiting in [one for one in self.rereads if one.number == batch]:
                self.rereads.remove(waiting)
            self._deaths.progress()
            self._changed.notify_all()

    def outstanding(self) -> int:
        """Count the batches that are with workers or must be read again."""
        with self._changed:
            return sum(len(worker.outstanding) for worker in self.workers) + len(self.rereads)

    def next_reread(self) -> Batch | None:
        """Wait for a batch whose streamed content must be read again.

        Returns
        -------
        Batch or None
            The batch, which stays in `rereads` until it has been given out; None when nothing is outstanding
            any more or the run has failed.
        """
        with self._changed:
            while not self._failed and self.outstanding():
                if self.rereads:
                    return self.rereads[0]
                self._changed.wait()
            return None

    def fail(self) -> None:
        """Let everybody who waits go on; `dispatch` gives None from now on."""
        with self._changed:
            self._failed = True
            self._changed.notify_all()

    def end(self, worker: WorkerHandle, detail: str) -> None:
        """Kill a worker whose member takes too long; the member fails, with `detail`."""
        with self._changed:
            self._deaths.time_out(worker, detail)
        worker.process.kill()

    def notes(self) -> list[str]:
        """Give what is to be told of processes that have died."""
        more = self._deaths.count - len(self._deaths.notes)
        return [*self._deaths.notes, *([f"{more} more worker processes ended and were replaced"] if more else [])]

    def replace(self, worker: WorkerHandle) -> None:
        """Put a new process in a dead one's place and give it the same batches.

        Raises
        ------
        WorkerError
            If the worker had never been ready, or too many have died with nothing in hand.
        """
        self._was_ready = self._was_ready or any(one.was_ready() for one in self.workers)
        if not self._was_ready:
            raise WorkerError(_NOT_READY.format(code=worker.process.exitcode))
        worker.process.join()
        with self._changed:
            self._deaths.note(worker)
        if self._next_queue == len(self._queues):
            self._renew()
            return
        worker.stop()
        self.writer.tell("abandon", worker.index)
        self._replace_one(worker, self._next_queue)
        self._next_queue += 1

    def _replace_one(self, worker: WorkerHandle, index: int) -> None:
        fresh = self._worker(index, self._queues[index])
        with self._changed:
            self.workers[self.workers.index(worker)] = fresh
            # Sent before anybody else can send to it: a streamed member's pieces must not be torn apart.
            for batch in self._hand_over(worker, fresh):
                fresh.send(batch)

    def _hand_over(self, worker: WorkerHandle, fresh: WorkerHandle) -> list[Batch]:
        self._past = tuple(a + b for a, b in zip(self._past, worker.progress(), strict=True))  # type: ignore[assignment]
        again = []
        for batch in worker.outstanding.values():
            repeated = self._deaths.sentenced(batch)
            if any(member.content == STREAMED for member in repeated.members):
                self.rereads.append(repeated)
            else:
                fresh.outstanding[batch.number] = repeated
                again.append(repeated)
        worker.outstanding.clear()
        self._changed.notify_all()
        return again

    def _renew(self) -> None:
        """Start writer and workers anew, with fresh queues; nothing that is durable is done again."""
        old = self.workers
        for worker in old:
            worker.stop()
        self.finish_writer()
        with self._changed:
            self._start()
            for worker, fresh in zip(old, self.workers, strict=True):
                for batch in self._hand_over(worker, fresh):
                    fresh.send(batch)

    def finish_writer(self) -> int:
        """Let the writer commit what it has and end; give the number of failed members it tells of.

        Raises
        ------
        OutputRefused
            If it could not write.
        WorkerError
            If it has died.
        """
        self.writer.tell("finish")
        failed = 0
        while (message := self.receive())[0] != "finished":
            self.received(message[1])
            failed += message[2]
        self.writer.process.join()
        return failed

    def receive(self) -> tuple[Any, ...]:
        """Take one message of the writer's.

        Raises
        ------
        OutputRefused
            If the message says that it could not write.
        WorkerError
            If it has died.
        """
        try:
            return self.writer.receive()
        except WorkerError as error:
            if self._was_ready or any(worker.was_ready() for worker in self.workers):
                raise
            reason = _NOT_READY.format(code=self.writer.process.exitcode)
            raise WorkerError(f"{reason}; nothing was published") from error.__cause__

    def progress(self) -> tuple[int, int, int]:
        """Give members done, bytes read and members failed so far. Members tried again count twice."""
        parts = [self._past, *(worker.progress() for worker in self.workers)]
        members, read, failed = (sum(column) for column in zip(*parts, strict=True))
        return members, read, failed

    def finish(self) -> None:
        """Let the writer commit what it has whole, then end every process. What workers have in hand is lost."""
        self.fail()
        self.finish_writer()
        self.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and not issubclass(kind, (OutputRefused, WorkerError)):
            self.fail()
            for worker in self.workers:
                worker.stop()
            self.writer.settle()
        self.kill()

    def kill(self) -> None:
        """End every process at once; what is durable stays. Idempotent."""
        self.fail()
        for worker in self.workers:
            worker.stop()
        self.writer.kill()
