"""JPEG strips and tiles inside TIFFs: libtiff passes over missing data, so each is looked at as a JPEG of its own."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from zarrpack.errors import MemberError
from zarrpack.processors.image_header import jpeg_header
from zarrpack.processors.image_jpeg import decode_jpeg

if TYPE_CHECKING:
    from PIL import ImageFile

__all__ = ["jpeg_strip_notes"]

_COMPRESSION, _TABLES = 259, 347
_WIDTH, _LENGTH, _SAMPLES, _PLANAR = 256, 257, 277, 284
#: Offsets and sizes, and the tags of width and length: of strips, which are as wide as the picture, and of tiles.
_PLACES = ((273, 279, _WIDTH, 278), (324, 325, 322, 323))
_SEPARATE = 2
_JPEG = 7
_START, _END = b"\xff\xd8", b"\xff\xd9"
#: Tiles reach over the edges and planes lie apart: more pixels than this many times the picture's are nonsense.
_SPARE = 8
_TILE_PIXELS = 1 << 20
#: Tables of no more bytes than these are in no picture's way, however small its strips are.
_USUAL_TABLES = 1 << 12


def jpeg_strip_notes(payload: bytes, image: ImageFile.ImageFile) -> list[str]:
    """Decode the JPEG strips or tiles of a TIFF once more, for what is missing in them.

    Parameters
    ----------
    payload : bytes
        The file.
    image : PIL.ImageFile.ImageFile
        What Pillow has made of it.

    Returns
    -------
    list of str
        The notes that `decode_jpeg` has for any of them, and ``end_unchecked`` if they are too large, or overlap too
        much, to look at all of them; empty for other compressions, at no cost.

    Raises
    ------
    MemberError
        ``truncated_image`` if pixel data are missing.
    """
    tags: Any = getattr(image, "tag_v2", {})
    if tags.get(_COMPRESSION) != _JPEG:
        return []
    notes: set[str] = set()
    pixels = _SPARE * image.width * image.height + _TILE_PIXELS
    for stream in _streams(payload, tags):
        if stream is None:
            notes.add("end_unchecked")
            break
        try:
            header = jpeg_header(stream, pixels)
            pixels -= header.height * header.width
            notes |= set(decode_jpeg(stream, header, pixels)[1])
        except MemberError as exc:
            if exc.reason == "limit_pixels":
                notes.add("end_unchecked")
            # What else is unusual about it did not keep libtiff from reading it.
            if exc.reason == "truncated_image":
                raise MemberError(exc.reason, f"TIFF: {exc.detail}") from exc
    return sorted(notes)


def _streams(payload: bytes, tags: Any) -> Iterator[bytes | None]:
    """Give the strips or tiles that the picture has, each with the tables; None where it stops early."""
    tables = tags.get(_TABLES, b"")
    tables = tables.removesuffix(_END) if isinstance(tables, bytes) else b""
    # Of strips that overlap, and of tables repeated for each, no more is read than twice the file.
    left = 2 * len(payload)
    for offsets, sizes, width, length in _PLACES:
        places = zip(tags.get(offsets, ()), tags.get(sizes, ()), strict=False)
        for offset, size in islice(places, _count(tags, width, length)):
            strip = payload[offset : offset + size]
            left -= max(0, len(tables) - _USUAL_TABLES) + len(strip)
            if left < 0:
                yield None
                return
            if strip.startswith(_START):
                yield (tables + strip[2:] if tables else strip) + _END


def _count(tags: Any, width: int, length: int) -> int:
    """Count the strips or tiles that libtiff reads, whatever else has an offset."""
    # Without a length, one strip is the whole picture.
    whole = _number(tags, _WIDTH, 1), _number(tags, _LENGTH, 1)
    across = math.ceil(whole[0] / _number(tags, width, whole[0]))
    down = math.ceil(whole[1] / _number(tags, length, whole[1]))
    return across * down * (_number(tags, _SAMPLES, 1) if tags.get(_PLANAR) == _SEPARATE else 1)


def _number(tags: Any, tag: int, default: int) -> int:
    value = tags.get(tag, default)
    value = value[0] if isinstance(value, tuple) and value else value
    return value if isinstance(value, int) and value > 0 else default
