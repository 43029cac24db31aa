"""One array of a pack while it is being written."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from zarrpack.storage.array_metadata import ArrayMetadata
from zarrpack.storage.base import EncodingOptions
from zarrpack.storage.blocks import Block
from zarrpack.storage.chunking import chunk_shape
from zarrpack.storage.codecs import choose_codec, encode_chunk
from zarrpack.storage.row_slab import NumberSlab, ObjectSlab
from zarrpack.storage.row_values import RowType, Values

__all__ = ["ENCODED", "PackArray", "RowTap", "Sink"]

#: Takes an entry's name and its bytes.
Sink: TypeAlias = Callable[[str, bytes], None]

#: Takes the values of a full chunk of numbers before they are encoded: the array's place, the chunk's index along the first
#: axis, the values, and the shape of a chunk.
RowTap: TypeAlias = "Callable[[str, int, npt.NDArray[Any], tuple[int, ...]], None]"

#: The true name of arrays of bytes that are files as they came, and so are not compressed again.
ENCODED = "encoded"

_DRAFT_LEVEL = 1


class PackArray:
    """One variant of one array: its open chunk, and whose rows it holds.

    Parameters
    ----------
    group, name : str
        Safe names.
    variant : int
        Which of the arrays of this true name it is, from 1.
    block : Block
        The first block; what it says besides its rows holds for the array.
    rows : RowType
        The rows' type.
    is_flat : bool
        Whether each row's values lie in one axis, one row behind the other.
    options : EncodingOptions
        How to encode.
    sink : callable
        Takes each full chunk.
    tap : callable or None
        Takes the values of each full chunk of numbers.

    Attributes
    ----------
    rows : int
        Rows so far; of a flat array the things.
    added : int
        Those of the open member.
    members, counts : array of int64
        Whose rows they are, in order: ``counts[i]`` rows of ``members[i]``. The open member's come when it ends.
    starts, shapes : array of int64
        Of a flat array: where each thing starts, and (without `shape_from`) its shape.
    draft_level : int or None
        After `finish`: the Zstd level that a merge is to encode at, where the pack is a draft; else None.
    """

    def __init__(
        self,
        group: str,
        name: str,
        variant: int,
        block: Block,
        rows: RowType,
        is_flat: bool,
        options: EncodingOptions,
        sink: Sink,
        tap: RowTap | None = None,
    ) -> None:
        self.group, self.name, self.variant, self.type = group, name, variant, rows
        # Without its rows, which would keep the first member's values in memory.
        self.block = replace(block, rows=())
        self.is_flat = is_flat
        self.rows = self.added = 0
        self.members, self.counts = array("q"), array("q")
        self.starts, self.shapes = array("q"), array("q")
        self.has_shapes = is_flat and not block.shape_from
        self.draft_level: int | None = None
        self._draft = options.draft
        self._sink = sink
        self._tap = tap if rows.object_codec is None else None
        self._chunks_out = 0
        self._values = 0
        self._before = (0, 0, 0)
        tail = () if is_flat else rows.tail
        is_encoded = rows.object_codec == "vlen-bytes" and block.array == ENCODED
        expected = None if is_flat else options.expected_rows.get(block.dims[0])
        self._chunk = chunk_shape(tail, rows.dtype, block.content, expected, is_encoded)
        self.codec = choose_codec(
            *(rows.dtype, 1 + len(tail), block.content, options.compression, self._chunk[0], is_flat),
            object_codec=rows.object_codec or "vlen-utf8",
            is_encoded=is_encoded,
        )
        self._slab = (
            NumberSlab(self._chunk[0], tail, rows.dtype, self._emit)
            if rows.object_codec is None
            else ObjectSlab(self._chunk[0], tail, self._emit)
        )
        self._has_values = 0 not in tail

    def begin_member(self) -> None:
        """Remember where the open member's rows start."""
        self.added = 0
        self._before = (self._chunks_out, self._slab.fill, self._values)

    def add(self, values: Values, count: int) -> None:
        """Take `count` rows of the open member."""
        self.rows += count
        self.added += count
        if self.is_flat:
            self._add_flat(values, count)
        elif self._has_values:
            self._slab.add(values)

    def end_member(self, member: int) -> None:
        """Say whose the rows since `begin_member` are; -1: nobody's."""
        if self.added:
            self.members.append(member)
            self.counts.append(self.added)
        self.added = 0

    def is_beside(self, other: PackArray) -> bool:
        """Whether the two have had the same rows of the same members, the open member aside."""
        return (
            self.group == other.group
            and self.block.dims[0] == other.block.dims[0]
            and self.members == other.members
            and self.counts == other.counts
        )

    def roll_back(self) -> int:
        """Forget the open member's rows if none has gone out; give how many remain."""
        chunks, fill, values = self._before
        if self._chunks_out == chunks:
            self.rows -= self.added
            self._slab.truncate(fill)
            self._values = values
            del self.starts[self.rows :]
            del self.shapes[self.rows * len(self.type.tail) :]
            self.added = 0
        return self.added

    def pad(self, added: int) -> None:
        """Add empty rows to the open member's until there are `added`."""
        while self.added < added:
            count = min(added - self.added, self._chunk[0])
            if self.is_flat:
                empty: Values = np.zeros((count, *[0] * len(self.type.tail)), self.type.dtype)
            elif self.type.object_codec is None:
                empty = np.zeros((count, *self.type.tail), self.type.dtype)
            else:
                empty = [b""] * (count * math.prod(self.type.tail))
            self.add(empty, count)

    def finish(self) -> None:
        """Send the open chunk out. If it is the only one it is as long as its rows, else it is padded."""
        if not self._chunks_out:
            self._slab.chunk_rows = max(1, self._slab.fill)
            self._chunk = (self._slab.chunk_rows, *self._chunk[1:])
            self._make_draft()
        if self._slab.fill:
            rest = self._slab.rest()
            # A merge copies the last chunk of a flat array with the zeros behind it.
            self._emit(_filled_up(rest, self._chunk) if self._tap is not None and self.is_flat else rest)
            self._slab.truncate(0)

    def metadata(self, dims: tuple[str, ...], attributes: dict[str, Any]) -> ArrayMetadata:
        """Give what ``.zarray`` and ``.zattrs`` will say; after `finish`."""
        shape = (self._values,) if self.is_flat else (self.rows, *self.type.tail)
        return ArrayMetadata(shape, self._chunk, self.type.dtype, self.codec, dims, attributes)

    def _make_draft(self) -> None:
        level = self.codec.level
        if self._draft and level is not None and level > _DRAFT_LEVEL:
            self.draft_level = level
            self.codec = replace(self.codec, level=_DRAFT_LEVEL)

    def _add_flat(self, values: Values, count: int) -> None:
        assert isinstance(values, np.ndarray)
        size = math.prod(values.shape[1:])
        self.starts.extend(range(self._values, self._values + count * size, size) if size else [self._values] * count)
        if self.has_shapes:
            self.shapes.extend(values.shape[1:] * count)
        self._values += count * size
        self._slab.add(values.reshape(-1))

    def _emit(self, rows: npt.NDArray[Any]) -> None:
        if not self._chunks_out:
            # The slab may have chosen another length than it was given.
            self._chunk = (self._slab.chunk_rows, *self._chunk[1:])
        key = ".".join([str(self._chunks_out), *["0"] * (len(self._chunk) - 1)])
        if self._tap is not None and rows.shape == self._chunk and self.draft_level is None:
            self._tap(f"{self.group}/{self.name}", self._chunks_out, rows, self._chunk)
        self._chunks_out += 1
        self._sink(f"{self.group}/{self.name}/{key}", encode_chunk(rows, self.codec, self.type.dtype, self._chunk))


def _filled_up(rows: npt.NDArray[Any], chunk: tuple[int, ...]) -> npt.NDArray[Any]:
    whole = np.zeros(chunk, rows.dtype)
    whole[: len(rows)] = rows
    return whole
