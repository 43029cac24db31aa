"""Pictures as a whole: pixels are Pillow's, upright, and what is kept is what was asked for."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import simplejpeg
from PIL import Image, ImageOps

from zarrpack.errors import MemberError, UsageError
from zarrpack.processors.base import Member
from zarrpack.processors.image import ImageProcessor
from zarrpack.processors.limits import Limits
from zarrpack.processors.testing import ProcessorConformance, read_member, rows_of


def picture(width: int = 37, height: int = 23, mode: str = "RGB") -> Image.Image:
    """Make a picture with edges and slopes."""
    y, x = np.mgrid[0:height, 0:width]
    planes = np.stack([x * 7 % 256, (y * 11 + x) % 256, (x * y) % 256], axis=-1)
    return Image.fromarray(planes.astype(np.uint8)).convert(mode)


def encode(image: Image.Image, format: str, **options: Any) -> bytes:
    """Write a picture with Pillow."""
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def turned(orientation: int) -> Image.Exif:
    """Give EXIF data with an orientation."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def pillow(payload: bytes) -> np.ndarray[Any, Any]:
    """Decode with Pillow, upright, with the channel axis that grey pictures lack there."""
    pixels = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(payload))))
    return pixels[..., np.newaxis] if pixels.ndim == 2 else pixels


def pixels_of(payload: bytes, **options: Any) -> np.ndarray[Any, Any]:
    """Decode with the processor."""
    blocks, _ = read_member(ImageProcessor(**options), "a", payload)
    return np.asarray(rows_of(blocks, "pixels")[0])


EXAMPLES = {
    "a.jpg": encode(picture(), "JPEG", quality=90),
    "grey.jpeg": encode(picture(mode="L"), "JPEG"),
    "cmyk.jpg": encode(picture(mode="CMYK"), "JPEG"),
    "turned.jpg": encode(picture(), "JPEG", exif=turned(6)),
    "a.png": encode(picture(), "PNG"),
    "palette.png": encode(picture(mode="P"), "PNG", transparency=3),
    "turned.png": encode(picture(mode="RGBA"), "PNG", exif=turned(5)),
    "a.gif": encode(picture(mode="P"), "GIF"),
    "a.tiff": encode(picture(mode="CMYK"), "TIFF", compression="tiff_lzw"),
    "turned.tif": encode(picture(), "TIFF", exif=turned(8)),
    "a.bmp": encode(picture(), "BMP"),
    "a.webp": encode(picture(mode="RGBA"), "WEBP", lossless=True),
    "a.pgm": encode(picture(mode="L"), "PPM"),
    "no suffix": encode(picture(mode="1"), "PNG"),
}


class TestDecoded(ProcessorConformance):
    """The contract, with pixels."""

    def processor(self) -> ImageProcessor:
        """Give the default."""
        return ImageProcessor()

    def members(self) -> Mapping[str, bytes]:
        """Give a picture of each kind."""
        return EXAMPLES

    def refused(self) -> Mapping[str, bytes]:
        """Give what is never opened, and what is something else whatever its name says."""
        return {
            "a.eps": b"%!PS-Adobe-3.0 EPSF-3.0\n",
            "a.pdf": b"%PDF-1.7",
            "a.svg": b"<svg/>",
            "a.wmf": b"\xd7\xcd\xc6\x9a",
            "a.jpg": b"PK\x03\x04rest of a zip file",
            "b.png": b"%PDF-1.7",
            "a.txt": b"BM is not a bitmap",
        }


class TestEncoded(ProcessorConformance):
    """The contract, with the source's own bytes."""

    def processor(self) -> ImageProcessor:
        """Give one that decodes nothing."""
        return ImageProcessor(images="encoded")

    def members(self) -> Mapping[str, bytes]:
        """Give a picture of each kind."""
        return EXAMPLES


class TestFitted(ProcessorConformance):
    """The contract, with pictures brought to one size and mode."""

    def processor(self) -> ImageProcessor:
        """Give one that changes everything."""
        return ImageProcessor(images="both", size=(8, 12), fit="pad", mode="RGBA")

    def members(self) -> Mapping[str, bytes]:
        """Give a picture of each kind."""
        return EXAMPLES


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (17, 33), (64, 48), (101, 67)])
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0", "4:1:1", "grey"])
@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_pixels_are_pillows(size: tuple[int, int], subsampling: str, progressive: bool) -> None:
    """Exactly, whatever the subsampling, odd sizes and progressive files included."""
    grey = subsampling == "grey"
    options = {} if grey else {"subsampling": subsampling}
    payload = encode(picture(*size, mode="L" if grey else "RGB"), "JPEG", progressive=progressive, **options)

    assert np.array_equal(pixels_of(payload), pillow(payload))


def test_jpegs_of_plain_rgb_are_pillows() -> None:
    """A JPEG that holds RGB instead of YCbCr is decoded as such."""
    payload = encode(picture(), "JPEG", keep_rgb=True)

    assert np.array_equal(pixels_of(payload), pillow(payload))


