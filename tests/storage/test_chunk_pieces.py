"""Tests of chunks whose rows come in pieces."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as numpy_strategies

from zarrpack.storage import codecs
from zarrpack.storage.base import Codec
from zarrpack.storage.chunk_pieces import encode_pieces, takes_pieces
from zarrpack.storage.codecs import decode_chunk, encode_chunk

CODECS = [Codec(level=None), Codec(level=1), Codec(level=12, delta=True), Codec(level=None, delta=True)]


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("dtype", ["|u1", "<i4", "<u8", "|b1", "<f4"])
@given(data=st.data())
def test_pieces_are_encoded_as_the_whole(codec: Codec, dtype: str, data: st.DataObject) -> None:
    """Wherever the rows are cut, padding included; rows of which a view is given are not changed."""
    if codec.delta and dtype[1] not in "iu":
        codec = Codec(level=codec.level)
    rows = data.draw(numpy_strategies.arrays(dtype, st.tuples(st.integers(0, 9), st.integers(1, 3))))
    chunk = (max(1, len(rows)) + data.draw(st.integers(0, 3)), rows.shape[1])
    cuts = sorted(data.draw(st.lists(st.integers(0, len(rows)), max_size=3)))
    before = rows.copy()

    pieces = [rows[start:stop] for start, stop in pairwise([0, *cuts, len(rows)])]
    payload = encode_pieces(iter(pieces), codec, dtype, chunk)
    own = encode_pieces((piece.copy() for piece in pieces), codec, dtype, chunk)

    assert payload == own == encode_chunk(rows, codec, dtype, chunk)
    assert rows.tobytes() == before.tobytes()
    assert decode_chunk(payload, codec, dtype, chunk)[: len(rows)].tobytes() == before.tobytes()


def test_a_large_chunk_is_padded_in_pieces() -> None:
    """A chunk of megabytes of which only the first rows are known has the bytes of the whole."""
    rows = np.arange(1000)
    codec = Codec(level=1, delta=True)

    assert encode_pieces([rows.copy()], codec, "<i8", (1 << 20,)) == encode_chunk(rows, codec, "<i8", (1 << 20,))


def test_other_byte_orders_are_converted() -> None:
    """What counts is the type, not its byte order."""
    assert (
        encode_pieces([np.arange(3, dtype=">i4")], Codec(level=None), "<i4", (3,))
        == np.arange(3, dtype="<i4").tobytes()
    )


@pytest.mark.parametrize(
    ("codec", "ndim", "expected"),
    [
        (Codec(), 2, True),
        (Codec(order="F"), 1, True),
        (Codec(order="F"), 2, False),
        (Codec(object_codec="vlen-utf8"), 1, False),
    ],
)
def test_only_rows_one_after_the_other_come_in_pieces(codec: Codec, ndim: int, expected: bool) -> None:
    """Column-major order needs all rows at once, and strings have their number first."""
    assert takes_pieces(codec, ndim) == expected


@pytest.mark.parametrize(
    ("piece", "message"),
    [
        (np.zeros((2, 2), "<i8"), "expected values of type <i4, found <i8"),
        (np.zeros((2, 3), "<i4"), r"expected rows of the shape \(2,\), found \(3,\)"),
        (np.zeros((3, 2), "<i4"), "expected at most 4 rows, found more"),
    ],
)
def test_pieces_that_do_not_fit_are_refused(piece: np.ndarray, message: str) -> None:
    """By the chunk's type, row shape and length; what fits is encoded."""
    good = np.zeros((2, 2), "<i4")
    assert encode_pieces([good, good], Codec(level=None), "<i4", (4, 2)) == bytes(32)

    with pytest.raises(ValueError, match=message):
        encode_pieces([good, piece], Codec(level=None), "<i4", (4, 2))


def test_a_chunk_beyond_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before a piece is made."""
    monkeypatch.setattr(codecs, "CHUNK_BYTES", 31)

    with pytest.raises(ValueError, match="expected at most 31 bytes, found 32"):
        encode_pieces(iter([]), Codec(level=None), "<i4", (8,))
