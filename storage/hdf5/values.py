"""Values of any HDF5 type as plain arrays of numbers and texts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import h5py
import numpy as np
import numpy.typing as npt

from zarrpack.errors import MemberError
from zarrpack.storage.hdf5.object_paths import ObjectPaths

__all__ = ["Column", "Rows", "columns", "has_plain_form", "one_row"]

#: Texts, or an array.
Rows = npt.NDArray[Any] | list[str]


class Column(NamedTuple):
    """A part of a dataset that becomes an array.

    Parameters
    ----------
    name : str
        The dataset's name, with the field of a compound type behind it.
    axes : int
        How many axes its rows have that the dataset does not.
    is_ragged : bool
        Whether each row has values of its own number: then `rows` gives all of them, and how many each row has.
    rows : callable
        Takes values as h5py gives them, and the paths of the file's objects; gives the array's rows (and the numbers).
    attributes : dict
        What the type says.
    """

    name: str
    axes: int
    is_ragged: bool
    rows: Callable[[npt.NDArray[Any], ObjectPaths, set[str]], tuple[Rows, npt.NDArray[np.int64] | None]]
    attributes: dict[str, Any]


def columns(name: str, dtype: np.dtype[Any]) -> Iterator[Column]:
    """Give the arrays that a dataset of some type becomes; more than one for a compound type.

    Parameters
    ----------
    name : str
        The dataset's name.
    dtype : dtype
        As h5py gives it.

    Raises
    ------
    MemberError
        ``refused_dtype`` for a type that has no plain form.
    """
    yield from _columns(name, dtype, (), 0)


def has_plain_form(dtype: np.dtype[Any]) -> bool:
    """Whether `columns` takes a type. Values of others are not to be read: the library may crash on them.

    Examples
    --------
    >>> has_plain_form(h5py.vlen_dtype(np.dtype("f8"))), has_plain_form(h5py.vlen_dtype(h5py.ref_dtype))
    (True, False)
    """
    try:
        return bool(list(columns("", dtype)))
    except MemberError:
        return False


def one_row(value: Any, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Give the value of a 0-d dataset or attribute as a dataset of one row would be read.

    Parameters
    ----------
    value : object
        As h5py gives it: an array where the type is one, or is of any length.
    dtype : dtype
        Of the dataset.

    Returns
    -------
    ndarray
        Of one row.
    """
    if dtype.subdtype is not None:
        return np.asarray(value)[np.newaxis]
    rows = np.empty(1, dtype)
    rows[0] = value
    return rows


def _columns(name: str, dtype: np.dtype[Any], fields: tuple[str, ...], axes: int) -> Iterator[Column]:
    base = dtype
    while base.subdtype is not None:  # arrays of arrays
        axes += len(base.shape)
        base = base.base
    if base.names is not None:
        for field in base.names:
            yield from _columns(f"{name}.{field}", base[field], (*fields, field), axes)
        return
    inner = None if h5py.check_string_dtype(base) is not None else h5py.check_vlen_dtype(base)
    if inner is not None:
        if not isinstance(inner, np.dtype) or inner.kind not in "biufc" or axes:
            raise MemberError("refused_dtype", f"{name}: rows of any length of {inner}, which have no plain form")
        yield Column(name, 0, True, lambda values, _paths, _notes: _ragged(_field(values, fields), inner), {})
        return
    convert, attributes = _conversion(name, base)
    extra = axes + (base.kind == "V" and not _is_date(base))
    yield Column(
        *(name, extra, False),
        lambda values, paths, notes: (convert(_field(values, fields), paths, notes), None),
        attributes,
    )


_Conversion = Callable[[npt.NDArray[Any], ObjectPaths, "set[str]"], Rows]


def _conversion(name: str, dtype: np.dtype[Any]) -> tuple[_Conversion, dict[str, Any]]:
    if h5py.check_string_dtype(dtype) is not None:
        return _texts, {}
    if h5py.check_ref_dtype(dtype) is not None:
        return _references, {"hdf5_type": "reference"}
    enum = h5py.check_enum_dtype(dtype)
    if enum is not None:
        named = {str(key): int(value) for key, value in enum.items()}
        return lambda values, _paths, _notes: _native(values), {"enum": named}
    if dtype.kind == "V":
        return lambda values, _paths, _notes: _bytes(values, dtype), {"hdf5_type": "opaque"}
    if dtype.kind in "mM":
        return lambda values, _paths, _notes: _native(values), {}
    if dtype.kind not in "biufc":
        raise MemberError("refused_dtype", f"{name}: expected numbers, texts or bytes, found {dtype}")
    return lambda values, _paths, notes: _numbers(values, notes), {}


def _field(values: npt.NDArray[Any], fields: tuple[str, ...]) -> npt.NDArray[Any]:
    for field in fields:
        values = values[field]
    return values


def _is_date(dtype: np.dtype[Any]) -> bool:
    return dtype.kind in "mM"


def _native(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    plain = np.dtype(values.dtype.str)  # without what h5py notes in it
    return np.ascontiguousarray(values).view(plain).astype(plain.newbyteorder("="), copy=False)


def _numbers(values: npt.NDArray[Any], notes: set[str]) -> npt.NDArray[Any]:
    native = _native(values)
    if native.dtype.kind == "f" and native.dtype.itemsize > 8:
        notes.add("narrowed_to_float64")
        return native.astype(np.float64)
    if native.dtype.kind == "c" and native.dtype.itemsize > 16:
        notes.add("narrowed_to_complex128")
        return native.astype(np.complex128)
    return native


def _texts(values: npt.NDArray[Any], _paths: ObjectPaths, notes: set[str]) -> Rows:
    texts = [_text(value, notes) for value in values.reshape(-1).tolist()]
    return texts if values.ndim == 1 else np.array(texts, np.dtypes.StringDType()).reshape(values.shape)


def _text(value: object, notes: set[str]) -> str:
    raw = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogateescape")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        notes.add("bad_unicode")
        return raw.decode("utf-8", "backslashreplace")


def _references(values: npt.NDArray[Any], paths: ObjectPaths, notes: set[str]) -> Rows:
    texts = [_target(value, paths, notes) for value in values.reshape(-1).tolist()]
    return texts if values.ndim == 1 else np.array(texts, np.dtypes.StringDType()).reshape(values.shape)


def _target(value: Any, paths: ObjectPaths, notes: set[str]) -> str:
    """Give the path that a reference leads to, with the selection of a region."""
    if not value:
        return ""
    try:
        found = paths.target(value)
        path = "" if found is None else f"/{found}"
        if path and isinstance(value, h5py.RegionReference):
            path += f" {json.dumps(paths.bounds(value))}"
    except (OSError, RuntimeError, ValueError, TypeError, KeyError):
        path = ""
    if not path:
        notes.add("unresolved_reference")
    return path


def _bytes(values: npt.NDArray[Any], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    plain = np.ascontiguousarray(values).view(f"V{dtype.itemsize}")
    return plain[..., np.newaxis].view(np.uint8)


def _ragged(values: npt.NDArray[Any], dtype: np.dtype[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    parts = [np.asarray(part, dtype) for part in values.reshape(-1).tolist()]
    joined = np.concatenate(parts) if parts else np.empty(0, dtype)
    return _native(joined), np.array([len(part) for part in parts], np.int64).reshape(values.shape)
