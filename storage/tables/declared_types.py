"""What type of column a schema's dtype asks for, and which values fit into it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, get_args

import numpy as np

from zarrpack.storage.tables.fields import FieldKind, FieldProfile
from zarrpack.storage.tables.parquet import ColumnType

__all__ = ["DeclaredType", "column_kind", "declared_type"]

_TYPES: dict[str, ColumnType] = {name: name for name in get_args(ColumnType)} | {"float16": "float32"}
_COLUMN_TYPES: dict[FieldKind, ColumnType] = {"int": "int64", "float": "float64", "bool": "bool"}
_KINDS: dict[str, FieldKind] = {"i": "int", "u": "int", "f": "float", "b": "bool", "U": "string", "O": "string"}


class DeclaredType(NamedTuple):
    """A column as a schema declares it.

    Parameters
    ----------
    kind : {"bool", "int", "float", "string"}
        The kind of its values.
    type : str
        The column's type.
    bounds : tuple of (float, float) or None
        The smallest and the largest value that fits; None: what a profile calls a number does.
    """

    kind: FieldKind
    type: ColumnType
    bounds: tuple[float, float] | None


def declared_type(declared: Mapping[str, Any]) -> DeclaredType | None:
    """Give the column that a field's declaration asks for.

    Parameters
    ----------
    declared : mapping
        What the schema says of the field: ``dtype``, or nothing.

    Returns
    -------
    DeclaredType or None
        None if it says nothing, or what no column has, such as a time.

    Examples
    --------
    >>> declared_type({"dtype": "int8"})
    DeclaredType(kind='int', type='int8', bounds=(-128, 127))
    """
    name = declared.get("dtype")
    if not isinstance(name, str):
        return None
    try:
        dtype = np.dtype(name)
    except (TypeError, ValueError, SyntaxError):
        return None
    kind = _KINDS.get(dtype.kind)
    if kind is None:
        return None
    if kind in ("bool", "string"):
        return DeclaredType(kind, _TYPES[kind], None)
    width = _TYPES.get(dtype.name)
    if width is None:  # floats of 80 and 128 bits
        return DeclaredType(kind, "float64", None)
    if kind == "int":
        limits = np.iinfo(dtype)
        return DeclaredType(kind, width, (int(limits.min), int(limits.max)))
    largest = float(np.finfo(width).max)
    return DeclaredType(kind, width, (-largest, largest))


def column_kind(profile: FieldProfile, declared: DeclaredType | None) -> tuple[FieldKind, ColumnType]:
    """Give the kind and the type of a field's column: as declared if all values fit, else as the values are.

    Examples
    --------
    >>> profile = FieldProfile()
    >>> profile.add(3)
    >>> column_kind(profile, declared_type({"dtype": "float32"})), column_kind(profile, declared_type({"dtype": "str"}))
    (('float', 'float32'), ('int', 'int64'))
    """
    kind = profile.kind
    if declared is not None:
        takes = {declared.kind, "int"} if declared.kind == "float" else {declared.kind}
        if profile.present == 0 or (kind in takes and profile.fits):
            return declared.kind, declared.type
        if declared.kind == "float" and kind == "int":
            return "float", "float64"
    return kind, _COLUMN_TYPES.get(kind, "string")
