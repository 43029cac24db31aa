"""Tests of what a block's rows are stored as."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zarrpack.errors import MemberError
from zarrpack.storage.array_metadata import ArrayMetadata
from zarrpack.storage.base import Codec
from zarrpack.storage.blocks import Block
from zarrpack.storage.chunking import chunk_shape
from zarrpack.storage.row_values import classify_rows


def block(shape: tuple[int, ...], dtype: str) -> Block:
    """Make a block whose values take no memory, whatever its shape."""
    rows = np.broadcast_to(np.zeros((), dtype), shape)
    return Block("arrays", "array", tuple(f"axis_{axis}" for axis in range(len(shape))), rows)


@given(
    lengths=st.lists(st.sampled_from([0, 1, 1, 2, 3, 1 << 20, 1 << 32, 1 << 40]), max_size=5),
    ones=st.integers(0, 35),
    dtype=st.sampled_from(["<f8", "|u1", "<i4", "<U3", "<M8[s]"]),
)
def test_what_is_accepted_is_read_back(lengths: list[int], ones: int, dtype: str) -> None:
    """Without rows too: the reader takes the shape, or the member fails."""
    shape = (0, *lengths, *[1] * ones)
    try:
        found, _, count = classify_rows(block(shape, dtype))
    except (MemberError, ValueError):  # numpy's own bound is 64 axes, and so many bytes
        return
    chunks = chunk_shape(found.tail, found.dtype, "values", None)
    codec = Codec(object_codec=found.object_codec)
    metadata = ArrayMetadata((count, *found.tail), chunks, found.dtype, codec, ("",) * len(shape))

    assert ArrayMetadata.from_documents(metadata.to_zarray(), {}).chunks == chunks


@pytest.mark.parametrize(
    ("shape", "dtype", "reason"),
    [
        ((0, 1 << 29), "<f8", None),
        ((0, (1 << 29) + 1), "<f8", "limit_member_bytes"),
        ((1, (1 << 29) + 1), "<f8", "limit_member_bytes"),
        ((0, 0, 1 << 40), "|u1", "limit_member_bytes"),
        ((1,) * 32, "|u1", None),
        ((1,) * 33, "|u1", "refused_dtype"),
    ],
)
def test_shapes_that_no_reader_takes_are_refused(shape: tuple[int, ...], dtype: str, reason: str | None) -> None:
    """With a reason that says which bound it was."""
    try:
        classify_rows(block(shape, dtype))
        found = None
    except MemberError as error:
        found = error.reason

    assert found == reason
