"""Attributes of any HDF5 type, whose values are read only where the type has a plain form.

Of some types, such as rows of references, reading alone may end the process.
"""

from __future__ import annotations

import os
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from zarrpack.errors import MemberError
from zarrpack.storage.hdf5.object_paths import ObjectPaths
from zarrpack.storage.hdf5.values import Column, columns, has_plain_form, one_row

__all__ = ["attribute_value", "plain_attribute"]

#: The number of elements that an attribute may have.
_MOST_ELEMENTS = 1 << 16
_ERRORS = (MemberError, OSError, RuntimeError, TypeError, ValueError, KeyError, OverflowError)


def attribute_value(node: h5py.Group | h5py.Dataset, name: str) -> Any:
    """Give an attribute as h5py does.

    Parameters
    ----------
    node : h5py.Group or h5py.Dataset
        Whose it is.
    name : str
        The attribute.

    Returns
    -------
    object
        None where it is not there, or of a type without a plain form.

    Raises
    ------
    OSError, RuntimeError, TypeError, ValueError, KeyError
        If it is damaged.
    """
    if name not in node.attrs or not has_plain_form(_opened(node, name).dtype):
        return None
    return node.attrs[name]


def plain_attribute(node: h5py.Group | h5py.Dataset, name: str, paths: ObjectPaths, notes: set[str]) -> Any:
    """Give an attribute as a JSON value.

    Parameters
    ----------
    node : h5py.Group or h5py.Dataset
        Whose it is.
    name : str
        The attribute.
    paths : ObjectPaths
        Those of the file, to which references are resolved.
    notes : set of str
        Gets what was odd.

    Returns
    -------
    JSON value
        None where it is empty, too large, or of a type without a plain form.
    """
    try:
        attribute = _opened(node, name)
        if _is_large(attribute):
            notes.add("large_attribute")
            return None
        made = list(columns("", attribute.dtype))
        value = node.attrs[name]
        if isinstance(value, h5py.Empty):
            return None
        is_one = not attribute.shape and attribute.dtype.subdtype is None
        rows = one_row(value, attribute.dtype) if is_one else value.reshape(-1)
        parts = {column.name: _listed(column, rows, paths, notes, is_one=is_one) for column in made}
    except _ERRORS:
        notes.add("unreadable_attribute")
        return None
    return parts[""] if "" in parts else {key.removeprefix("."): part for key, part in parts.items()}


def _opened(node: h5py.Group | h5py.Dataset, name: str) -> h5py.h5a.AttrID:
    return h5py.h5a.open(node.id, os.fsencode(name))  # h5py gives names that are no UTF-8 as bytes


def _is_large(attribute: h5py.h5a.AttrID) -> bool:
    return bool(np.prod(attribute.shape, dtype=float) > _MOST_ELEMENTS)


def _listed(column: Column, values: npt.NDArray[Any], paths: ObjectPaths, notes: set[str], *, is_one: bool) -> Any:
    rows, _ = column.rows(values, paths, notes)
    listed = rows if isinstance(rows, list) else rows.tolist()
    return _json(listed[0] if is_one and not column.is_ragged else listed)


def _json(value: Any) -> Any:
    if isinstance(value, list):
        return [_json(one) for one in value]
    if isinstance(value, complex):
        return [value.real, value.imag]
    return value
