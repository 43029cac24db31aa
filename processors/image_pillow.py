"""Opening pictures with Pillow: only the format that the first bytes announce, every error mapped."""

from __future__ import annotations

import importlib
import io
import logging
import re
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, BinaryIO

from zarrpack.errors import MemberError
from zarrpack.processors.libtiff_messages import libtiff_messages
from zarrpack.processors.png_rows import png_chunks

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from PIL import ImageFile

__all__ = ["check_png", "count_frames", "open_picture", "sample_notes"]

#: Format -> the plug-in that reads it. Importing the one saves Pillow from importing all of them.
_PLUGINS = {
    "JPEG": "JpegImagePlugin",
    "PNG": "PngImagePlugin",
    "GIF": "GifImagePlugin",
    "BMP": "BmpImagePlugin",
    "TIFF": "TiffImagePlugin",
    "WEBP": "WebPImagePlugin",
    "PPM": "PpmImagePlugin",
    "JPEG2000": "Jpeg2KImagePlugin",
    "AVIF": "AvifImagePlugin",
}
_PNG_END = b"IEND\xaeB`\x82"
_SIGNS_OF_A_CUT = re.compile("truncated|end of (file|data|image)|unexpected eof|not enough", re.IGNORECASE)
_ADDRESS = re.compile(r"<[^>]*>|0x[0-9a-fA-F]+")

# What Pillow logs it also raises; without a handler Python prints it to standard error.
logging.getLogger("PIL").addHandler(logging.NullHandler())


@contextmanager
def open_picture(content: bytes | BinaryIO, format: str, pixels: int) -> Iterator[ImageFile.ImageFile]:
    """Open a picture; nothing is decoded before it is asked for.

    Parameters
    ----------
    content : bytes or binary stream
        The file. Of a stream no more is read than Pillow asks for; it need not be seekable.
    format : str
        Pillow's name of the only format that is tried.
    pixels : int
        Largest accepted height times width.

    Yields
    ------
    PIL.ImageFile.ImageFile
        Valid inside the ``with`` block, where every error of Pillow's becomes a MemberError.

    Raises
    ------
    MemberError
        ``limit_pixels``, ``truncated_image`` or ``not_decodable``.
    """
    from PIL import Image

    importlib.import_module(f"PIL.{_PLUGINS[format]}")
    stream = io.BytesIO(content) if isinstance(content, bytes) else io.BufferedReader(_Rewindable(content))
    with warnings.catch_warnings(), _mapped_errors(format, content if isinstance(content, bytes) else b""):
        warnings.simplefilter("ignore")
        if pixels <= (Image.MAX_IMAGE_PIXELS or 0):
            # Later frames and tiles may be larger than the header's size.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            image = Image.open(stream, formats=[format])
        except Image.DecompressionBombWarning as exc:
            raise _over_limit(format, "the header's size", exc) from exc
        if image.width * image.height > pixels:
            size = f"{image.width}x{image.height}"
            raise MemberError("limit_pixels", f"{size} pixels, more than {pixels}; raise the limit pixels")
        yield image


def count_frames(image: ImageFile.ImageFile) -> int | None:
    """Give the number of frames or pages; None where those behind the first cannot be read.

    It may move to another frame: decode first.
    """
    try:
        return int(getattr(image, "n_frames", 1))
    except MemberError:
        raise
    except Exception:  # noqa: BLE001 - of as many types as below; here none costs the picture
        return None


def sample_notes(image: ImageFile.ImageFile) -> list[str]:
    """Give the note ``upper_byte_only`` for a picture, not yet decoded, of whose 16-bit samples Pillow leaves out half."""
    deep = any(";16" in str(tile[3]) for tile in image.tile)
    return ["upper_byte_only"] if deep and not image.mode.startswith("I") else []


def check_png(payload: bytes, *, checksums: bool) -> None:
    """Check what Pillow does not: that the end is there, and the checksums of the pixel data.

    Parameters
    ----------
    payload : bytes
        A PNG file.
    checksums : bool
        Whether the pixel data's CRCs are compared as well, at about 1 GB/s.

    Raises
    ------
    MemberError
        ``truncated_image`` without an end chunk, ``not_decodable`` on a wrong checksum.
    """
    if payload.rfind(_PNG_END) < 0:
        raise MemberError("truncated_image", "PNG: expected the end chunk IEND, found none")
    if not checksums:
        return
    view = memoryview(payload)
    for position, kind, end in png_chunks(payload):
        if end + 4 > len(payload):
            raise MemberError("truncated_image", f"PNG: expected {end + 4} bytes, found {len(payload)}")
        if kind == b"IDAT" and zlib.crc32(view[position + 4 : end]) != int.from_bytes(view[end : end + 4]):
            raise MemberError("not_decodable", f"PNG: the pixel data at byte {position} do not have their checksum")
        if kind == b"IEND":
            return


@contextmanager
def _mapped_errors(format: str, payload: bytes) -> Iterator[None]:
    from PIL import Image

    said: list[str] = []
    try:
        with libtiff_messages() if format == "TIFF" else nullcontext(said) as said:
            yield
    except MemberError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as exc:
        larger = "more pixels than Pillow decodes" if isinstance(exc, Image.DecompressionBombError) else "a frame"
        raise _over_limit(format, larger, exc) from exc
    except Exception as exc:
        # Pillow raises OSError, ValueError, IndexError, SyntaxError, struct.error, TypeError, KeyError,
        # NotImplementedError, MemoryError and more for damaged files: all mean the same.
        cut = _SIGNS_OF_A_CUT.search(str(exc)) is not None or _ends_early(format, payload)
        detail = "; ".join((f"{format}: {_said(exc)}", *said[:1]))
        raise MemberError("truncated_image" if cut else "not_decodable", detail) from exc


def _over_limit(format: str, larger: str, exc: Warning | Exception) -> MemberError:
    return MemberError("limit_pixels", f"{format}: {larger} is over the limit; {_said(exc)}; raise the limit pixels")


def _said(exc: BaseException) -> str:
    # Addresses differ between runs; the ledger must not.
    text = _ADDRESS.sub("...", str(exc)).strip()
    return f"{type(exc).__name__}: {text}" if text else type(exc).__name__


def _ends_early(format: str, payload: bytes) -> bool:
    if format == "GIF":
        return bool(payload) and not payload.rstrip(b"\x00").endswith(b";")
    if format == "WEBP":
        return 8 < len(payload) < int.from_bytes(payload[4:8], "little") + 8
    return False


class _Rewindable(io.RawIOBase):
    """A forward stream that can be sought, by keeping what has been read of it."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self._stream = stream
        self._kept = bytearray()
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_CUR:
            offset += self._position
        elif whence == io.SEEK_END:
            self._keep(None)
            offset += len(self._kept)
        if offset < 0:
            raise ValueError(f"expected an offset from 0 on, found {offset}")
        self._position = offset
        return offset

    def readinto(self, buffer: WriteableBuffer) -> int:
        target = memoryview(buffer).cast("B")
        self._keep(self._position + len(target))
        taken = self._kept[self._position : self._position + len(target)]
        target[: len(taken)] = taken
        self._position += len(taken)
        return len(taken)

    def _keep(self, end: int | None) -> None:
        while end is None or len(self._kept) < end:
            piece = self._stream.read(1 << 16)
            if not piece:
                return
            self._kept += piece
