"""Tests of chunks to bytes and back."""

from __future__ import annotations

from typing import Any

import numcodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as numpy_strategies

from zarrpack.errors import FormatError
from zarrpack.storage import codecs
from zarrpack.storage.base import Codec
from zarrpack.storage.codecs import choose_codec, decode_chunk, encode_chunk

DTYPES = ["|b1", "|u1", "|i1", "<u2", "<i2", "<u4", "<i4", "<u8", "<i8", "<f2", "<f4", "<f8", "<c8", "<c16"]


def decode_with_numcodecs(payload: bytes, codec: Codec, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    buffer: Any = payload if codec.level is None else numcodecs.Zstd().decode(payload)
    if codec.delta:
        buffer = numcodecs.Delta(dtype, astype=dtype).decode(buffer)
    return np.frombuffer(bytes(buffer), dtype).reshape(shape, order=codec.order)


@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=25)
@given(data=st.data())
def test_numbers_come_back_here_and_in_numcodecs(dtype: str, data: st.DataObject) -> None:
    """Any chunk of numbers, padded or not, is decoded to equal bytes by this module and by numcodecs."""
    shape = data.draw(numpy_strategies.array_shapes(min_dims=0, max_dims=4, max_side=6))
    values = data.draw(numpy_strategies.arrays(dtype, shape))
    chunk_shape = tuple(length + data.draw(st.integers(0, 3)) for length in shape)
    is_integer = dtype[1] in "iu"
    codec = data.draw(
        st.builds(
            Codec,
            st.sampled_from([None, 1, 12]),
            st.booleans() if is_integer else st.just(False),
            st.sampled_from("CF"),
        )
    )
    padded = np.zeros(chunk_shape, dtype)
    padded[tuple(slice(length) for length in shape)] = values

    payload = encode_chunk(values, codec, dtype, chunk_shape)

    assert payload == encode_chunk(values.copy(order="F"), codec, dtype, chunk_shape)
    for decoded in (
        decode_chunk(payload, codec, dtype, chunk_shape),
        decode_with_numcodecs(payload, codec, dtype, chunk_shape),
    ):
        assert decoded.shape == chunk_shape
        assert decoded.tobytes() == padded.tobytes()


@pytest.mark.parametrize(("object_codec", "filler"), [("vlen-utf8", ""), ("vlen-bytes", b"")])
@pytest.mark.parametrize("level", [None, 1])
def test_objects_are_padded_with_empty_ones(object_codec: Any, filler: Any, level: int | None) -> None:
    """Strings and bytes come back, the missing ones as empty; also along several axes."""
    codec = Codec(level, object_codec=object_codec)
    items = ["a", "ß", "c", "d"] if filler == "" else [b"a", b"\xff\0", b"c", b"d"]
    square = np.array(items, object).reshape(2, 2)

    line = decode_chunk(encode_chunk(items, codec, "|O", (6,)), codec, "|O", (6,))
    table = decode_chunk(encode_chunk(square, codec, "|O", (3, 2)), codec, "|O", (3, 2))

    assert line.tolist() == [*items, filler, filler]
    assert table.tolist() == [*square.tolist(), [filler, filler]]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("|u1", 4, "pixels", None, 1, False), Codec(1, True, "F")),
        (("|u1", 4, "pixels", "fast", 1, False), Codec(1, True, "F")),
        (("|u1", 4, "pixels", "fast", 16, False), Codec(1, False, "C")),
        (("|u1", 1, "pixels", "fast", 1 << 20, True), Codec(1, True, "C")),
        (("|u1", 4, "pixels", "spec", 1, False), Codec(12, True, "C")),
        (("|u1", 4, "pixels", "none", 1, False), Codec(None, False, "C")),
        (("<f4", 4, "pixels", None, 1, False), Codec(1, False, "C")),
        (("<i4", 1, "values", None, 9, False), Codec(12, True, "C")),
        (("<i4", 0, "values", None, 1, False), Codec(12, False, "C")),
        (("|b1", 1, "values", None, 9, False), Codec(12, False, "C")),
        (("<f8", 2, "values", "fast", 9, False), Codec(1, False, "C")),
        (("<i8", 2, "values", "fast", 9, False), Codec(1, True, "C")),
        (("|O", 1, "values", "none", 9, False), Codec(None, False, "C", "vlen-utf8")),
        (("|O", 1, "values", None, 9, False), Codec(12, False, "C", "vlen-utf8")),
        (("|O", 1, "values", None, 9, False, "vlen-bytes"), Codec(12, False, "C", "vlen-bytes")),
        (("|O", 1, "values", "spec", 1, False, "vlen-bytes", True), Codec(None, False, "C", "vlen-bytes")),
    ],
)
def test_codecs_are_those_of_the_table(arguments: tuple[Any, ...], expected: Codec) -> None:
    """Every row and column of the table in docs/formats.md gives its codec."""
    assert choose_codec(*arguments) == expected


@pytest.mark.parametrize(
    ("values", "dtype", "shape"),
    [
        (np.zeros(3, np.int64), "<i4", (3,)),
        (np.zeros((3, 1), np.int32), "<i4", (3,)),
        (np.zeros(4, np.int32), "<i4", (3,)),
        (["a", "b"], "|O", (1,)),
    ],
    ids=["type", "axes", "too many", "too many strings"],
)
def test_values_that_do_not_fit_are_refused(values: Any, dtype: str, shape: tuple[int, ...]) -> None:
    """Values of another type or shape than the chunk's are a ValueError, never cut or cast."""
    codec = Codec(1, object_codec="vlen-utf8" if dtype == "|O" else None)

    with pytest.raises(ValueError, match="chunk: expected values of"):
        encode_chunk(values, codec, dtype, shape)


def test_a_chunk_of_another_size_is_refused() -> None:
    """A payload that holds fewer or more elements than the chunk is a FormatError."""
    payload = encode_chunk(np.arange(4, dtype=np.int32), Codec(1), "<i4", (4,))

    assert decode_chunk(payload, Codec(1), "<i4", (4,)).tolist() == [0, 1, 2, 3]
    for shape in ((3,), (5,)):
        with pytest.raises(FormatError):
            decode_chunk(payload, Codec(1), "<i4", shape)


def test_a_chunk_beyond_the_limit_is_refused_both_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    """More than the largest chunk is neither written nor read."""
    payload = encode_chunk(np.zeros(100, np.int32), Codec(1), "<i4", (100,))
    monkeypatch.setattr(codecs, "CHUNK_BYTES", 399)

    with pytest.raises(ValueError, match="at most 399 bytes, found 400"):
        encode_chunk(np.zeros(100, np.int32), Codec(1), "<i4", (100,))
    with pytest.raises(FormatError, match="at most 399 bytes, found 400 announced"):
        decode_chunk(payload, Codec(1), "<i4", (100,))


@given(st.binary(max_size=60), st.sampled_from(["<i4", "|O"]), st.booleans())
def test_foreign_payloads_give_format_errors_only(payload: bytes, dtype: str, is_compressed: bool) -> None:
    """Whatever the payload, decoding gives a chunk of its shape or FormatError."""
    codec = Codec(1 if is_compressed else None, object_codec="vlen-utf8" if dtype == "|O" else None)
    try:
        values = decode_chunk(payload, codec, dtype, (2, 2))
    except FormatError:
        values = np.empty((2, 2))

    assert values.shape == (2, 2)
