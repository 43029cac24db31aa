"""Tests of the buffers of strings and bytes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numcodecs.vlen import VLenBytes, VLenUTF8

from zarrpack.errors import FormatError
from zarrpack.storage.vlen import (
    decode_bytes,
    decode_strings,
    encode_bytes,
    encode_strings,
    join_items,
    packed_items,
)

texts = st.lists(st.text(max_size=20), max_size=30)
payloads = st.lists(st.binary(max_size=20), max_size=30)


def objects(values: list[str] | list[bytes]) -> np.ndarray:
    array = np.empty(len(values), object)
    array[:] = values
    return array


@given(texts)
def test_strings_are_encoded_as_numcodecs_does(values: list[str]) -> None:
    """The buffer is byte for byte that of VLenUTF8, and comes back equal."""
    buffer = encode_strings(values)

    assert buffer == VLenUTF8().encode(objects(values))
    assert decode_strings(buffer) == values


@given(payloads)
def test_bytes_are_encoded_as_numcodecs_does(values: list[bytes]) -> None:
    """The buffer is byte for byte that of VLenBytes, and comes back equal."""
    buffer = encode_bytes(values)

    assert buffer == VLenBytes().encode(objects(values))
    assert decode_bytes(buffer) == values


@given(st.binary(max_size=60))
def test_foreign_bytes_give_format_errors_only(buffer: bytes) -> None:
    """Whatever the buffer, decoding gives values or FormatError, and what it gives encodes to the same buffer."""
    try:
        values = decode_bytes(buffer)
    except FormatError:
        values = None

    assert values is None or encode_bytes(values) == buffer


@pytest.mark.parametrize(
    "buffer",
    [
        b"",
        b"\1\0\0",
        b"\1\0\0\0",
        b"\1\0\0\0\2\0\0\0a",
        b"\0\0\0\0x",
        b"\xff\xff\xff\xff\0\0\0\0",
        b"\2\0\0\0\4\0\0\0\0\0\0\0",
    ],
    ids=["empty", "short count", "no item", "short item", "rest", "huge count", "no second length"],
)
def test_damage_is_refused(buffer: bytes) -> None:
    """A count or a length that does not fit the buffer is a FormatError, before memory is asked for."""
    assert decode_bytes(encode_bytes([b"a"])) == [b"a"]

    with pytest.raises(FormatError, match="variable-length items: expected"):
        decode_bytes(buffer)


def test_text_that_is_not_utf8_is_refused() -> None:
    """Bytes that are not UTF-8 are a FormatError that shows them."""
    with pytest.raises(FormatError, match=r"expected UTF-8, found b'\\xff'"):
        decode_strings(encode_bytes([b"ok", b"\xff"]))


@given(payloads, st.data())
def test_runs_of_items_are_joined_as_they_lie(values: list[bytes], data: st.DataObject) -> None:
    """Any run of a buffer's items, with padding behind it, gives the buffer of these items."""
    first = data.draw(st.integers(0, len(values)))
    last = data.draw(st.integers(first, len(values)))
    padded = data.draw(st.integers(0, 3))
    items = packed_items(encode_bytes(values), is_text=False)

    joined = join_items([items.run(first, last)], last - first, padded)

    assert len(items) == len(values)
    assert joined == encode_bytes([*values[first:last], *[b""] * padded])


@pytest.mark.parametrize("values", [[b"ok", b"\xff"], [b"ok" * 70, b"\xc3", b"\xa9"]], ids=["short", "split letter"])
def test_runs_of_text_must_be_utf8_item_by_item(values: list[bytes]) -> None:
    """Items that are not UTF-8 are refused, also where all of them together would be; as bytes they are fine."""
    assert len(packed_items(encode_bytes([b"ok" * 70, "é".encode()]), is_text=True)) == 2
    assert len(packed_items(encode_bytes(values), is_text=False)) == len(values)

    with pytest.raises(FormatError, match="expected UTF-8"):
        packed_items(encode_bytes(values), is_text=True)
