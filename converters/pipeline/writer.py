"""The writer process: lays chunks into packs, makes them durable, and journals them.

One thread per worker's queue writes that worker's packs, so that a queue which a dying worker has spoiled
stops only its own thread. The main thread commits: it makes finished packs durable and journals them
together, at most every 0.2 s or 64 MB. It imports no numpy and decodes nothing.
"""

from __future__ import annotations

import queue
import signal
import sqlite3
import threading
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zarrpack.converters.pipeline.journal import open_journal, record_batches
from zarrpack.converters.pipeline.lifeline import exit_with_parent
from zarrpack.converters.pipeline.pack_files import FinishedBatch, PackFiles
from zarrpack.storage.durability import sync_file, sync_folder

if TYPE_CHECKING:
    from multiprocessing.queues import Queue

__all__ = ["run_writer"]

_COMMIT_SECONDS = 0.2
_COMMIT_BYTES = 64 << 20


def run_writer(folder: str, stem: str, journal: str, queues: Sequence[Queue[Any]], control: Connection) -> None:
    """Write until told to finish.

    Parameters
    ----------
    folder : str
        Where the packs go; it must exist.
    stem : str
        First part of the packs' names.
    journal : str
        The journal's path; it must exist.
    queues : sequence of multiprocessing.Queue
        One per worker, spare ones for replacements included.
    control : Connection
        Takes ("abandon", queue index) and ("finish",); gives ("received", batch number, failed members) when it
        has a batch whole, ("error", errno, message) when nothing more can be written, ("bug", None, message) when it
        cannot go on for another reason, and ("finished",) when all is journalled.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    exit_with_parent()
    try:
        _Writer(Path(folder), stem, Path(journal), queues, control).run()
    except OSError as error:
        control.send(("error", error.errno, str(error)))
    except sqlite3.OperationalError as error:
        control.send(("error", None, f"journal: {error}"))
    except Exception as error:  # noqa: BLE001 - the parent must hear of it, whatever it is
        control.send(("bug", None, f"{type(error).__name__}: {error}"))


class _Writer:
    def __init__(
        self, folder: Path, stem: str, journal: Path, queues: Sequence[Queue[Any]], control: Connection
    ) -> None:
        self._folder = folder
        self._journal = open_journal(journal)
        self._control = control
        self._inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._readers = [_QueueReader(one, PackFiles(folder, stem), self._inbox) for one in queues]
        # What a writer before this one has stored: of a run that was stopped, or of processes that were started anew.
        self._stored = {number for (number,) in self._journal.execute("SELECT number FROM batches")}
        self._waiting: list[FinishedBatch] = []

    def run(self) -> None:
        for reader in self._readers:
            reader.start()
        threading.Thread(target=self._listen, daemon=True).start()
        due: float | None = None
        while True:
            timeout = None if due is None else max(0.0, due - time.monotonic())
            message = self._next(timeout)
            if isinstance(message, FinishedBatch):
                self._waiting.append(message)
                failed = sum(member.state == "failed" for member in message.members)
                self._control.send(("received", message.number, failed))
                due = due or time.monotonic() + _COMMIT_SECONDS
            elif isinstance(message, OSError):
                raise message
            elif message == "finish":
                break
            if (due is not None and time.monotonic() >= due) or self._waiting_bytes() >= _COMMIT_BYTES:
                self._commit()
                due = None
        self._commit()
        self._journal.close()
        self._control.send(("finished",))

    def _next(self, timeout: float | None) -> Any:
        try:
            return self._inbox.get(timeout=timeout)
        except queue.Empty:
            return None

    def _listen(self) -> None:
        while True:
            try:
                message = self._control.recv()
            except (EOFError, OSError):
                return
            if message[0] == "abandon":
                self._readers[message[1]].abandoned = True
            else:
                self._inbox.put(message[0])

    def _waiting_bytes(self) -> int:
        return sum(batch.size for batch in self._waiting)

    def _commit(self) -> None:
        fresh = []
        for batch in self._waiting:
            # A worker may have been killed after its last word: then the batch came a second time.
            if batch.number in self._stored:
                if batch.temporary is not None:
                    batch.temporary.unlink()
                continue
            self._stored.add(batch.number)
            fresh.append(batch)
        self._waiting = []
        if not fresh:
            return
        for batch in fresh:
            if batch.temporary is not None:
                sync_file(batch.temporary)
                batch.temporary.replace(self._folder / batch.file)
        sync_folder(self._folder)
        record_batches(self._journal, fresh)


class _QueueReader(threading.Thread):
    """Reads one worker's queue; a daemon, for a killed worker may leave it waiting for ever."""

    def __init__(self, source: Queue[Any], files: PackFiles, inbox: queue.SimpleQueue[Any]) -> None:
        super().__init__(daemon=True)
        self._source = source
        self._files = files
        self._inbox = inbox
        self.abandoned = False

    def run(self) -> None:
        try:
            while (tuples := self._source.get()) is not None and not self.abandoned:
                for entry in tuples:
                    if entry[0] == "chunk":
                        self._files.chunk(entry)
                    else:
                        self._inbox.put(self._files.end(entry))
        except OSError as error:
            self._inbox.put(error)
        except Exception as error:  # noqa: BLE001 - unpickling a cut message may raise anything
            # A killed worker's last message may be cut: what it held is sent again by another worker.
            if not self.abandoned:
                self._inbox.put(OSError(None, f"a worker's message could not be read: {error}"))
