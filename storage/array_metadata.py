"""What an array's ``.zarray`` and ``.zattrs`` say, checked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from zarrpack.errors import FormatError
from zarrpack.storage.base import Codec
from zarrpack.storage.chunking import CHUNK_BYTES, MOST_AXES

__all__ = ["ArrayMetadata"]

_DIMENSIONS = "_ARRAY_DIMENSIONS"
_LONGEST_AXIS = 1 << 62
# Kind -> bytes per element. Fixed-length strings have any length.
_ITEM_SIZES = {"b": (1,), "i": (1, 2, 4, 8), "u": (1, 2, 4, 8), "f": (2, 4, 8), "c": (8, 16)}
_VLEN: dict[str, Literal["vlen-utf8", "vlen-bytes"]] = {"vlen-utf8": "vlen-utf8", "vlen-bytes": "vlen-bytes"}


@dataclass(frozen=True, slots=True)
class ArrayMetadata:
    """How an array is stored.

    Parameters
    ----------
    shape : tuple of int
        The array's shape; empty for a 0-d array.
    chunks : tuple of int
        The shape of every chunk, edge chunks included; as many axes as `shape`, never a 0.
    dtype : str
        Zarr format 2: ``"|u1"``, ``"<i4"``, ``"<f2"``, ``"<c8"``, ``"|b1"``, ``"<U5"``, ``"|S5"``, ``"|O"``.
    codec : Codec
        How the chunks are encoded.
    dims : tuple of str
        A name per axis.
    attributes : mapping
        The other attributes, as in ``.zattrs``.

    Examples
    --------
    >>> heights = ArrayMetadata((3,), (3,), "<i4", Codec(level=1), ("image",))
    >>> heights.chunk_grid()
    (1,)
    >>> ArrayMetadata.from_documents(heights.to_zarray(), heights.to_zattrs()) == heights
    True
    """

    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    dtype: str
    codec: Codec = field(default_factory=Codec)
    dims: tuple[str, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def to_zarray(self) -> dict[str, Any]:
        """Give the content of ``.zarray``."""
        filters: list[dict[str, Any]] = []
        if self.codec.object_codec is not None:
            filters.append({"id": self.codec.object_codec})
        if self.codec.delta:
            filters.append({"id": "delta", "dtype": self.dtype, "astype": self.dtype})
        return {
            "zarr_format": 2,
            "shape": list(self.shape),
            "chunks": list(self.chunks),
            "dtype": self.dtype,
            "order": self.codec.order,
            "compressor": None if self.codec.level is None else {"id": "zstd", "level": self.codec.level},
            "filters": filters or None,
            "fill_value": None,
            "dimension_separator": ".",
        }

    def to_zattrs(self) -> dict[str, Any]:
        """Give the content of ``.zattrs``."""
        return {**self.attributes, _DIMENSIONS: list(self.dims)}

    @classmethod
    def from_documents(
        cls, zarray: Mapping[str, Any], zattrs: Mapping[str, Any] | None = None, name: str = "array"
    ) -> ArrayMetadata:
        """Read ``.zarray`` and ``.zattrs``, believing nothing.

        Parameters
        ----------
        zarray, zattrs : mapping
            The parsed documents. Without dimension names the axes are called ``<name>_dim_0``, ...
        name : str
            The array's name, for messages.

        Returns
        -------
        ArrayMetadata
            With every field checked.

        Raises
        ------
        FormatError
            If something is missing, contradicts itself, or asks for a type or codec that is not read here.
        """
        zattrs = {} if zattrs is None else zattrs
        _expect(name, "zarr_format", zarray.get("zarr_format"), 2)
        _expect(name, "dimension_separator", zarray.get("dimension_separator", "."), ".")
        shape = _lengths(name, "shape", zarray.get("shape"), 0)
        chunks = _lengths(name, "chunks", zarray.get("chunks"), 1)
        if len(shape) != len(chunks):
            raise FormatError(f"{name}: expected chunks with {len(shape)} axes as the shape has, found {list(chunks)}")
        dtype, itemsize = _dtype(name, zarray.get("dtype"))
        if math.prod(chunks) * itemsize > CHUNK_BYTES:
            raise FormatError(
                f"{name}: expected chunks of at most {CHUNK_BYTES} bytes, found {list(chunks)} of {dtype}"
            )
        fill = zarray.get("fill_value")
        if not isinstance(fill, str | int | float | list | None):
            raise FormatError(f"{name}: expected null or a scalar as fill_value, found {type(fill).__name__}")
        codec = _codec(name, zarray, dtype)
        dims = _dims(name, zattrs.get(_DIMENSIONS), len(shape))
        attributes = {key: value for key, value in zattrs.items() if key != _DIMENSIONS}
        return cls(shape, chunks, dtype, codec, dims, attributes)

    def chunk_grid(self) -> tuple[int, ...]:
        """Give the number of chunks along each axis; empty for a 0-d array, which has one chunk."""
        return tuple(-(-length // chunk) for length, chunk in zip(self.shape, self.chunks, strict=True))

    @staticmethod
    def chunk_key(index: tuple[int, ...]) -> str:
        """Give a chunk's name below its array, such as ``"0.0"``.

        Examples
        --------
        >>> ArrayMetadata.chunk_key((4, 0)), ArrayMetadata.chunk_key(())
        ('4.0', '0')
        """
        return ".".join(map(str, index)) or "0"


def _expect(name: str, key: str, found: object, expected: object) -> None:
    if found != expected or isinstance(found, bool):
        raise FormatError(f"{name}: expected {key} {expected!r}, found {found!r:.80}")


def _lengths(name: str, key: str, value: object, least: int) -> tuple[int, ...]:
    if not isinstance(value, list) or len(value) > MOST_AXES:
        raise FormatError(f"{name}: expected {key} as a list of at most {MOST_AXES} lengths, found {value!r:.80}")
    for length in value:
        if type(length) is not int or not least <= length <= _LONGEST_AXIS:
            raise FormatError(f"{name}: expected lengths of at least {least} in {key}, found {length!r:.80}")
    return tuple(value)


def _dtype(name: str, value: object) -> tuple[str, int]:
    """Give the type and its bytes per element (1 for objects, whose size is not known)."""
    if value == "|O":
        return "|O", 1
    if isinstance(value, str) and len(value) >= 3 and value[0] in "|<>" and value[2:].isdecimal() and len(value) < 12:
        kind, size = value[1], int(value[2:])
        if kind in "US" and size > 0:
            return value, size * (4 if kind == "U" else 1)
        if size in _ITEM_SIZES.get(kind, ()) and (value[0] != "|" or size == 1):
            return value, size
    raise FormatError(f"{name}: expected a dtype of numbers, booleans, strings or bytes, found {value!r:.80}")


def _codec(name: str, zarray: Mapping[str, Any], dtype: str) -> Codec:
    order = zarray.get("order", "C")
    if order not in ("C", "F"):
        raise FormatError(f"{name}: expected order 'C' or 'F', found {order!r:.80}")
    level = _level(name, zarray.get("compressor"))
    filters = zarray.get("filters")
    if not isinstance(filters, list | None):
        raise FormatError(f"{name}: expected null or a list of filters, found {filters!r:.120}")
    ids = [entry.get("id") if isinstance(entry, dict) else None for entry in filters or ()]
    if dtype == "|O":
        vlen = _VLEN.get(str(ids[0])) if len(ids) == 1 else None
        # In column-major order the items of a chunk would lie in an order that no writer here makes.
        if vlen is None or (order == "F" and len(zarray["shape"]) > 1):
            raise FormatError(f"{name}: expected objects as vlen-utf8 or vlen-bytes, found filters {filters!r:.120}")
        return Codec(level, False, "C", vlen)
    if not ids:
        return Codec(level, False, order)
    delta = filters[0] if filters and ids == ["delta"] else {}
    if dtype[1] not in "iu" or delta.get("dtype") != dtype or delta.get("astype", dtype) != dtype:
        raise FormatError(f"{name}: expected no filter, or Delta of integers of type {dtype}, found {filters!r:.120}")
    return Codec(level, True, order)


def _level(name: str, compressor: object) -> int | None:
    if compressor is None:
        return None
    if isinstance(compressor, dict) and compressor.get("id") == "zstd":
        level = compressor.get("level", 0)
        if type(level) is int and -131_072 <= level <= 22:
            return level
    raise FormatError(f"{name}: expected the compressor zstd or none, found {compressor!r:.120}")


def _dims(name: str, value: object, ndim: int) -> tuple[str, ...]:
    if value is None:
        # In messages the name stands behind its file's.
        array = name.rpartition(": ")[2].rpartition("/")[2]
        return tuple(f"{array}_dim_{axis}" for axis in range(ndim))
    if not isinstance(value, list) or len(value) != ndim or not all(isinstance(dim, str) for dim in value):
        raise FormatError(f"{name}: expected {ndim} names in {_DIMENSIONS}, found {value!r:.120}")
    return tuple(value)
