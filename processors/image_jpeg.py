"""JPEGs become pixels; what is incomplete does not, whatever a decoder would fill it with."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from zarrpack.errors import MemberError
from zarrpack.processors.image_header import PictureHeader
from zarrpack.processors.image_modes import kept_array
from zarrpack.processors.image_pillow import open_picture
from zarrpack.processors.jpeg_scans import coverage, interval_ends, jpeg_scans, padded

__all__ = ["decode_jpeg"]

_COLOUR_SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}
#: Bits that no run of zeros resembles, without FF, which would start a marker. Two, as a short gap may fit one.
_FILLERS = (bytes(range(0x35, 0xF5, 3)), bytes(range(0xEB, 0x2B, -3)))


def decode_jpeg(payload: bytes, header: PictureHeader, limit: int) -> tuple[npt.NDArray[Any], list[str]]:
    """Decode a JPEG whose header and end marker have been read.

    Parameters
    ----------
    payload : bytes
        The file.
    header : PictureHeader
        What `jpeg_header` gave for it.
    limit : int
        Largest accepted height times width.

    Returns
    -------
    ndarray of shape (height, width) or (height, width, 3)
        uint8, as the pixels lie in the file.
    list of str
        Notes: ``partial_scans``, ``end_unchecked``, ``decoder_warning``.

    Raises
    ------
    MemberError
        ``truncated_image`` if pixel data are missing, ``not_decodable``, ``limit_pixels``.
    """
    notes = _scan_notes(payload, header)
    pixels = _strict(payload, header.mode)
    if pixels is None:
        # Pillow passes over harmless warnings, and refuses real errors.
        pixels = _pillow(payload, header, limit)
        _check_data(payload, header, pixels, limit)
        notes.append("decoder_warning")
    return pixels, notes


def _scan_notes(payload: bytes, header: PictureHeader) -> list[str]:
    if header.plain:
        return []
    covered = coverage(jpeg_scans(payload))
    if covered == "missing":
        raise MemberError("truncated_image", "JPEG: expected scans of all components, found none of some")
    notes = ["partial_scans"] if covered == "partial" else []
    # All scans belong to one frame.
    first = next(jpeg_scans(payload), None)
    return [*notes, "end_unchecked"] if first and first.arithmetic else notes


def _strict(payload: bytes, mode: str) -> npt.NDArray[Any] | None:
    """Give the pixels; None where libjpeg warns, or simplejpeg cannot tell."""
    import simplejpeg

    try:
        # Strict: a warning of libjpeg's, such as a premature end, is an error.
        pixels = simplejpeg.decode_jpeg(payload, colorspace=_COLOUR_SPACES[mode], strict=True)
    except ValueError as exc:
        if "premature end" in str(exc).lower():
            # Pillow fills what is missing with grey if an end marker follows: that would be silent loss.
            raise MemberError("truncated_image", f"JPEG: expected more pixel data, found {exc}") from exc
        return None
    if mode == "CMYK":
        from PIL import Image

        # Pillow takes CMYK of JPEGs for inverted, and its conversion is the rule.
        height, width = pixels.shape[:2]
        return np.asarray(Image.frombytes("CMYK", (width, height), pixels, "raw", "CMYK;I").convert("RGB"))
    return np.asarray(pixels[:, :, 0] if mode == "L" else pixels)


def _pillow(payload: bytes, header: PictureHeader, limit: int) -> npt.NDArray[Any]:
    with open_picture(payload, "JPEG", limit) as image:
        return kept_array(image, header.kept)


def _check_data(payload: bytes, header: PictureHeader, pixels: npt.NDArray[Any], limit: int) -> None:
    """Find missing data where libjpeg does not say: it tells of its first warning only, and Pillow of none.

    Where an interval of data ends early, libjpeg goes on with zeros, and with whatever is put there. So the
    pixels are the same with other bytes at the ends of all intervals exactly if nothing is missing.
    """
    ends: list[int] = []
    for scan in jpeg_scans(payload):
        if scan.arithmetic:
            return
        found = interval_ends(payload, scan)
        if found is None:
            raise MemberError("truncated_image", "JPEG: expected all restart markers in order, found others")
        ends += found
    # A file of little but restart markers must not grow without bound.
    size = max(4, min(len(_FILLERS[0]), len(payload) // max(1, len(ends))))
    for filler in _FILLERS:
        try:
            other = _pillow(padded(payload, ends, filler[:size]), header, limit)
        except MemberError as exc:
            raise MemberError("truncated_image", f"JPEG: expected more pixel data; {exc.detail}") from exc
        if not np.array_equal(other, pixels):
            raise MemberError("truncated_image", "JPEG: expected more pixel data, found an end marker")
