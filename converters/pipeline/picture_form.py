"""Which form the run's pixels take: one array of pictures of one size, or flat.

Told from the pictures' headers, before anything is decoded. A wrong guess costs time only: the merge
converts packs whose form differs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import BinaryIO, cast

from zarrpack.converters.pipeline.messages import BatchMember
from zarrpack.converters.pipeline.selection import Selection
from zarrpack.errors import ZarrpackError
from zarrpack.processors.archives.base import Entry, Source
from zarrpack.processors.base import HEAD_BYTES, Member, Processor, SupportsShape
from zarrpack.processors.registry import choose
from zarrpack.processors.replay import ReplayStream

__all__ = ["PictureForm"]

# Of so many pictures all headers are read, of twice as many behind them every second, and so on.
_ALL_OF = 1024


@dataclass(slots=True)
class PictureForm:
    """What is known so far about the pictures of a run.

    It changes with the members in their order only, so that every run over the same input decides alike.

    Attributes
    ----------
    mixed : bool
        Whether two pictures of different shape have been seen.
    pictures : int
        How many members of the sources looked through read as pictures, by their names.
    values : int
        Pixel values of the pictures looked at: height times width times channels.
    """

    processors: Sequence[Processor]
    shape: tuple[int, ...] | None = None
    mixed: bool = False
    pictures: int = 0
    values: int = 0

    def look_through(self, source: Source, selection: Selection, limit: int | None, *, headers: bool) -> int:
        """Count a random-access source's pictures and read headers until two differ.

        The first thousand are looked at, and ever fewer of those behind them: a million headers would take minutes.

        Parameters
        ----------
        source : Source
            Must support random access.
        selection : Selection
            Members that it leaves out are not looked at.
        limit : int or None
            Look at the first `limit` members only.
        headers : bool
            Whether to read headers at all; they do not matter when nothing is decoded.

        Returns
        -------
        int
            Members looked at.
        """
        taken = 0
        for entry in source.entries():
            if limit is not None and taken >= limit:
                break
            verdict = selection.verdict(entry)
            taken += verdict is None or verdict[0] == "failed"
            # By name: reading the head of every record and table would cost as much as the pictures.
            if verdict is None and isinstance(choose(self.processors, b"", entry.name), SupportsShape):
                if headers and not self.mixed and self.pictures % (1 + self.pictures // _ALL_OF) == 0:
                    self._look_at_entry(source, entry)
                self.pictures += 1
        return taken

    def look_at(self, members: Iterable[BatchMember]) -> None:
        """Take in the pictures of a batch whose contents are at hand."""
        for member in members:
            if self.mixed:
                return
            if isinstance(member.content, bytes):
                self._see(Member(member.entry.name, member.content[:HEAD_BYTES], member.content))

    def _look_at_entry(self, source: Source, entry: Entry) -> None:
        try:
            with source.open(entry) as stream:
                head = stream.read(HEAD_BYTES)
                self._see(Member(entry.name, head, cast(BinaryIO, ReplayStream(head, stream))))
        except (ZarrpackError, OSError):
            return  # the worker will find the same and report it

    def _see(self, member: Member) -> None:
        processor: object = choose(self.processors, member.head, member.name)
        if not isinstance(processor, SupportsShape):
            return
        try:
            shape = processor.shape(member)
        except ZarrpackError:
            return
        if shape is not None:
            self.mixed = self.mixed or (self.shape is not None and shape != self.shape)
            self.shape = shape
            self.values += shape[0] * shape[1] * shape[2]
