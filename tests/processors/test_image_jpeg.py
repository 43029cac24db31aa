"""JPEGs whose data are incomplete: libjpeg's first warning hides the second, and Pillow shows none."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import simplejpeg
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from zarrpack.errors import MemberError
from zarrpack.processors.image import ImageProcessor
from zarrpack.processors.jpeg_scans import jpeg_scans
from zarrpack.processors.testing import read_member, rows_of

END = b"\xff\xd9"
NOISE = np.random.default_rng(3).integers(0, 256, (48, 40, 4)).astype(np.uint8)


def encoded(mode: str = "RGB", **options: Any) -> bytes:
    """Write a picture that does not compress well."""
    pixels = NOISE[..., 0] if mode == "L" else NOISE[..., : len(mode)]
    file = io.BytesIO()
    Image.frombytes(mode, (pixels.shape[1], pixels.shape[0]), pixels.tobytes()).save(file, "JPEG", **options)
    return file.getvalue()


def with_junk() -> bytes:
    """Bytes between two segments: every decoder passes over them, and libjpeg warns."""
    payload = encoded()
    table = payload.index(b"\xff\xdb")
    return payload[:table] + bytes(5) + payload[table:]


def with_bad_profile() -> bytes:
    """A colour profile whose parts are numbered wrongly."""
    payload = encoded()
    body = b"ICC_PROFILE\x00\x05\x01profile"
    return payload[:2] + b"\xff\xe2" + (len(body) + 2).to_bytes(2, "big") + body + payload[2:]


def segment(marker: int, body: bytes) -> bytes:
    """Put a marker and a length in front of a segment's body."""
    return bytes((0xFF, marker)) + (len(body) + 2).to_bytes(2, "big") + body


def tables_and_data(payload: bytes) -> tuple[bytes, bytes]:
    """Take the segments of tables, and the first scan's data, out of a JPEG."""
    frame, scan = payload.index(b"\xff\xc0"), payload.index(b"\xff\xda")
    after = frame + 2 + int.from_bytes(payload[frame + 2 : frame + 4])
    start = scan + 2 + int.from_bytes(payload[scan + 2 : scan + 4])
    [found] = jpeg_scans(payload)
    return payload[payload.index(b"\xff\xdb") : frame] + payload[after:scan], payload[start : found.end]


def sampled_4_1_0() -> bytes:
    """The blocks of a CMYK picture, all of one table, as 4 x 2 blocks of luma and one of each chroma."""
    tables, data = tables_and_data(encoded("CMYK"))
    # 6 x 5 blocks of four components are twelve times ten.
    frame = segment(0xC0, b"\x08" + bytes((0, 96, 0, 64, 3)) + bytes((1, 0x42, 0, 2, 0x11, 0, 3, 0x11, 0)))
    return b"\xff\xd8" + frame + tables + segment(0xDA, bytes((3, 1, 0, 2, 0, 3, 0, 0, 63, 0))) + data + END


def scan_by_scan() -> list[bytes]:
    """A picture that is not progressive, with a scan for each component: its parts."""
    tables, data = tables_and_data(encoded("L"))
    frame = segment(0xC0, b"\x08" + bytes((0, 48, 0, 40, 3)) + bytes((1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0)))
    scans = [segment(0xDA, bytes((1, one, 0, 0, 63, 0))) + data for one in (1, 2, 3)]
    return [b"\xff\xd8" + frame + tables, *scans]


def outcome(payload: bytes) -> tuple[np.ndarray[Any, Any] | None, str | tuple[str, ...]]:
    """Give pixels and notes, or None and the reason of the failure."""
    try:
        blocks, metadata = read_member(ImageProcessor(), "a.jpg", payload)
    except MemberError as error:
        return None, error.reason
    return rows_of(blocks, "pixels")[0], metadata.notes


def stored(payload: bytes) -> np.ndarray[Any, Any]:
    """Give the pixels of a picture that must be read."""
    pixels, found = outcome(payload)
    assert pixels is not None, found
    return pixels


KINDS: dict[str, tuple[bytes, tuple[str, ...]]] = {
    "cmyk": (encoded("CMYK"), ()),
    "cmyk progressive": (encoded("CMYK", progressive=True), ()),
    "cmyk subsampled": (encoded("CMYK", subsampling=2), ("decoder_warning",)),
    "4:1:0": (sampled_4_1_0(), ("decoder_warning",)),
    "junk": (with_junk(), ("decoder_warning",)),
    "bad profile": (with_bad_profile(), ("decoder_warning",)),
    "grey": (encoded("L"), ()),
    "restarts": (encoded("L", restart_marker_blocks=3), ()),
    "scan by scan": (b"".join(scan_by_scan()) + END, ()),
}


