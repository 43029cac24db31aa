"""Batching: borders depend on the input alone, every member is in one batch, large ones are streamed."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, ClassVar

from hypothesis import given
from hypothesis import strategies as st

from zarrpack.converters.pipeline.batching import BATCH_BYTES, BATCH_MEMBERS, Batcher, StreamedMember
from zarrpack.converters.pipeline.messages import STREAMED, Batch
from zarrpack.converters.pipeline.picture_form import PictureForm
from zarrpack.converters.pipeline.selection import Selection
from zarrpack.errors import MemberError
from zarrpack.processors.archives.base import Entry, Source


class Refusing(io.BytesIO):
    """A stream whose content turns out to be damaged."""

    def read(self, _size: int | None = -1) -> bytes:
        raise MemberError("crc_mismatch", "damaged")


@dataclass
class Listed(Source):
    """A source made of (name, announced size) pairs; every content is one byte."""

    random_access: ClassVar[bool] = True
    kind: ClassVar[str] = "listed"
    members: Sequence[tuple[str, int | None]] = ()

    def entries(self) -> Iterator[Entry]:
        for index, (name, size) in enumerate(self.members):
            yield Entry(index, name.encode(), name, size)

    def open(self, entry: Entry) -> BinaryIO:
        return Refusing() if "damaged" in entry.name else io.BytesIO(b"x")

    def forward(self) -> Iterator[tuple[Entry, BinaryIO]]:
        return ((entry, self.open(entry)) for entry in self.entries())

    def close(self) -> None:
        return


class Forward(Listed):
    """The same, to be read in order only."""

    random_access: ClassVar[bool] = False


def batches_of(source: Source, **options: object) -> list[Batch | StreamedMember]:
    """Cut a source into batches."""
    batcher = Batcher(Selection(exclude=("*.skip",)), PictureForm(()), **options)  # type: ignore[arg-type]
    return list(batcher.batches_of(0, source))


def plain(pieces: Sequence[Batch | StreamedMember]) -> list[Batch]:
    """Give the batches themselves."""
    return [piece.batch if isinstance(piece, StreamedMember) else piece for piece in pieces]


sizes = st.lists(
    st.one_of(st.none(), st.integers(0, 100), st.integers(BATCH_BYTES // 3, 2 * BATCH_BYTES)), max_size=300
)


@given(sizes, st.booleans(), st.one_of(st.none(), st.integers(1, 5)))
def test_every_member_is_in_one_batch_in_order(given_sizes: list[int | None], forward: bool, most: int | None) -> None:
    """No member is lost or doubled, no batch is too large, and the same input gives the same borders."""
    members = [(f"{index}.{'skip' if index % 7 == 0 else 'txt'}", size) for index, size in enumerate(given_sizes)]
    source = (Forward if forward else Listed)(Path("x"), members=members)

    batches = plain(batches_of(source, items_per_data=most))

    numbers = [member.number for batch in batches for member in batch.members]
    assert numbers == list(range(len(members)))
    assert [batch.number for batch in batches] == list(range(len(batches)))
    for batch in batches:
        read = [member for member in batch.members if member.verdict is None]
        assert len(read) <= (most or BATCH_MEMBERS)
        assert len(read) <= 1 or sum(member.entry.size or 0 for member in read) <= BATCH_BYTES
    assert plain(batches_of(source, items_per_data=most)) == batches


def test_random_access_members_carry_no_content() -> None:
    """The workers read them themselves, also large ones."""
    (first, second) = batches_of(Listed(Path("x"), members=[("a", 1), ("b", BATCH_BYTES + 1)]))

    assert isinstance(second, Batch)
    assert [member.content for batch in plain([first, second]) for member in batch.members] == [None, None]


def test_forward_members_carry_their_content_and_large_ones_a_stream() -> None:
    """A small content travels with its batch; one that is large or of unknown size follows in pieces, alone."""
    pieces = batches_of(Forward(Path("x"), members=[("a", 1), ("b", None), ("c", BATCH_BYTES + 1), ("d", 1)]))

    assert [isinstance(piece, StreamedMember) for piece in pieces] == [False, True, True, False]
    contents = [[member.content for member in batch.members] for batch in plain(pieces)]
    assert contents == [[b"x"], [STREAMED], [STREAMED], [b"x"]]


def test_a_damaged_member_of_a_forward_source_is_a_verdict() -> None:
    """Damage that is found while the parent reads fails that member only."""
    (batch,) = plain(batches_of(Forward(Path("x"), members=[("a", 1), ("damaged", 1), ("c", 1)])))

    assert [member.verdict for member in batch.members] == [None, ("failed", "crc_mismatch", "damaged"), None]


def test_a_limit_counts_the_members_that_are_taken() -> None:
    """Skipped members do not count, and what lies behind the limit is not listed."""
    source = Listed(Path("x"), members=[("a.skip", 1), ("b", 1), ("c.skip", 1), ("d", 1), ("e", 1)])

    (batch,) = plain(batches_of(source, limit=2))

    assert [member.entry.name for member in batch.members] == ["a.skip", "b", "c.skip", "d"]
