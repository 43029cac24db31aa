"""Pictures: decoded to upright pixels, kept as the source's own bytes, or both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from zarrpack.errors import MemberError, UsageError
from zarrpack.processors.base import HEAD_BYTES, Block, Member, Metadata, Processor
from zarrpack.processors.image_header import PictureHeader, jpeg_header, pillow_header, stream_header, whole_header
from zarrpack.processors.image_jpeg import decode_jpeg
from zarrpack.processors.image_modes import CHANNELS, WANTED_MODES, convert, fit_to, kept_array, upright
from zarrpack.processors.image_pillow import check_png, count_frames, open_picture, sample_notes
from zarrpack.processors.image_tiff import decode_tiff
from zarrpack.processors.magic import IMAGE_SUFFIXES, image_format, media_type, suffix
from zarrpack.processors.png_rows import check_png_rows

__all__ = ["ImageProcessor"]

_SHAPE_ARRAYS = ("height", "width", "channels")


@dataclass(frozen=True, slots=True)
class ImageProcessor(Processor):
    """Reads JPEG, PNG, GIF, BMP, TIFF, WebP, PPM, JPEG 2000 and AVIF, told apart by their first bytes.

    Nothing else is ever opened: EPS, PDF, SVG and WMF are not pictures here. ``docs/processors.md`` has the
    rule for each kind of pixel. Pixels of JPEGs equal Pillow's.

    Parameters
    ----------
    images : {"decoded", "encoded", "both"}
        What is kept. With ``"encoded"`` only the header is read.
    size : (int, int) or None
        Width and height in pixels that decoded pictures are brought to; None: as they are.
    fit : {"crop", "pad", "stretch"}
        How: cover and crop the centre; fit and pad with zeros; stretch. Bicubic.
    mode : {"L", "LA", "RGB", "RGBA"} or None
        What decoded pictures are converted to; None: what each one's rule says.

    Raises
    ------
    UsageError
        If an option is none of these.

    Examples
    --------
    >>> import io
    >>> from PIL import Image
    >>> file = io.BytesIO()
    >>> Image.new("RGB", (4, 3), "red").save(file, "PNG")
    >>> member = Member("a.png", file.getvalue(), file.getvalue())
    >>> *blocks, metadata = ImageProcessor().read(member)
    >>> [block.array for block in blocks], blocks[-1].rows.shape
    (['height', 'width', 'channels', 'pixels'], (1, 3, 4, 3))
    """

    name: ClassVar[str] = "image"

    images: Literal["decoded", "encoded", "both"] = "decoded"
    size: tuple[int, int] | None = None
    fit: Literal["crop", "pad", "stretch"] = "crop"
    mode: Literal["L", "LA", "RGB", "RGBA"] | None = None

    def __post_init__(self) -> None:
        _check_choice("images", self.images, ("decoded", "encoded", "both"))
        _check_choice("fit", self.fit, ("crop", "pad", "stretch"))
        _check_choice("mode", self.mode, (None, *WANTED_MODES))
        if self.size is not None:
            fits = isinstance(self.size, (list, tuple)) and len(self.size) == 2
            if not fits or not all(type(one) is int and one > 0 for one in self.size):
                raise UsageError(f"size: expected width and height in pixels, such as [224, 224], found {self.size!r}")
            object.__setattr__(self, "size", tuple(self.size))  # JSON has lists only

    def accepts(self, head: bytes, name: str) -> bool:
        """Tell by the first bytes; by the suffix only where the bytes are of no known type."""
        kind = media_type(head)
        return image_format(head) is not None if kind else suffix(name) in IMAGE_SUFFIXES

    def shape(self, member: Member) -> tuple[int, ...] | None:
        """Give (height, width, channels) of the pixels that `read` will give; None if it gives none.

        Raises
        ------
        MemberError
            If the header cannot be read.
        """
        if self.images == "encoded":
            return None
        format = _format(member)
        header = stream_header(member.open(), format, member.limits.pixels)
        return self._shape(header)

    def read(self, member: Member) -> Iterator[Block | Metadata]:
        """Give height, width and channels, then `pixels` and `encoded` as the options say.

        Raises
        ------
        MemberError
            ``empty``, ``refused_format``, ``truncated_image``, ``not_decodable`` or ``limit_pixels``.
        """
        payload, format = member.read(), _format(member)
        notes: list[str] = []
        if self.images == "encoded":
            pixels = None
            header, frames = whole_header(payload, format, member.limits.pixels)
            shape: tuple[int, ...] = (header.height, header.width, header.channels)
        else:
            pixels, header, frames, notes = self._decode(payload, format, member.limits.pixels)
            shape = pixels.shape
        for array, value in zip(_SHAPE_ARRAYS, shape, strict=True):
            yield Block("images", array, ("image",), np.array([value], np.int32), unit="row")
        if pixels is not None:
            rows = pixels[np.newaxis]
            dims = ("image", "y", "x", "channel")
            yield Block("images", "pixels", dims, rows, content="pixels", unit="row", shape_from=_SHAPE_ARRAYS)
        if self.images != "decoded":
            yield Block("images", "encoded", ("image",), [payload], unit="row")
        if frames is None:
            notes = [*notes, "frames_unknown"]
        values = _values(header, frames)
        yield Metadata(values, media_type=media_type(payload[:HEAD_BYTES]) or "", notes=tuple(notes))

    def _decode(
        self, payload: bytes, format: str, limit: int
    ) -> tuple[npt.NDArray[Any], PictureHeader, int | None, list[str]]:
        frames: int | None = 1
        if format == "JPEG":
            header = jpeg_header(payload, limit)
            pixels, notes = decode_jpeg(payload, header, limit)
        elif format == "TIFF":
            pixels, header, frames, notes = decode_tiff(payload, limit)
        else:
            if format == "PNG":
                check_png(payload, checksums=True)
            with open_picture(payload, format, limit) as image:
                header, notes = pillow_header(image), sample_notes(image)
                pixels = kept_array(image, header.kept)
                if format == "PNG":
                    check_png_rows(payload, pixels)
                frames = count_frames(image)
        if header.orientation != 1 and format != "TIFF":
            pixels = upright(pixels, header.orientation)
        if pixels.shape[:2] != (header.height, header.width):
            found = f"{pixels.shape[1]}x{pixels.shape[0]}"
            raise MemberError("not_decodable", f"expected {header.width}x{header.height} pixels, found {found}")
        if self.mode is not None:
            pixels = convert(pixels, header.kept, self.mode)
        if self.size is not None:
            pixels = fit_to(pixels, self.size, self.fit)
        shape = self._shape(header)
        return pixels.reshape(shape), header, frames, notes

    def _shape(self, header: PictureHeader) -> tuple[int, int, int]:
        width, height = self.size or (header.width, header.height)
        return height, width, CHANNELS[self.mode] if self.mode else header.channels


def _format(member: Member) -> str:
    format = image_format(member.head)
    if format is None:
        if not member.head:
            raise MemberError("empty", "expected a picture, found no bytes")
        if kind := media_type(member.head):
            raise MemberError("refused_format", f"expected a picture of a known format, found {kind}")
        raise MemberError("not_decodable", f"expected a picture, found bytes that start {member.head[:8]!r}")
    return format


def _values(header: PictureHeader, frames: int | None) -> dict[str, Any]:
    values: dict[str, Any] = {"image/format": header.format, "image/mode": header.mode}
    if header.orientation != 1:
        values["image/orientation"] = header.orientation
    if frames is not None and frames > 1:
        values["image/frames"] = frames
    if header.samples is not None:
        values["image/samples"] = header.samples
    return values


def _check_choice(name: str, value: object, allowed: tuple[object, ...]) -> None:
    if value not in allowed:
        raise UsageError(f"{name}: expected one of {', '.join(map(str, allowed))}, found {value!r}")
