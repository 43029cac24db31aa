"""Thrift's compact protocol, as far as the metadata of Parquet files need it: read into a tree, and written from one."""

from __future__ import annotations

import struct
from typing import Any, TypeAlias

__all__ = ["Struct", "field_of", "read_struct", "write_struct"]

#: Field number -> (type, value). Lists are (type of the elements, list); structs are such dictionaries.
Struct: TypeAlias = dict[int, tuple[int, Any]]

_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(1, 13)
_DEEPEST = 32


def read_struct(data: bytes) -> Struct:
    """Read one struct from the start of some bytes.

    Parameters
    ----------
    data : bytes
        At least the whole struct.

    Raises
    ------
    ValueError
        If it is no such struct.

    Examples
    --------
    >>> read_struct(write_struct({1: (5, -3), 4: (8, b"x")}))
    {1: (5, -3), 4: (8, b'x')}
    """
    try:
        return _Reader(data).struct(0)
    except (IndexError, struct.error) as exc:
        raise ValueError("expected a struct in Thrift's compact protocol, found its end early") from exc


def write_struct(fields: Struct) -> bytes:
    """Write a struct as :func:`read_struct` reads it."""
    out = bytearray()
    _put_struct(out, fields)
    return bytes(out)


def field_of(fields: Struct, number: int) -> Any:
    """Give the value of a field; of a list its elements.

    Raises
    ------
    ValueError
        If it is missing.
    """
    if number not in fields:
        raise ValueError(f"expected field {number}, found none")
    type_, value = fields[number]
    return value[1] if type_ in (_LIST, _SET) else value


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def struct(self, depth: int) -> Struct:
        if depth > _DEEPEST:
            raise ValueError("expected structs that are not nested so deeply")
        fields: Struct = {}
        number = 0
        while header := self._byte():
            type_ = header & 15
            number = number + (header >> 4) if header >> 4 else self._zigzag()
            fields[number] = (type_, self._value(type_, depth))
        return fields

    def _value(self, type_: int, depth: int) -> Any:
        if type_ in (_TRUE, _FALSE):
            return type_ == _TRUE
        if type_ == _BYTE:
            return self._byte()
        if type_ in (_I16, _I32, _I64):
            return self._zigzag()
        if type_ == _DOUBLE:
            self._at += 8
            return struct.unpack_from("<d", self._data, self._at - 8)[0]
        if type_ == _BINARY:
            return self._bytes(self._varint())
        if type_ in (_LIST, _SET):
            header = self._byte()
            size = self._varint() if header >> 4 == 15 else header >> 4
            if size > len(self._data):
                raise ValueError(f"expected a list within the bytes, found one of {size}")
            element = header & 15
            if element in (_TRUE, _FALSE):
                return element, [self._byte() == _TRUE for _ in range(size)]
            return element, [self._value(element, depth) for _ in range(size)]
        if type_ == _STRUCT:
            return self.struct(depth + 1)
        raise ValueError(f"expected a type of Parquet's metadata, found {type_}")

    def _byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1]

    def _bytes(self, size: int) -> bytes:
        if self._at + size > len(self._data):
            raise ValueError("expected bytes within the struct, found its end")
        self._at += size
        return self._data[self._at - size : self._at]

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
            if shift > 63:
                raise ValueError("expected a number of 64 bits, found a longer one")

    def _zigzag(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)


def _put_struct(out: bytearray, fields: Struct) -> None:
    last = 0
    for number in sorted(fields):
        type_, value = fields[number]
        if type_ in (_TRUE, _FALSE):
            type_ = _TRUE if value else _FALSE
        if 0 < number - last < 16:
            out.append((number - last) << 4 | type_)
        else:
            out.append(type_)
            _put_varint(out, number << 1)
        last = number
        _put_value(out, type_, value)
    out.append(0)


def _put_value(out: bytearray, type_: int, value: Any) -> None:
    if type_ == _BYTE:
        out.append(value)
    elif type_ in (_I16, _I32, _I64):
        _put_varint(out, (value << 1) ^ (value >> 63))
    elif type_ == _DOUBLE:
        out += struct.pack("<d", value)
    elif type_ == _BINARY:
        _put_varint(out, len(value))
        out += value
    elif type_ in (_LIST, _SET):
        element, values = value
        out.append((min(15, len(values))) << 4 | element)
        if len(values) >= 15:
            _put_varint(out, len(values))
        for one in values:
            if element in (_TRUE, _FALSE):
                out.append(_TRUE if one else _FALSE)
            else:
                _put_value(out, element, one)
    elif type_ == _STRUCT:
        _put_struct(out, value)


def _put_varint(out: bytearray, value: int) -> None:
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
