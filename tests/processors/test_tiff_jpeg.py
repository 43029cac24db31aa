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


def with_entry(payload: bytes, tag: int, kind: int, count: int, value: bytes) -> bytes:
    """Give a tag other values, which lie behind all else unless they fit into its entry."""
    place_or_value = value if len(value) == 4 else struct.pack("<I", len(payload))
    changed = bytearray(payload + value)
    directory = int.from_bytes(payload[4:8], "little")
    for place in range(directory + 2, directory + 2 + 12 * int.from_bytes(payload[directory:][:2], "little"), 12):
        if int.from_bytes(payload[place:][:2], "little") == tag:
            changed[place + 2 : place + 12] = struct.pack("<HI", kind, count) + place_or_value
    return bytes(changed)


def with_places(payload: bytes, tags: tuple[int, int], places: list[tuple[int, int]]) -> bytes:
    """Give other offsets and sizes."""
    for tag, values in zip(tags, zip(*places, strict=True), strict=True):
        payload = with_entry(payload, tag, 4, len(places), struct.pack(f"<{len(places)}I", *values))
    return payload


def tiles() -> tuple[bytes, list[tuple[int, int]]]:
    """Write a grey TIFF of 40 x 64 pixels in six JPEG tiles of 16 x 32; offset and size of each as well."""
    data, places = bytearray(8), []
    for corner in ((0, 0), (0, 16), (0, 32), (32, 0), (32, 16), (32, 32)):
        tile = np.zeros((32, 16), np.uint8)
        part = NOISE[corner[0] : corner[0] + 32, corner[1] : corner[1] + 16, 0]
        tile[:, : part.shape[1]] = part
        file = io.BytesIO()
        Image.fromarray(tile).save(file, "JPEG")
        places.append((len(data), len(file.getvalue())))
        data += file.getvalue() + bytes(len(file.getvalue()) % 2)
    entries = {256: 40, 257: 64, 258: 8, 259: 7, 262: 1, 277: 1, 322: 16, 323: 32, 324: 0, 325: 0}
    data[:8] = struct.pack("<2sHI", b"II", 42, len(data))
    data += struct.pack("<H", len(entries))
    for tag, value in entries.items():
        data += struct.pack("<HHII", tag, 4, 1, value)
    return with_places(bytes(data) + bytes(4), (324, 325), places), places


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
    moved = payload + strip[:-2] + bytes(7) + strip[-2:]
    pixels, notes = outcome(with_places(moved, (273, 279), [(len(payload), size + 7)]))

    assert notes == ("decoder_warning",)
    assert pixels is not None
    assert pixels.tobytes() == np.asarray(Image.open(io.BytesIO(payload))).tobytes()


@pytest.mark.parametrize("tiled", [False, True])
def test_what_the_picture_does_not_have_is_not_looked_at(tiled: bool) -> None:
    """Offsets behind those of the last strip or tile are read by nobody: a cut one is no loss; in its place it is."""
    payload, places = tiles() if tiled else strips("L")
    tags = (324, 325) if tiled else (273, 279)
    offset, size = places[-1]
    cut = payload[offset : offset + size - 60] + b"\xff\xd9"
    place = (len(payload), len(cut))
    pixels, notes = outcome(payload)
    surplus, found = outcome(with_places(payload + cut, tags, [*places, place]))

    assert notes == found == ()
    assert pixels is not None
    assert surplus is not None
    assert np.array_equal(surplus, pixels)
    assert np.abs(pixels[..., 0].astype(int) - NOISE[..., 0]).mean() < 20
    assert outcome(with_places(payload + cut, tags, [*places[:-1], place])) == (None, "truncated_image")


def test_large_tables_are_not_gone_over_for_each_strip_without_end() -> None:
    """Tables that outweigh the file when each strip has them: it stops, and says so; small ones are no burden."""
    payload, places = strips("L")
    image = Image.open(io.BytesIO(payload))
    assert isinstance(image, TiffImagePlugin.TiffImageFile)
    tables = image.tag_v2[347]
    comment = b"\xff\xfe\xff\xff" + bytes(0xFFFD)
    for comments, notes in ((0, ()), (4, ("end_unchecked",))):
        larger = tables[:-2] + comment * comments + b"\xff\xd9"
        pixels, found = outcome(with_entry(payload, 347, 7, len(larger), larger))
        assert found == notes
        assert pixels is not None
        assert pixels.tobytes() == np.asarray(image).tobytes()
    assert len(places) == 4


def test_a_tile_far_larger_than_its_picture_costs_a_note() -> None:
    """It is read, but not once more: what is missing in it would not be found, and the ledger says so."""
    payload, _ = tiles()
    for side, notes in ((512, ()), (1280, ("end_unchecked",))):
        file = io.BytesIO()
        Image.new("L", (side, side), 90).save(file, "JPEG")
        larger = with_places(payload + file.getvalue(), (324, 325), [(len(payload), len(file.getvalue()))])
        for tag in (322, 323):
            larger = with_entry(larger, tag, 4, 1, struct.pack("<I", side))
        pixels, found = outcome(larger)
        assert found == notes
        assert pixels is not None
        assert pixels.shape == (64, 40, 1)
        assert (pixels == 90).all()


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(["L", "RGB", "CMYK"]), st.data())
def test_changed_files_are_read_or_fail(mode: str, data: st.DataObject) -> None:
    """Bytes changed anywhere: pixels, or a MemberError with a known reason."""
    payload = bytearray(strips(mode)[0])
    for _ in range(data.draw(st.integers(1, 4))):
        payload[data.draw(st.integers(2, len(payload) - 1))] = data.draw(st.integers(0, 255))
    pixels, found = outcome(bytes(payload))

    assert pixels is not None or found in REASONS
