"""The arrays of a source by the keys that its user has saved them under, and those that say themselves what they are."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import numpy as np

from zarrpack.storage.array_metadata import ArrayMetadata
from zarrpack.storage.data_file import DataFile

__all__ = ["StoredKey", "dtype_name", "stored_keys"]

_PLAIN = {"U": "str", "S": "bytes"}
_OBJECTS = {"vlen-utf8": "str", "vlen-bytes": "bytes"}


class StoredKey(NamedTuple):
    """An array of a source.

    Parameters
    ----------
    place : str
        Such as ``"graph/edges/source"``.
    segments : tuple of str
        True names, the groups' first.
    metadata : ArrayMetadata
        How it is stored.
    says_itself : bool
        Whether its group and dimensions are what the file says, and not what its key means to a user.
    """

    place: str
    segments: tuple[str, ...]
    metadata: ArrayMetadata
    says_itself: bool


def stored_keys(source: DataFile) -> Iterator[StoredKey]:
    """Give the data arrays of a source, in its order.

    Parameters
    ----------
    source : DataFile
        Any source of a merge.
    """
    says_all = source.kind in ("pack", "dataset")
    groups: dict[str, tuple[str, ...]] = {"": ()}
    for group, zattrs in source.groups.items():
        above, _, name = group.rpartition("/")
        true = zattrs.get("name", name)
        groups[group] = (*groups.get(above, tuple(above.split("/"))), true if isinstance(true, str) else name)
    for place, array in source.arrays.items():
        attributes = array.metadata.attributes
        if attributes.get("zarrpack_role", "data") != "data":
            continue
        group, _, name = place.rpartition("/")
        true = attributes.get("name", name)
        segments = (*groups.get(group, tuple(group.split("/"))), true if isinstance(true, str) else name)
        yield StoredKey(place, segments, array.metadata, says_all or "zarrpack_dims" in attributes)


def dtype_name(metadata: ArrayMetadata) -> str:
    """Name an array's dtype as a user would.

    Parameters
    ----------
    metadata : ArrayMetadata
        How it is stored.

    Examples
    --------
    >>> dtype_name(ArrayMetadata((3,), (3,), "<f4"))
    'float32'
    """
    stands_for = metadata.attributes.get("zarrpack_dtype")
    if isinstance(stands_for, str) and stands_for:
        return stands_for
    if metadata.codec.object_codec is not None:
        return _OBJECTS[metadata.codec.object_codec]
    return _PLAIN.get(metadata.dtype[1]) or _number_name(metadata.dtype)


@cache
def _number_name(dtype: str) -> str:
    return np.dtype(dtype).name
