"""JPEG strips and tiles inside TIFFs: libtiff passes over missing data, so each is looked at as a JPEG of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from zarrpack.errors import MemberError
from zarrpack.processors.image_header import jpeg_header
from zarrpack.processors.image_jpeg import decode_jpeg

if TYPE_CHECKING:
    from PIL import ImageFile

__all__ = ["jpeg_strip_notes"]

_COMPRESSION, _TABLES = 259, 347
#: Offsets and sizes of strips, and of tiles.
_PLACES = ((273, 279), (324, 325))
_JPEG = 7
_START, _END = b"\xff\xd8", b"\xff\xd9"
#: Tiles reach over the edges and planes lie apart: more pixels than this many times the picture's are nonsense.
_SPARE = 8
_TILE_PIXELS = 1 << 20


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
        The notes that `decode_jpeg` has for any of them; empty for other compressions, at no cost.

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
        try:
            header = jpeg_header(stream, pixels)
            pixels -= header.height * header.width
            notes |= set(decode_jpeg(stream, header, pixels)[1])
        except MemberError as exc:
            # What else is unusual about it did not keep libtiff from reading it.
            if exc.reason == "truncated_image":
                raise MemberError(exc.reason, f"TIFF: {exc.detail}") from exc
    return sorted(notes)


def _streams(payload: bytes, tags: Any) -> Iterator[bytes]:
    tables = tags.get(_TABLES, b"")
    tables = tables.removesuffix(_END) if isinstance(tables, bytes) else b""
    # Of strips that overlap, no more is read than twice the file.
    left = 2 * len(payload)
    for offsets, sizes in _PLACES:
        for offset, size in zip(tags.get(offsets, ()), tags.get(sizes, ()), strict=False):
            strip = payload[offset : offset + size]
            left -= len(strip)
            if left < 0:
                return
            if strip.startswith(_START):
                yield (tables + strip[2:] if tables else strip) + _END
