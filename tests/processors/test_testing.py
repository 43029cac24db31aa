"""The tests for processors notice what they are for."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

from zarrpack.errors import MemberError
from zarrpack.processors.base import Block, Member, Metadata, Processor
from zarrpack.processors.testing import ProcessorConformance, read_member, rows_of


@dataclass(frozen=True)
class Lines(Processor):
    """A good processor, for others to be broken in one thing each."""

    name: ClassVar[str] = "lines"

    def accepts(self, head: bytes, name: str) -> bool:
        """Take all names of one suffix."""
        return name.endswith(".lines")

    def read(self, member: Member) -> Iterator[Block | Metadata]:
        """Give the lines, and their lengths."""
        lines = member.read().split(b"\n")
        yield Block("lines", "line", ("row",), lines)
        yield Block("lines", "length", ("row",), np.array([*map(len, lines)]))
        yield Metadata({"lines": len(lines)})


class Conformance(ProcessorConformance):
    """The checks over one processor, to be called one by one."""

    def __init__(self, processor: Processor) -> None:
        self._processor = processor

    def processor(self) -> Processor:
        """Give the one under test."""
        return self._processor

    def members(self) -> Mapping[str, bytes]:
        """Give one member."""
        return {"a.lines": b"one\ntwo"}

    def refused(self) -> Mapping[str, bytes]:
        """Give one of another name."""
        return {"a.txt": b""}


CHECKS = sorted(name for name in vars(ProcessorConformance) if name.startswith("test_"))


@pytest.mark.parametrize("check", CHECKS)
def test_a_good_processor_passes(check: str) -> None:
    """Each check, on a processor that keeps the contract."""
    assert getattr(Conformance(Lines()), check)() is None


@dataclass(frozen=True)
class Unpicklable(Lines):
    """Its option is no value."""

    made: Any = (lambda: 1,)


class AcceptsAll(Lines):
    """Takes everything."""

    def accepts(self, head: bytes, name: str) -> bool:
        """Say yes."""
        return True


class RaisesOnNames(Lines):
    """Cannot bear a name without a suffix."""

    def accepts(self, head: bytes, name: str) -> bool:
        """Look at the suffix."""
        return name.split(".")[1] == "lines"


class Yields(Lines):
    """Gives blocks that are set from outside."""

    blocks: ClassVar[list[Block]] = []
    metadata: ClassVar[Metadata] = Metadata()

    def read(self, member: Member) -> Iterator[Block | Metadata]:
        """Give them."""
        member.read()
        yield from self.blocks
        yield self.metadata


class ReadsBytesOnly(Lines):
    """Takes a stream for bytes."""

    def read(self, member: Member) -> Iterator[Block | Metadata]:
        """Give the first byte."""
        content = member.content if isinstance(member.content, bytes) else b"?"
        yield Block("lines", "line", ("row",), [content])
        yield Metadata()


class Random(Lines):
    """Gives something else each time."""

    def read(self, member: Member) -> Iterator[Block | Metadata]:
        """Give a number."""
        yield Block("lines", "line", ("row",), [str(random.random())])
        yield Metadata()


class BreaksOnDamage(Lines):
    """Raises what it likes on a member that is not whole."""

    def read(self, member: Member) -> Iterator[Block | Metadata]:
        """Demand the end."""
        if not member.read().endswith(b"two"):
            raise IndexError("cut")
        yield from super().read(member)


class WrongShape(Lines):
    """Announces another shape than it gives."""

    def shape(self, member: Member) -> tuple[int, ...] | None:
        """Give any."""
        return (1, 2, 3)


def yielding(*blocks: Block, metadata: Metadata | None = None) -> Processor:
    """Make a processor that gives these."""
    given: Processor = type("Given", (Yields,), {"blocks": [*blocks], "metadata": metadata or Metadata()})()
    return given


@pytest.mark.parametrize(
    ("check", "processor"),
    [
        ("test_it_survives_pickling", Unpicklable()),
        ("test_options_survive_json", Unpicklable()),
        ("test_accepts_its_own_members_only", AcceptsAll()),
        ("test_accepts_never_raises", RaisesOnNames()),
        ("test_blocks_are_well_formed", yielding(Block("g", "a", ("x", "y"), ["one axis"]))),
        ("test_blocks_are_well_formed", yielding(Block("g", "", ("x",), ["no name"]))),
        ("test_blocks_are_well_formed", yielding(Block("g", "a", ("x",), ["\ud800"]))),
        (
            "test_arrays_of_a_dimension_are_equally_long",
            yielding(*(Block("g", n, ("x",), ["r"] * len(n)) for n in ("a", "bb"))),
        ),
        ("test_metadata_is_json", yielding(metadata=Metadata({"x": float("nan")}))),
        ("test_metadata_is_json", yielding(metadata=Metadata(notes=("two\nlines",)))),
        ("test_streams_and_bytes_give_the_same", ReadsBytesOnly()),
        ("test_streams_and_bytes_give_the_same", Random()),
        ("test_damage_gives_member_errors_only", BreaksOnDamage()),
        ("test_shape_is_that_of_the_pixels", WrongShape()),
    ],
)
def test_a_broken_processor_fails(check: str, processor: Processor) -> None:
    """Each check notices the fault that it is for."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - the fault's own error, or that of an assert
        getattr(Conformance(processor), check)()

    assert not isinstance(caught.value, MemberError)


def test_every_check_has_a_fault_that_it_notices() -> None:
    """No check above is only ever passed."""
    marks = test_a_broken_processor_fails.pytestmark  # type: ignore[attr-defined]

    assert {check for check, _ in marks[0].args[1]} == {*CHECKS}


def test_metadata_must_come_once_and_last() -> None:
    """Anything else is no reading."""
    for pieces in (
        [],
        [Block("g", "a", ("x",), ["r"])],
        [Metadata(), Metadata()],
        [Metadata(), Block("g", "a", ("x",), [])],
    ):
        broken = type("Broken", (Lines,), {"read": lambda self, member, pieces=pieces: iter(pieces)})()
        with pytest.raises(AssertionError, match="then one Metadata"):
            read_member(broken, "a", b"")


def test_rows_are_joined_over_blocks() -> None:
    """Of arrays and of lists; an array that is not there is an error."""
    blocks = [
        Block("g", "n", ("x",), np.array([1])),
        Block("g", "s", ("x",), ["a"]),
        Block("g", "n", ("x",), np.array([2])),
    ]

    assert rows_of(blocks, "n").tolist() == [1, 2]
    assert rows_of(blocks, "s") == ["a"]
    with pytest.raises(KeyError):
        rows_of(blocks, "t")
