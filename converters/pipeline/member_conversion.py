"""One member: its content is read, checked and hashed, and a processor's blocks go to the encoder."""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from typing import BinaryIO, Literal, TypeAlias, cast

from zarrpack.converters.pipeline.batching import BATCH_BYTES
from zarrpack.converters.pipeline.messages import BatchMember, MemberResult
from zarrpack.errors import MemberError, SourceError
from zarrpack.processors.archives.base import Entry, Source
from zarrpack.processors.base import HEAD_BYTES, Block, Member, Metadata, Processor
from zarrpack.processors.limits import Limits
from zarrpack.processors.magic import is_mismatch
from zarrpack.processors.registry import choose
from zarrpack.processors.replay import ReplayStream
from zarrpack.storage.base import MemberDescription
from zarrpack.storage.pack_encoder import PackEncoder

__all__ = ["SKIP_REASONS", "MemberConverter", "TaskPieces"]

#: A member's content: whole, as a stream, in pieces from the parent, or to be read from its source.
Content: TypeAlias = "bytes | BinaryIO | TaskPieces | Source | None"

#: Reasons by which a processor says that it leaves a member out on purpose.
SKIP_REASONS = frozenset({"policy"})


class TaskPieces(io.RawIOBase):
    """The stream of a member whose content arrives in pieces on the task pipe.

    A piece is bytes; empty bytes end the content, and a pair (reason, detail) says that reading failed.
    """

    def __init__(self, tasks: Connection) -> None:
        super().__init__()
        self._tasks = tasks
        self._rest = b""
        self._ended = False

    def readable(self) -> bool:
        """True."""
        return True

    def read(self, size: int | None = -1) -> bytes:
        """Give up to `size` bytes, all if negative.

        Raises
        ------
        MemberError
            If the parent could not read the member.
        """
        wanted = -1 if size is None else size
        parts: list[bytes] = []
        have = 0
        while wanted < 0 or have < wanted:
            if not self._rest and not self._next():
                break
            piece = self._rest if wanted < 0 else self._rest[: wanted - have]
            self._rest = self._rest[len(piece) :]
            parts.append(piece)
            have += len(piece)
        return b"".join(parts)

    def _next(self) -> bool:
        if self._ended:
            return False
        piece = self._tasks.recv()
        if isinstance(piece, tuple):
            self._ended = True
            raise MemberError(*piece)
        self._rest = piece
        self._ended = not piece
        return not self._ended

    def close(self) -> None:
        """Take what is left off the pipe, so that the next task can be read."""
        while not self._ended:
            try:
                self._next()
            except MemberError:
                break
        super().close()


@dataclass(slots=True)
class MemberConverter:
    """Converts members with a list of processors; one per worker process, not safe for threads."""

    processors: Sequence[Processor]
    limits: Limits

    def convert(
        self,
        member: BatchMember,
        source: int,
        label: str,
        content: Content,
        encoder: PackEncoder,
    ) -> MemberResult:
        """Put one member into the encoder and say what became of it.

        Parameters
        ----------
        member : BatchMember
            What to convert.
        source : int
            Which of the run's sources it is from.
        label : str
            How that source is called in descriptions.
        content : bytes, binary stream, TaskPieces, Source or None
            The content, where to read it, or None if the verdict is known.
        encoder : PackEncoder
            Gets the blocks. Its state is sound afterwards, whatever the member did.

        Returns
        -------
        MemberResult
            Stored, skipped or failed; never raises for what a member does.
        """
        started = time.process_time()
        guess = choose(self.processors, b"", member.entry.name)
        result = MemberResult(
            number=member.number,
            source=source,
            entry=replace(member.entry, locator=None),
            state="failed",
            notes=member.entry.notes,
            size=member.entry.size,
            processor=guess.name if guess else "",
            is_record=bool(guess and guess.is_record),
        )
        if member.verdict is not None:
            state, reason, detail = member.verdict
            return replace(result, state=state, reason=reason, detail=detail)
        result = self._store(result, member.entry, label, content, encoder)
        if isinstance(content, TaskPieces):
            content.close()
        return replace(result, seconds=time.process_time() - started)

    def _store(
        self,
        result: MemberResult,
        entry: Entry,
        label: str,
        content: Content,
        encoder: PackEncoder,
    ) -> MemberResult:
        local = encoder.members
        reading = _Reading(result)
        try:
            encoder.begin_member()
            reading.open(_content_of(content, entry), self.processors, self.limits)
            description = reading.put_into(encoder, f"{label}/{entry.name}")
            for note in content.content_notes if isinstance(content, Source) else ():
                reading.note(note)
            encoder.end_member(description)
        except Exception as error:  # noqa: BLE001 - whatever a processor raises costs its member only
            encoder.abandon_member()
            reason, detail = _reason_of(error, reading.result.processor)
            state: Literal["skipped", "failed"] = "skipped" if reason in SKIP_REASONS else "failed"
            return replace(reading.result, state=state, reason=reason, detail=detail)
        return replace(reading.result, state="stored", local=local)


