"""TIFFs: the samples' types, their number, and which end is white; what libtiff prints."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import threading
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from zarrpack.errors import MemberError
from zarrpack.processors.base import Metadata
from zarrpack.processors.image import ImageProcessor
from zarrpack.processors.image_modes import fit_to
from zarrpack.processors.libtiff_messages import libtiff_messages
from zarrpack.processors.testing import read_member, rows_of

UNSPECIFIED = 0


def tiff(pixels: np.ndarray[Any, Any], photometric: int, *, extra: int = 0, planar: bool = False) -> bytes:
    """Write a TIFF of one strip by hand, deflated if it is planar; `extra` of its samples are unspecified."""
    height, width, samples = pixels.shape
    data = np.moveaxis(pixels, -1, 0).tobytes() if planar else pixels.tobytes()
    strips = [zlib.compress(plane.tobytes()) for plane in np.moveaxis(pixels, -1, 0)] if planar else [data]
    kind = {"u": 1, "i": 2, "f": 3}[pixels.dtype.kind]
    offsets = np.cumsum([8, *map(len, strips)]).tolist()
    tags: dict[int, tuple[str, list[int]]] = {
        256: ("I", [width]),
        257: ("I", [height]),
        258: ("H", [pixels.itemsize * 8] * samples),
        259: ("H", [8 if planar else 1]),
        262: ("H", [photometric]),
        273: ("I", offsets[:-1]),
        277: ("H", [samples]),
        278: ("I", [height]),
        279: ("I", list(map(len, strips))),
        284: ("H", [2 if planar else 1]),
        339: ("H", [kind] * samples),
    }
    if extra:
        tags[338] = ("H", [UNSPECIFIED] * extra)
    directory, behind, end = b"", b"", offsets[-1] + 2 + 12 * len(tags) + 4
    for tag, (code, values) in sorted(tags.items()):
        body = struct.pack(f"<{len(values)}{code}", *values)
        if len(body) > 4:
            body, behind = struct.pack("<I", end + len(behind)), behind + body
        directory += struct.pack("<HHI", tag, {"H": 3, "I": 4}[code], len(values)) + body.ljust(4, b"\x00")
    start = struct.pack("<2sHI", b"II", 42, offsets[-1])
    return start + b"".join(strips) + struct.pack("<H", len(tags)) + directory + bytes(4) + behind


def read(payload: bytes, **options: Any) -> tuple[np.ndarray[Any, Any], Metadata]:
    """Give the stored pixels and what is said of them."""
    blocks, metadata = read_member(ImageProcessor(**options), "a.tif", payload)
    return np.asarray(rows_of(blocks, "pixels")[0]), metadata


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["u1", "i1", "<u2", "<i2", "<u4", "<i4", "<f4"]), st.data())
def test_grey_values_are_exact(kind: str, data: st.DataObject) -> None:
    """Of each type that is read, every value is stored as it is: none wraps, none changes its sign."""
    dtype = np.dtype(kind)
    raw = data.draw(st.binary(min_size=6 * dtype.itemsize, max_size=6 * dtype.itemsize))
    pixels = np.frombuffer(raw, dtype).reshape(2, 3, 1)
    found, metadata = read(tiff(pixels, 1))

    assert np.array_equal(found, pixels, equal_nan=dtype.kind == "f")
    assert found.dtype == (np.int32 if kind == "<i2" else dtype)
    assert metadata.notes == ()


@pytest.mark.parametrize("kind", ["u1", "u2"])
def test_white_is_white_whatever_the_depth(kind: str) -> None:
    """Where zero is white, values are inverted, at 16 bits as at 8; where it is black, they are not."""
    largest = np.iinfo(kind).max
    pixels = np.array([[[0], [1], [largest]]], kind)

    assert read(tiff(pixels, 0))[0].ravel().tolist() == [largest, largest - 1, 0]
    assert read(tiff(pixels, 1))[0].ravel().tolist() == [0, 1, largest]


@pytest.mark.parametrize(
    ("samples", "photometric", "extra", "planar", "kept"),
    [(2, 1, 1, False, 1), (4, 2, 1, False, 3), (5, 2, 2, False, 3), (2, 1, 1, True, 1), (4, 2, 1, True, 3)],
)
def test_samples_that_are_left_out_are_noted(
    samples: int, photometric: int, extra: int, planar: bool, kept: int
) -> None:
    """Bands that mean nothing to Pillow are not stored; the ledger says so, and how many the file has."""
    pixels = np.arange(2 * 3 * samples, dtype=np.uint8).reshape(2, 3, samples)
    found, metadata = read(tiff(pixels, photometric, extra=extra, planar=planar))

    assert np.array_equal(found, pixels[..., :kept])
    assert metadata.notes == ("samples_dropped",)
    assert metadata.values["image/samples"] == samples


def test_all_samples_are_no_note() -> None:
    """The control: RGB of three samples, interleaved or not, is stored without a word."""
    pixels = np.arange(18, dtype=np.uint8).reshape(2, 3, 3)
    for planar in (False, True):
        found, metadata = read(tiff(pixels, 2, planar=planar))
        assert np.array_equal(found, pixels)
        assert metadata.notes == ()
        assert "image/samples" not in metadata.values


def test_the_lower_byte_of_colours_is_noted() -> None:
    """Of 16-bit RGB Pillow reads the upper byte: in TIFF, and in PNG."""
    pixels = np.arange(0, 18 * 3000, 3000, dtype=np.uint16).reshape(2, 3, 3)
    found, metadata = read(tiff(pixels, 2))

    assert np.array_equal(found, pixels >> 8)
    assert metadata.notes == ("upper_byte_only",)

    def chunk(kind: bytes, body: bytes) -> bytes:
        return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")

    rows = b"".join(b"\x00" + row.astype(">u2").tobytes() for row in pixels)
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 3, 2, 16, 2, 0, 0, 0))
    png = b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    found, metadata = read(png)
    assert np.array_equal(found, pixels >> 8)
    assert metadata.notes == ("upper_byte_only",)


def test_signed_and_wide_pictures_are_fitted_or_fail() -> None:
    """int8 and uint32 are brought to a size in their own type; what has no mode of Pillow's fails, and does not wrap."""
    signed = np.array([[[-128], [127]]] * 2, np.int8)
    wide = np.full((2, 2, 1), 2**31 - 1, np.uint32)

    assert read(tiff(signed, 1), size=(4, 4), fit="stretch")[0].dtype == np.int8
    assert np.array_equal(read(tiff(wide, 1), size=(1, 1))[0], wide[:1, :1])
    assert sorted(fit_to(np.full((1, 4), 3, np.uint32), (4, 4), "pad").tolist()) == [*[[0] * 4] * 3, [3] * 4]
    with pytest.raises(MemberError, match="leave the option size away"):
        read(tiff(wide + np.uint32(1), 1), size=(1, 1))
    for pixels in (signed, wide):
        with pytest.raises(MemberError, match="leave the option mode away"):
            read(tiff(pixels, 1), mode="L")