@pytest.mark.parametrize("kind", KINDS)
def test_whole_pictures_are_stored(kind: str) -> None:
    """The control: undamaged, each is what Pillow decodes, with a note where libjpeg warns or cannot tell."""
    payload, notes = KINDS[kind]
    pixels, found = outcome(payload)
    image = Image.open(io.BytesIO(payload))
    expected = np.asarray(image if image.mode == "L" else image.convert("RGB"))

    assert found == notes
    assert pixels is not None
    assert np.array_equal(pixels if image.mode != "L" else pixels[..., 0], expected)


@pytest.mark.parametrize("options", [{"quality": 30}, {"progressive": True}, {"subsampling": 2}, {"optimize": True}])
@pytest.mark.parametrize("transform", [0, 2])
def test_cmyk_is_pillows(options: dict[str, Any], transform: int) -> None:
    """CMYK, and YCCK as its Adobe marker says, have Pillow's colours to the last bit."""
    payload = bytearray(encoded("CMYK", **options))
    payload[payload.index(b"Adobe") + 11] = transform
    expected = np.asarray(Image.open(io.BytesIO(payload)).convert("RGB"))

    assert np.array_equal(stored(bytes(payload)), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_no_cut_is_hidden_by_an_end_marker(kind: str) -> None:
    """Cut anywhere in the data, with an end marker behind the cut: never stored without a word."""
    payload, _ = KINDS[kind]
    start = payload.index(b"\xff\xda") + 20
    for cut in range(start, len(payload) - 40, max(1, (len(payload) - start) // 40)):
        damaged = payload[:cut] + END
        Image.open(io.BytesIO(damaged)).load()
        pixels, found = outcome(damaged)
        assert found == "truncated_image" or "partial_scans" in found, (cut, found)
        assert pixels is None or "progressive" in kind


def test_a_hole_in_cmyk_costs_a_note() -> None:
    """Zeroed data decode to something; libjpeg notices, and CMYK is no exception to the note."""
    payload = bytearray(encoded("CMYK"))
    assert outcome(bytes(payload))[1] == ()
    payload[2000:4000] = bytes(2000)
    pixels, found = outcome(bytes(payload))

    assert found == ("decoder_warning",) if pixels is not None else found == "truncated_image"


def test_a_missing_interval_fails() -> None:
    """Data between two restart markers cut out with one of them: libjpeg speaks of a marker, and fills with grey."""
    whole = encoded("L", restart_marker_blocks=3)
    damaged = whole[: whole.index(b"\xff\xd1")] + whole[whole.index(b"\xff\xd2") :]
    with pytest.raises(ValueError, match="found marker 0xd2 instead of RST1"):
        simplejpeg.decode_jpeg(damaged)

    assert outcome(whole)[1] == ()
    assert outcome(damaged) == (None, "truncated_image")


def test_a_last_restart_marker_too_many_is_harmless() -> None:
    """Some encoders write one behind the last interval; it costs what any warning costs, or nothing."""
    whole = encoded("L", restart_marker_blocks=3)
    pixels, found = outcome(whole[:-2] + b"\xff\xd1" + END)

    assert pixels is not None
    assert np.array_equal(pixels, stored(whole))
    assert found in ((), ("decoder_warning",))


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_progressive_pictures_without_their_last_scans(mode: str) -> None:
    """Cut exactly between scans no data are missing from any; the picture is coarse, and the ledger says so."""
    payload = encoded(mode, progressive=True)
    scans = [scan.end for scan in jpeg_scans(payload)]
    assert len(scans) > 4
    assert outcome(payload)[1] == ()
    for end in scans[:-1]:
        pixels, found = outcome(payload[:end] + END)
        assert pixels is not None
        assert found == ("partial_scans",)


def test_pictures_without_the_scan_of_a_component_fail() -> None:
    """A scan for each component, the last left out: libjpeg fills it with its middle value and says nothing."""
    parts = scan_by_scan()
    assert outcome(b"".join(parts) + END)[1] == ()
    for left in (2, 3):
        damaged = b"".join(parts[:left]) + END
        simplejpeg.decode_jpeg(damaged)
        assert outcome(damaged) == (None, "truncated_image")


def test_arithmetic_coding_costs_a_note() -> None:
    """A decoder takes zeros for granted behind arithmetic data, and no way is known to tell whether some are missing."""
    payload = encoded("L").replace(b"\xff\xc0", b"\xff\xc9", 1)
    start = payload.index(b"\xff\xda") + 10
    for size in (4, 12):
        simplejpeg.decode_jpeg(payload[: start + size] + END)
        assert outcome(payload[: start + size] + END)[1] == ("end_unchecked",)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(KINDS)), st.data())
def test_data_cut_off_are_never_lost_in_silence(kind: str, data: st.DataObject) -> None:
    """The end of the data left out, however short: the pixels stay, or a note or a failure says that they did not."""
    payload, notes = KINDS[kind]
    cut = data.draw(st.integers(1, len(payload) - payload.index(b"\xff\xda") - 30))
    pixels, found = outcome(payload[: -2 - cut] + END)

    assert pixels is None or found != notes or np.array_equal(pixels, stored(payload))
