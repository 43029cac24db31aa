"""Whether data is what a schema declares: number of dimensions, dtype, bounds.

Kinds must agree, widths need not: float64 may be stored for float32, but int32 may not, and an integer must fit into the
declared one. Data that a schema does not name is always right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from zarrpack.errors import UsageError
from zarrpack.storage.datasetstorage.declared_values import numpy_dtype
from zarrpack.storage.datasetstorage.special_processing import MATRIX_FLATTENING

__all__ = ["describe_field_misfit", "describe_misfit", "fits_schema"]

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

_NO_KIND = "empty"  # a list without values could become an array of anything


def fits_schema(spec: Mapping[str, Any] | None, data: Any, *, special_processing: str | None = None) -> bool:
    """Whether data is what a schema declares; parameters as of :func:`describe_misfit`.

    Examples
    --------
    >>> areas = {"dims": ["face"], "dtype": "float32"}
    >>> fits_schema(areas, [1.5, 2.3]), fits_schema(areas, [[1.5, 2.3]]), fits_schema(areas, np.array([1, 2]))
    (True, False, False)
    """
    return describe_misfit(spec, data, special_processing=special_processing) is None


def describe_misfit(spec: Mapping[str, Any] | None, data: Any, *, special_processing: str | None = None) -> str | None:
    """Say how data differs from what a schema declares.

    Parameters
    ----------
    spec : mapping or None
        What the schema says of the array: ``dims``, ``dtype``, ``min_value``, ``max_value``, any of them; None: nothing.
    data : array_like
        An array, a scalar, a string, or nested lists. Not changed. One value may stand for an array with one dimension.
    special_processing : str or None
        That of the array's group. With ``"matrix_flattening"``, data may have one dimension more, the first two of equal
        length.

    Returns
    -------
    str or None
        What was expected and what was found; None: it fits.

    Examples
    --------
    >>> describe_misfit({"dims": ["face"], "dtype": "float32"}, np.array([1, 2], np.int32))
    'expected values of dtype float32, found int32'
    """
    if spec is None:
        return None
    values = _array_and_kind(data)
    if values is None:
        return f"expected values that make one array, found {_shown(data)}"
    array, kind = values
    return (
        _dimensions_misfit(spec.get("dims"), array, special_processing)
        or _dtype_misfit(spec.get("dtype"), array, kind)
        or _range_misfit(spec, array)
    )


def describe_field_misfit(spec: Mapping[str, Any], value: Any) -> str | None:
    """Say how the value of a metadata field differs from what a schema declares of the field.

    Parameters
    ----------
    spec : mapping
        What the schema says of the field: ``dtype``, ``values``, ``min_value``, ``max_value``, any of them.
    value : bool, int, float, str, list or array
        The value, or several, each of which must fit. An integer is a value of a float field: JSON does not tell them apart.

    Returns
    -------
    str or None
        What was expected and what was found; None: it fits.

    Examples
    --------
    >>> describe_field_misfit({"dtype": "int32", "values": [0, 1]}, 2)
    'expected one of [0, 1], found 2'
    """
    values = _array_and_kind(value)
    if values is None:
        return f"expected a value, found {_shown(value)}"
    array, kind = values
    if kind in "iu" and _is_float(spec.get("dtype")):
        kind = "f"
    misfit = _dtype_misfit(spec.get("dtype"), array, kind)
    if misfit is not None:
        return misfit
    allowed = spec.get("values")
    if isinstance(allowed, Sequence) and not isinstance(allowed, str):
        for one in array.ravel().tolist():
            if one not in allowed:
                return f"expected one of {list(allowed)}, found {one!r}"
    return _range_misfit(spec, array)


def _array_and_kind(data: Any) -> tuple[Array, str] | None:
    """Give data as an array, and numpy's letter for the kind of its values, ``U`` for text however it is held.

    None if it is no array of numbers, strings, ...
    """
    try:
        array = np.asarray(data)
        if array.dtype.kind in "US" and isinstance(data, list | tuple):
            # Among strings numpy turns numbers into strings, which nobody meant.
            array = np.asarray(data, object)
    except (TypeError, ValueError, OverflowError):
        return None
    if array.size == 0 and isinstance(data, list | tuple):
        return array, _NO_KIND
    kind: str = array.dtype.kind
    if kind == "O":
        kinds = {"U" if isinstance(one, str) else "S" if isinstance(one, bytes) else "O" for one in array.flat}
        kind = kinds.pop() if len(kinds) == 1 else "O" if kinds else "U"
        return None if kind == "O" else (array, kind)
    return array, "U" if kind == "T" else kind


def _dimensions_misfit(dims: Any, array: Array, special_processing: str | None) -> str | None:
    if not isinstance(dims, Sequence) or isinstance(dims, str):
        return None
    if array.ndim == len(dims) or (array.ndim == 0 and len(dims) == 1):
        return None
    if special_processing == MATRIX_FLATTENING:
        if array.ndim == len(dims) + 1 and array.shape[0] == array.shape[1]:
            return None
        return f"expected dimensions {list(dims)}, or the first as a square of two, found shape {array.shape}"
    return f"expected dimensions {list(dims)}, found shape {array.shape}"


def _dtype_misfit(declared: Any, array: Array, kind: str) -> str | None:
    if not isinstance(declared, str) or kind == _NO_KIND:
        return None
    try:
        dtype = numpy_dtype(declared)
    except UsageError as error:
        return f"dtype of the schema: {error}"
    if kind != dtype.kind and not (kind in "iu" and dtype.kind in "iu"):
        found = "str" if kind == "U" else array.dtype.name
        return f"expected values of dtype {declared}, found {found}"
    if dtype.kind in "iu" and array.size and not np.can_cast(array.dtype, dtype):
        limits = np.iinfo(dtype)
        low, high = int(array.min()), int(array.max())
        if low < limits.min or high > limits.max:
            return f"expected values that fit into {declared}, found {low} to {high}"
    return None


def _range_misfit(spec: Mapping[str, Any], array: Array) -> str | None:
    if array.dtype.kind not in "iuf" or not array.size:
        return None
    low, high = spec.get("min_value"), spec.get("max_value")
    if isinstance(low, int | float) and not array.min() >= _bound(low, array):
        return f"expected values of at least {low}, found {array.min()}"
    if isinstance(high, int | float) and not array.max() <= _bound(high, array):
        return f"expected values of at most {high}, found {array.max()}"
    return None


def _bound(bound: float, array: Array) -> Any:
    """Give a bound in the precision of the values: the float32 nearest to 0.1 is not more than 0.1."""
    if array.dtype.kind != "f":
        return bound
    try:
        with np.errstate(over="ignore"):
            return array.dtype.type(bound)
    except OverflowError:  # an integer beyond all floats
        return np.inf if bound > 0 else -np.inf


def _is_float(dtype: Any) -> bool:
    try:
        return isinstance(dtype, str) and numpy_dtype(dtype).kind == "f"
    except UsageError:
        return False


def _shown(data: Any) -> str:
    return "none" if data is None else f"a {type(data).__name__}"
