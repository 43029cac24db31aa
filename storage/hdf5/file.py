"""Opens HDF5 files for writing, such that equal input gives equal bytes, and makes datasets in them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from zarrpack.storage.hdf5.filters import GZIP_LEVEL, ZSTD_FILTER, ZSTD_LEVEL, shuffles
from zarrpack.storage.hdf5.options import Hdf5Compression

__all__ = ["SCALAR_TEXT", "create_file", "make_chunked", "make_contiguous", "make_group", "make_small"]

#: The type of texts of any length.
SCALAR_TEXT = h5py.string_dtype("utf-8")


def create_file(path: Path) -> h5py.File:
    """Create a file that must not exist yet: readable by HDF5 1.8 and everything since, without any times in it.

    Parameters
    ----------
    path : Path
        Where. The file is not locked, not synced and not renamed.
    """
    creation = h5py.h5p.create(h5py.h5p.FILE_CREATE)
    creation.set_obj_track_times(False)
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_fclose_degree(h5py.h5f.CLOSE_STRONG)
    access.set_libver_bounds(h5py.h5f.LIBVER_V18, h5py.h5f.LIBVER_V110)
    access.set_file_locking(False, True)
    return h5py.File(h5py.h5f.create(os.fsencode(path), h5py.h5f.ACC_EXCL, creation, access))


def make_group(parent: h5py.Group, path: str) -> h5py.Group:
    """Give a group, making it and those above it where they are missing.

    Parameters
    ----------
    parent : h5py.Group
        From where.
    path : str
        Its path from there; empty: the parent.
    """
    for part in path.split("/"):
        if part and part in parent:
            parent = parent[part]
        elif part:
            creation = h5py.h5p.create(h5py.h5p.GROUP_CREATE)
            creation.set_obj_track_times(False)
            parent = h5py.Group(h5py.h5g.create(parent.id, part.encode(), _link_creation(), creation))
    return parent


def make_chunked(
    group: h5py.Group,
    name: str,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    piece: tuple[int, ...],
    compression: Hdf5Compression,
    *,
    grows: bool = False,
) -> h5py.Dataset:
    """Make a dataset whose chunks are laid down by `write_direct_chunk`.

    Parameters
    ----------
    group : h5py.Group
        Where; groups in between are made.
    name : str
        Its name.
    shape : tuple of int
        Its shape.
    dtype : dtype
        Of the stored values.
    piece : tuple of int
        The shape of its chunks.
    compression : {"gzip", "lzf", "zstd", "none"}
        As given to :func:`zarrpack.storage.hdf5.filters.encode_piece`.
    grows : bool
        Whether the first axis becomes longer while it is written.
    """
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_obj_track_times(False)
    plist.set_attr_creation_order(h5py.h5p.CRT_ORDER_TRACKED)
    plist.set_chunk(piece)
    # All chunks are written; to fill them first would write everything twice.
    plist.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    if shuffles(dtype.itemsize, compression):
        plist.set_shuffle()
    if compression == "gzip":
        plist.set_deflate(GZIP_LEVEL)
    elif compression == "lzf":
        plist.set_filter(h5py.h5z.FILTER_LZF, h5py.h5z.FLAG_OPTIONAL)
    elif compression == "zstd":
        plist.set_filter(ZSTD_FILTER, h5py.h5z.FLAG_OPTIONAL, (ZSTD_LEVEL,))
    plist.set_fletcher32()
    longest = (_LONGEST, *shape[1:]) if grows else shape
    return _make(group, name, h5py.h5s.create_simple(shape, longest), dtype, plist)


#: What an axis that grows may reach; it is not called unlimited, for netCDF would then call the dimension so.
_LONGEST = 1 << 62


def make_small(group: h5py.Group, name: str, values: Any, dtype: np.dtype[Any] | None = None) -> h5py.Dataset:
    """Make a dataset of values that are at hand, in one piece and without filters.

    Parameters
    ----------
    group : h5py.Group
        Where.
    name : str
        Its name.
    values : array-like
        The values.
    dtype : dtype or None
        Of the stored values; None: the values' own.
    """
    array: npt.NDArray[Any] = np.asarray(values, dtype if dtype is None or dtype.metadata is None else object)
    data = make_contiguous(group, name, array.shape, array.dtype if dtype is None else dtype)
    if array.size:
        data[...] = array
    return data


def make_contiguous(group: h5py.Group, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> h5py.Dataset:
    """Make a dataset without chunks.

    Parameters
    ----------
    group : h5py.Group
        Where.
    name : str
        Its name.
    shape : tuple of int
        Its shape; empty: one value.
    dtype : dtype
        Of the stored values.
    """
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_obj_track_times(False)
    space = h5py.h5s.create_simple(shape) if shape else h5py.h5s.create(h5py.h5s.SCALAR)
    return _make(group, name, space, dtype, plist)


def _make(group: h5py.Group, name: str, space: Any, dtype: np.dtype[Any], plist: Any) -> h5py.Dataset:
    kind = h5py.h5t.py_create(dtype, logical=True)
    folder, _, own_name = name.rpartition("/")
    identifier = h5py.h5d.create(group.id, None, kind, space, plist)
    h5py.h5o.link(identifier, make_group(group, folder).id, own_name.encode(), _link_creation())
    return h5py.Dataset(identifier)


def _link_creation() -> Any:
    links = h5py.h5p.create(h5py.h5p.LINK_CREATE)
    links.set_char_encoding(h5py.h5t.CSET_UTF8)
    return links
