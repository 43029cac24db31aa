"""What a processor gives for a member: blocks of named rows, and metadata.

The processors make these, the pack encoder takes them. They know no codec and no chunk size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy.typing as npt

__all__ = ["Block", "Metadata", "Rows"]

#: Rows of one array: numbers as an ndarray, strings and bytes as plain sequences.
Rows: TypeAlias = npt.NDArray[Any] | Sequence[str] | Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Block:
    """Some rows of one named array.

    All arrays of a member that name the same group and the same first dimension must have equally many
    rows when the member ends. A member may give an array in any number of blocks.

    Parameters
    ----------
    group : str
        The group's name, such as ``"images"``.
    array : str
        The array's true name; it may come from a foreign header. The encoder makes the safe name.
    dims : tuple of str
        One name per axis; the first is the dimension along which rows are joined.
    rows : ndarray of shape (N, ...), or sequence of N str, or sequence of N bytes
        The values. Not copied: do not change them afterwards.
    content : {"values", "pixels"}
        Pixels get a codec of their own, and a picture of 64 Ki values or more a chunk of its own.
    unit : {"row", "member"}
        What is one thing when trailing shapes differ: each row (pictures), or all rows of a member (arrays).
    shape_from : tuple of str
        Arrays of the same group that hold each row's trailing shape already (pictures: height, width,
        channels), so that no ``_shape`` array is needed in the flat form.
    signature : str
        Tells groups of one name apart whose arrays differ (tables by their header). Empty: only one such group.
    attributes : mapping
        JSON values that are written to the array's ``.zattrs``.

    Examples
    --------
    >>> import numpy as np
    >>> Block("images", "height", ("image",), np.array([480], np.int32)).dims
    ('image',)
    """

    group: str
    array: str
    dims: tuple[str, ...]
    rows: Rows
    content: Literal["values", "pixels"] = "values"
    unit: Literal["row", "member"] = "member"
    shape_from: tuple[str, ...] = ()
    signature: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a processor says about a member besides its rows; the last thing it yields.

    Parameters
    ----------
    values : mapping of str to JSON value
        About the member itself, such as ``{"image/format": "JPEG"}``. Becomes columns of the `.infoset`.
    record : mapping of str to JSON value, or None
        What the member says about its item if it is paired with another member: a JSON record, flattened
        to ``a/b`` keys. None: the member is no record.
    media_type : str
        Such as ``"image/jpeg"``; empty where nothing is known.
    notes : tuple of str
        Findings that cost nothing, such as ``"ragged_rows:3"``. They go to the ledger.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    record: Mapping[str, Any] | None = None
    media_type: str = ""
    notes: tuple[str, ...] = ()
