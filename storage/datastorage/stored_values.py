"""Values to arrays as Zarr format 2 keeps them, and back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from zarrpack.errors import FormatError, UsageError
from zarrpack.storage.chunking import CHUNK_BYTES
from zarrpack.storage.datastorage.list_arrays import list_to_array

__all__ = ["StorableArray", "check_no_nan", "from_stored", "to_storable"]

# The stored numbers mean something else: points in time, spans of time.
_MEANING = "zarrpack_dtype"
# The same values, in another layout of numpy's.
_LAYOUT = "zarrpack_numpy_dtype"
_SIZES = {"b": (1,), "i": (1, 2, 4, 8), "u": (1, 2, 4, 8), "f": (2, 4, 8), "c": (8, 16)}


@dataclass(frozen=True, slots=True)
class StorableArray:
    """An array in a type that is stored.

    Parameters
    ----------
    values : ndarray
        Numbers in little-endian order, or objects that are all str or all bytes.
    object_codec : {"vlen-utf8", "vlen-bytes"} or None
        None for numbers.
    attributes : mapping
        What `from_stored` needs to give the type that was saved.
    """

    values: npt.NDArray[Any]
    object_codec: Literal["vlen-utf8", "vlen-bytes"] | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)


def to_storable(value: Any, key: str) -> StorableArray:
    """Convert a value that is no dict.

    Parameters
    ----------
    value : object
        Number, bool, str, bytes, ndarray of these or of times, something that numpy takes for one, list, tuple.
    key : str
        Where it is to be saved, for messages.

    Returns
    -------
    StorableArray
        Without axes for a single value. It may share memory with `value`.

    Raises
    ------
    TypeError
        If it is something else.
    UsageError
        If the parts of a list have different shapes, an integer is too large, or a number is NaN.

    Examples
    --------
    >>> to_storable(["a", "bc"], "names").object_codec
    'vlen-utf8'
    """
    array = _as_array(value, key)
    kind = array.dtype.kind
    if kind in "mM" or array.dtype.itemsize in _SIZES.get(kind, ()):
        little = array.astype(array.dtype.newbyteorder("<"), copy=False)
        attributes = {} if little.dtype.str == array.dtype.str else {_LAYOUT: array.dtype.str}
        if kind in "mM":
            attributes[_MEANING] = little.dtype.str
            # A view, since to convert would drop the unit; numpy views only what lies in one piece.
            little = np.ascontiguousarray(little).reshape(array.shape).view("<i8")
        check_no_nan(little, key)
        return StorableArray(little, None, attributes)
    if kind in "UST":
        layout = {_LAYOUT: "T" if kind == "T" else array.dtype.str}
        return _objects(array.astype(object), key, layout, bytes if kind == "S" else str)
    if kind == "O":
        return _objects(array, key, {})
    raise TypeError(f"{key}: expected numbers, booleans, strings, bytes or times, found dtype {array.dtype}")


def check_no_nan(values: npt.NDArray[Any], key: str) -> None:
    """Refuse NaN; infinity is allowed.

    Parameters
    ----------
    values : ndarray
        Of any type; only floating and complex numbers can be NaN.
    key : str
        Where they are, for the message.

    Raises
    ------
    UsageError
        If there is one.
    """
    if values.dtype.kind == "c":
        check_no_nan(values.real, key)
        check_no_nan(values.imag, key)
    elif values.dtype.kind == "f" and values.size:
        # The least of all is NaN if any is, and needs no second array.
        with np.errstate(invalid="ignore"):
            least = values.min()
        if np.isnan(least):
            raise UsageError(f"{key}: expected numbers, found NaN; replace it, or use a store of another format")


def from_stored(values: npt.NDArray[Any], attributes: Mapping[str, Any], where: str) -> Any:
    """Give what was saved.

    Parameters
    ----------
    values : ndarray
        As it is stored.
    attributes : mapping
        The array's attributes.
    where : str
        The array's name, for messages.

    Returns
    -------
    object
        An ndarray; for an array without axes the plain Python value.

    Raises
    ------
    FormatError
        If the attributes ask for what the values cannot be.
    """
    for attribute, kinds in ((_MEANING, "mM"), (_LAYOUT, "USTiufcmM")):
        name = attributes.get(attribute)
        if name is None:
            continue
        dtype = _parse_dtype(name)
        if dtype is None or dtype.kind not in kinds or dtype.itemsize * values.size > CHUNK_BYTES:
            raise FormatError(f"{where}: expected a dtype of kinds {kinds} in {attribute}, found {name!r:.40}")
        try:
            values = values.view(dtype) if attribute == _MEANING else values.astype(dtype)
        except (TypeError, ValueError) as exc:
            raise FormatError(f"{where}: expected values of type {dtype}, found others: {exc}") from exc
    if values.ndim:
        return values
    return values[()] if values.dtype.kind in "mM" else values.item()


def _as_array(value: Any, key: str) -> npt.NDArray[Any]:
    if isinstance(value, str | bytes):
        return np.array(str(value) if isinstance(value, str) else bytes(value), object)
    if isinstance(value, bool | int | float | complex | np.generic):
        array = np.asarray(value)
        if array.dtype.kind == "O":
            raise UsageError(f"{key}: expected an integer of at most 64 bits, found a larger one")
        return array
    if isinstance(value, list | tuple):
        try:
            return list_to_array(value)
        except ValueError as exc:
            raise UsageError(f"{key}: {exc}") from exc
        except TypeError as exc:
            raise TypeError(f"{key}: {exc}") from exc
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise TypeError(f"{key}: expected values in every place, found masked ones; call filled()")
    if hasattr(value, "__array__"):
        return np.asarray(value)
    raise TypeError(
        f"{key}: expected numbers, strings, bytes, arrays, lists or dicts, found {type(value).__name__}; "
        "convert it to one of them"
    )


def _objects(
    array: npt.NDArray[Any], key: str, layout: dict[str, Any], kind: type[str | bytes] | None = None
) -> StorableArray:
    types = set(map(type, array.reshape(-1).tolist()))
    if all(issubclass(one, str) for one in types) and kind is not bytes:
        try:
            for text in array.reshape(-1).tolist():
                text.encode()
        except UnicodeEncodeError as exc:
            raise UsageError(f"{key}: expected text that UTF-8 can hold, found {exc.reason}") from exc
        return StorableArray(array, "vlen-utf8", layout)
    if all(issubclass(one, bytes) for one in types):
        return StorableArray(array, "vlen-bytes", layout)
    names = ", ".join(sorted(one.__name__ for one in types))
    raise TypeError(f"{key}: expected objects that are all strings or all bytes, found {names}")


def _parse_dtype(name: object) -> np.dtype[Any] | None:
    if not isinstance(name, str) or not re.fullmatch(r"[<>|=]?[A-Za-z]\d{0,9}(\[\w{1,9}\])?", name):
        return None
    try:
        return np.dtype(name)
    except TypeError:
        return None
