"""What a picture is, read from its first bytes; nothing is decoded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, BinaryIO

from zarrpack.errors import MemberError
from zarrpack.processors.image_modes import CHANNELS, kept_mode
from zarrpack.processors.image_pillow import check_png, count_frames, open_picture
from zarrpack.processors.jpeg_header import HeaderCutError, JpegHeader, has_end, parse_jpeg
from zarrpack.processors.tiff_samples import tiff_samples

if TYPE_CHECKING:
    from PIL import ImageFile

__all__ = ["PictureHeader", "jpeg_header", "pillow_header", "stream_header", "whole_header"]

_JPEG_MODES = {1: "L", 3: "RGB", 4: "CMYK"}
_STEP_BYTES = 1 << 14


@dataclass(frozen=True, slots=True)
class PictureHeader:
    """A picture as its header announces it.

    Parameters
    ----------
    format, mode : str
        Pillow's names, such as ``"JPEG"`` and ``"CMYK"``.
    kept : str
        The mode it is stored in if no other is asked for.
    height, width : int
        In pixels, of the upright picture.
    orientation : int
        1 to 8, as EXIF defines it.
    plain : bool
        Whether a decoder that does not complain has found everything; not so of progressive JPEGs and the like.
    samples : int or None
        Samples per pixel in the file, where `mode` has fewer: the others are not decoded.
    white_is_zero : bool
        Whether pixels are yet to be inverted, as nothing else does it.
    """

    format: str
    mode: str
    kept: str
    height: int
    width: int
    orientation: int
    plain: bool = True
    samples: int | None = None
    white_is_zero: bool = False

    @property
    def channels(self) -> int:
        """Values per pixel of the stored form."""
        return CHANNELS[self.kept]


def whole_header(payload: bytes, format: str, pixels: int) -> tuple[PictureHeader, int | None]:
    """Read the header of a whole file and check cheaply that its end is there.

    Parameters
    ----------
    payload : bytes
        The file.
    format : str
        Pillow's name of the format.
    pixels : int
        Largest accepted height times width.

    Returns
    -------
    PictureHeader
        What the header announces.
    int or None
        Frames in the file; None where that cannot be told.

    Raises
    ------
    MemberError
        ``truncated_image``, ``not_decodable`` or ``limit_pixels``.
    """
    if format == "JPEG":
        return jpeg_header(payload, pixels), 1
    if format == "PNG":
        check_png(payload, checksums=False)
    with open_picture(payload, format, pixels) as image:
        return pillow_header(image), count_frames(image)


def stream_header(stream: BinaryIO, format: str, pixels: int) -> PictureHeader:
    """Read the header from a stream, and no more of it than needed.

    Raises
    ------
    MemberError
        ``truncated_image``, ``not_decodable`` or ``limit_pixels``.
    """
    if format != "JPEG":
        with open_picture(stream, format, pixels) as image:
            return pillow_header(image)
    payload, needed = b"", _STEP_BYTES
    while True:
        piece = stream.read(max(needed - len(payload), _STEP_BYTES))
        payload += piece
        try:
            return _described(parse_jpeg(payload), pixels)
        except HeaderCutError as short:
            if not piece:
                raise MemberError("truncated_image", f"JPEG: the header ends after {len(payload)} bytes") from short
            needed = short.size


def jpeg_header(payload: bytes, pixels: int) -> PictureHeader:
    """Read the header of a whole JPEG and check that its end is there.

    Raises
    ------
    MemberError
        ``truncated_image``, ``not_decodable`` or ``limit_pixels``.
    """
    try:
        header = parse_jpeg(payload)
    except HeaderCutError as short:
        raise MemberError("truncated_image", f"JPEG: the header ends after {len(payload)} bytes") from short
    if not has_end(payload, header):
        raise MemberError("truncated_image", f"JPEG: expected an end marker, found none in {len(payload)} bytes")
    return _described(header, pixels)


def pillow_header(image: ImageFile.ImageFile) -> PictureHeader:
    """Describe a picture that Pillow has opened and not yet decoded."""
    mode, format = image.mode, image.format or ""
    kept = kept_mode(mode, transparent=mode == "P" and image.has_transparency_data)
    orientation = _orientation(image)
    height, width = image.height, image.width
    # Pillow announces a TIFF's size as it will be when upright, and every other format's as it lies.
    if orientation >= 5 and format != "TIFF":
        height, width = width, height
    header = PictureHeader(format, mode, kept, height, width, orientation)
    return replace(header, **tiff_samples(image)) if format == "TIFF" else header


def _orientation(image: ImageFile.ImageFile) -> int:
    from PIL import Image

    try:
        # The base class's method: PNG's own would decode the pixels to look for EXIF behind them.
        found = Image.Image.getexif(image).get(0x0112, 1)
    except MemberError:
        raise
    except Exception:  # noqa: BLE001 - of many types; damaged EXIF costs the orientation, not the picture
        return 1
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def _described(header: JpegHeader, pixels: int) -> PictureHeader:
    if header.height * header.width > pixels:
        size = f"{header.width}x{header.height}"
        raise MemberError("limit_pixels", f"{size} pixels, more than {pixels}; raise the limit pixels")
    mode = _JPEG_MODES.get(header.components)
    if mode is None:
        raise MemberError("not_decodable", f"JPEG: expected 1, 3 or 4 components, found {header.components}")
    height, width = header.height, header.width
    if header.orientation >= 5:
        height, width = width, height
    kept = kept_mode(mode, transparent=False)
    return PictureHeader("JPEG", mode, kept, height, width, header.orientation, header.plain)
