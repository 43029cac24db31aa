"""Which arrays of a file are data, and what belongs to each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from zarrpack.storage.items.file_index import ArrayIndex, FileIndex
from zarrpack.storage.merge.padding import read_runs

__all__ = ["DataArray", "count_codes", "find_data_arrays"]

_OWN_NAMES = ("file_id", "file_id_code_")


@dataclass(frozen=True, slots=True)
class DataArray:
    """An array of data.

    Parameters
    ----------
    name, group : str
        ``"group/array"``, and the group.
    dimension : str
        Along which its rows, or if it is flat its things, lie.
    offsets, shape : str or None
        The arrays that tell where the things of a flat array start, and their shapes.
    shape_from : tuple of str
        The arrays that tell them if `shape` does not.
    is_pixels : bool
        Whether it holds pictures.
    padded : tuple of (int, int)
        First row and number of rows of each stretch that no file had.
    """

    name: str
    group: str
    dimension: str
    offsets: str | None = None
    shape: str | None = None
    shape_from: tuple[str, ...] = ()
    is_pixels: bool = False
    padded: tuple[tuple[int, int], ...] = ()

    def is_padding(self, first: int, last: int) -> bool:
        """Whether no file had any of these rows."""
        return any(begin <= first and last <= begin + count for begin, count in self.padded)


def find_data_arrays(index: FileIndex) -> dict[str, DataArray]:
    """Find the arrays of data, by their roles or, in files of others, by their names.

    Parameters
    ----------
    index : FileIndex
        The file.
    """
    owned = {(one.name.rpartition("/")[0], one.role, _of(one)): one.name for one in index.arrays.values()}
    found = {}
    for name, array in index.arrays.items():
        group, _, short = name.rpartition("/")
        if array.role != "data" or short == _OWN_NAMES[0] or short.startswith(_OWN_NAMES[1]):
            continue
        found[name] = _data_array(index, name, group, short, array, owned)
    return found


def _data_array(
    index: FileIndex,
    name: str,
    group: str,
    short: str,
    array: ArrayIndex,
    owned: dict[tuple[str, str, str], str],
) -> DataArray:
    attributes = array.metadata.attributes
    offsets = owned.get((group, "flat_offsets", short))
    dims = index.arrays[offsets].metadata.dims if offsets is not None else array.metadata.dims
    lengths = [f"{group}/{one}" for one in _listed(attributes.get("zarrpack_shape_from"))]
    return DataArray(
        name=name,
        group=group,
        dimension=dims[0] if dims else "",
        offsets=offsets,
        shape=owned.get((group, "flat_shape", short)),
        shape_from=tuple(lengths) if all(one in index.arrays for one in lengths) else (),
        is_pixels=attributes.get("zarrpack_content") == "pixels",
        padded=tuple(read_runs(attributes.get("zarrpack_padded"), array.metadata.shape[0] if dims else 0)),
    )


def count_codes(index: FileIndex, read: Callable[[str], npt.NDArray[Any]]) -> int:
    """Tell how many codes a file has.

    Parameters
    ----------
    index : FileIndex
        The file.
    read : callable
        Gives a whole array by its name.
    """
    own = index.metadata.get("zarrpack")
    if isinstance(own, dict) and type(own.get("codes")) is int:
        return int(own["codes"])
    members = index.metadata.get("members")
    if index.kind == "pack" and isinstance(members, list):
        return len(members)
    if index.kind == "store":
        return 1
    names = [name for name in index.arrays if name.rpartition("/")[2].startswith("file_id")]
    return max((int(np.max(read(name), initial=-1)) + 1 for name in names), default=0)


def _of(array: ArrayIndex) -> str:
    return str(array.metadata.attributes.get("zarrpack_of", ""))


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
