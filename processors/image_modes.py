"""What becomes of each kind of pixel, and how pictures are turned and brought to a size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from zarrpack.errors import MemberError

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["CHANNELS", "WANTED_MODES", "convert", "fit_to", "kept_array", "kept_mode", "upright"]

#: Mode of a stored picture -> its channels. "I;16" is uint16, "I" int32, "F" float32; "S8", int8, and "U32", uint32,
#: are not Pillow's; the rest are uint8.
CHANNELS = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "I;16": 1, "I": 1, "F": 1, "S8": 1, "U32": 1}

#: Modes whose bits Pillow reads in a mode of its own of the same width.
_VIEWED = {"S8": np.int8, "U32": np.uint32}

#: What the option `mode` may ask for.
WANTED_MODES = ("L", "LA", "RGB", "RGBA")

#: Pillow's mode -> the mode it is stored in. "P" is not here: it depends on transparency.
_KEPT = {mode: mode for mode in CHANNELS if mode not in _VIEWED} | {
    "1": "L",
    "La": "LA",
    "PA": "RGBA",
    "RGBa": "RGBA",
    "RGBX": "RGB",
    "CMYK": "RGB",
    "YCbCr": "RGB",
    "LAB": "RGB",
    "HSV": "RGB",
    "I;16B": "I;16",
    "I;16L": "I;16",
    "I;16N": "I;16",
}


def kept_mode(mode: str, *, transparent: bool) -> str:
    """Give the mode that a picture of Pillow's mode `mode` is stored in.

    Parameters
    ----------
    mode : str
        Such as ``"P"`` or ``"CMYK"``.
    transparent : bool
        Whether some palette entry is transparent; matters to palette pictures only.

    Raises
    ------
    MemberError
        ``not_decodable`` if there is no rule for the mode.

    Examples
    --------
    >>> kept_mode("P", transparent=True), kept_mode("1", transparent=False)
    ('RGBA', 'L')
    """
    if mode == "P":
        return "RGBA" if transparent else "RGB"
    if mode not in _KEPT:
        raise MemberError("not_decodable", f"expected a mode of {', '.join(_KEPT)}, P, found {mode}")
    return _KEPT[mode]


def kept_array(image: Image.Image, kept: str) -> npt.NDArray[Any]:
    """Decode a Pillow picture to its stored form.

    Returns
    -------
    ndarray of shape (H, W) or (H, W, C)
        In native byte order. It may share Pillow's memory.
    """
    if kept == "I;16":
        return np.asarray(image).astype(np.uint16, copy=False)
    if kept in _VIEWED:
        return np.asarray(image).view(_VIEWED[kept])
    if image.mode != kept:
        image = image.convert(kept)
    return np.asarray(image)


def convert(pixels: npt.NDArray[Any], kept: str, wanted: str) -> npt.NDArray[Any]:
    """Bring a stored form to the mode that the option `mode` asks for, by Pillow's rules.

    16-bit values keep their upper byte. Alpha is dropped, not blended.

    Raises
    ------
    MemberError
        ``not_decodable`` for 32-bit and signed pictures: nothing says which values are black and white.
    """
    from PIL import Image

    if kept in ("I", "F", *_VIEWED):
        kind = "signed" if kept == "S8" else "32-bit"
        raise MemberError("not_decodable", f"{kind} pictures have no form {wanted}; leave the option mode away")
    if kept == "I;16":
        pixels, kept = (pixels >> 8).astype(np.uint8), "L"
    return pixels if kept == wanted else np.asarray(Image.fromarray(pixels).convert(wanted))


def upright(pixels: npt.NDArray[Any], orientation: int) -> npt.NDArray[Any]:
    """Turn and mirror a picture so that EXIF orientation `orientation` becomes 1.

    Parameters
    ----------
    pixels : ndarray of shape (H, W) or (H, W, C)
        As stored in the file.
    orientation : int
        1 to 8.

    Returns
    -------
    ndarray
        Contiguous; height and width are exchanged for orientations 5 to 8.

    Examples
    --------
    >>> upright(np.array([[1, 2], [3, 4]]), 6)
    array([[3, 1],
           [4, 2]])
    """
    pixels = np.ascontiguousarray(pixels)
    # Whole pixels as one element each: half again as fast to copy as channel by channel.
    whole = pixels.view(f"V{pixels[0, 0].nbytes}").reshape(pixels.shape[:2])
    if orientation >= 5:
        whole = whole.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        whole = whole[::-1]
    if orientation in (2, 3, 6, 7):
        whole = whole[:, ::-1]
    return np.ascontiguousarray(whole).view(pixels.dtype).reshape(whole.shape + pixels.shape[2:])


def fit_to(pixels: npt.NDArray[Any], size: tuple[int, int], fit: str) -> npt.NDArray[Any]:
    """Bring an upright picture to `size`, bicubic.

    Parameters
    ----------
    pixels : ndarray of shape (H, W) or (H, W, C)
        In a stored form.
    size : (int, int)
        Width and height in pixels.
    fit : {"crop", "pad", "stretch"}
        Scale to cover and crop the centre; scale to fit and pad with zeros, centred; or stretch.

    Returns
    -------
    ndarray of shape (size[1], size[0]) or (size[1], size[0], C)
        Of the dtype of `pixels`.

    Raises
    ------
    MemberError
        ``not_decodable`` for uint32 above 2,147,483,647, which has no mode of Pillow's.
    """
    from PIL import Image, ImageOps

    if (dtype := pixels.dtype) in _VIEWED.values():
        limits = np.iinfo(dtype)
        if pixels.max() > np.iinfo(np.int32).max:
            raise MemberError("not_decodable", f"no resampling of {pixels.max()}; leave the option size away")
        # Bicubic overshoots at edges.
        fitted_wide = fit_to(pixels.astype(np.int32), size, fit)
        return fitted_wide.clip(max(limits.min, -(2**31)), min(limits.max, 2**31 - 1)).astype(dtype)
    image = Image.fromarray(pixels)
    if fit == "crop":
        fitted = ImageOps.fit(image, size, Image.Resampling.BICUBIC)
    elif fit == "pad":
        fitted = ImageOps.pad(image, size, Image.Resampling.BICUBIC)
    else:
        fitted = image.resize(size, Image.Resampling.BICUBIC)
    return np.asarray(fitted)
