"""The rules for kinds of pixels, turning and fitting."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageOps

from zarrpack.errors import MemberError
from zarrpack.processors.image_modes import CHANNELS, convert, fit_to, kept_array, kept_mode, upright

RNG = np.random.default_rng(7)
COLOUR = RNG.integers(0, 256, (6, 9, 3)).astype(np.uint8)


@pytest.mark.parametrize(
    ("mode", "kept"),
    [
        *((one, one) for one in ("L", "LA", "RGB", "RGBA", "I;16", "I", "F")),
        *((one, "RGB") for one in ("CMYK", "YCbCr", "HSV", "LAB")),
        *(("1", "L"), ("I;16B", "I;16"), ("PA", "RGBA")),
    ],
)
def test_each_mode_has_its_rule(mode: str, kept: str) -> None:
    """A picture of each mode is stored as the rule says, with that many channels."""
    assert kept_mode(mode, transparent=False) == kept
    image = Image.new(mode, (4, 3))
    pixels = kept_array(image, kept)

    assert pixels.shape[:2] == (3, 4)
    assert (pixels.shape[2] if pixels.ndim == 3 else 1) == CHANNELS[kept]
    assert pixels.dtype == {"I;16": np.uint16, "I": np.int32, "F": np.float32}.get(kept, np.uint8)
    assert pixels.dtype.isnative


def test_palettes_become_colours() -> None:
    """A palette gives RGB, with a transparent entry RGBA; a mode without a rule fails."""
    assert kept_mode("P", transparent=False) == "RGB"
    assert kept_mode("P", transparent=True) == "RGBA"
    with pytest.raises(MemberError, match="BGR"):
        kept_mode("BGR;15", transparent=False)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["L", "RGB", "I;16"])
def test_turning_is_pillows(orientation: int, kind: str) -> None:
    """Each orientation gives what ImageOps.exif_transpose gives, as contiguous memory."""
    if kind == "I;16":
        image = Image.fromarray(RNG.integers(0, 65536, (6, 9)).astype(np.uint16))
    else:
        image = Image.fromarray(COLOUR).convert(kind)
    image.getexif()[0x0112] = orientation
    turned = upright(np.asarray(image), orientation)

    assert np.array_equal(turned, np.asarray(ImageOps.exif_transpose(image)))
    assert turned.flags.c_contiguous


def test_conversions_are_pillows() -> None:
    """The option mode converts as Image.convert does; 16 bits keep their upper byte."""
    deep = RNG.integers(0, 65536, (6, 9)).astype(np.uint16)

    assert np.array_equal(convert(COLOUR, "RGB", "L"), np.asarray(Image.fromarray(COLOUR).convert("L")))
    assert convert(COLOUR, "RGB", "RGB") is COLOUR
    assert np.array_equal(convert(deep, "I;16", "L"), deep >> 8)
    assert np.array_equal(convert(deep, "I;16", "RGB")[..., 2], deep >> 8)
    with pytest.raises(MemberError, match="32-bit"):
        convert(COLOUR[..., 0].astype(np.float32), "F", "L")


def test_crop_covers_and_cuts_the_centre() -> None:
    """A wide picture loses its sides, not its top, and is not stretched."""
    wide = np.zeros((10, 40), np.uint8)
    wide[:, 15:25] = 255

    assert (fit_to(wide, (10, 10), "crop") == 255).all()


def test_pad_keeps_all_and_fills_with_black() -> None:
    """A wide picture keeps its sides, and gets black bars of equal height."""
    padded = fit_to(np.full((10, 40), 255, np.uint8), (16, 16), "pad")

    assert padded.shape == (16, 16)
    assert (padded[6:10] == 255).all()
    assert (padded[:6] == 0).all()
    assert (padded[10:] == 0).all()


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
@pytest.mark.parametrize("shape", [(7, 5), (7, 5, 2), (7, 5, 3), (7, 5, 4)])
def test_fitting_keeps_kind_and_gives_the_size(fit: str, shape: tuple[int, ...]) -> None:
    """Whatever the fit, height and width are those asked for, channels and dtype those that were."""
    for dtype in (np.uint8,) if len(shape) > 2 else (np.uint8, np.uint16, np.int32, np.float32):
        fitted = fit_to(np.ones(shape, dtype), (4, 3), fit)

        assert fitted.shape == (3, 4, *shape[2:])
        assert fitted.dtype == dtype


def test_stretch_is_pillows_bicubic() -> None:
    """Stretching is Image.resize with the bicubic filter."""
    expected = Image.fromarray(COLOUR).resize((5, 8), Image.Resampling.BICUBIC)

    assert np.array_equal(fit_to(COLOUR, (5, 8), "stretch"), np.asarray(expected))
