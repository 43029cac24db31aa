"""Damaged pictures: none passes for whole, and each fails with the reason that fits."""

from __future__ import annotations

import io
import zlib
from typing import Any

import numpy as np
import pytest
import simplejpeg
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from zarrpack.errors import MemberError
from zarrpack.processors.image import ImageProcessor
from zarrpack.processors.image_header import stream_header
from zarrpack.processors.image_pillow import check_png
from zarrpack.processors.testing import read_member, rows_of
from zarrpack.reasons import REASONS

NOISE = np.random.default_rng(1).integers(0, 256, (50, 70, 3)).astype(np.uint8)


def encode(format: str, **options: Any) -> bytes:
    """Write a picture that does not compress well."""
    file = io.BytesIO()
    Image.fromarray(NOISE).save(file, format, **options)
    return file.getvalue()


def pillow(payload: bytes) -> np.ndarray[Any, Any] | None:
    """Give Pillow's pixels; None if it refuses the file."""
    try:
        return np.asarray(Image.open(io.BytesIO(payload), formats=["JPEG"]))
    except Exception:  # noqa: BLE001 - of many types
        return None


def outcome(payload: bytes, images: str = "decoded") -> tuple[np.ndarray[Any, Any] | None, MemberError | None]:
    """Give the pixels, where there are any, and the failure, where there is one."""
    try:
        blocks, _ = read_member(ImageProcessor(images=images), "a.jpg", payload)  # type: ignore[arg-type]
    except MemberError as error:
        return None, error
    return (None if images == "encoded" else rows_of(blocks, "pixels")[0]), None


def verdict(payload: bytes, images: str = "decoded") -> str:
    """Give the reason of the failure; empty if there is none."""
    _, error = outcome(payload, images)
    return error.reason if error else ""


@pytest.mark.parametrize("images", ["decoded", "encoded"])
@pytest.mark.parametrize(
    "options", [{}, {"progressive": True}, {"restart_marker_blocks": 3}, {"exif": b"Exif\x00\x00" + b"\xff\xd9" * 50}]
)
def test_cut_jpegs_fail_wherever_they_are_cut(images: str, options: dict[str, Any]) -> None:
    """At any place; Pillow refuses each as well, and the whole file is fine."""
    payload = encode("JPEG", quality=60, **options)
    assert verdict(payload, images) == ""
    assert pillow(payload) is not None
    for cut in [*range(4, 700, 3), *range(700, len(payload), 37), *range(len(payload) - 30, len(payload))]:
        assert verdict(payload[:cut], images) == "truncated_image", cut
        assert pillow(payload[:cut]) is None, cut


def test_a_cut_jpeg_does_not_pass_by_what_follows() -> None:
    """With an end marker behind the cut Pillow makes up the missing part; here it fails all the same."""
    payload = encode("JPEG")
    ended = payload[: len(payload) // 2] + b"\xff\xd9"

    assert pillow(ended) is not None
    assert verdict(ended) == "truncated_image"
    assert verdict(payload + b"appended by a camera \xff\xd9") == ""


@pytest.mark.parametrize("format", ["PNG", "GIF", "BMP", "WEBP", "PPM", "TIFF"])
def test_other_cut_pictures_fail(format: str) -> None:
    """In the middle of the pixels; with the reason truncated_image wherever the format lets it be told."""
    payload = encode(format)
    for share in (0.5, 0.9):
        expected = ("truncated_image", "not_decodable") if format == "TIFF" else ("truncated_image",)
        assert verdict(payload[: int(len(payload) * share)]) in expected

    assert verdict(payload) == ""


def test_cut_headers_of_streams_fail() -> None:
    """A stream that ends in the header fails as one that is cut."""
    payload = encode("JPEG")
    for size in (3, 10, 100, 300):
        with pytest.raises(MemberError) as caught:
            stream_header(io.BytesIO(payload[:size]), "JPEG", 10**6)
        assert caught.value.reason == "truncated_image"


def test_stray_bytes_cost_a_note_only() -> None:
    """Where libjpeg warns and Pillow decodes, Pillow's pixels are taken, and the ledger says so."""
    payload = encode("JPEG", restart_marker_blocks=2)
    restart = payload.index(b"\xff\xd1")
    odd = payload[:restart] + b"\x00\x00\x00" + payload[restart:]
    with pytest.raises(ValueError, match="extraneous"):
        simplejpeg.decode_jpeg(odd)
    expected = pillow(odd)
    blocks, metadata = read_member(ImageProcessor(), "a.jpg", odd)

    assert expected is not None
    assert np.array_equal(rows_of(blocks, "pixels")[0], expected)
    assert metadata.notes == ("decoder_warning",)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_changed_jpegs_get_pillows_verdict(data: st.DataObject) -> None:
    """Bytes changed anywhere: what is stored is what Pillow decodes, and what Pillow refuses is not stored."""
    payload = bytearray(encode("JPEG", quality=50))
    for _ in range(data.draw(st.integers(1, 3))):
        payload[data.draw(st.integers(3, len(payload) - 1))] = data.draw(st.integers(0, 255))
    expected = pillow(bytes(payload))
    found, error = outcome(bytes(payload))

    if error is not None:
        # Stricter than Pillow in one thing: where pixel data or the end marker are missing, nothing is whole.
        assert expected is None or error.reason == "truncated_image"
    else:
        assert expected is not None
        assert found is not None
        assert expected.ndim == 2 or found.shape != expected.shape or np.array_equal(found, expected)


@settings(max_examples=120, deadline=None)
@given(st.sampled_from(["PNG", "GIF", "BMP", "WEBP", "PPM", "TIFF", "JPEG2000"]), st.data())
def test_changed_pictures_are_read_or_fail(format: str, data: st.DataObject) -> None:
    """Bytes changed anywhere in any format: pixels of the announced size, or a MemberError."""
    payload = bytearray(encode(format))
    for _ in range(data.draw(st.integers(1, 4))):
        payload[data.draw(st.integers(2, min(len(payload), 400) - 1))] = data.draw(st.integers(0, 255))
    found, error = outcome(bytes(payload))

    if error is not None:
        assert "0x7" not in error.detail  # an address would differ from run to run
    else:
        assert found is not None
        assert found.ndim == 3


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"II*\x00", b"P6 2 2 255\n", b""]),
    st.binary(max_size=200),
)
def test_any_bytes_are_read_or_fail(start: bytes, rest: bytes) -> None:
    """Foreign bytes behind a picture's first bytes end in blocks or a MemberError."""
    for images in ("decoded", "encoded"):
        assert verdict(start + rest, images) in {"", *REASONS}


