"""The writer process as the parent sees it: started, told, heard, ended."""

from __future__ import annotations

import errno
import time
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from zarrpack.converters.pipeline.lifeline import interrupts_held
from zarrpack.converters.pipeline.process_start import ProcessContext
from zarrpack.converters.pipeline.writer import run_writer
from zarrpack.errors import OutputRefused, WorkerError

__all__ = ["WriterHandle", "start_writer"]

#: How long to wait for the exit code of a process whose pipe has closed, and for the last commit of a run that is stopped.
_EXIT_SECONDS = 5


class WriterHandle:
    """One writer process. Used by the main thread only.

    Parameters
    ----------
    process : BaseProcess
        The process, started.
    control : Connection
        This end of the pipe to it.
    """

    def __init__(self, process: BaseProcess, control: Connection) -> None:
        self.process = process
        self.control = control

    def tell(self, *message: Any) -> None:
        """Send a message; see :func:`zarrpack.converters.pipeline.writer.run_writer`."""
        # If it is gone, what it said last is still in the pipe, and tells more than this would.
        with suppress(OSError):
            self.control.send(message)

    def receive(self) -> tuple[Any, ...]:
        """Take one of its messages.

        Raises
        ------
        OutputRefused
            If the message says that it could not write.
        WorkerError
            If it has died, or the message says that it cannot go on.
        """
        try:
            message: tuple[Any, ...] = self.control.recv()
        except (EOFError, OSError) as error:
            self.process.join(_EXIT_SECONDS)
            raise WorkerError(
                f"the writer process died (exit code {self.process.exitcode}); nothing was published"
            ) from error
        if message[0] == "bug":
            raise WorkerError(f"the writer process cannot go on: {message[2]}; nothing was published")
        if message[0] == "error":
            raise OutputRefused(
                message[1] or errno.EIO, f"the output could not be written: {message[2]}; nothing was published"
            )
        return message

    def settle(self) -> None:
        """Let it commit what it has whole, for a run that is being stopped; waits a few seconds at the most."""
        self.tell("finish")
        deadline = time.monotonic() + _EXIT_SECONDS
        with suppress(EOFError, OSError):
            while self.control.poll(max(0.0, deadline - time.monotonic())):
                if self.control.recv()[0] != "received":
                    return

    def kill(self) -> None:
        """End it at once; what is durable stays. Idempotent."""
        self.process.kill()
        self.process.join()


def start_writer(context: ProcessContext, folder: str, stem: str, journal: str, queues: Sequence[Any]) -> WriterHandle:
    """Start the writer process.

    Parameters
    ----------
    context : ProcessContext
        How it is started; as the workers are.
    folder, stem, journal : str
        Where packs go, how they are called, and where the journal is.
    queues : sequence of multiprocessing.Queue
        One per worker, spare ones for replacements included.
    """
    control, other = context.Pipe()
    process = context.Process(
        target=run_writer, args=(folder, stem, journal, queues, other), name="zarrpack-writer", daemon=True
    )
    with interrupts_held():
        process.start()
    other.close()
    return WriterHandle(process, control)
