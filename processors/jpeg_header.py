"""What a JPEG's markers say: size, components, orientation; and whether its end is there."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from zarrpack.errors import MemberError

__all__ = ["HeaderCutError", "JpegHeader", "exif_orientation", "has_end", "parse_jpeg"]

_EXIF = b"Exif\x00\x00"
_XMP = b"http://ns.adobe.com/xap/1.0/\x00"
_XMP_ORIENTATION = re.compile(rb'tiff:Orientation(?:="|>)([0-9])')
_START_OF_SCAN = 0xDA
_END_OF_IMAGE = 0xD9
_APP1 = 0xE1
_STANDALONE = frozenset((0x01, *range(0xD0, 0xD9)))
#: Start-of-frame markers; C4, C8 and CC are tables and extensions.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE_OR_ARITHMETIC = frozenset((0xC2, 0xC6, *range(0xC9, 0xD0)))
_ORIENTATION = 0x0112
_INTEGER_TYPES = {3: "H", 4: "I", 8: "h", 9: "i"}


class HeaderCutError(Exception):
    """The markers go on behind the bytes at hand.

    Parameters
    ----------
    size : int
        How many bytes are needed at least.
    """

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.size = size


@dataclass(frozen=True, slots=True)
class JpegHeader:
    """The part of a JPEG before its first scan.

    Parameters
    ----------
    height, width : int
        In pixels, as stored, before the orientation is applied.
    components : int
        1 grey, 3 colour, 4 CMYK.
    orientation : int
        1 to 8, as EXIF defines it.
    scan : int
        Offset of the first start-of-scan marker, in bytes.
    plain : bool
        Whether a decoder that does not complain has found everything: one scan of all components, Huffman-coded.
    """

    height: int
    width: int
    components: int
    orientation: int
    scan: int
    plain: bool


def parse_jpeg(payload: bytes) -> JpegHeader:
    """Read the markers up to the first scan.

    Parameters
    ----------
    payload : bytes
        The file, or its beginning.

    Raises
    ------
    HeaderCutError
        If `payload` ends before the first scan.
    MemberError
        ``not_decodable`` if the markers make no sense.

    Examples
    --------
    >>> import numpy as np, simplejpeg
    >>> header = parse_jpeg(simplejpeg.encode_jpeg(np.zeros((2, 3, 3), np.uint8)))
    >>> header.height, header.width, header.components, header.orientation
    (2, 3, 3, 1)
    """
    frame: tuple[int, int, int] | None = None
    exif, xmp = [], b""
    marker_of_frame, position = 0, 2
    while True:
        marker, position = _next_marker(payload, position)
        if marker == _START_OF_SCAN:
            break
        if marker in _STANDALONE:
            continue
        if marker == _END_OF_IMAGE:
            raise MemberError("not_decodable", "JPEG: expected a scan, found the end of the image")
        end = position + _segment_size(payload, position)
        if marker in _FRAMES and frame is None:
            frame = _frame(payload, position, end)
            marker_of_frame = marker
        elif marker == _APP1:
            if len(payload) < end:
                raise HeaderCutError(end)
            if payload.startswith(_EXIF, position + 2):
                exif.append(payload[position + 2 + len(_EXIF) : end])
            elif payload.startswith(_XMP, position + 2):
                xmp = payload[position + 2 + len(_XMP) : end]
        position = end
    if frame is None:
        raise MemberError("not_decodable", "JPEG: expected a frame header before the first scan, found none")
    height, width, components = frame
    in_scan = payload[position + 2 : position + 3]
    plain = marker_of_frame not in _PROGRESSIVE_OR_ARITHMETIC and in_scan >= bytes([components])
    return JpegHeader(height, width, components, _orientation(b"".join(exif), xmp), position - 2, plain)


def has_end(payload: bytes, header: JpegHeader) -> bool:
    """Tell whether an end-of-image marker follows the first scan.

    Other bytes may follow the marker: many cameras append more pictures.
    """
    return payload.endswith(b"\xff\xd9") or payload.rfind(b"\xff\xd9", header.scan) >= 0


def exif_orientation(exif: bytes) -> int | None:
    """Give the orientation that an EXIF block (a TIFF header and its first directory) holds.

    Returns
    -------
    int or None
        1 to 8; 0 for a value that means nothing; None if there is none.

    Examples
    --------
    >>> exif_orientation(bytes.fromhex("4d4d002a000000080001011200030000000100060000"))
    6
    """
    order = {b"II*\x00": "<", b"MM\x00*": ">"}.get(exif[:4])
    if order is None:
        return None
    try:
        directory = struct.unpack_from(order + "I", exif, 4)[0]
        count = struct.unpack_from(order + "H", exif, directory)[0]
        for entry in range(directory + 2, directory + 2 + 12 * count, 12):
            tag, kind, values = struct.unpack_from(order + "HHI", exif, entry)
            if tag == _ORIENTATION:
                code = _INTEGER_TYPES.get(kind)
                value = struct.unpack_from(order + code, exif, entry + 8)[0] if code and values == 1 else 0
                return int(value) if 1 <= value <= 8 else 0
    except struct.error:
        return None
    return None


def _next_marker(payload: bytes, position: int) -> tuple[int, int]:
    # As libjpeg and Pillow do: bytes between segments are passed over, and any number of FF may lead a marker.
    while True:
        position = payload.find(b"\xff", position)
        if position < 0 or len(payload) < position + 2:
            raise HeaderCutError(len(payload) + 2)
        code = payload[position + 1]
        if code not in (0x00, 0xFF):
            return code, position + 2
        position += 1


def _segment_size(payload: bytes, position: int) -> int:
    if len(payload) < position + 2:
        raise HeaderCutError(position + 2)
    # A size counts its own two bytes; like libjpeg and Pillow, a smaller one is taken for an empty segment.
    return max(2, payload[position] << 8 | payload[position + 1])


def _frame(payload: bytes, position: int, end: int) -> tuple[int, int, int]:
    if len(payload) < end:
        raise HeaderCutError(end)
    if end - position < 8:
        raise MemberError("not_decodable", "JPEG: the frame header is too short")
    height, width, components = struct.unpack_from(">HHB", payload, position + 3)
    if not height or not width:
        raise MemberError("not_decodable", f"JPEG: expected a size, found {width}x{height} pixels")
    return height, width, components


def _orientation(exif: bytes, xmp: bytes) -> int:
    found = exif_orientation(exif) if exif else None
    if found is None and xmp and (match := _XMP_ORIENTATION.search(xmp)):
        found = int(match[1])
    return found if found is not None and 1 <= found <= 8 else 1
