"""Matrices of pairs that become one row for each pair."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zarrpack.storage.datasetstorage.discovery import KNOWN_ROWS
from zarrpack.storage.datasetstorage.special_processing import MATRIX_FLATTENING

__all__ = ["PAIR_GROUP", "is_flattened_group", "row_axes"]

#: The group whose matrices are flattened without a schema.
PAIR_GROUP = "faceface"


def is_flattened_group(group: str, declared: Mapping[str, Any] | None) -> bool:
    """Whether a group's matrices are flattened.

    Parameters
    ----------
    group : str
        Its name.
    declared : mapping or None
        What a schema says of the group.

    Examples
    --------
    >>> is_flattened_group("faceface", None), is_flattened_group("faces", None)
    (True, False)
    """
    if declared is None:
        return group == PAIR_GROUP
    return declared.get("special_processing") == MATRIX_FLATTENING or (
        group == PAIR_GROUP and "special_processing" not in declared
    )


def row_axes(name: str, spec: Mapping[str, Any] | None) -> int | None:
    """Give how many axes one row of an array of pairs has; None: only the shapes in all files can tell.

    Parameters
    ----------
    name : str
        The array's name.
    spec : mapping or None
        What a schema says of it. Its ``dims`` may be of pairs or of the square matrix, whose first two are then alike.

    Examples
    --------
    >>> row_axes("a3_distance", None), row_axes("costs", {"dims": ["face", "face", "kind"]}), row_axes("costs", None)
    (1, 1, None)
    """
    dims = None if spec is None else spec.get("dims")
    if isinstance(dims, list) and dims:
        return len(dims) - (2 if dims[:1] == dims[1:2] else 1)
    return KNOWN_ROWS.get(name.lower())
