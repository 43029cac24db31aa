"""One picture's bytes become pixels by the rules of a conversion, outside one."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from zarrpack.errors import MemberError
from zarrpack.processors.base import HEAD_BYTES, Block, Member
from zarrpack.processors.image import ImageProcessor
from zarrpack.processors.limits import Limits

__all__ = ["decode_picture"]

_PROCESSOR = ImageProcessor()


def decode_picture(payload: bytes, limits: Limits | None = None) -> npt.NDArray[Any]:
    """Decode a picture. Safe in threads.

    Parameters
    ----------
    payload : bytes
        A whole file of a format that `ImageProcessor` reads.
    limits : Limits, optional
        What it may cost; those of a conversion if nothing is said.

    Returns
    -------
    ndarray of shape (height, width, channels)
        The upright picture, as ``zarrpack convert`` would have stored it.

    Raises
    ------
    MemberError
        If it cannot be decoded; the reason says why.

    Examples
    --------
    >>> import io
    >>> from PIL import Image
    >>> file = io.BytesIO()
    >>> Image.new("L", (4, 3)).save(file, "PNG")
    >>> decode_picture(file.getvalue()).shape
    (3, 4, 1)
    """
    member = Member("picture", payload[:HEAD_BYTES], payload, limits or Limits())
    for found in _PROCESSOR.read(member):
        if isinstance(found, Block) and found.array == "pixels":
            pixels: npt.NDArray[Any] = np.asarray(found.rows)[0]
            return pixels if pixels.flags.writeable else pixels.copy()
    raise MemberError("not_decodable", "expected a picture, found no pixels")
