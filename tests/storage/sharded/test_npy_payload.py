"""The bytes of one array: numpy reads what is written, what numpy writes is read, nothing is pickled."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hn

from zarrpack.errors import FormatError, UsageError
from zarrpack.storage.sharded.npy_payload import decode_payload, encode_payload

DTYPES = st.one_of(
    hn.boolean_dtypes(),
    hn.integer_dtypes(endianness="?"),
    hn.floating_dtypes(endianness="?"),
    hn.complex_number_dtypes(),
    hn.unicode_string_dtypes(endianness="="),
    hn.byte_string_dtypes(),
    hn.datetime64_dtypes(),
    hn.array_dtypes(hn.integer_dtypes(), min_size=1, max_size=3, allow_subarrays=False),
)


def file_of(array: npt.ArrayLike) -> bytes:
    """Give the bytes that are written for an array."""
    payload = encode_payload(array, "test")
    data = payload.header + bytes(payload.values)
    assert len(data) == payload.size
    return data


def array_of(data: bytes) -> npt.NDArray[Any]:
    """Give the array that is read from bytes."""
    return decode_payload(np.frombuffer(bytearray(data), np.uint8), "test")


@settings(max_examples=60, deadline=None)
@given(hn.arrays(DTYPES, hn.array_shapes(min_dims=0, min_side=0, max_side=4)), st.booleans())
def test_numpy_reads_it_and_it_reads_numpy(array: npt.NDArray[Any], transposed: bool) -> None:
    """Values, shape, dtype and memory order pass both ways, byte for byte as numpy.save has them."""
    assume(all(name.isascii() for name in array.dtype.names or ()))  # others are refused
    array = array.T if transposed else array
    saved = io.BytesIO()
    np.save(saved, array, allow_pickle=False)
    data = file_of(array)
    loaded = np.load(io.BytesIO(data), allow_pickle=False)
    ours = array_of(saved.getvalue())

    assert data == saved.getvalue()
    for one in (loaded, ours):
        assert one.dtype == array.dtype
        assert one.shape == array.shape
        assert one.tobytes() == array.tobytes()
    assert ours.flags.writeable


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 140))
def test_foreign_bytes_are_an_array_or_an_error(noise: bytes, place: int) -> None:
    """Damaged headers never raise anything else, and never give an array of Python objects."""
    data = file_of(np.arange(3))
    for damaged in (noise, data[:place] + noise, data[: len(data) - place]):
        try:
            array = array_of(damaged)
        except FormatError:
            continue
        assert not array.dtype.hasobject


def test_pickles_are_neither_written_nor_read() -> None:
    """Objects are refused on the way in, and a hostile file on the way out."""
    saved = io.BytesIO()
    np.save(saved, np.array([{"a": 1}], dtype=object), allow_pickle=True)

    with pytest.raises(UsageError, match="Python objects"):
        encode_payload(np.array([{"a": 1}]), "test")
    with pytest.raises(FormatError, match="object"):
        array_of(saved.getvalue())


def test_what_a_file_does_not_give_back_is_refused() -> None:
    """Masks and ragged lists would be lost without a word."""
    with pytest.raises(UsageError, match="masked"):
        encode_payload(np.ma.masked_array([1, 2], [True, False]), "test")
    with pytest.raises(UsageError, match="numpy makes none"):
        encode_payload([[1], [2, 3]], "test")


def test_many_shapes_do_not_fill_memory() -> None:
    """Headers are remembered up to a bound."""
    from zarrpack.storage.sharded import npy_payload

    for length in range(5000):
        data = file_of(np.zeros(length % 4500, np.uint8))
        assert array_of(data).size == length % 4500

    assert len(npy_payload._made) <= 4096
    assert len(npy_payload._parsed) <= 4096