def broken() -> bytes:
    """A TIFF whose deflated strip is damaged: libtiff prints what it thinks of it."""
    payload = bytearray(tiff(np.zeros((40, 50, 1), np.uint8), 1, planar=True))
    payload[10:20] = bytes(range(240, 250))
    return bytes(payload)


def test_libtiffs_words_are_part_of_the_failure(capfd: pytest.CaptureFixture[str]) -> None:
    """What libtiff would print to standard error stands in the member's detail, and nowhere else."""
    with pytest.raises(MemberError) as caught:
        read(broken())

    assert caught.value.reason == "not_decodable"
    assert "Decod" in caught.value.detail.partition("; ")[2]
    assert caught.value.detail.isprintable()
    assert capfd.readouterr().err == ""
    with pytest.raises(OSError, match="decoder error"):
        Image.open(io.BytesIO(broken())).load()
    assert "Decod" in capfd.readouterr().err  # somebody else's TIFF is nobody's business here


def test_pillows_log_is_not_printed(tmp_path: Path) -> None:
    """A logger without a handler would print; what Pillow logs is in the error that it raises as well."""
    payload = bytearray(tiff(np.zeros((2, 3, 1), np.uint8), 1))
    place = payload.index(struct.pack("<HHI", 277, 3, 1)) + 8
    payload[place : place + 2] = b"\xff\xff"
    (tmp_path / "a.tif").write_bytes(payload)
    # In a process of its own, as the tests' own handlers keep Python from printing.
    start = "import sys; from pathlib import Path; payload = Path(sys.argv[1]).read_bytes()\n"
    ours = "from zarrpack.errors import MemberError; from zarrpack.processors.picture_decoding import decode_picture\n"
    theirs = "import io; from PIL import Image, UnidentifiedImageError as MemberError\n"
    printed = []
    for script in (
        f"{ours}try: decode_picture(payload)\nexcept MemberError: print('refused')",
        f"{theirs}try: Image.open(io.BytesIO(payload))\nexcept MemberError: print('refused')",
    ):
        command = [sys.executable, "-c", start + script, str(tmp_path / "a.tif")]
        ended = subprocess.run(command, capture_output=True, text=True, check=True)
        assert ended.stdout == "refused\n"
        printed.append(ended.stderr)

    assert printed[0] == ""
    assert "More samples" in printed[1]


def test_messages_are_those_of_the_thread() -> None:
    """Each thread collects its own; a list inside another fills the outer one."""

    def load(said: list[list[str]]) -> None:
        with libtiff_messages() as outer, libtiff_messages():
            for _ in range(30):
                with pytest.raises(OSError, match="decoder"):
                    Image.open(io.BytesIO(broken())).load()
        said.append(outer)

    said: list[list[str]] = []
    with libtiff_messages() as here:
        threads = [threading.Thread(target=load, args=(said,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert here == []
    assert len(said) == 3
    assert all(0 < len(one) <= 8 and all(len(text) <= 300 for text in one) for one in said)


def test_a_held_lock_stops_only_the_first_use() -> None:
    """A process forked while another thread installs the handler has a lock that nobody opens: it is asked for once."""
    script = (
        "from zarrpack.processors import libtiff_messages as module\n"
        "with module.libtiff_messages(): pass\n"
        "module._installing.acquire()\n"
        "with module.libtiff_messages() as said: print(said)\n"
    )
    command = [sys.executable, "-c", script]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)

    assert ended.stdout == "[]\n"


def test_a_header_over_pillows_limit_is_called_one() -> None:
    """The size that is too large is the header's own, not that of a frame."""
    payload = b"P5 12000 10000 255\n"
    with pytest.raises(MemberError, match="header's size") as caught:
        read(payload)

    assert caught.value.reason == "limit_pixels"