class _Reading:
    """One member between its first byte and its last; `result` says how far it got."""

    def __init__(self, result: MemberResult) -> None:
        self.result = result
        self._stream: ReplayStream | None = None
        self._member: Member | None = None
        self._processor: Processor | None = None

    def open(self, content: bytes | BinaryIO | TaskPieces, processors: Sequence[Processor], limits: Limits) -> None:
        name = self.result.entry.name
        if isinstance(content, bytes):
            head = content[:HEAD_BYTES]
            self._member = Member(name, head, content, limits)
            self.result = replace(self.result, size=len(content), sha256=hashlib.sha256(content).digest())
        else:
            head = content.read(HEAD_BYTES)
            self._stream = ReplayStream(head, cast(BinaryIO, content))
            self._member = Member(name, head, cast(BinaryIO, self._stream), limits)
        if is_mismatch(head, name):
            self.note("type_mismatch")
        if not head:
            self.note("empty")
        self._processor = choose(processors, head, name)
        if self._processor is None:
            raise MemberError("policy", "no processor reads this content")
        self.result = replace(self.result, processor=self._processor.name, is_record=self._processor.is_record)

    def note(self, note: str) -> None:
        """Add a note."""
        self.result = replace(self.result, notes=(*self.result.notes, note))

    def put_into(self, encoder: PackEncoder, description: str) -> MemberDescription:
        assert self._processor is not None
        assert self._member is not None
        metadata = _put_blocks(self._processor.read(self._member), encoder)
        if self._stream is not None:
            # Only at its end does a source know whether the content was whole.
            size = self._stream.drain()
            self.result = replace(self.result, size=size, sha256=self._stream.sha256())
        # A stranger's processor may give anything here, and what cannot be pickled would be lost in the queue.
        notes = tuple(str(note) for note in metadata.notes)
        self.result = replace(self.result, notes=self.result.notes + notes, media_type=str(metadata.media_type))
        return MemberDescription(self.result.entry.name, description, metadata.values, metadata.record)


def _put_blocks(pieces: Iterable[Block | Metadata], encoder: PackEncoder) -> Metadata:
    metadata = Metadata()
    for piece in pieces:
        if isinstance(piece, Block):
            encoder.add(piece)
        else:
            metadata = piece
    return metadata


def _content_of(content: Content, entry: Entry) -> bytes | BinaryIO | TaskPieces:
    if not isinstance(content, Source):
        return content if content is not None else b""
    if entry.size is not None and entry.size <= BATCH_BYTES:
        return content.read_content(entry)
    return content.open(entry)


def _reason_of(error: Exception, processor: str) -> tuple[str, str]:
    if isinstance(error, MemberError):
        return error.reason, error.detail
    if isinstance(error, (SourceError, OSError)):
        return "unreadable", f"the source could not be read: {error}"
    if isinstance(error, MemoryError):
        return "limit_memory", "it needs more memory than a worker process may have; raise the limit memory_bytes"
    return "processor_error", f"processor {processor!r} raised {type(error).__name__}: {error}"
