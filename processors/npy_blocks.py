"""The values of one .npy file as blocks of rows, streamed along the first axis."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from zarrpack.errors import MemberError
from zarrpack.processors.base import Block
from zarrpack.processors.limits import Limits
from zarrpack.processors.npy_header import Field, NpyHeader, read_exactly, read_npy_header

__all__ = ["NpyReader"]

_BLOCK_BYTES = 16 << 20
_LAST_CODE_POINT = 0x10FFFF
_SURROGATES = (0xD800, 0xDFFF)


@dataclass(slots=True)
class NpyReader:
    """Reads the .npy files of one member, and remembers what was odd about them. Not safe for threads.

    Parameters
    ----------
    limits : Limits
        What the member may cost.
    size : int or None
        Bytes of the whole file, where it is known.
    notes : set of str
        What was odd.
    """

    limits: Limits
    size: int | None = None
    notes: set[str] = field(default_factory=set)

    def blocks(self, stream: IO[bytes], name: str) -> Iterator[Block]:
        """Give an array's rows in blocks of about 16 MiB; a structured array's fields as arrays of their own.

        Parameters
        ----------
        stream : binary stream
            At the file's first byte. Read forward only.
        name : str
            The array's name.

        Raises
        ------
        MemberError
            ``invalid_array``, ``refused_dtype``, ``limit_member_bytes`` or ``limit_rows``.
        """
        header = read_npy_header(stream)
        self._check_size(header)
        fields = header.fields(name)
        for values in _values(stream, header):
            for one in fields:
                yield self._block(values, one, name)
        if stream.read(1):
            self.notes.add("trailing_data")

    def _check_size(self, header: NpyHeader) -> None:
        limit = self.limits.member_bytes if self.size is None else min(self.size, self.limits.member_bytes)
        if header.nbytes > limit:
            if limit == self.limits.member_bytes:
                raise MemberError("limit_member_bytes", f"{header.nbytes} bytes, more than {limit}; raise member_bytes")
            raise MemberError("invalid_array", f"expected {header.nbytes} bytes of values, found a file of {limit}")
        if not header.nbytes and header.rows > self.limits.rows:
            # Nothing but the header says that there are so many.
            raise MemberError("limit_rows", f"{header.rows} rows without a byte, more than {self.limits.rows}")

    def _block(self, values: npt.NDArray[Any], one: Field, name: str) -> Block:
        for part in one.path:
            values = values[part]
        dims = (f"{name}_dim_0", *(f"{one.name}_dim_{axis}" for axis in range(1, values.ndim)))
        return Block("arrays", one.name, dims, self._rows(values))

    def _rows(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        native = np.ascontiguousarray(values.astype(values.dtype.newbyteorder("="), copy=False))
        if native.dtype.kind == "b":
            # A byte that is neither 0 nor 1 is true to numpy, and a surprise to everybody else.
            return np.not_equal(native.view(np.uint8), 0)
        return self._encodable(native) if native.dtype.kind == "U" and native.nbytes else native

    def _encodable(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        codes = values.reshape(-1).view(np.uint32)
        if codes.max() > _LAST_CODE_POINT:
            # As str objects such text would break the interpreter's own rules.
            raise MemberError("invalid_array", f"expected Unicode text, found the code point {codes.max():#x}")
        if not ((codes >= _SURROGATES[0]) & (codes <= _SURROGATES[1])).any():
            return values
        self.notes.add("bad_unicode")
        texts = values.reshape(-1).tolist()
        return np.array([text.encode("utf-8", "backslashreplace").decode() for text in texts]).reshape(values.shape)


def _values(stream: IO[bytes], header: NpyHeader) -> Iterator[npt.NDArray[Any]]:
    """Give the values in pieces along the first axis, a 0-d array as one row."""
    trailing = header.shape[1:]
    if not header.nbytes:
        yield _shaped(None, header.dtype, (header.rows, *trailing))
        return
    row_bytes = header.dtype.itemsize * math.prod(trailing)
    step = max(1, _BLOCK_BYTES // row_bytes)
    if header.fortran:
        # The first axis varies fastest: no row is complete before the file's last part is read.
        payload = read_exactly(stream, header.nbytes)
        whole = _shaped(payload, header.dtype, header.shape[::-1]).transpose()
        yield from (whole[first : first + step] for first in range(0, header.rows, step))
        return
    for first in range(0, header.rows, step):
        rows = min(step, header.rows - first)
        yield _shaped(read_exactly(stream, rows * row_bytes), header.dtype, (rows, *trailing))


def _shaped(payload: bytearray | None, dtype: np.dtype[Any], shape: tuple[int, ...]) -> npt.NDArray[Any]:
    try:
        return np.zeros(shape, dtype) if payload is None else np.frombuffer(payload, dtype).reshape(shape)
    except (ValueError, OverflowError, MemoryError) as exc:
        raise MemberError("invalid_array", f"expected a shape that numpy can hold, found {shape}") from exc
