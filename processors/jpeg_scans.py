"""What the scans of a JPEG hold: which coefficients they cover, where their data end, and what lies between restarts."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal

__all__ = ["JpegFrame", "JpegScan", "coverage", "interval_ends", "jpeg_scans", "padded"]

_START_OF_SCAN = 0xDA
_END_OF_IMAGE = 0xD9
_RESTART_INTERVAL = 0xDD
_RESTARTS = range(0xD0, 0xD8)
#: Markers of segments, not data, fill bytes, or markers that stand by themselves. One FF each: a pattern that begins
#: with any number of them would go over a run of fill bytes as often as it has bytes.
_SEGMENT = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")
_END_OF_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
#: Fill bytes are passed over this many at a time.
_FILL_BLOCK = 1 << 12
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = frozenset((0xC2, 0xC6, 0xCA, 0xCE))
_LOSSLESS = frozenset((0xC3, 0xC7, 0xCB, 0xCF))
_ARITHMETIC = frozenset(range(0xC9, 0xD0))


@dataclass(frozen=True, slots=True)
class JpegFrame:
    """A frame header.

    Parameters
    ----------
    marker : int
        Second byte of its marker, which says how the frame is coded.
    height, width : int
        In pixels.
    components : tuple of (int, int, int)
        Id, horizontal and vertical sampling factor of each.
    """

    marker: int
    height: int
    width: int
    components: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class JpegScan:
    """One scan of a JPEG.

    Parameters
    ----------
    frame : JpegFrame
        The frame that it belongs to.
    components : tuple of int
        Ids of the components that it holds.
    first, last : int
        The coefficients that it holds, 0 to 63; in lossless frames `first` is the predictor.
    high_bit, low_bit : int
        How many of their low bits earlier scans have left, and how many are left to later ones; `high_bit` is 0 in
        the first scan of them.
    interval : int
        MCUs between restart markers; 0 if there are none.
    start, end : int
        Offsets of its data, and of the marker behind them with its fill bytes, in bytes.
    """

    frame: JpegFrame
    components: tuple[int, ...]
    first: int
    last: int
    high_bit: int
    low_bit: int
    interval: int
    start: int
    end: int

    @property
    def arithmetic(self) -> bool:
        """Whether it is coded arithmetically; where such data end is said by nothing."""
        return self.frame.marker in _ARITHMETIC


def jpeg_scans(payload: bytes) -> Iterator[JpegScan]:
    """Go over the scans up to the end of the image, or up to what makes no sense.

    Parameters
    ----------
    payload : bytes
        A JPEG file.

    Examples
    --------
    >>> import numpy as np, simplejpeg
    >>> [scan] = jpeg_scans(simplejpeg.encode_jpeg(np.zeros((2, 3, 3), np.uint8)))
    >>> scan.components, scan.first, scan.last, scan.interval
    ((1, 2, 3), 0, 63, 0)
    """
    frame: JpegFrame | None = None
    position, interval = 2, 0
    while found := _SEGMENT.search(payload, position):
        marker, position = payload[found.start() + 1], found.end()
        if marker == _END_OF_IMAGE:
            return
        body = payload[position + 2 : position + max(2, int.from_bytes(payload[position : position + 2]))]
        position += 2 + len(body)
        if marker in _FRAMES and frame is None:
            frame = _frame(marker, body)
        elif marker == _RESTART_INTERVAL and len(body) >= 2:
            interval = int.from_bytes(body[:2])
        elif marker == _START_OF_SCAN:
            if frame is None or not body or len(body) < 4 + 2 * body[0]:
                return
            after = _END_OF_SCAN.search(payload, position)
            end = _before_fill(payload, position, after.start()) if after else len(payload)
            first, last, bits = body[1 + 2 * body[0] : 4 + 2 * body[0]]
            ids = tuple(body[1 : 1 + 2 * body[0] : 2])
            yield JpegScan(frame, ids, first, last, bits >> 4, bits & 15, interval, position, end)
            position = after.start() if after else end


def coverage(scans: Iterable[JpegScan]) -> Literal["whole", "partial", "missing"]:
    """Tell whether the scans of a JPEG together hold the whole picture, wherever their data end.

    Returns
    -------
    {"whole", "partial", "missing"}
        ``"partial"`` if coefficients or their low bits are in no scan: the picture is coarser than its frame
        promises. ``"missing"`` if a component is in no scan at all, or its mean values are not.
    """
    precision: dict[int, list[int]] = {}
    for scan in scans:
        progressive = scan.frame.marker in _PROGRESSIVE
        precision = precision or {one: [16] * 64 for one, *_ in scan.frame.components}
        for one in scan.components:
            if one in precision:
                held = slice(scan.first, min(scan.last, 63) + 1) if progressive else slice(64)
                high, low = (scan.high_bit, scan.low_bit) if progressive else (0, 0)
                # What refines is of no use without all that it refines.
                precision[one][held] = [low if high in (0, bits) else bits for bits in precision[one][held]]
    if not precision or any(bits[0] == 16 for bits in precision.values()):
        return "missing"
    return "partial" if any(any(bits) for bits in precision.values()) else "whole"


def interval_ends(payload: bytes, scan: JpegScan) -> list[int] | None:
    """Find where the data of a scan end, and between its restart markers those of each interval.

    Returns
    -------
    list of int or None
        Offset of each restart marker with its fill bytes, and of the scan's end. None if restart markers are missing
        or out of order, for then so are the data between them, or if there are more than the scan can have.
    """
    units = _units(scan)
    # Some encoders write one more behind the last interval. Beyond that, markers must not cost memory.
    found = _RESTART.finditer(payload, scan.start, scan.end)
    places = [restart.start() for restart in islice(found, units + 2)]
    if len(places) > units + 1:
        return None
    if scan.interval:
        expected = -(-units // scan.interval) - 1
        if bytes(payload[at + 1] for at in places[:expected]) != bytes(_RESTARTS[n % 8] for n in range(expected)):
            return None
    return [*(_before_fill(payload, scan.start, at) for at in places), scan.end]


def padded(payload: bytes, ends: list[int], filler: bytes) -> bytes:
    """Give `payload` with `filler` in front of each offset in `ends`.

    A decoder that has all data of an interval passes over it; one that has not takes it for data.
    """
    file, start = io.BytesIO(), 0
    # Not joined, which would keep a piece for each offset.
    for end in ends:
        file.write(payload[start:end])
        file.write(filler)
        start = end
    file.write(payload[start:])
    return file.getvalue()


def _before_fill(payload: bytes, start: int, offset: int) -> int:
    """Go back from the marker at `offset` over the fill bytes in front of it, not beyond `start`."""
    while offset > start and payload[offset - 1] == 0xFF:
        block = payload[max(start, offset - _FILL_BLOCK) : offset]
        offset += len(block.rstrip(b"\xff")) - len(block)
    return offset


def _frame(marker: int, body: bytes) -> JpegFrame | None:
    if len(body) < 6 or not body[5] or len(body) < 6 + 3 * body[5]:
        return None
    height, width = int.from_bytes(body[1:3]), int.from_bytes(body[3:5])
    specs = (body[at : at + 2] for at in range(6, 6 + 3 * body[5], 3))
    return JpegFrame(marker, height, width, tuple((one, max(1, by >> 4), max(1, by & 15)) for one, by in specs))


def _units(scan: JpegScan) -> int:
    """Count the MCUs: of 8 x 8 samples if the scan has one component, else of as many as all of them span."""
    frame, side = scan.frame, 1 if scan.frame.marker in _LOSSLESS else 8
    across: int = max(x for _, x, _ in frame.components)
    down: int = max(y for _, _, y in frame.components)
    if len(scan.components) > 1:
        return -(-frame.width // (side * across)) * -(-frame.height // (side * down))
    x, y = next(((x, y) for one, x, y in frame.components if one in scan.components), (across, down))
    columns, rows = -(-frame.width * x // across), -(-frame.height * y // down)
    return -(-columns // side) * -(-rows // side)
