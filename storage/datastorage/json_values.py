"""Python values to JSON and back, with a record of what JSON cannot say.

A record is a dict with the key ``kind``; ``items`` has the records of members that need one. Without a record, in
files that somebody else has written, complex numbers and bytes are known by their form, and lists of
numbers become arrays.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from zarrpack.errors import FormatError
from zarrpack.storage.datastorage.list_arrays import list_to_array

__all__ = ["Record", "from_json", "to_json"]

Record: TypeAlias = dict[str, Any]

_COMPLEX = "_numpy_complex"
_BYTES = "_bytes_b64"
_PLAIN = {"kind": "plain"}


def to_json(value: Any, where: str) -> tuple[Any, Record]:
    """Convert a value.

    Parameters
    ----------
    value : object
        None, bool, int, float, complex, str, bytes, numpy scalar, ndarray, or list, tuple or mapping of these.
    where : str
        Its key, for messages.

    Returns
    -------
    tuple of (object, dict)
        What ``json.dumps`` takes, and the record.

    Raises
    ------
    TypeError
        If it is something else.

    Examples
    --------
    >>> to_json(np.array([1.5, 2.0], np.float32), "areas")
    ([1.5, 2.0], {'kind': 'array', 'dtype': '<f4', 'shape': [2]})
    >>> to_json(1 + 2j, "z")
    ({'real': 1.0, 'imag': 2.0, '_numpy_complex': True}, {'kind': 'complex'})
    """
    if isinstance(value, np.generic) and value.dtype.kind not in "mM":
        value = value.item()
    elif isinstance(value, np.generic):
        value = np.asarray(value)
    if isinstance(value, np.ndarray):
        return _array_to_json(value, where)
    if value is None or isinstance(value, bool | int | float | str):
        return value, _PLAIN
    if isinstance(value, complex):
        return _from_complex(value), {"kind": "complex"}
    if isinstance(value, bytes):
        return _from_bytes(value), {"kind": "bytes"}
    if isinstance(value, Mapping):
        members = {str(name): to_json(entry, f"{where}/{name}") for name, entry in value.items()}
        return {name: entry for name, (entry, _) in members.items()}, _record("dict", members)
    if isinstance(value, list | tuple):
        entries = [to_json(entry, where) for entry in value]
        return [entry for entry, _ in entries], _record("list", {str(n): entry for n, entry in enumerate(entries)})
    raise TypeError(
        f"{where}: expected numbers, strings, bytes, arrays, lists or dicts, found {type(value).__name__}; "
        "convert it to one of them"
    )


def from_json(content: Any, record: Record | None) -> Any:
    """Restore a value.

    Parameters
    ----------
    content : object
        From ``json.loads``.
    record : dict or None
        From `to_json`; None if there is none, or it is of a file that has changed since.

    Returns
    -------
    object
        The value.

    Raises
    ------
    FormatError
        If the content does not fit the record, as after a change by hand.

    Examples
    --------
    >>> from_json([1.5, 2.0], {"kind": "array", "dtype": "<f4", "shape": [2]})
    array([1.5, 2. ], dtype=float32)
    >>> from_json([1, 2], None)
    array([1, 2])
    """
    if record is None:
        return _unrecorded(content)
    try:
        return _restore(content, record)
    except (TypeError, ValueError, KeyError, IndexError, AttributeError, OverflowError) as exc:
        raise FormatError(f"expected a value of kind {record.get('kind')!r}, found another: {exc}") from exc


def _record(kind: str, members: Mapping[str, tuple[Any, Record]]) -> Record:
    """A record of a container, with the records of those members that JSON alone would not restore."""
    items = {
        name: record
        for name, (_, record) in members.items()
        if record["kind"] not in ("plain", "list", "dict") or "items" in record
    }
    return {"kind": kind, "items": items} if items else {"kind": kind}


def _array_to_json(values: npt.NDArray[Any], where: str) -> tuple[Any, Record]:
    if np.ma.is_masked(values):
        raise TypeError(f"{where}: expected values in every place, found masked ones; call filled()")
    kind = values.dtype.kind
    dtype = values.dtype.str if kind != "T" else "T"
    record: Record = {"kind": "array", "dtype": dtype, "shape": list(values.shape)}
    if kind == "O":
        members = {str(n): to_json(entry, where) for n, entry in enumerate(values.reshape(-1).tolist())}
        items = _record("array", members).get("items")
        contents = _object_array([entry for entry, _ in members.values()], values.shape)
        return contents.tolist(), {**record, "items": items} if items else record
    if kind in "biufUT" and values.dtype.char != "g":
        return values.tolist(), record
    if kind == "c" and values.dtype.char != "G":
        return _each(_from_complex, values.tolist(), values.ndim), record
    if kind == "S":
        return _each(_from_bytes, values.tolist(), values.ndim), record
    if kind == "M":
        # In this machine's byte order: in the other one numpy writes wrong texts.
        return np.datetime_as_string(values.astype(values.dtype.newbyteorder("="))).tolist(), record
    if kind == "m":
        return values.astype(np.int64).tolist(), record
    raise TypeError(f"{where}: expected an array of numbers, strings, bytes or times, found dtype {values.dtype}")


def _restore(content: Any, record: Record) -> Any:
    kind, items = record["kind"], record.get("items", {})
    if kind == "plain":
        return content
    if kind == "complex":
        return _to_complex(content)
    if kind == "bytes":
        return _to_bytes(content)
    if kind == "array":
        return _restore_array(content, record)
    if kind == "dict" and isinstance(content, dict):
        return {name: _restore(entry, items.get(name, _PLAIN)) for name, entry in content.items()}
    if kind == "list" and isinstance(content, list):
        return [_restore(entry, items.get(str(number), _PLAIN)) for number, entry in enumerate(content)]
    raise ValueError(f"a {type(content).__name__}")


def _restore_array(content: Any, record: Record) -> npt.NDArray[Any]:
    dtype, shape = np.dtype(record["dtype"]), tuple(record["shape"])
    if dtype.kind == "O":
        entries = _flatten(content, len(shape))
        items = record.get("items", {})
        restored = [_restore(entry, items.get(str(number), _PLAIN)) for number, entry in enumerate(entries)]
        return _object_array(restored, shape)
    back = {"c": _to_complex, "S": _to_bytes}.get(dtype.kind)
    content = content if back is None else _each(back, content, len(shape))
    values = np.array(content, dtype)
    # Where there are no elements the lists may not show all axes.
    return values.reshape(shape) if values.size == 0 else values


def _object_array(entries: list[Any], shape: tuple[int, ...]) -> npt.NDArray[Any]:
    flat = np.empty(len(entries), object)
    for number, entry in enumerate(entries):  # as a whole, numpy would take lists of one length for an axis
        flat[number] = entry
    return flat.reshape(shape)


def _flatten(content: Any, ndim: int) -> list[Any]:
    if ndim == 0:
        return [content]
    return content if ndim == 1 else [entry for part in content for entry in _flatten(part, ndim - 1)]


def _each(function: Callable[[Any], Any], nested: Any, ndim: int) -> Any:
    return function(nested) if ndim == 0 else [_each(function, entry, ndim - 1) for entry in nested]


def _unrecorded(content: Any) -> Any:
    content = _unmark(content)
    if isinstance(content, list) and content:
        try:
            values = list_to_array(content)
        except (TypeError, ValueError):
            return content
        return values if values.dtype.kind != "O" else content
    return content


def _unmark(content: Any) -> Any:
    if isinstance(content, list):
        return [_unmark(entry) for entry in content]
    if not isinstance(content, dict):
        return content
    if content.get(_COMPLEX) is True and all(isinstance(content.get(part), int | float) for part in ("real", "imag")):
        return _to_complex(content)
    if content.keys() == {_BYTES} and isinstance(content[_BYTES], str):
        return _to_bytes(content)
    return {name: _unmark(entry) for name, entry in content.items()}


def _from_complex(value: complex) -> dict[str, Any]:
    return {"real": value.real, "imag": value.imag, _COMPLEX: True}


def _to_complex(content: Any) -> complex:
    try:
        return complex(content["real"], content["imag"])
    except OverflowError as exc:
        raise FormatError(f"expected a complex number, found: {exc}") from exc


def _from_bytes(value: bytes) -> dict[str, str]:
    return {_BYTES: base64.b64encode(value).decode()}


def _to_bytes(content: Any) -> bytes:
    try:
        return base64.b64decode(content[_BYTES], validate=True)
    except ValueError as exc:
        raise FormatError(f"expected base64 in {_BYTES}, found: {exc}") from exc
