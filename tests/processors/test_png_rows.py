"""PNG files whose pixel data end early, on the border of a row, where Pillow sees nothing wrong."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from zarrpack.errors import MemberError
from zarrpack.processors.picture_decoding import decode_picture

BITS = [(0, 1), (0, 8), (0, 16), (2, 8), (2, 16), (3, 2), (3, 8), (4, 8), (6, 16)]


def png(
    width: int, height: int, kind: int, depth: int, rows: bytes, *, interlace: int = 0, divided: bool = False
) -> bytes:
    """Write a file by hand."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    packed = zlib.compress(rows)
    pieces = [packed[:20], packed[20:]] if divided else [packed]
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, interlace)),
            chunk(b"PLTE", bytes(range(12)) + bytes(768 - 12)) if kind == 3 else b"",
            *(chunk(b"IDAT", piece) for piece in pieces),
            chunk(b"IEND", b""),
        ]
    )


def row_bytes(width: int, kind: int, depth: int) -> int:
    """Give the bytes of a row, its filter's number included."""
    return 1 + -(-width * depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[kind] // 8)


@pytest.mark.parametrize(("kind", "depth"), BITS)
@pytest.mark.parametrize("missing", [1, 5])
@pytest.mark.parametrize("divided", [False, True])
def test_missing_rows_are_told(kind: int, depth: int, missing: int, divided: bool) -> None:
    """With any type of pixel: not the rows that are there, nor black for those that are not; whole it is a picture."""
    size = row_bytes(13, kind, depth)
    rows = b"".join(b"\0" + bytes([1 + n % 3] * (size - 1)) for n in range(9))
    assert decode_picture(png(13, 9, kind, depth, rows, divided=divided)).shape[:2] == (9, 13)

    with pytest.raises(MemberError) as caught:
        decode_picture(png(13, 9, kind, depth, rows[: (9 - missing) * size], divided=divided))

    assert caught.value.reason == "truncated_image"


@pytest.mark.parametrize(("kind", "depth"), BITS)
def test_pictures_may_end_in_black(kind: int, depth: int) -> None:
    """They are decompressed once more, and are whole."""
    rows = bytes(row_bytes(13, kind, depth) * 9)

    pixels = decode_picture(png(13, 9, kind, depth, rows))

    assert len(np.unique(pixels.reshape(-1, pixels.shape[2]), axis=0)) == 1


@given(width=st.integers(1, 20), height=st.integers(1, 20))
def test_interlaced_pictures(width: int, height: int) -> None:
    """The passes together have every pixel once; without the last byte a picture is cut."""
    rows = bytearray()
    for left, top, across, down in (
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ):
        columns = len(range(left, width, across))
        rows += bytes((1 + columns) * len(range(top, height, down)) if columns else 0)
    whole = png(width, height, 0, 8, bytes(rows), interlace=1)
    with Image.open(io.BytesIO(whole)) as image:
        image.load()

    assert decode_picture(whole).shape == (height, width, 1)
    with pytest.raises(MemberError) as caught:
        decode_picture(png(width, height, 0, 8, bytes(rows[:-1]), interlace=1))
    assert caught.value.reason == "truncated_image"