@pytest.mark.parametrize(
    "name", [name for name in EXAMPLES if not name.startswith(("cmyk", "palette", "no", "a.gif", "a.tiff"))]
)
def test_pixels_are_pillows(name: str) -> None:
    """Where the rule keeps a mode as it is, pixels equal those of np.asarray(Image.open(...)), upright."""
    expected, found = pillow(EXAMPLES[name]), pixels_of(EXAMPLES[name])

    assert np.array_equal(found, expected)
    assert found.dtype == expected.dtype


@pytest.mark.parametrize(
    ("name", "mode"), [("cmyk.jpg", "RGB"), ("a.tiff", "RGB"), ("palette.png", "RGBA"), ("no suffix", "L")]
)
def test_other_modes_are_converted_by_pillow(name: str, mode: str) -> None:
    """CMYK becomes RGB, a palette with a transparent entry RGBA, one bit grey; what it was is said."""
    image = Image.open(io.BytesIO(EXAMPLES[name]))
    expected = np.asarray(image.convert(mode))
    blocks, metadata = read_member(ImageProcessor(), name, EXAMPLES[name])
    found = rows_of(blocks, "pixels")[0]

    assert np.array_equal(found if mode != "L" else found[..., 0], expected)
    assert metadata.values["image/mode"] == image.mode


@pytest.mark.parametrize(
    ("format", "dtype"), [("PNG", np.uint16), ("TIFF", np.uint16), ("TIFF", np.int32), ("TIFF", np.float32)]
)
def test_deep_pictures_keep_their_depth(format: str, dtype: type) -> None:
    """16-bit grey stays uint16; 32-bit integers and floats stay what they are."""
    values: np.ndarray[Any, Any] = (np.arange(60).reshape(6, 10) * 1000).astype(dtype)

    found = pixels_of(encode(Image.fromarray(values), format))

    assert found.dtype == dtype
    assert np.array_equal(found[..., 0], values)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_orientation_is_applied_and_recorded(orientation: int, format: str) -> None:
    """Height and width are those of the upright picture; an orientation other than 1 is in the metadata."""
    payload = encode(picture(), format, exif=turned(orientation))
    blocks, metadata = read_member(ImageProcessor(), "a", payload)
    encoded, _ = read_member(ImageProcessor(images="encoded"), "a", payload)

    assert np.array_equal(rows_of(blocks, "pixels")[0], pillow(payload))
    for one in (blocks, encoded):
        assert [int(rows_of(one, array)[0]) for array in ("height", "width", "channels")] == [*pillow(payload).shape]
    assert metadata.values.get("image/orientation", 1) == orientation


def test_nine_orientations_give_one_picture(corpus: Callable[[str], Path]) -> None:
    """Nine files of one picture, each turned its own way, all come out as Pillow has them upright."""
    shapes = set()
    for path in sorted(corpus("exif").glob("*.jpg")):
        payload = path.read_bytes()
        found = pixels_of(payload)
        shapes.add(found.shape)
        assert np.array_equal(found, pillow(payload)), path.name

    assert len(shapes) == 1


def test_png_suite(corpus: Callable[[str], Path]) -> None:
    """Every broken PNG fails; every other has Pillow's pixels, or those of the mode its rule names."""
    good, broken = 0, 0
    for path in sorted(corpus("png").glob("*.png")):
        payload = path.read_bytes()
        if path.name.startswith("x"):
            with pytest.raises(MemberError):
                pixels_of(payload)
            broken += 1
            continue
        image = ImageOps.exif_transpose(Image.open(io.BytesIO(payload)))
        if image.mode == "P":
            image = image.convert("RGBA" if image.has_transparency_data else "RGB")
        expected = np.asarray(image.convert("L") if image.mode == "1" else image)
        assert np.array_equal(pixels_of(payload).reshape(expected.shape), expected), path.name
        good += 1

    assert good > 100
    assert broken > 10


