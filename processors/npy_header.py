"""The header of a .npy file, read without trust: what shape and type follow, and whether they may be read."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

import numpy as np

from zarrpack.errors import MemberError

__all__ = ["Field", "NpyHeader", "read_exactly", "read_npy_header"]

_MAGIC = b"\x93NUMPY"
#: numpy's own bound: more is not safe to parse.
_HEADER_BYTES = 10_000
_PIECE_BYTES = 1 << 24


@dataclass(frozen=True, slots=True)
class Field:
    """One array that a .npy file gives: itself, or a field of its structured type.

    Parameters
    ----------
    name : str
        The file's name for it, and the path of fields behind dots.
    path : tuple of str
        The fields that lead to it, outermost first.
    """

    name: str
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NpyHeader:
    """What a .npy file announces.

    Parameters
    ----------
    shape : tuple of int
        Of the whole array; empty for a 0-d array.
    dtype : dtype
        Without Python objects.
    fortran : bool
        Whether the first axis varies fastest.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool

    @property
    def nbytes(self) -> int:
        """Bytes of the values."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def rows(self) -> int:
        """Length of the first axis; 1 for a 0-d array."""
        return self.shape[0] if self.shape else 1

    def fields(self, name: str) -> tuple[Field, ...]:
        """Give the arrays that an array called `name` becomes."""
        return tuple(Field(".".join((name, *path)), path) for path in _paths(self.dtype))


def read_npy_header(stream: IO[bytes]) -> NpyHeader:
    """Read a header from a stream, and leave the stream at the first value.

    Raises
    ------
    MemberError
        ``invalid_array`` if it is none; ``refused_dtype`` for Python objects and other types that are not stored.

    Examples
    --------
    >>> file = io.BytesIO()
    >>> np.save(file, np.zeros((2, 3)))
    >>> _ = file.seek(0)
    >>> read_npy_header(file).shape
    (2, 3)
    """
    start = bytes(read_exactly(stream, len(_MAGIC) + 2))
    if not start.startswith(_MAGIC) or start[-2:] not in (b"\x01\x00", b"\x02\x00", b"\x03\x00"):
        raise MemberError("invalid_array", f"expected a .npy header of version 1 to 3, found {start!r}")
    version = start[-2]
    length = read_exactly(stream, 2 if version == 1 else 4)
    size = int.from_bytes(length, "little")
    if size > _HEADER_BYTES:
        raise MemberError("invalid_array", f"expected a header of at most {_HEADER_BYTES} bytes, found {size}")
    return _parse(version, bytes(read_exactly(stream, size)))


def read_exactly(stream: IO[bytes], size: int) -> bytearray:
    """Read `size` bytes; memory grows with what is there, not with what was announced.

    Raises
    ------
    MemberError
        ``invalid_array`` if the stream ends before.
    """
    payload = bytearray()
    while len(payload) < size:
        piece = stream.read(min(size - len(payload), _PIECE_BYTES))
        if not piece:
            raise MemberError("invalid_array", f"expected {size} more bytes, found {len(payload)}")
        payload += piece
    return payload


def _parse(version: int, header: bytes) -> NpyHeader:
    try:
        if version == 3:
            # As escapes inside the quoted field names, other characters pass through the reader of version 2.
            header = header.decode("utf-8").encode("ascii", "backslashreplace")
        sized = io.BytesIO(len(header).to_bytes(4, "little") + header)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # written by Python 2
            shape, fortran, dtype = np.lib.format.read_array_header_2_0(sized, max_header_size=_HEADER_BYTES)
    except Exception as exc:
        # Damaged literals and type strings raise ValueError, TypeError, SyntaxError, MemoryError, RecursionError, ...
        raise MemberError("invalid_array", f"the header is not valid: {type(exc).__name__}") from exc
    if any(length < 0 for length in shape):
        raise MemberError("invalid_array", f"expected lengths from 0 on, found the shape {shape}")
    if dtype.subdtype is not None:
        shape, dtype = (*shape, *dtype.shape), dtype.base
    for path in _paths(dtype):
        _check_type(_at(dtype, path), ".".join(path))
    return NpyHeader(tuple(map(int, shape)), dtype, fortran and len(shape) > 1)


def _paths(dtype: np.dtype[Any]) -> Iterator[tuple[str, ...]]:
    if dtype.fields is None or dtype.names is None:
        yield ()
        return
    for name in dtype.names:
        for path in _paths(dtype.fields[name][0].base):
            yield (name, *path)


def _at(dtype: np.dtype[Any], path: tuple[str, ...]) -> np.dtype[Any]:
    for name in path:
        dtype = dtype[name].base
    return dtype


def _check_type(dtype: np.dtype[Any], field: str) -> None:
    known = dtype.kind in "biuMmUS" or (dtype.kind == "f" and dtype.itemsize <= 8)
    if not known and not (dtype.kind == "c" and dtype.itemsize <= 16):
        where = f"field {field}: " if field else ""
        expected = "expected numbers of up to 64 bits a part, dates, strings or bytes"
        raise MemberError("refused_dtype", f"{where}{expected}, found {dtype}; Python objects are never loaded")