def test_wrong_checksums_of_png_pixels_fail() -> None:
    """Pillow does not compare the checksum of pixel data; we do."""
    payload = bytearray(encode("PNG"))
    place = payload.index(b"IDAT") + 4
    size = int.from_bytes(payload[place - 8 : place - 4], "big")
    check_png(bytes(payload), checksums=True)
    payload[place + size] ^= 1
    np.asarray(Image.open(io.BytesIO(payload)))
    with pytest.raises(MemberError, match="checksum"):
        check_png(bytes(payload), checksums=True)

    check_png(bytes(payload), checksums=False)
    assert verdict(bytes(payload)) == "not_decodable"


def test_frames_that_cannot_be_counted_cost_a_note() -> None:
    """A first frame that is whole is kept whatever comes behind it."""
    frames = [Image.fromarray(NOISE[..., n]) for n in range(3)]
    file = io.BytesIO()
    frames[0].save(file, "TIFF", save_all=True, append_images=frames[1:])
    whole = file.getvalue()
    cut = whole[: len(whole) - NOISE[..., 0].size - 60]  # in the directory of the last frame
    blocks, metadata = read_member(ImageProcessor(), "a.tif", cut)

    assert np.array_equal(rows_of(blocks, "pixels")[0, ..., 0], NOISE[..., 0])
    assert metadata.notes == ("frames_unknown",)
    assert read_member(ImageProcessor(), "a.tif", whole)[1].values["image/frames"] == 3


def test_pillows_warnings_cost_nothing() -> None:
    """What Pillow only warns of, such as a count of frames that is nonsense, is read in silence."""
    payload = encode("PNG")
    body = b"acTL" + bytes(8)
    odd = payload[:33] + (8).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big") + payload[33:]
    with pytest.warns(UserWarning, match="Invalid APNG"):
        Image.open(io.BytesIO(odd))
    found, _ = outcome(odd)

    assert found is not None
    assert np.array_equal(found, NOISE)


def test_pixels_that_contradict_the_header_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """Should a decoder give another size than the header announced, nothing of it is stored."""
    monkeypatch.setattr(simplejpeg, "decode_jpeg", lambda payload, **options: NOISE[:-1])
    _, error = outcome(encode("JPEG"))

    assert error is not None
    assert error.detail == "expected 70x50 pixels, found 70x49"


def test_pillows_settings_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No picture, whole or not, changes what holds for the whole process."""
    before = (ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS)
    assert before[0] is False
    for format in ("PNG", "JPEG"):
        verdict(encode(format))
        verdict(encode(format)[:200])

    assert before == (ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS)


def test_checksums_are_those_of_zlib() -> None:
    """The control: a chunk that is made by hand, with a checksum by zlib, is accepted."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")

    header = (3).to_bytes(4, "big") + (2).to_bytes(4, "big") + b"\x08\x00\x00\x00\x00"
    rows = zlib.compress(b"\x00abc\x00def")
    payload = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    blocks, _ = read_member(ImageProcessor(), "a.png", payload)

    assert rows_of(blocks, "pixels")[0, ..., 0].tobytes() == b"abcdef"
