"""Markers of JPEGs: sizes, orientation, ends."""

from __future__ import annotations

import io

import numpy as np
import pytest
import simplejpeg
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from zarrpack.errors import MemberError
from zarrpack.processors.jpeg_header import HeaderCutError, exif_orientation, has_end, parse_jpeg

PIXELS = (np.arange(40 * 30 * 3) % 251).astype(np.uint8).reshape(40, 30, 3)


def encoded(**options: object) -> bytes:
    """Encode a small picture with Pillow."""
    file = io.BytesIO()
    Image.fromarray(PIXELS).save(file, "JPEG", **options)
    return file.getvalue()


def test_sizes_are_those_of_simplejpeg() -> None:
    """Height and width are what libjpeg reads from the same header."""
    payload = simplejpeg.encode_jpeg(PIXELS)
    header = parse_jpeg(payload)

    assert (header.height, header.width) == simplejpeg.decode_jpeg_header(payload)[:2] == (40, 30)
    assert payload[header.scan : header.scan + 2] == b"\xff\xda"


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("order", ["<", ">"])
def test_orientation_is_read_in_both_byte_orders(orientation: int, order: str) -> None:
    """The tag is found as Pillow writes it, little- and big-endian."""
    exif = Image.Exif()
    exif.endian = order
    exif[0x010F] = "maker"
    exif[0x0112] = orientation

    assert parse_jpeg(encoded(exif=exif)).orientation == orientation


def test_orientation_of_xmp_counts_without_exif() -> None:
    """Where EXIF says nothing, XMP does, as in Pillow."""
    packet = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf tiff:Orientation="8"/></x:xmpmeta>'
    exif = Image.Exif()
    exif[0x0112] = 3

    assert parse_jpeg(encoded(xmp=packet)).orientation == 8
    assert parse_jpeg(encoded(xmp=packet, exif=exif)).orientation == 3


@pytest.mark.parametrize(("kind", "found"), [(2, 0), (3, 6), (4, 6), (5, 0)])
def test_orientation_of_other_types_means_nothing(kind: int, found: int) -> None:
    """SHORT and LONG are read; text and rationals are no orientation."""
    value = b"\x06\x00\x00\x00"
    entry = (0x0112).to_bytes(2, "little") + kind.to_bytes(2, "little") + (1).to_bytes(4, "little") + value

    assert exif_orientation(b"II*\x00\x08\x00\x00\x00\x01\x00" + entry) == found


def test_bytes_between_segments_are_passed_over() -> None:
    """As in libjpeg and Pillow, stray bytes and fill bytes before a marker cost nothing."""
    payload = encoded()
    odd = payload[:20] + b"\x01\x02\xff\xff\xff" + payload[20:]  # behind the first segment

    assert parse_jpeg(odd).width == parse_jpeg(payload).width == Image.open(io.BytesIO(odd)).width


def test_segments_smaller_than_their_size_are_empty() -> None:
    """As libjpeg and Pillow have it: a size of nothing does not lead the reader astray."""
    payload = encoded(comment=b"x")
    odd = payload[:4] + b"\x00\x00" + payload[6:]

    assert parse_jpeg(odd).width == Image.open(io.BytesIO(odd)).width == 30


def test_ends_are_looked_for_behind_the_scan() -> None:
    """The thumbnail's own end marker does not count; bytes behind the picture's do no harm."""
    exif = Image.Exif()
    exif[0x010F] = "\xff\xd9" * 5
    payload = encoded(exif=exif, comment=b"\xff\xd9")
    header = parse_jpeg(payload)

    assert has_end(payload, header)
    assert has_end(payload + b"more pictures", header)
    assert not has_end(payload[:-1], header)


def test_headers_that_go_on_say_so() -> None:
    """A cut before the first scan asks for more bytes, more than there are, at every place."""
    payload = encoded(comment=b"x" * 300)
    for size in range(2, parse_jpeg(payload).scan):
        with pytest.raises(HeaderCutError) as caught:
            parse_jpeg(payload[:size])
        assert caught.value.size > size


@pytest.mark.parametrize(
    ("segments", "said"),
    [
        (b"\xff\xd9", "end of the image"),
        (b"\xff\xda\x00\x08", "before the first scan"),
        (b"\xff\xc0\x00\x0b\x08\x00\x00\x00\x05\x01\x01\x11\x00\xff\xda", "5x0"),
        (b"\xff\xc0\x00\x04\x08\x00\xff\xda", "too short"),
    ],
)
def test_headers_without_sense_fail(segments: bytes, said: str) -> None:
    """Markers out of place, sizes of nothing and frames that are missing are named."""
    with pytest.raises(MemberError, match=said) as caught:
        parse_jpeg(b"\xff\xd8" + segments)

    assert caught.value.reason == "not_decodable"


@settings(max_examples=200)
@given(st.binary(max_size=200), st.integers(2, 600))
def test_any_markers_are_read_or_refused(noise: bytes, place: int) -> None:
    """Foreign bytes in a header give a header, or one of the two errors."""
    payload = encoded()
    try:
        header = parse_jpeg(payload[:place] + noise + payload[place:])
    except (HeaderCutError, MemberError):
        return

    assert header.height > 0
    assert 1 <= header.orientation <= 8


@given(st.binary(max_size=60))
def test_any_exif_is_read(noise: bytes) -> None:
    """A damaged directory gives no orientation, never an error."""
    assert exif_orientation(b"II*\x00" + noise) in (None, *range(9))
