"""Arrays of strings and of bytes."""

from __future__ import annotations

from typing import Literal, TypeAlias

import h5py
import numpy as np
import numpy.typing as npt

from zarrpack.storage.hdf5.chunked import ChunkedArray, chunks_of
from zarrpack.storage.hdf5.file import SCALAR_TEXT, make_chunked, make_contiguous
from zarrpack.storage.hdf5.filters import encode_piece
from zarrpack.storage.hdf5.options import Hdf5Compression
from zarrpack.storage.hdf5.pieces import PIECE_BYTES, cut, piece_shape

__all__ = ["LONGEST_FIXED", "TextForm", "text_form", "write_bytes", "write_texts"]

#: Texts up to this many bytes are stored at one length: they compress, which HDF5's texts of any length do not.
LONGEST_FIXED = 128

TextForm: TypeAlias = Literal["any", "flat"] | int


def text_form(array: ChunkedArray) -> TextForm:
    """Choose how texts are stored.

    Parameters
    ----------
    array : ChunkedArray
        An array of texts; it is read once, to its first text that decides.

    Returns
    -------
    int, "any" or "flat"
        Bytes of each text, if all are short; else texts of any length; or UTF-8 bytes one behind the other, for HDF5's
        texts end at their first NUL.
    """
    longest, is_long = 2, False  # of one byte netCDF makes characters
    for _, values in chunks_of(array):
        for text in values.reshape(-1).tolist():
            if "\0" in text:
                return "flat"
            if not is_long:
                longest = max(longest, len(text) if text.isascii() else len(text.encode()))
                is_long = longest > LONGEST_FIXED
    return "any" if is_long else longest


def write_texts(
    parent: h5py.Group, name: str, array: ChunkedArray, form: TextForm, compression: Hdf5Compression
) -> h5py.Dataset:
    """Write an array of texts.

    Parameters
    ----------
    parent : h5py.Group
        Where.
    name : str
        The dataset's name.
    array : ChunkedArray
        The texts.
    form : int or "any"
        As `text_form` says.
    compression : {"gzip", "lzf", "zstd", "none"}
        How texts of one length are compressed.

    Raises
    ------
    FormatError
        If a chunk is missing or damaged.
    """
    shape = array.metadata.shape
    if not isinstance(form, int) or not shape or 0 in shape:
        data = make_contiguous(parent, name, shape, SCALAR_TEXT)
        for start, values in chunks_of(array):
            data[tuple(slice(at, at + length) for at, length in zip(start, values.shape, strict=True))] = (
                values if shape else values.item()
            )
        return data
    piece = piece_shape(shape, array.metadata.chunks, form)
    data = make_chunked(parent, name, shape, h5py.string_dtype("utf-8", form), piece, compression)
    for start, values in chunks_of(array):
        encoded = np.array([text.encode() for text in values.reshape(-1).tolist()], f"S{form}").reshape(values.shape)
        for at, part in cut(encoded, piece):
            payload, mask = encode_piece(part, compression)
            data.id.write_direct_chunk(tuple(a + b for a, b in zip(start, at, strict=True)), payload, mask)
    return data


def write_bytes(
    parent: h5py.Group, name: str, array: ChunkedArray, compression: Hdf5Compression
) -> tuple[h5py.Dataset, npt.NDArray[np.int64]]:
    """Write bytes, or texts as UTF-8, one behind the other: every reader has numbers, few have lists of any length.

    Parameters
    ----------
    parent : h5py.Group
        Where.
    name : str
        The dataset's name.
    array : ChunkedArray
        The bytes; if there are several axes, row-major.
    compression : {"gzip", "lzf", "zstd", "none"}
        How to compress.

    Returns
    -------
    h5py.Dataset
        uint8 along one axis.
    ndarray of shape (N + 1,), int64
        Row i is the values from its i-th entry up to the next.

    Raises
    ------
    FormatError
        If a chunk is missing or damaged.
    """
    data = make_chunked(parent, name, (0,), np.dtype(np.uint8), (PIECE_BYTES,), compression, grows=True)
    ends: list[int] = [0]
    rest, written = bytearray(), 0

    def lay(most: int) -> None:
        nonlocal written
        full = memoryview(rest)[:most]
        data.resize(written + most, 0)
        for at, part in cut(np.frombuffer(full, np.uint8), (PIECE_BYTES,)):
            payload, mask = encode_piece(part, compression)
            data.id.write_direct_chunk((written + at[0],), payload, mask)
        written += most

    for _, values in chunks_of(array):
        for value in values.reshape(-1).tolist():
            rest += value.encode() if isinstance(value, str) else value
            ends.append(written + len(rest))
            if len(rest) >= PIECE_BYTES:
                whole = len(rest) // PIECE_BYTES * PIECE_BYTES
                lay(whole)
                rest = rest[whole:]
    lay(len(rest))
    return data, np.array(ends, np.int64)
