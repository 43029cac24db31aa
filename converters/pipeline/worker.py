"""The worker process: takes batches, reads and decodes members, and encodes them as chunks."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isal.isal_zlib import crc32

from zarrpack.converters.pipeline.member_conversion import MemberConverter, TaskPieces
from zarrpack.converters.pipeline.memory_limit import limit_memory
from zarrpack.converters.pipeline.messages import STREAMED, Batch, BatchMember, MemberResult, WorkerConfiguration
from zarrpack.converters.pipeline.pack_files import pack_name
from zarrpack.converters.pipeline.slots import BATCH, BYTES_DONE, CURRENT, FAILED, FINISHING, IDLE, MEMBERS_DONE, READY
from zarrpack.errors import SourceError
from zarrpack.processors.archives.base import Source
from zarrpack.processors.archives.registry import open_source
from zarrpack.storage.base import EncodingOptions
from zarrpack.storage.pack_encoder import PackEncoder

if TYPE_CHECKING:
    from multiprocessing.queues import Queue

    from zarrpack.storage.hdf5.spool import SpoolWriter

__all__ = ["work"]

#: Payload bytes that are gathered before they are put on the queue.
_MESSAGE_BYTES = 1 << 20


def work(tasks: Connection, results: Queue[Any], slot: Any) -> None:
    """Convert batches until there are no more; see :func:`zarrpack.converters.pipeline.worker_process.run_worker`.

    Raises
    ------
    EOFError
        If the parent has closed its end of the task pipe.
    """
    configuration: WorkerConfiguration = tasks.recv()
    limit_memory(configuration.limits.memory_bytes)
    worker = _Worker(configuration, tasks, results, slot)
    slot[READY] = 1
    while (task := tasks.recv()) is not None:
        worker.convert(task)


class _Outbox:
    """Gathers tuples of one batch and puts them on the queue in lists of bounded size."""

    def __init__(self, batch: Batch, put: Callable[[list[Any]], None]) -> None:
        self._batch = batch
        self._put = put
        self._tuples: list[Any] = []
        self._bytes = 0

    def chunk(self, key: str, payload: bytes) -> None:
        entry = ("chunk", self._batch.number, self._batch.attempt, key, payload, crc32(payload))
        self._tuples.append(entry)
        self._bytes += len(payload)
        if self._bytes >= _MESSAGE_BYTES:
            self.send()

    def end(self, first: Sequence[str], members: list[MemberResult]) -> None:
        self._tuples.append(("end", self._batch.number, self._batch.attempt, tuple(first), members))
        self.send()

    def send(self) -> None:
        self._put(self._tuples)
        self._tuples, self._bytes = [], 0


class _Worker:
    def __init__(self, configuration: WorkerConfiguration, tasks: Connection, results: Queue[Any], slot: Any) -> None:
        # Made by the parent process of this very program, never read from a file.
        processors = pickle.loads(configuration.processors)
        self._configuration = configuration
        self._converter = MemberConverter(processors, configuration.limits)
        self._tasks = tasks
        self._results = results
        self._slot = slot
        self._sources: dict[int, Source] = {}

    def convert(self, batch: Batch) -> None:
        self._slot[BATCH] = batch.number
        outbox = _Outbox(batch, self._results.put)
        encoding = replace(self._configuration.encoding, flat_pixels=batch.flat_pixels)
        spool = self._spool(batch)
        encoder = PackEncoder(outbox.chunk, encoding, spool.take if spool is not None else None)
        members = []
        for member in batch.members:
            if member.verdict is None:
                self._slot[CURRENT] = member.number
                if batch.is_careful:
                    member = self._tried_alone(batch, member, encoding)
            members.append(self._convert_one(batch, member, encoder))
            self._count(members[-1])
            self._slot[CURRENT] = IDLE
        self._slot[CURRENT] = FINISHING
        first = encoder.finish() if encoder.members else ()
        if spool is not None:
            spool.close() if first else spool.discard()
        self._slot[CURRENT] = IDLE
        outbox.end(first, members)

    def _convert_one(self, batch: Batch, member: BatchMember, encoder: PackEncoder) -> MemberResult:
        content: Any = member.content
        if content == STREAMED:
            content = TaskPieces(self._tasks)
        elif content is None and member.verdict is None:
            content = self._source_of(batch)
        if isinstance(content, str):
            member = replace(member, verdict=("failed", "unreadable", content))
        label = self._configuration.labels[batch.source]
        return self._converter.convert(member, batch.source, label, content, encoder)

    def _tried_alone(self, batch: Batch, member: BatchMember, encoding: EncodingOptions) -> BatchMember:
        """Encode a member as if it were the only one, for nothing; give it with a verdict if that cannot be done."""
        if member.content == STREAMED:
            return member  # it is alone
        encoder = PackEncoder(lambda _key, _payload: None, encoding)
        self._convert_one(batch, member, encoder)
        try:
            if encoder.members:
                encoder.finish()
        except Exception as error:  # noqa: BLE001 - what a member's values do to the encoder costs that member
            detail = f"its values cannot be encoded: {type(error).__name__}: {error}"
            return replace(member, verdict=("failed", "processor_error", detail))
        return member

    def _spool(self, batch: Batch) -> SpoolWriter | None:
        """Give what takes the chunks of an HDF5 mirror; None: there is to be none."""
        mirror = self._configuration.mirror
        if mirror is None:
            return None
        from zarrpack.storage.hdf5.spool import SpoolWriter, spool_path

        pack = Path(mirror.folder, pack_name(mirror.stem, batch.number))
        return SpoolWriter(spool_path(pack), mirror.compression)

    def _count(self, result: MemberResult) -> None:
        self._slot[MEMBERS_DONE] += 1
        self._slot[BYTES_DONE] += result.size or 0
        self._slot[FAILED] += result.state == "failed"

    def _source_of(self, batch: Batch) -> Source | str:
        """Give the batch's source, or why it cannot be opened (any more)."""
        if batch.source not in self._sources:
            for other in self._sources.values():
                other.close()
            self._sources.clear()
            path = Path(self._configuration.sources[batch.source])
            try:
                self._sources[batch.source] = open_source(path, self._configuration.limits)
            except (SourceError, OSError) as error:
                return f"the source cannot be opened: {error}"
        return self._sources[batch.source]
