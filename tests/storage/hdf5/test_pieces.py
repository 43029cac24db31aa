"""How chunks are cut: into whole pieces of at most a mebibyte, nothing lost."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from zarrpack.storage.hdf5.pieces import PIECE_BYTES, cut, piece_shape


@given(
    st.lists(st.tuples(st.integers(1, 3000), st.integers(1, 3000)), min_size=1, max_size=4),
    st.sampled_from([1, 2, 4, 8]),
)
def test_chunks_consist_of_pieces(axes: list[tuple[int, int]], itemsize: int) -> None:
    """Along each axis a piece divides the chunk, or the array has one chunk along it; no piece is longer than the array."""
    shape, chunks = tuple(length for length, _ in axes), tuple(chunk for _, chunk in axes)
    piece = piece_shape(shape, chunks, itemsize)

    for length, chunk, part in zip(shape, chunks, piece, strict=True):
        assert 1 <= part <= min(chunk, length)
        assert chunk % part == 0 or chunk >= length


@given(st.integers(1, 64), st.integers(1, 4000), st.integers(1, 4000))
def test_pictures_are_cut_small(count: int, height: int, width: int) -> None:
    """A picture in a chunk of its own becomes pieces that every HDF5 library caches."""
    piece = piece_shape((count, height, width, 3), (1, height, width, 3), 1)

    assert math.prod(piece) <= PIECE_BYTES


def test_the_worker_cuts_alike() -> None:
    """Without knowing how many rows there will be, a chunk is cut as it is with that knowledge."""
    for chunks in ((1, 900, 1300, 3), (1 << 20,), (1 << 18, 4), (341, 3072)):
        shape = (chunks[0] * 5, *chunks[1:])
        assert piece_shape((None, *chunks[1:]), chunks, 8) == piece_shape(shape, chunks, 8)


@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 30), st.integers(1, 30))
@settings(max_examples=60)
def test_pieces_cover_the_chunk(rows: int, columns: int, tall: int, wide: int) -> None:
    """Put together again the pieces are the chunk, and zeros around it."""
    values = np.arange(1, rows * columns + 1).reshape(rows, columns)
    again = np.zeros((rows + tall, columns + wide), values.dtype)
    for (y, x), part in cut(values, (tall, wide)):
        assert part.shape == (tall, wide)
        again[y : y + tall, x : x + wide] = part

    assert (again[:rows, :columns] == values).all()
    assert not again[rows:].any()
    assert not again[:, columns:].any()


def test_pieces_outside_the_array_are_left_out() -> None:
    """Of a chunk that sticks out of the array only what begins inside is given."""
    assert [at for at, _ in cut(np.zeros(10), (2,), (5,))] == [(0,), (2,), (4,)]