def test_encoded_keeps_the_bytes_and_decodes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one row is the member itself; no decoder is asked."""
    monkeypatch.setattr(simplejpeg, "decode_jpeg", None)
    monkeypatch.setattr(Image.Image, "load", None)
    for name, payload in EXAMPLES.items():
        blocks, metadata = read_member(ImageProcessor(images="encoded"), name, payload)
        assert rows_of(blocks, "encoded") == [payload]
        assert [block.array for block in blocks] == ["height", "width", "channels", "encoded"]
        assert metadata.media_type.startswith("image/")


def test_both_keeps_both() -> None:
    """Pixels and bytes come together, with shapes that describe the pixels."""
    blocks, _ = read_member(ImageProcessor(images="both", size=(5, 4)), "a.jpg", EXAMPLES["a.jpg"])

    assert rows_of(blocks, "pixels").shape == (1, 4, 5, 3)
    assert rows_of(blocks, "encoded") == [EXAMPLES["a.jpg"]]
    assert [int(rows_of(blocks, array)[0]) for array in ("height", "width", "channels")] == [4, 5, 3]


def test_pixels_say_what_they_are() -> None:
    """The block of pixels names its axes, and the arrays that hold its shape."""
    blocks, _ = read_member(ImageProcessor(), "a.jpg", EXAMPLES["a.jpg"])

    assert blocks[-1].dims == ("image", "y", "x", "channel")
    assert blocks[-1].content == "pixels"
    assert blocks[-1].shape_from == ("height", "width", "channels")
    assert {block.rows.dtype for block in blocks[:-1] if isinstance(block.rows, np.ndarray)} == {np.dtype(np.int32)}


@pytest.mark.parametrize("format", ["GIF", "PNG", "WEBP", "TIFF"])
def test_of_animations_the_first_frame_is_kept(format: str) -> None:
    """The others are counted."""
    frames = [Image.new("RGB", (6, 5), (60 * n, 0, 0)) for n in range(3)]
    payload = encode(frames[0], format, save_all=True, append_images=frames[1:], lossless=True)
    blocks, metadata = read_member(ImageProcessor(), "a", payload)

    assert (rows_of(blocks, "pixels")[0] == 0).all()
    assert metadata.values["image/frames"] == 3
    assert read_member(ImageProcessor(images="encoded"), "a", payload)[1].values["image/frames"] == 3


def test_headers_need_little_of_a_stream() -> None:
    """The shape of a long picture is told from its first part."""
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (600, 500, 3)).astype(np.uint8))
    for format in ("JPEG", "PNG", "BMP", "GIF"):
        payload = encode(noise, format)
        stream = io.BytesIO(payload)
        assert ImageProcessor().shape(Member("a", payload[:4096], stream)) == (600, 500, 3), format
        assert stream.tell() <= 1 << 16 < len(payload)


def test_shape_is_none_where_no_pixels_come() -> None:
    """Encoded pictures need no form for their pixels."""
    payload = EXAMPLES["a.jpg"]

    assert ImageProcessor(images="encoded").shape(Member("a", payload, payload)) is None


@pytest.mark.parametrize("images", ["decoded", "encoded"])
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.gif"])
def test_too_many_pixels_fail_by_the_header(images: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is compared before anything is decoded; one pixel less is fine."""
    processor = ImageProcessor(images=images)  # type: ignore[arg-type]
    read_member(processor, name, EXAMPLES[name], limits=Limits(pixels=37 * 23))
    monkeypatch.setattr(Image.Image, "load", None)
    monkeypatch.setattr(simplejpeg, "decode_jpeg", None)
    with pytest.raises(MemberError, match="37x23") as caught:
        read_member(processor, name, EXAMPLES[name], limits=Limits(pixels=37 * 23 - 1))

    assert caught.value.reason == "limit_pixels"


@pytest.mark.parametrize(("limit", "reason"), [(89_478_485, "limit_pixels"), (1 << 40, "limit_pixels")])
def test_bombs_fail_whatever_the_limit(limit: int, reason: str) -> None:
    """Twice what Pillow takes is refused by Pillow itself, as a limit and not as damage."""
    payload = b"P5\n100000 100000 255\n"
    with pytest.raises(MemberError) as caught:
        read_member(ImageProcessor(), "a.pgm", payload, limits=Limits(pixels=limit))

    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.jpg", b"", "empty"),
        ("a.jpg", b"this is only text", "not_decodable"),
        ("a.png", b"\x00" * 100, "not_decodable"),
        ("a.jpg", b"\xff\xd8\xff", "truncated_image"),
        ("a.png", EXAMPLES["a.png"][:60], "truncated_image"),
    ],
)
def test_what_is_no_picture_fails_with_a_reason(name: str, content: bytes, reason: str) -> None:
    """A name that promises a picture is taken at its word."""
    assert ImageProcessor().accepts(content, name)
    with pytest.raises(MemberError) as caught:
        read_member(ImageProcessor(), name, content)

    assert caught.value.reason == reason


@pytest.mark.parametrize("content", [b"%!PS-Adobe-3.0 EPSF", b"%PDF-1.7", b"\xd7\xcd\xc6\x9a" + bytes(40)])
def test_other_formats_are_never_opened(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even if somebody hands them over directly."""
    monkeypatch.setattr(Image, "open", None)
    for images in ("decoded", "encoded"):
        with pytest.raises(MemberError) as caught:
            read_member(ImageProcessor(images=images), "a.jpg", content)
        assert caught.value.reason == "refused_format"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"images": "raw"}, "images: expected one of decoded, encoded, both, found 'raw'"),
        ({"fit": "cover"}, "fit: expected one of crop, pad, stretch"),
        ({"mode": "CMYK"}, "mode: expected one of None, L, LA, RGB, RGBA"),
        ({"size": (0, 5)}, "size: expected width and height"),
        ({"size": "4x5"}, "size: expected width and height"),
        ({"size": [4, 5, 6]}, "size: expected width and height"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], said: str) -> None:
    """The message names the option, what is allowed, and the value."""
    with pytest.raises(UsageError, match=said):
        ImageProcessor(**options)
