"""Scans of JPEGs: where their data end and what they cover."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from zarrpack.processors.jpeg_scans import coverage, jpeg_scans, padded, restarts_missing

NOISE = np.random.default_rng(5).integers(0, 256, (41, 35, 3)).astype(np.uint8)


def encoded(**options: Any) -> bytes:
    """Write a picture with Pillow."""
    file = io.BytesIO()
    Image.fromarray(NOISE).save(file, "JPEG", **options)
    return file.getvalue()


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("blocks", [0, 1, 4, 7])
def test_restart_markers_are_counted_as_libjpeg_writes_them(subsampling: int, blocks: int) -> None:
    """Whatever the sampling, the number of intervals is the one that follows from the frame; one less is noticed."""
    payload = encoded(subsampling=subsampling, restart_marker_blocks=blocks)
    [scan] = jpeg_scans(payload)

    assert scan.interval == blocks
    assert not restarts_missing(scan)
    assert len(scan.ends) == len(scan.restarts) + 1
    assert payload[scan.ends[-1] :] == b"\xff\xd9"
    for end in scan.ends[:-1]:
        [fewer] = jpeg_scans(payload[:end] + payload[end + 2 :])
        assert restarts_missing(fewer)


def test_progressive_scans_are_those_of_the_file() -> None:
    """Components, coefficients and low bits are read; together they cover the picture, fewer of them do not."""
    payload = encoded(progressive=True)
    scans = list(jpeg_scans(payload))

    assert scans[0].components == (1, 2, 3)
    assert (scans[0].first, scans[0].last, scans[0].low_bit) == (0, 0, 1)
    assert coverage(jpeg_scans(payload)) == "whole"
    assert {coverage(jpeg_scans(payload[: scan.ends[-1]] + b"\xff\xd9")) for scan in scans[:-1]} == {"partial"}
    assert coverage(jpeg_scans(payload[: payload.index(b"\xff\xda")] + b"\xff\xd9")) == "missing"


def test_a_progressive_picture_without_any_one_scan_is_not_whole() -> None:
    """A scan that refines does not stand in for the one that it refines: without that, bits are missing."""
    payload = encoded(progressive=True)
    ends = [scan.ends[-1] for scan in jpeg_scans(payload)]
    starts = [payload.index(b"\xff\xda", end) for end in (0, *ends[:-1])]
    assert len(ends) > 4
    without = [coverage(jpeg_scans(payload[:a] + payload[b:])) for a, b in zip(starts, ends, strict=True)]

    assert without == ["missing"] + ["partial"] * (len(ends) - 1)


def test_fill_bytes_belong_to_the_marker_behind_them() -> None:
    """Any number of FF may lead a marker: what is put before the marker is put before them."""
    payload = encoded()
    [scan] = jpeg_scans(payload)
    filled = payload[:-2] + b"\xff\xff\xff\xd9"
    [found] = jpeg_scans(filled)

    assert found.ends == scan.ends
    assert padded(filled, list(found.ends), b"ab") == payload[:-2] + b"ab\xff\xff\xff\xd9"


def test_padding_a_whole_picture_changes_nothing() -> None:
    """Bytes at the ends of whole intervals are passed over; those of a picture that is cut are taken for data."""
    payload = encoded(restart_marker_blocks=3)
    [scan] = jpeg_scans(payload)
    other = padded(payload, list(scan.ends), b"some bytes")
    assert len(other) == len(payload) + 10 * len(scan.ends)

    assert np.array_equal(np.asarray(Image.open(io.BytesIO(other))), np.asarray(Image.open(io.BytesIO(payload))))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_bytes_are_gone_over(data: st.DataObject) -> None:
    """Foreign bytes, and changed pictures, give scans with ordered ends inside the file, or none."""
    payload = bytearray(data.draw(st.one_of(st.binary(max_size=100), st.just(encoded(progressive=True)))))
    for _ in range(data.draw(st.integers(0, 4)) if payload else 0):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.sampled_from([0, 1, 17, 0xC0, 0xDA, 0xFF]))
    ends = [end for scan in jpeg_scans(bytes(payload)) for end in scan.ends]

    assert ends == sorted(ends)
    assert all(0 <= end <= len(payload) for end in ends)
    assert coverage(jpeg_scans(bytes(payload))) in ("whole", "partial", "missing")
    for scan in jpeg_scans(bytes(payload)):
        restarts_missing(scan)
