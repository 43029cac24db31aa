"""Where a worker process starts; the parent imports this, so that it need not import what the worker does."""

from __future__ import annotations

import os
import signal
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from zarrpack.converters.pipeline.lifeline import exit_with_parent

if TYPE_CHECKING:
    from multiprocessing.queues import Queue

__all__ = ["run_worker"]


def run_worker(tasks: Connection, results: Queue[Any], slot: Any) -> None:
    """Work until the task pipe says None or closes.

    Parameters
    ----------
    tasks : Connection
        Gives a WorkerConfiguration first, then Batch objects and pieces of streamed members, and None at the end.
    results : multiprocessing.Queue
        Takes lists of tuples for the writer. Only this worker puts into it.
    slot : shared array of `SLOT_SIZE` int64
        Where the worker says what it is doing.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C means
    exit_with_parent()
    # What cannot be pickled, or for want of memory is not, would else be dropped without a word.
    results._on_queue_feeder_error = lambda _error, _message: os._exit(1)  # type: ignore[attr-defined]
    # While this is imported the parent imports its own part.
    from zarrpack.converters.pipeline.worker import work

    try:
        work(tasks, results, slot)
    except EOFError:
        # The parent is gone: nobody will read what is still in the queue.
        results.cancel_join_thread()
    except Exception:  # noqa: BLE001 - the parent replaces this process and finds the member to blame
        os._exit(1)
