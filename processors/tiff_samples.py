"""How a TIFF's samples differ from the mode that Pillow reads them in: signs, bands left out, white as zero."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from PIL import ImageFile

__all__ = ["SampleFields", "tiff_samples"]

_BITS, _PHOTOMETRIC, _SAMPLES, _SAMPLE_FORMAT = 258, 262, 277, 339
_UNSIGNED, _SIGNED = 1, 2
_WHITE_IS_ZERO = 0


class SampleFields(TypedDict, total=False):
    """The fields of a picture's header that its samples change."""

    kept: str
    samples: int
    white_is_zero: bool


def tiff_samples(image: ImageFile.ImageFile) -> SampleFields:
    """Compare the tags of a TIFF that Pillow has opened with the mode that it gives.

    Returns
    -------
    SampleFields
        ``kept`` where Pillow's mode has the bits and not the type; ``samples`` where it has fewer bands;
        ``white_is_zero`` where white is zero and Pillow leaves it so, as of 16 bits.
    """
    tags: Any = getattr(image, "tag_v2", {})
    bits, formats = _first(tags.get(_BITS), 1), _first(tags.get(_SAMPLE_FORMAT), _UNSIGNED)
    found = SampleFields()
    if (image.mode, bits, formats) == ("L", 8, _SIGNED):
        found["kept"] = "S8"
    elif (image.mode, bits, formats) == ("I", 32, _UNSIGNED):
        found["kept"] = "U32"
    elif image.mode.startswith("I;16") and tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        found["white_is_zero"] = True
    samples = tags.get(_SAMPLES)
    if isinstance(samples, int) and samples > len(image.getbands()):
        found["samples"] = samples
    return found


def _first(value: Any, default: int) -> Any:
    return (value[0] if value else default) if isinstance(value, tuple) else default if value is None else value
