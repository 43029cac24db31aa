"""Cuts the sources' members into batches, each of which becomes one ``.data`` file.

The borders depend on the input and on constants alone, never on the workers, so that the packs and
the dataset made of them have the same bytes for any number of workers.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from zarrpack.converters.pipeline.messages import STREAMED, Batch, BatchMember
from zarrpack.converters.pipeline.picture_form import PictureForm
from zarrpack.converters.pipeline.selection import Selection
from zarrpack.errors import MemberError
from zarrpack.processors.archives.base import Entry, Source

__all__ = ["BATCH_BYTES", "BATCH_MEMBERS", "Batcher", "StreamedMember"]

#: Members of one batch, and bytes of their contents together. A pack of 128 photographs keeps two
#: workers evenly busy and costs its metadata only once in some hundred milliseconds of work.
BATCH_MEMBERS = 128
BATCH_BYTES = 8 << 20
#: Rows that only say "skipped" are cheap, but a batch must not grow without end.
_BATCH_ROWS = 4096


@dataclass(frozen=True, slots=True)
class StreamedMember:
    """A batch of one member whose content is too large to hold: it follows in pieces.

    The stream is valid until the next batch is asked for.
    """

    batch: Batch
    stream: BinaryIO


@dataclass(slots=True)
class Batcher:
    """Walks through sources and gives batches in order.

    Parameters
    ----------
    selection : Selection
        Which members are read.
    form : PictureForm
        Decides whether a batch's pixels are flat; learns from forward-only sources as they pass.
    limit : int or None
        Members taken from all sources together; what lies behind is not listed.
    items_per_data : int or None
        Members per batch; None: `BATCH_MEMBERS`.
    only : container of int, or None
        Numbers of the members that are given out, the others are counted only; None: all.
    """

    selection: Selection
    form: PictureForm
    limit: int | None = None
    items_per_data: int | None = None
    only: Container[int] | None = None
    batches: int = 0
    members: int = 0
    taken: int = 0
    _open: list[BatchMember] = field(default_factory=list)
    _open_taken: int = 0
    _open_bytes: int = 0

    def batches_of(self, number: int, source: Source) -> Iterator[Batch | StreamedMember]:
        """Give the batches of one source, in its order.

        Parameters
        ----------
        number : int
            The source's position in the run.
        source : Source
            Read at random by the workers if it can be, else forward here.
        """
        for entry, stream in _members(source):
            if self.limit is not None and self.taken >= self.limit:
                break
            member = self._verdict_of(entry)
            if self.only is not None and member.number not in self.only:
                continue
            large = member.verdict is None and (entry.size is None or entry.size > BATCH_BYTES)
            if large or self._is_full(entry):
                yield from self._close(number)
            if large:
                yield self._alone(number, member, stream)
            else:
                self._take(_with_content(member, stream))
        yield from self._close(number)

    def _verdict_of(self, entry: Entry) -> BatchMember:
        member = BatchMember(self.members, entry, self.selection.verdict(entry))
        self.members += 1
        if member.verdict is None or member.verdict[0] == "failed":
            self.taken += 1
        return member

    def _is_full(self, entry: Entry) -> bool:
        most = self.items_per_data or BATCH_MEMBERS
        size = entry.size or 0
        return self._open_taken >= most or self._open_bytes + size > BATCH_BYTES or len(self._open) >= _BATCH_ROWS

    def _take(self, member: BatchMember) -> None:
        self._open.append(member)
        if member.verdict is None:
            self._open_taken += 1
            self._open_bytes += member.entry.size or 0

    def _alone(self, number: int, member: BatchMember, stream: BinaryIO | None) -> Batch | StreamedMember:
        if stream is None:
            self._take(member)
            return next(self._close(number))
        self._take(BatchMember(member.number, member.entry, None, STREAMED))
        return StreamedMember(next(self._close(number)), stream)

    def _close(self, number: int) -> Iterator[Batch]:
        if not self._open:
            return
        self.form.look_at(self._open)
        batch = Batch(self.batches, number, tuple(self._open), self.form.mixed)
        self.batches += 1
        self._open, self._open_taken, self._open_bytes = [], 0, 0
        yield batch


def _members(source: Source) -> Iterator[tuple[Entry, BinaryIO | None]]:
    """Pair each entry with its stream, or with None where the workers can read it themselves."""
    if source.random_access:
        return ((entry, None) for entry in source.entries())
    return iter(source.forward())


def _with_content(member: BatchMember, stream: BinaryIO | None) -> BatchMember:
    if stream is None or member.verdict is not None:
        return member
    try:
        return BatchMember(member.number, member.entry, None, stream.read())
    except MemberError as error:
        return BatchMember(member.number, member.entry, ("failed", error.reason, error.detail))
