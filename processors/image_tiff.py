"""TIFFs become pixels of the type that their tags say, with a note where samples are left out."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from zarrpack.processors.image_header import PictureHeader, pillow_header
from zarrpack.processors.image_modes import kept_array
from zarrpack.processors.image_pillow import count_frames, open_picture, sample_notes
from zarrpack.processors.libtiff_messages import libtiff_messages
from zarrpack.processors.tiff_jpeg import jpeg_strip_notes

__all__ = ["decode_tiff"]


def decode_tiff(payload: bytes, limit: int) -> tuple[npt.NDArray[Any], PictureHeader, int | None, list[str]]:
    """Decode a TIFF's first page.

    Parameters
    ----------
    payload : bytes
        The file.
    limit : int
        Largest accepted height times width.

    Returns
    -------
    ndarray of shape (height, width) or (height, width, channels)
        Upright: Pillow turns TIFFs by itself.
    PictureHeader
        What the tags say.
    int or None
        Pages; None where that cannot be told.
    list of str
        Notes: ``samples_dropped``, ``upper_byte_only``, ``decoder_warning``, and those of `decode_jpeg`.

    Raises
    ------
    MemberError
        ``limit_pixels``, ``truncated_image`` or ``not_decodable``.
    """
    with libtiff_messages() as said, open_picture(payload, "TIFF", limit) as image:
        header, notes = pillow_header(image), sample_notes(image)
        pixels = kept_array(image, header.kept)
        notes += jpeg_strip_notes(payload, image)
        frames = count_frames(image)
    if header.white_is_zero:
        pixels = np.invert(pixels)
    if header.samples is not None:
        notes.append("samples_dropped")
    if said and "decoder_warning" not in notes:
        notes.append("decoder_warning")
    return pixels, header, frames, notes
