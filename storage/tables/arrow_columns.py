"""Arrow arrays out of Python values, laid down as buffers.

``pyarrow.array`` imports pandas to see whether it has been given a Series: half a second that a conversion
would pay for nothing. The layout is that of the Arrow columnar format, version 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["arrow_array", "encodable"]

# Arrow's names of floats, and numpy's.
_FLOATS = {"float": "float32", "double": "float64"}


def arrow_array(values: Sequence[Any], type_: pa.DataType) -> pa.Array:
    """Make an Arrow array; None is a missing value.

    Parameters
    ----------
    values : sequence of int, float, bool, str, bytes or None
        All of one kind. At most 2 GiB of text or bytes.
    type_ : pyarrow.DataType
        Integers and floats of any width, bool, string or binary.

    Returns
    -------
    pyarrow.Array
        It owns its memory. Text that UTF-8 cannot hold is written as ``\\udXXX``.

    Raises
    ------
    OverflowError
        If an integer does not fit into the type.

    Examples
    --------
    >>> import pyarrow as pa
    >>> arrow_array(["a", None, "ß"], pa.string()).to_pylist()
    ['a', None, 'ß']
    """
    import pyarrow as pa

    valid = np.fromiter((value is not None for value in values), np.bool_, len(values))
    missing = int(len(values) - np.count_nonzero(valid))
    bitmap = pa.py_buffer(_bits(valid)) if missing else None
    kind = str(type_)
    data = (
        _variable(values, _encoded if kind == "string" else bytes)
        if kind in ("string", "binary")
        else [_fixed(values, kind)]
    )
    return pa.Array.from_buffers(type_, len(values), [bitmap, *map(pa.py_buffer, data)], missing)


def encodable(text: str) -> str:
    """Give a text that UTF-8 can hold: lone surrogates, which JSON allows, are written as ``\\udXXX``.

    Examples
    --------
    >>> encodable("ü" + chr(0xD800)) == "ü" + chr(92) + "ud800"
    True
    """
    return text.encode("utf-8", "backslashreplace").decode()


def _fixed(values: Sequence[Any], kind: str) -> npt.NDArray[Any]:
    if kind == "bool":
        return _bits(np.fromiter((bool(value) for value in values), np.bool_, len(values)))
    dtype = np.dtype(_FLOATS.get(kind, kind))
    return np.fromiter((0 if value is None else value for value in values), dtype, len(values))


def _variable(values: Sequence[Any], encode: Callable[[Any], bytes]) -> list[Any]:
    payloads = [b"" if value is None else encode(value) for value in values]
    offsets = np.zeros(len(values) + 1, np.int32)
    np.cumsum([len(payload) for payload in payloads], out=offsets[1:])
    return [offsets, b"".join(payloads)]


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")


def _bits(flags: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    return np.packbits(flags, bitorder="little")
