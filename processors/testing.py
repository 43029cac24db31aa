"""What every processor must do, as a class of tests; for zarrpack's own and for anybody's.

::

    class TestMine(ProcessorConformance):
        def processor(self):
            return Mine()

        def members(self):
            return {"a.mine": b"..."}
"""

from __future__ import annotations

import dataclasses
import io
import json
import pickle
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from zarrpack.errors import MemberError
from zarrpack.processors.base import HEAD_BYTES, Block, Member, Metadata, Processor, SupportsShape
from zarrpack.processors.limits import Limits

__all__ = ["ProcessorConformance", "read_member", "rows_of"]

#: First bytes and names that `accepts` must bear.
_HEADS = (b"", b"\x00", b"\xff" * HEAD_BYTES, b"{", b"[[[[", b'"', b"PK", b"\xff\xd8\xff", b"P1 " + b"#" * 4000, b"BM")
_NAMES = (
    "",
    ".",
    "..",
    "/",
    "a",
    "a.",
    ".json",
    "a/b.JPG",
    "a\\b.csv",
    "x" * 5000,
    "é.npy",
    "\\xff.txt",
    "a.tar.gz",
    "\n",
)


class _OneWay(io.RawIOBase):
    """A stream that can neither be sought nor be read at one go."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self._content = io.BytesIO(content)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self._content.read(min(len(buffer), 1000))
        buffer[: len(piece)] = piece
        return len(piece)


def read_member(
    processor: Processor, name: str, content: bytes, *, limits: Limits | None = None, as_stream: bool = False
) -> tuple[list[Block], Metadata]:
    """Read one member with a processor.

    Parameters
    ----------
    processor : Processor
        Need not accept it.
    name : str
        The member's name.
    content : bytes
        The whole content.
    limits : Limits or None
        What it may cost; None: the defaults.
    as_stream : bool
        Whether the processor gets a forward-only stream instead of bytes.

    Raises
    ------
    MemberError
        If the processor raises it.
    AssertionError
        If the processor does not end with one Metadata.

    Examples
    --------
    >>> from zarrpack.processors.text import TextProcessor
    >>> blocks, metadata = read_member(TextProcessor(), "a.txt", b"hi")
    >>> rows_of(blocks, "text"), metadata.media_type
    (['hi'], 'text/plain')
    """
    source = io.BufferedReader(_OneWay(content)) if as_stream else content
    member = Member(name, content[:HEAD_BYTES], source, limits or Limits())
    pieces = list(processor.read(member))
    if not pieces or not isinstance(pieces[-1], Metadata) or sum(isinstance(one, Metadata) for one in pieces) != 1:
        raise AssertionError(f"expected blocks and then one Metadata, found {[type(one).__name__ for one in pieces]}")
    return [one for one in pieces if isinstance(one, Block)], pieces[-1]


def rows_of(blocks: list[Block], array: str) -> Any:
    """Join the rows of one array: a list of strings or bytes, or an ndarray.

    Raises
    ------
    KeyError
        If no block is of that array.
    """
    parts = [block.rows for block in blocks if block.array == array]
    if not parts:
        raise KeyError(array)
    if isinstance(parts[0], np.ndarray):
        return np.concatenate(parts)
    return [row for part in parts for row in part]


class ProcessorConformance:
    """The contract of :class:`~zarrpack.processors.base.Processor` as tests; subclass it as ``Test...``."""

    @abstractmethod
    def processor(self) -> Processor:
        """Give the processor under test."""
        raise NotImplementedError

    @abstractmethod
    def members(self) -> Mapping[str, bytes]:
        """Give names and contents that it accepts and reads without an error."""
        raise NotImplementedError

    def refused(self) -> Mapping[str, bytes]:
        """Give names and contents that it must not accept."""
        return {}

    def test_it_survives_pickling(self) -> None:
        """A processor is sent to the worker processes: it comes back equal."""
        processor = self.processor()

        assert pickle.loads(pickle.dumps(processor)) == processor

    def test_options_survive_json(self) -> None:
        """Its fields are its options, and they are JSON values."""
        processor = self.processor()
        fields = [field.name for field in dataclasses.fields(processor)]  # type: ignore[arg-type]
        options = json.loads(json.dumps({name: getattr(processor, name) for name in fields}))

        assert type(processor)(**options) == processor

    def test_accepts_its_own_members_only(self) -> None:
        """It accepts what it reads, and not what it is said to refuse."""
        processor = self.processor()

        assert [
            name for name, content in self.members().items() if not processor.accepts(content[:HEAD_BYTES], name)
        ] == []
        assert [name for name, content in self.refused().items() if processor.accepts(content[:HEAD_BYTES], name)] == []

    def test_accepts_never_raises(self) -> None:
        """Whatever the first bytes and the name are, the answer is yes or no."""
        processor = self.processor()

        assert {type(processor.accepts(head, name)) for head in _HEADS for name in _NAMES} == {bool}

    def test_blocks_are_well_formed(self) -> None:
        """Names are text, there is a dimension per axis, and text can be encoded."""
        for blocks, _ in self._readings():
            for block in blocks:
                names = (block.group, block.array, block.signature, *block.dims, *block.shape_from)
                axes = block.rows.ndim if isinstance(block.rows, np.ndarray) else 1
                assert all(isinstance(one, str) for one in names)
                assert block.group
                assert block.array
                assert len(block.dims) == axes
                assert len(set(block.dims)) == axes
                json.dumps(dict(block.attributes), allow_nan=False)
                for row in () if isinstance(block.rows, np.ndarray) else block.rows:
                    assert isinstance(row, bytes) or row.encode("utf-8") is not None

    def test_arrays_of_a_dimension_are_equally_long(self) -> None:
        """Arrays of one group that share their first dimension have the same number of rows at the end."""
        for blocks, _ in self._readings():
            lengths: dict[tuple[str, str, str], dict[str, int]] = {}
            for block in blocks:
                arrays = lengths.setdefault((block.group, block.signature, block.dims[0]), {})
                arrays[block.array] = arrays.get(block.array, 0) + len(block.rows)
            assert [arrays for arrays in lengths.values() if len(set(arrays.values())) != 1] == []

    def test_metadata_is_json(self) -> None:
        """What is said about a member can be written as JSON, and notes are one line each."""
        for _, metadata in self._readings():
            json.dumps([dict(metadata.values), metadata.record], allow_nan=False)
            assert isinstance(metadata.media_type, str)
            assert all(isinstance(note, str) and note.isprintable() for note in metadata.notes)

    def test_streams_and_bytes_give_the_same(self) -> None:
        """It makes no difference whether the content is in memory or a forward-only stream, or read twice."""
        processor = self.processor()
        for name, content in self.members().items():
            first, second = (_plain(read_member(processor, name, content, as_stream=one)) for one in (False, True))
            assert first == second
            assert first == _plain(read_member(processor, name, content))

    def test_damage_gives_member_errors_only(self) -> None:
        """A member that is cut or changed anywhere is read, or fails with a reason: nothing else is raised."""
        processor, details = self.processor(), []
        for name, content in self.members().items():
            for damaged in _damaged(content):
                try:
                    read_member(processor, name, damaged)
                except MemberError as error:
                    details.append(error.detail)

        assert all(details)

    def test_shape_is_that_of_the_pixels(self) -> None:
        """A processor that tells shapes from headers tells those of the rows that it gives, also from a stream."""
        processor = self.processor()
        if not isinstance(processor, SupportsShape):
            return
        for name, content in self.members().items():
            blocks, _ = read_member(processor, name, content)
            pixels = [np.shape(block.rows)[1:] for block in blocks if block.content == "pixels"]
            for source in (content, io.BufferedReader(_OneWay(content))):
                member = Member(name, content[:HEAD_BYTES], source)
                assert processor.shape(member) == (pixels[0] if pixels else None)

    def _readings(self) -> Iterator[tuple[list[Block], Metadata]]:
        processor = self.processor()
        for name, content in self.members().items():
            yield read_member(processor, name, content)


def _damaged(content: bytes) -> Iterator[bytes]:
    """Give the content cut, and with a byte changed, at places all over it."""
    step = max(1, len(content) // 16)
    for place in range(0, len(content), step):
        yield content[:place]
        yield content[:place] + bytes([content[place] ^ 0x55]) + content[place + 1 :]


def _plain(reading: tuple[list[Block], Metadata]) -> list[Any]:
    """Give a reading in types that compare with ``==``, whatever the borders of its blocks."""
    blocks, metadata = reading
    joined: dict[tuple[Any, ...], list[Any]] = {}
    for block in blocks:
        kind = str(block.rows.dtype) if isinstance(block.rows, np.ndarray) else "items"
        key = (block.group, block.array, block.dims, block.signature, block.content, block.unit, kind)
        rows = [row.tobytes() for row in block.rows] if isinstance(block.rows, np.ndarray) else list(block.rows)
        joined.setdefault(key, []).extend(rows)
    return [joined, metadata]
