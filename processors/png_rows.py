"""Whether a PNG has all its rows: Pillow leaves those black whose data end on the border of a row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy.typing as npt
from isal import isal_zlib

from zarrpack.errors import MemberError

__all__ = ["check_png_rows", "png_chunks"]

_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PALETTE = 3
#: Passes of an interlaced picture: first column and row, and the steps (PNG, section 8).
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_PIECE_BYTES = 1 << 20


def check_png_rows(payload: bytes, pixels: npt.NDArray[Any]) -> None:
    """Refuse a picture whose data end before its last row.

    Its data are decompressed once more only where the last row looks as if it were missing, or rows do not come in order.

    Parameters
    ----------
    payload : bytes
        A PNG file that Pillow has decoded.
    pixels : ndarray of shape (height, width, ...)
        What Pillow has made of it.

    Raises
    ------
    MemberError
        ``truncated_image``.

    Examples
    --------
    >>> import io
    >>> import numpy as np
    >>> from PIL import Image
    >>> file = io.BytesIO()
    >>> Image.new("L", (4, 3)).save(file, "PNG")
    >>> check_png_rows(file.getvalue(), np.zeros((3, 4)))
    """
    width, height = int.from_bytes(payload[16:20]), int.from_bytes(payload[20:24])
    depth, kind, is_interlaced = payload[24], payload[25], payload[28] == 1
    last = pixels[-1]
    if not is_interlaced and (last.any() if kind != _PALETTE else (last != last[0]).any()):
        return
    passes = _PASSES if is_interlaced else ((0, 0, 1, 1),)
    bits = depth * _CHANNELS.get(kind, 1)
    expected = sum(_pass_bytes(width, height, bits, *one) for one in passes)
    found = 0
    for size in _sizes(payload):
        found += size
        if found >= expected:
            return
    raise MemberError("truncated_image", f"PNG: expected {expected} bytes of pixels for {height} rows, found {found}")


def png_chunks(payload: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Give the chunks of a PNG file: where each starts, its kind, and where its body ends, which may be behind the file.

    Examples
    --------
    >>> list(png_chunks(b"-signed-" + bytes([0, 0, 0, 1]) + b"IDATx" + bytes(4)))
    [(8, b'IDAT', 17)]
    """
    position = 8
    while position + 12 <= len(payload):
        end = position + 8 + int.from_bytes(payload[position : position + 4])
        yield position, payload[position + 4 : position + 8], end
        position = end + 4


def _pass_bytes(width: int, height: int, bits: int, left: int, top: int, across: int, down: int) -> int:
    """Give the bytes of a pass: a filter's number and the pixels for each row; none if there are no pixels."""
    columns, rows = -(-max(0, width - left) // across), -(-max(0, height - top) // down)
    return rows * (1 + -(-columns * bits // 8)) if columns else 0


def _sizes(payload: bytes) -> Iterator[int]:
    """Decompress the pixel data and give the sizes of the pieces."""
    stream = isal_zlib.decompressobj()
    for position, kind, end in png_chunks(payload):
        if stream.eof:
            return
        if kind == b"IDAT":
            piece = stream.decompress(payload[position + 8 : end], _PIECE_BYTES)
            while piece:
                yield len(piece)
                piece = stream.decompress(stream.unconsumed_tail, _PIECE_BYTES)
