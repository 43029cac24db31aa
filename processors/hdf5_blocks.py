"""The datasets of an open HDF5 file as blocks of rows."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from zarrpack.errors import MemberError
from zarrpack.processors.base import Block
from zarrpack.processors.limits import Limits
from zarrpack.storage.hdf5.dimension_names import DimensionNames, is_mere_dimension
from zarrpack.storage.hdf5.object_paths import ObjectPaths
from zarrpack.storage.hdf5.plain_attributes import plain_attribute
from zarrpack.storage.hdf5.tree import Alias, Array, Found, Group, Refusal, walk
from zarrpack.storage.hdf5.values import Column, columns, one_row

__all__ = ["TreeReader"]

_BLOCK_BYTES = 16 << 20
#: Of texts and rows of any length nobody knows how long they are: a few are read first.
_FIRST_ROWS = 16
_ROOT = "root"
#: Attributes by which HDF5 and netCDF keep their dimensions; they are read for that.
_OF_DIMENSIONS = {
    "CLASS",
    "NAME",
    "DIMENSION_LIST",
    "DIMENSION_LABELS",
    "REFERENCE_LIST",
    "_Netcdf4Dimid",
    "_Netcdf4Coordinates",
    "_NCProperties",
    "_nc3_strict",
}


class TreeReader:
    """Reads one file. Not safe for threads.

    Parameters
    ----------
    file : h5py.File
        Open for reading.
    limits : Limits
        What it may cost.
    skips_refused : bool
        Whether what is refused is left out; else it is an error.

    Attributes
    ----------
    notes : set of str
        What was odd.
    """

    def __init__(self, file: h5py.File, limits: Limits, *, skips_refused: bool) -> None:
        self.notes: set[str] = set()
        self._file = file
        self._limits = limits
        self._skips_refused = skips_refused
        self._values: dict[str, Any] = {}
        self._left = limits.member_bytes
        self._paths = ObjectPaths(file)
        self._names = DimensionNames(self._paths)

    def blocks(self) -> Iterator[Block]:
        """Give the arrays, in the order of their paths.

        Raises
        ------
        MemberError
            If something is refused or beyond a limit.
        OSError, RuntimeError
            If the file is damaged.
        """
        found = list(walk(self._file, self._paths))
        for one in found:
            self._survey(one)
        for one in found:
            if isinstance(one, Array) and not is_mere_dimension(one.node):
                yield from self._array(one)

    def metadata(self) -> dict[str, Any]:
        """Give the attributes of the groups; after `blocks`."""
        return self._values

    def _survey(self, one: Found) -> None:
        """Look at everything before anything is read, so that a file is refused as a whole."""
        if isinstance(one, Refusal):
            if not self._skips_refused:
                hint = "give the processor hdf5 the option refused=skip to leave it out"
                raise MemberError(one.reason, f"{one.path}: {one.detail}; {hint}")
            self.notes.add(f"{one.reason}:{one.path}")
        elif isinstance(one, Alias):
            self.notes.add(f"alias:{one.path}={one.target}" if one.target else f"dangling_link:{one.path}")
        elif isinstance(one, Group):
            prefix = f"hdf5/{one.path}/" if one.path else "hdf5/"
            self._values.update({prefix + name: value for name, value in self._attributes(one.node).items()})
        else:
            self._check_size(one)
            self._names.learn(one.node)

    def _check_size(self, one: Array) -> None:
        limits = self._limits
        size = 0 if one.node.shape is None else math.prod(one.node.shape) * one.node.dtype.itemsize
        self._left -= size
        if self._left < 0:
            raise MemberError(
                "limit_member_bytes", f"{one.path}: more than {limits.member_bytes} bytes of values in all"
            )
        stored = one.node.id.get_storage_size()
        if size > limits.ratio_grace_bytes and size > limits.ratio * stored:
            detail = f"{one.path}: {stored} bytes expand to {size}, more than {limits.ratio} times"
            raise MemberError("limit_ratio", f"{detail}; raise the limit ratio")

    def _attributes(self, node: h5py.Group | h5py.Dataset) -> dict[str, Any]:
        names = [name for name in node.attrs if name not in _OF_DIMENSIONS]
        return {
            os.fsencode(name).decode("utf-8", "backslashreplace"): plain_attribute(node, name, self._paths, self.notes)
            for name in names  # text with surrogates, or bytes
        }

    def _array(self, one: Array) -> Iterator[Block]:
        data = one.node
        if data.shape is None:
            self.notes.add(f"no_values:{one.path}")
            return
        path, _, name = one.path.rpartition("/")
        attributes = self._attributes(data)
        try:
            made = list(columns(name, data.dtype))
        except MemberError as error:
            if not self._skips_refused:
                raise
            self.notes.add(f"{error.reason}:{one.path}")
            return
        dims = self._names.of(path or _ROOT, name, data)
        for values in self._batches(data):
            for column in made:
                yield from self._blocks(path or _ROOT, column, dims, values, attributes)

    def _batches(self, data: h5py.Dataset) -> Iterator[Any]:
        """Give the values in pieces along the first axis, a 0-d dataset as one row."""
        if not data.shape:
            values = one_row(data[()], data.dtype)
            self._count_content(data, values)
            yield values
            return
        row_bytes = max(1, data.dtype.itemsize * math.prod(data.shape[1:]))
        step = max(1, _BLOCK_BYTES // row_bytes)
        if data.chunks and step > data.chunks[0]:
            step -= step % data.chunks[0]
        most, grows = step, data.dtype.hasobject
        step = min(step, _FIRST_ROWS) if grows else step
        first = 0
        while first < data.shape[0] or first == 0:
            values = data[first : first + step]
            yield values
            first += max(1, len(values))
            if grows:
                size = self._count_content(data, values)
                step = min(most, 2 * step if size < _BLOCK_BYTES // 4 else max(1, step // 2))

    def _count_content(self, data: h5py.Dataset, values: npt.NDArray[Any]) -> int:
        """Take texts and rows of any length off what the file may hold; give their size in bytes."""
        size = _content_bytes(values) if values.dtype.hasobject else 0
        self._left -= size
        if self._left < 0:
            raise MemberError("limit_member_bytes", f"{data.name}: its texts and rows are beyond the limit")
        return size

    def _blocks(
        self,
        group: str,
        column: Column,
        dims: tuple[str, ...],
        values: Any,
        attributes: dict[str, Any],
    ) -> Iterator[Block]:
        rows, lengths = column.rows(values, self._paths, self.notes)
        said = {**attributes, **column.attributes}
        if lengths is not None:
            yield Block(group, column.name, (f"{column.name}_value",), rows, attributes=said)
            yield Block(group, f"{column.name}.length", dims, lengths)
            return
        axes = tuple(f"{column.name}_axis_{number}" for number in range(column.axes))
        yield Block(group, column.name, dims + axes, rows, attributes=said)


def _content_bytes(values: Any) -> int:
    """Estimate what rows of any length hold."""
    if values.dtype.names is not None:
        return sum(_content_bytes(values[name]) for name in values.dtype.names if values.dtype[name].hasobject)
    sized = (one for one in values.reshape(-1).tolist() if hasattr(one, "__len__"))
    return sum(one.nbytes if isinstance(one, np.ndarray) else len(one) for one in sized)
