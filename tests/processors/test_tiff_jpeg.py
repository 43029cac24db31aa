"""JPEG inside TIFF: what is missing from a strip is missing from the picture."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, TiffImagePlugin

from zarrpack.errors import MemberError
from zarrpack.processors.image import ImageProcessor
from zarrpack.processors.testing import read_member, rows_of
from zarrpack.reasons import REASONS

NOISE = np.random.default_rng(4).integers(0, 256, (64, 40, 4)).astype(np.uint8)


def strips(mode: str, rows: int = 16) -> tuple[bytes, list[tuple[int, int]]]:
    """Write a TIFF of JPEG strips; give offset and size of each as well."""
    file = io.BytesIO()
    pixels = NOISE[..., : len(mode)].tobytes()
    Image.frombytes(mode, (40, 64), pixels).save(file, "TIFF", compression="jpeg", tiffinfo={278: rows})
    image = Image.open(file)
    assert isinstance(image, TiffImagePlugin.TiffImageFile)
    return file.getvalue(), list(zip(image.tag_v2[273], image.tag_v2[279], strict=True))


def outcome(payload: bytes) -> tuple[np.ndarray[Any, Any] | None, str | tuple[str, ...]]:
    """Give pixels and notes, or None and the reason of the failure."""
    try:
        blocks, metadata = read_member(ImageProcessor(), "a.tif", payload)
    except MemberError as error:
        return None, error.reason
    return rows_of(blocks, "pixels")[0], metadata.notes


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_missing_data_of_a_strip_fail(mode: str) -> None:
    """Half of any strip's data gone, an end marker in their place: libtiff says nothing, and the member fails."""
    payload, places = strips(mode)
    pixels, notes = outcome(payload)
    assert len(places) == 4
    assert notes == ()
    assert pixels is not None
    assert np.array_equal(
        np.squeeze(pixels), np.asarray(Image.open(io.BytesIO(payload)).convert(mode[:1] if mode == "L" else "RGB"))
    )
    for offset, size in places:
        middle = offset + size // 2
        damaged = payload[:middle] + b"\xff\xd9" + bytes(offset + size - middle - 2) + payload[offset + size :]
        Image.open(io.BytesIO(damaged)).load()
        assert outcome(damaged) == (None, "truncated_image")


def test_stray_bytes_in_a_strip_cost_a_note() -> None:
    """Where libjpeg warns and nothing is missing, the picture is stored with the note of any other JPEG."""
    payload, [(offset, size)] = strips("RGB", rows=64)
    strip = payload[offset : offset + size]
    assert strip.endswith(b"\xff\xd9")
    moved = bytearray(payload + strip[:-2] + bytes(7) + strip[-2:])
    # The longer strip lies behind all else: its entries in the directory say so.
    directory = int.from_bytes(payload[4:8], "little")
    for place in range(directory + 2, directory + 2 + 12 * int.from_bytes(payload[directory:][:2], "little"), 12):
        tag = int.from_bytes(payload[place:][:2], "little")
        if tag in (273, 279):
            moved[place + 2 : place + 12] = struct.pack("<HII", 4, 1, len(payload) if tag == 273 else size + 7)
    pixels, notes = outcome(bytes(moved))

    assert notes == ("decoder_warning",)
    assert pixels is not None
    assert pixels.tobytes() == np.asarray(Image.open(io.BytesIO(payload))).tobytes()


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(["L", "RGB", "CMYK"]), st.data())
def test_changed_files_are_read_or_fail(mode: str, data: st.DataObject) -> None:
    """Bytes changed anywhere: pixels, or a MemberError with a known reason."""
    payload = bytearray(strips(mode)[0])
    for _ in range(data.draw(st.integers(1, 4))):
        payload[data.draw(st.integers(2, len(payload) - 1))] = data.draw(st.integers(0, 255))
    pixels, found = outcome(bytes(payload))

    assert pixels is not None or found in REASONS
