"""Checks of what goes into a schema: names, dtypes, rules; all of it must survive as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

from zarrpack.errors import UsageError

__all__ = ["checked_name", "checked_text", "dtype_name", "json_copy", "numpy_dtype", "range_problem"]

_STR = np.dtype(np.str_)


def checked_text(where: str, text: object) -> str:
    """Give a text that can be stored as UTF-8.

    Raises
    ------
    TypeError
        If it is no string.
    UsageError
        If it has half of a surrogate pair.
    """
    if not isinstance(text, str):
        raise TypeError(f"{where}: expected a string, found {type(text).__name__}")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"{where}: expected text that UTF-8 can hold, found {text!r}") from error
    return text


def checked_name(where: str, name: object) -> str:
    """Give the name of a group, array or dimension, which is one segment of a key.

    Raises
    ------
    TypeError
        If it is no string.
    UsageError
        If it is empty, ``.`` or ``..``, or has a ``/``.

    Examples
    --------
    >>> checked_name("group", "faces")
    'faces'
    """
    text = checked_text(where, name)
    if text in ("", ".", "..") or "/" in text:
        raise UsageError(f"{where}: expected a name without '/', not empty, '.' or '..', found {text!r}")
    return text


@lru_cache(maxsize=64)
def numpy_dtype(name: str) -> np.dtype[Any]:
    """Give the dtype that a schema's dtype name means; ``str`` is text of any length.

    Raises
    ------
    UsageError
        If numpy does not know the name, or it means records or untyped bytes.

    Examples
    --------
    >>> numpy_dtype("float32"), numpy_dtype("str").kind
    (dtype('float32'), 'U')
    """
    try:
        dtype = np.dtype(name)
    except (TypeError, ValueError, SyntaxError) as error:
        raise UsageError(_unknown_dtype(name)) from error
    if dtype.kind == "V":
        raise UsageError(_unknown_dtype(name))
    return _STR if dtype.kind in "UTO" else dtype


def dtype_name(where: str, dtype: npt.DTypeLike) -> str:
    """Give the name by which a schema knows a dtype.

    Parameters
    ----------
    where : str
        What is to have the dtype, for messages.
    dtype : str, type or numpy.dtype
        Any name of numpy's, or what numpy makes a dtype of; ``str`` and ``object`` are text.

    Returns
    -------
    str
        Such as ``"float32"`` or ``"str"``, the same for all spellings of a dtype.

    Raises
    ------
    TypeError
        If it is neither name, type nor dtype.
    UsageError
        If it is not known, or means records.

    Examples
    --------
    >>> dtype_name("areas", "float32"), dtype_name("counts", np.int64), dtype_name("labels", "<U8")
    ('float32', 'int64', 'str')
    """
    if not isinstance(dtype, str | type | np.dtype):
        raise TypeError(f"{where}: expected a dtype such as 'float32' or 'str', found {type(dtype).__name__}")
    try:
        known = numpy_dtype(dtype) if isinstance(dtype, str) else _dtype_of(dtype)
    except (UsageError, TypeError) as error:
        raise UsageError(f"{where}: {_unknown_dtype(dtype)}") from error
    if known.kind == "S":
        return known.str.removeprefix("|")
    return "str" if known.kind == "U" else known.name


def json_copy(where: str, value: Any) -> Any:
    """Give a copy of a rule's value made of JSON values; numpy's scalars and arrays become Python's.

    Raises
    ------
    TypeError
        If it holds what JSON cannot.
    UsageError
        If a number is NaN or infinite.

    Examples
    --------
    >>> json_copy("values", (np.int32(1), np.array([2.5])))
    [1, [2.5]]
    """
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, str):
        return checked_text(where, value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise UsageError(f"{where}: expected a finite number, found {value}; leave out a bound that binds nothing")
        return value
    if isinstance(value, list | tuple):
        return [json_copy(where, one) for one in value]
    if isinstance(value, Mapping):
        return {checked_text(where, key): json_copy(where, one) for key, one in value.items()}
    raise TypeError(f"{where}: expected what JSON can hold, found {type(value).__name__}")


def range_problem(declared: Mapping[str, Any]) -> str | None:
    """Say what is wrong with the bounds ``min_value`` and ``max_value`` of an array or a field, if anything.

    Examples
    --------
    >>> range_problem({"dtype": "float32", "min_value": 1, "max_value": 0})
    'expected min_value <= max_value, found 1 and 0'
    """
    bounds = {rule: declared[rule] for rule in ("min_value", "max_value") if declared.get(rule) is not None}
    for rule, bound in bounds.items():
        if isinstance(bound, bool) or not isinstance(bound, Real):
            return f"{rule}: expected a number, found {bound!r}"
    dtype = declared.get("dtype")
    if bounds and isinstance(dtype, str) and _kind(dtype) not in "iuf":
        return f"{' and '.join(bounds)}: expected only with integers and real numbers, found dtype {dtype}"
    if len(bounds) == 2 and bounds["min_value"] > bounds["max_value"]:
        return f"expected min_value <= max_value, found {bounds['min_value']} and {bounds['max_value']}"
    return None


def _kind(dtype: str) -> str:
    try:
        return numpy_dtype(dtype).kind
    except UsageError:
        return "f"  # what the dtype means is another problem


def _dtype_of(dtype: type | np.dtype[Any]) -> np.dtype[Any]:
    known = np.dtype(dtype)
    if known.kind == "O" and isinstance(dtype, type) and dtype is not object:
        raise TypeError(dtype)  # numpy keeps objects of any class; a schema knows text only
    return _STR if known.kind in "TO" else numpy_dtype(known.str)


def _unknown_dtype(dtype: object) -> str:
    return f"expected a dtype such as 'float32', 'int64', 'bool' or 'str', found {dtype!r}"
