"""Opens a group of a ``.data`` or ``.dataset`` in xarray."""

from __future__ import annotations

import difflib
import os
from typing import TYPE_CHECKING

from zarrpack.errors import NotFound, UsageError
from zarrpack.storage.data_file import DataFile

if TYPE_CHECKING:
    import xarray

__all__ = ["open_dataset"]

_CODES = "file_id"


def open_dataset(path: str | os.PathLike[str], group: str | None = None) -> xarray.Dataset:
    """Open one group of a file as an xarray Dataset.

    Values are read from the file when they are asked for, without dask (``chunks=None``): indexing reads the
    chunks it touches, and a computation over a whole variable loads that variable. For lazy arithmetic on more than
    fits into memory call ``.chunk()`` on the result. Values come as they are stored: zeros stay zeros, nothing is scaled
    or decoded to dates.

    Parameters
    ----------
    path : path-like
        A ``.data`` or ``.dataset`` file.
    group : str, optional
        The group's name; it may be left out where the file has one group.

    Returns
    -------
    xarray.Dataset
        ``file_id`` can also be read as ``file_id_code_<group>``. Closing it closes the file.

    Raises
    ------
    SourceError
        If the file cannot be opened.
    FormatError
        If it is not such a file, names a codec that is not read here, or lacks a chunk.
    UsageError
        If no group is given and the file has several, or none.
    NotFound
        If there is no such group; the message names the nearest.
    """
    with DataFile(path) as file:
        group = _chosen(path, list(file.groups), group)
        is_consolidated = file.has_entry(".zmetadata")
        # zarr would run any codec that the file names, pickle among them, and take a missing chunk for zeros.
        for name, array in file.arrays.items():
            if name.startswith(f"{group}/"):
                array.check_complete()
    return _open(path, group, is_consolidated)


def _chosen(path: str | os.PathLike[str], groups: list[str], group: str | None) -> str:
    if group is None:
        if len(groups) != 1:
            raise UsageError(
                f"{path}: expected the name of one group, found none given; choose one of {sorted(groups)}"
            )
        return groups[0]
    if group not in groups:
        near = difflib.get_close_matches(group, groups, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"choose one of {sorted(groups)}"
        raise NotFound(f"{path}: expected a group of the file, found {group!r}; {hint}")
    return group


def _open(path: str | os.PathLike[str], group: str, is_consolidated: bool) -> xarray.Dataset:
    # Here and not at the top: they take seconds to import.
    import xarray
    from zarr.storage import ZipStore

    store = ZipStore(os.fspath(path), mode="r")
    try:
        dataset: xarray.Dataset = xarray.open_zarr(
            store, group=group, consolidated=is_consolidated, chunks=None, mask_and_scale=False, decode_times=False
        )
        if _CODES in dataset:
            dataset = dataset.assign({f"{_CODES}_code_{group}": dataset[_CODES]})
    except BaseException:
        store.close()
        raise
    dataset.set_close(store.close)
    return dataset
