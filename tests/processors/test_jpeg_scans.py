"""Scans of JPEGs: where their data end and what they cover."""

from __future__ import annotations

import io
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from zarrpack.processors.jpeg_scans import JpegScan, coverage, interval_ends, jpeg_scans, padded

NOISE = np.random.default_rng(5).integers(0, 256, (41, 35, 3)).astype(np.uint8)


def encoded(**options: Any) -> bytes:
    """Write a picture with Pillow."""
    file = io.BytesIO()
    Image.fromarray(NOISE).save(file, "JPEG", **options)
    return file.getvalue()


def ends_of(payload: bytes, scan: JpegScan) -> list[int]:
    """Give the ends of a scan that has all its restart markers."""
    ends = interval_ends(payload, scan)
    assert ends is not None
    return ends


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("blocks", [0, 1, 4, 7])
def test_restart_markers_are_counted_as_libjpeg_writes_them(subsampling: int, blocks: int) -> None:
    """Whatever the sampling, the number of intervals is the one that follows from the frame; one less is noticed."""
    payload = encoded(subsampling=subsampling, restart_marker_blocks=blocks)
    [scan] = jpeg_scans(payload)

    ends = ends_of(payload, scan)
    units = -(-35 // (8, 16, 16)[subsampling]) * -(-41 // (8, 8, 16)[subsampling])

    assert scan.interval == blocks
    assert len(ends) == (-(-units // blocks) if blocks else 1)
    assert [payload[end : end + 2] for end in ends[:-1]] == [bytes((0xFF, 0xD0 + n % 8)) for n in range(len(ends) - 1)]
    assert payload[ends[-1] :] == b"\xff\xd9"
    for end in ends[:-1]:
        fewer = payload[:end] + payload[end + 2 :]
        [scan] = jpeg_scans(fewer)
        assert interval_ends(fewer, scan) is None


def test_progressive_scans_are_those_of_the_file() -> None:
    """Components, coefficients and low bits are read; together they cover the picture, fewer of them do not."""
    payload = encoded(progressive=True)
    scans = list(jpeg_scans(payload))

    assert scans[0].components == (1, 2, 3)
    assert (scans[0].first, scans[0].last, scans[0].low_bit) == (0, 0, 1)
    assert coverage(jpeg_scans(payload)) == "whole"
    assert {coverage(jpeg_scans(payload[: scan.end] + b"\xff\xd9")) for scan in scans[:-1]} == {"partial"}
    assert coverage(jpeg_scans(payload[: payload.index(b"\xff\xda")] + b"\xff\xd9")) == "missing"


def test_a_progressive_picture_without_any_one_scan_is_not_whole() -> None:
    """A scan that refines does not stand in for the one that it refines: without that, bits are missing."""
    payload = encoded(progressive=True)
    ends = [scan.end for scan in jpeg_scans(payload)]
    starts = [payload.index(b"\xff\xda", end) for end in (0, *ends[:-1])]
    assert len(ends) > 4
    without = [coverage(jpeg_scans(payload[:a] + payload[b:])) for a, b in zip(starts, ends, strict=True)]

    assert without == ["missing"] + ["partial"] * (len(ends) - 1)


def test_fill_bytes_belong_to_the_marker_behind_them() -> None:
    """Any number of FF may lead a marker: what is put before the marker is put before them."""
    payload = encoded()
    [scan] = jpeg_scans(payload)
    for fill in (b"\xff\xff", b"\xff" * 10_000):
        filled = payload[:-2] + fill + b"\xff\xd9"
        [found] = jpeg_scans(filled)

        assert found.end == scan.end
        assert padded(filled, ends_of(filled, found), b"ab") == payload[:-2] + b"ab" + fill + b"\xff\xd9"


def test_fill_bytes_before_restart_markers() -> None:
    """They are passed over at each of them."""
    payload = encoded(restart_marker_blocks=7)
    [scan] = jpeg_scans(payload)
    ends = ends_of(payload, scan)
    filled = padded(payload, ends, b"\xff\xff")
    [found] = jpeg_scans(filled)

    assert ends_of(filled, found) == [end + 2 * n for n, end in enumerate(ends)]


def test_more_restart_markers_than_a_scan_can_have_are_refused() -> None:
    """One behind each unit may be; each one more is nonsense, and a file of little else takes no memory."""
    payload = encoded(subsampling=0)
    markers = b"".join(bytes((0xFF, 0xD0 + n % 8)) for n in range(31))
    [scan] = jpeg_scans(payload[:-2] + markers + b"\xff\xd9")
    assert len(ends_of(payload[:-2] + markers + b"\xff\xd9", scan)) == 32

    many = payload[:-2] + markers * 100_000 + b"\xff\xd9"
    tracemalloc.start()
    [scan] = jpeg_scans(many)
    found = interval_ends(many, scan)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert found is None
    assert most < 100_000


def test_padding_a_whole_picture_changes_nothing() -> None:
    """Bytes at the ends of whole intervals are passed over; those of a picture that is cut are taken for data."""
    payload = encoded(restart_marker_blocks=1)
    [scan] = jpeg_scans(payload)
    ends = ends_of(payload, scan)
    other = padded(payload, ends, b"some bytes")
    assert len(ends) > 4
    assert len(other) == len(payload) + 10 * len(ends)

    assert np.array_equal(np.asarray(Image.open(io.BytesIO(other))), np.asarray(Image.open(io.BytesIO(payload))))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_bytes_are_gone_over(data: st.DataObject) -> None:
    """Foreign bytes, and changed pictures, give scans with ordered ends inside the file, or none."""
    payload = bytearray(data.draw(st.one_of(st.binary(max_size=100), st.just(encoded(progressive=True)))))
    for _ in range(data.draw(st.integers(0, 4)) if payload else 0):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.sampled_from([0, 1, 17, 0xC0, 0xDA, 0xFF]))
    scans = list(jpeg_scans(bytes(payload)))
    ends = [end for scan in scans for end in (scan.start, *(interval_ends(bytes(payload), scan) or ()))]

    assert ends == sorted(ends)
    assert all(0 <= end <= len(payload) for end in ends)
    assert coverage(jpeg_scans(bytes(payload))) in ("whole", "partial", "missing")
