"""The worker processes as the parent sees them: started, fed, watched, replaced."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from zarrpack.converters.pipeline.lifeline import interrupts_held
from zarrpack.converters.pipeline.messages import Batch
from zarrpack.converters.pipeline.process_start import ProcessContext
from zarrpack.converters.pipeline.slots import (
    BATCH,
    BYTES_DONE,
    CURRENT,
    FAILED,
    FINISHING,
    IDLE,
    MEMBERS_DONE,
    READY,
    SLOT_SIZE,
)
from zarrpack.converters.pipeline.worker_process import run_worker

__all__ = ["OUTSTANDING", "WorkerHandle", "start_worker"]

#: Batches that a worker may have at a time: one in hand, one waiting, so that it never idles.
OUTSTANDING = 2


@dataclass(slots=True)
class WorkerHandle:
    """One worker process and the thread that feeds it.

    Attributes
    ----------
    index : int
        Which of the writer's queues is its own.
    outstanding : dict of int to Batch
        Batches given to it that the writer has not received yet, in the order given.
    """

    index: int
    process: BaseProcess
    slot: Any
    _tasks: Connection
    _feed: queue.Queue[Any] = field(default_factory=lambda: queue.Queue(maxsize=8))
    outstanding: dict[int, Batch] = field(default_factory=dict)
    dead: bool = False

    def start_feeding(self) -> None:
        """Start the thread that sends tasks, so that a busy worker never blocks the parent."""
        threading.Thread(target=self._send_all, daemon=True).start()

    def send(self, message: Any) -> bool:
        """Queue a task or a piece of a streamed member; False if the worker is dead."""
        while not self.dead:
            try:
                self._feed.put(message, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def current(self) -> int | None:
        """Give the number of the member in hand, also after the worker's death; None: none."""
        number = int(self.slot[CURRENT])
        return None if number in (IDLE, FINISHING) else number

    def batch(self) -> int:
        """Give the number of the batch that it was given last, also after the worker's death."""
        return int(self.slot[BATCH])

    def is_finishing(self) -> bool:
        """Whether it encodes, or died encoding, what is left of a batch whose members have all been read."""
        return int(self.slot[CURRENT]) == FINISHING

    def doing(self) -> tuple[int, int, int] | None:
        """Give what differs from one piece of work to the next; None: it waits."""
        current = int(self.slot[CURRENT])
        return None if current == IDLE else (self.batch(), current, int(self.slot[MEMBERS_DONE]))

    def was_ready(self) -> bool:
        """Whether it ever got so far as to take work."""
        return bool(self.slot[READY])

    def progress(self) -> tuple[int, int, int]:
        """Give members done, bytes read and members failed so far."""
        return int(self.slot[MEMBERS_DONE]), int(self.slot[BYTES_DONE]), int(self.slot[FAILED])

    def stop(self) -> None:
        """Kill the process, if it still runs."""
        self.dead = True
        self.process.kill()
        self.process.join()
        with suppress(queue.Full):
            self._feed.put_nowait(None)

    def _send_all(self) -> None:
        try:
            while not self.dead:
                message = self._feed.get()
                self._tasks.send(message)
                if message is None:
                    return
        except Exception:  # noqa: BLE001 - whatever it was, the task has not arrived: the worker is replaced
            self.dead = True
            self.process.kill()
        finally:
            self._tasks.close()


def start_worker(
    context: ProcessContext, index: int, results: Any, target: Callable[..., None] = run_worker
) -> WorkerHandle:
    """Start one worker process. The first thing to send it is its configuration.

    Parameters
    ----------
    context : ProcessContext
        Starts processes that share no locks and no file offsets with this one.
    index : int
        Which of the writer's queues it gets.
    results : multiprocessing.Queue
        Its own queue to the writer.
    target : callable
        What it runs; tests put a worker of their own here.
    """
    receiver, sender = context.Pipe(duplex=False)
    slot = context.RawArray("q", SLOT_SIZE)
    slot[CURRENT] = IDLE
    process = context.Process(
        target=target, args=(receiver, results, slot), name=f"zarrpack-worker-{index}", daemon=True
    )
    with interrupts_held():
        process.start()
    receiver.close()
    handle = WorkerHandle(index, process, slot, sender)
    handle.start_feeding()
    return handle
