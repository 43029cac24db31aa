"""One array as the bytes of a .npy file and back, without numpy's slow header code on the way.

Making and parsing a header costs numpy tens of microseconds. A store has few kinds of header, so each kind is made
and parsed once. Nothing is ever pickled.
"""

from __future__ import annotations

import io
import math
import warnings
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from isal.isal_zlib import crc32

from zarrpack.errors import FormatError, UsageError

__all__ = ["NpyPayload", "decode_payload", "encode_payload"]

#: numpy's own bound: more is not safe to parse.
_HEADER_BYTES = 10_000
#: Kinds of header that are remembered; where every array has a shape of its own they are forgotten again.
_REMEMBERED = 4096
_MAGIC = b"\x93NUMPY"


class NpyPayload(NamedTuple):
    """An array as a .npy file, its values not copied where that can be avoided.

    Parameters
    ----------
    header : bytes
        Up to the first value.
    values : bytes-like
        The values' bytes.
    size : int
        Bytes of both.
    crc32 : int
        Checksum of both.
    """

    header: bytes
    values: Any
    size: int
    crc32: int


class _Header(NamedTuple):
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    order: Any
    length: int
    nbytes: int


_made: dict[tuple[np.dtype[Any], tuple[int, ...], bool], tuple[bytes, int]] = {}
_parsed: dict[bytes, _Header] = {}


def encode_payload(array: npt.ArrayLike, where: str) -> NpyPayload:
    """Give an array as the bytes that ``numpy.save`` writes.

    Parameters
    ----------
    array : array-like
        Of any shape and any dtype without Python objects. The result may share its memory.
    where : str
        What is written, for messages.

    Returns
    -------
    NpyPayload
        Header, values, size and checksum.

    Raises
    ------
    UsageError
        If the array holds Python objects, is masked, or has a dtype that a .npy file does not give back.

    Examples
    --------
    >>> payload = encode_payload([1.5, 2.5], "a")
    >>> np.load(io.BytesIO(payload.header + bytes(payload.values)), allow_pickle=False)
    array([1.5, 2.5])
    """
    if type(array) is not np.ndarray:
        if isinstance(array, np.ma.MaskedArray):
            raise UsageError(f"{where}: expected an array, found a masked one, whose mask would be lost; fill it first")
        try:
            array = np.asarray(array)
        except (ValueError, TypeError) as exc:
            raise UsageError(f"{where}: expected an array, found what numpy makes none of: {exc}") from exc
    is_fortran = array.flags.f_contiguous and not array.flags.c_contiguous
    key = (array.dtype, array.shape, is_fortran)
    made = _made.get(key)
    if made is None:
        header = _make_header(*key, where)
        made = header, crc32(header)
        if len(_made) >= _REMEMBERED:
            _made.clear()
        _made[key] = made
    header, checksum = made
    values = _value_bytes(array.T if is_fortran else array)
    return NpyPayload(header, values, len(header) + len(values), crc32(values, checksum))


def decode_payload(payload: npt.NDArray[np.uint8], where: str) -> npt.NDArray[Any]:
    """Give the array that lies in the bytes of a .npy file.

    Parameters
    ----------
    payload : ndarray of shape (bytes,), uint8
        The whole file. The array shares its memory, and can be written to if `payload` can.
    where : str
        What is read, for messages.

    Returns
    -------
    ndarray
        Of the shape and dtype that the header tells.

    Raises
    ------
    FormatError
        If it is no .npy file, or of Python objects, which are never loaded.

    Examples
    --------
    >>> file = io.BytesIO()
    >>> np.save(file, np.eye(2))
    >>> decode_payload(np.frombuffer(file.getvalue(), np.uint8), "a").tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    start = payload[:12].tobytes()
    length = _header_length(start)
    if length is None or length > payload.size:
        raise FormatError(f"{where}: expected a .npy file of {payload.size} bytes, found {start[:8]!r}")
    key = payload[:length].tobytes()
    header = _parsed.get(key)
    if header is None:
        header = _parse_header(key, where)
        if len(_parsed) >= _REMEMBERED:
            _parsed.clear()
        _parsed[key] = header
    if header.length + header.nbytes != payload.size:
        raise FormatError(
            f"{where}: expected {header.nbytes} bytes of values as the header says, "
            f"found {payload.size - header.length}; the store is damaged, zarrpack's verify tells where"
        )
    return np.ndarray(header.shape, header.dtype, payload, header.length, None, header.order)


def _make_header(dtype: np.dtype[Any], shape: tuple[int, ...], is_fortran: bool, where: str) -> bytes:
    if dtype.hasobject:
        raise UsageError(
            f"{where}: expected numbers, strings, bytes or dates, found Python objects, never pickled here"
        )
    text = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of field names that need version 3, and of what the check below refuses
        values = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": is_fortran, "shape": shape}
        try:
            try:
                np.lib.format.write_array_header_1_0(text, values)
            except ValueError:
                # Too long for version 1: a structured dtype of hundreds of fields.
                np.lib.format.write_array_header_2_0(text, values)
            parsed = _parse_header(text.getvalue(), where)
        except (ValueError, FormatError) as exc:
            raise UsageError(f"{where}: expected a dtype that .npy files know, found {dtype}: {exc}") from exc
    if parsed.dtype != dtype:
        raise UsageError(f"{where}: expected a dtype that .npy files give back, found {dtype}; convert it first")
    return text.getvalue()


def _value_bytes(array: npt.NDArray[Any]) -> Any:
    if not array.nbytes:
        return b""
    flat = np.ascontiguousarray(array).reshape(-1)
    return flat.view(np.uint8).data


def _header_length(start: bytes) -> int | None:
    if not start.startswith(_MAGIC) or len(start) < 12:
        return None
    if start[6] == 1:
        return 10 + int.from_bytes(start[8:10], "little")
    return 12 + int.from_bytes(start[8:12], "little") if start[6] == 2 else None


def _parse_header(header: bytes, where: str) -> _Header:
    stream = io.BytesIO(header)
    try:
        major, _ = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # written by Python 2
            shape, is_fortran, dtype = read(stream, max_header_size=_HEADER_BYTES)
    except Exception as exc:
        # Damaged literals and type strings raise ValueError, TypeError, SyntaxError, MemoryError, RecursionError, ...
        raise FormatError(f"{where}: expected the header of a .npy file, found: {type(exc).__name__}") from exc
    if dtype.hasobject or dtype.subdtype is not None or any(length < 0 for length in shape):
        raise FormatError(f"{where}: expected numbers, strings, bytes or dates, found {dtype} of shape {shape}")
    nbytes = math.prod(shape) * dtype.itemsize
    return _Header(dtype, tuple(map(int, shape)), "F" if is_fortran else "C", len(header), nbytes)
