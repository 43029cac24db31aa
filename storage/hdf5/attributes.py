"""What a file says of its objects: once for zarrpack, whole, as one JSON text, and once for everyone else."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np

from zarrpack.errors import FormatError
from zarrpack.storage.hdf5.plain_attributes import attribute_value
from zarrpack.storage.json_text import json_text

__all__ = ["OWN", "read_own", "write_attributes", "write_own", "write_text"]

#: The attribute that only zarrpack reads.
OWN = "zarrpack"

_PLAIN_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.@+\-]{0,127}")
#: What HDF5's dimension scales, netCDF, xarray and zarrpack give a meaning of their own.
_TAKEN = {
    "CLASS",
    "NAME",
    "DIMENSION_LIST",
    "REFERENCE_LIST",
    "_FillValue",
    "missing_value",
    "coordinates",
    "dtype",
    "name",
}


def write_own(node: h5py.Group | h5py.Dataset, values: Mapping[str, Any]) -> None:
    """Write what an import needs.

    Parameters
    ----------
    node : h5py.Group or h5py.Dataset
        What it is said of.
    values : mapping
        JSON values.
    """
    write_text(node, OWN, json_text(values))


def read_own(node: h5py.Group | h5py.Dataset) -> dict[str, Any]:
    """Give what `write_own` wrote; empty if there is nothing.

    Raises
    ------
    FormatError
        If it is no JSON object.
    """
    text = attribute_value(node, OWN)
    if not isinstance(text, str):
        return {}
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise FormatError(f"{node.name}: expected JSON in the attribute {OWN}, found: {exc}") from exc
    if not isinstance(values, dict):
        raise FormatError(f"{node.name}: expected a JSON object in the attribute {OWN}, found {type(values).__name__}")
    return values


def write_text(node: h5py.Group | h5py.Dataset, name: str, text: str) -> None:
    """Write one text, of any length, as an attribute.

    Parameters
    ----------
    node : h5py.Group or h5py.Dataset
        What it is said of.
    name : str
        The attribute.
    text : str
        Its value.
    """
    node.attrs.create(name, text, dtype=h5py.string_dtype("utf-8"))


def write_attributes(node: h5py.Group | h5py.Dataset, attributes: Mapping[str, Any]) -> None:
    """Write a user's attributes as HDF5's own, where they have simple names and values.

    Parameters
    ----------
    node : h5py.Group or h5py.Dataset
        What they are said of.
    attributes : mapping
        JSON values. Objects, mixed lists and nulls are left to `write_own`.
    """
    for name, value in attributes.items():
        if name in _TAKEN or not _PLAIN_NAME.fullmatch(name) or name.startswith("zarrpack"):
            continue
        if isinstance(value, str) and "\0" not in value:
            write_text(node, name, value)
        elif isinstance(value, bool):
            node.attrs.create(name, np.int8(value))
        elif isinstance(value, int | float) or _is_numbers(value):
            array = np.asarray(value)
            if array.dtype.kind in "iuf":
                node.attrs.create(name, array)


def _is_numbers(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(type(one) in (int, float) for one in value)
