"""Where every chunk of a file lies, found once per file and process, and small enough to travel to others."""

from __future__ import annotations

import itertools
import os
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from zarrpack.errors import SourceError
from zarrpack.storage.array_metadata import ArrayMetadata
from zarrpack.storage.data_file import DataFile

__all__ = ["ArrayIndex", "FileIdentity", "FileIndex", "index_file"]

_MOST_KEPT = 16
_kept: OrderedDict[tuple[str, FileIdentity], FileIndex] = OrderedDict()
_guard = threading.Lock()


class FileIdentity(NamedTuple):
    """What tells a file from another one that has taken its place.

    Parameters
    ----------
    device, inode : int
        As the system numbers them.
    size : int
        Bytes.
    changed : int
        Time of the last change, in nanoseconds.
    """

    device: int
    inode: int
    size: int
    changed: int

    @classmethod
    def of(cls, status: os.stat_result) -> FileIdentity:
        """Take it from what ``os.stat`` says."""
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


@dataclass(frozen=True, slots=True)
class ArrayIndex:
    """How an array is stored, and where its chunks are. It survives pickling.

    Parameters
    ----------
    name : str
        ``"group/array"``.
    metadata : ArrayMetadata
        What ``.zarray`` and ``.zattrs`` say.
    headers : ndarray of shape (chunks,), int64
        Where each chunk's local header starts, in the order of the chunk grid, last axis fastest; -1: there is no such chunk.
    payloads : ndarray of shape (chunks,), int64
        Where its bytes start; -1: not known yet. Filled in as chunks are read.
    sizes, checksums : ndarray of shape (chunks,), int64
        Bytes and CRC-32 of each chunk.
    """

    name: str
    metadata: ArrayMetadata
    headers: npt.NDArray[np.int64]
    payloads: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int64]
    checksums: npt.NDArray[np.int64]

    @property
    def role(self) -> str:
        """``"data"``, ``"code"``, ``"offsets"``, ``"flat_offsets"`` or ``"flat_shape"``."""
        return str(self.metadata.attributes.get("zarrpack_role", "data"))


@dataclass(frozen=True, slots=True)
class FileIndex:
    """What is in a file. It survives pickling, so that another process need not parse the file again.

    Parameters
    ----------
    path : str
        The file, absolute.
    identity : FileIdentity
        The file that was indexed.
    kind : str
        ``"dataset"``, ``"pack"``, ``"store"``, or empty.
    metadata : dict
        The content of ``metadata.json``.
    groups : tuple of str
        In the file's order.
    arrays : dict of str to ArrayIndex
        By ``"group/array"``, in the file's order.
    """

    path: str
    identity: FileIdentity
    kind: str
    metadata: dict[str, Any]
    groups: tuple[str, ...]
    arrays: dict[str, ArrayIndex]


def index_file(path: str | os.PathLike[str]) -> FileIndex:
    """Index a file; the same file is parsed once in a process. Safe in threads.

    Parameters
    ----------
    path : path-like
        A ``.data`` or ``.dataset`` file.

    Returns
    -------
    FileIndex
        Shared with everybody who asks for the same file.

    Raises
    ------
    SourceError
        If the file cannot be opened.
    """
    absolute = os.path.abspath(path)  # noqa: PTH100 - resolve() would follow links, and the message would name another file
    try:
        identity = FileIdentity.of(os.stat(absolute))  # noqa: PTH116 - the same
    except OSError as exc:
        raise SourceError(f"{path}: expected a readable file, found: {exc.strerror}") from exc
    key = absolute, identity
    with _guard:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
    index = _index(absolute, identity)
    with _guard:
        _kept[key] = index
        while len(_kept) > _MOST_KEPT:
            _kept.popitem(last=False)
    return index


def _index(path: str, identity: FileIdentity) -> FileIndex:
    with DataFile(path) as file:
        arrays = {name: _index_array(file, name, array.metadata) for name, array in file.arrays.items()}
        return FileIndex(path, identity, file.kind, file.metadata, tuple(file.groups), arrays)


def _index_array(file: DataFile, name: str, metadata: ArrayMetadata) -> ArrayIndex:
    grid = metadata.chunk_grid()
    prefix = f"{name}/" if name else ""
    if len(grid) > 1 and set(grid[1:]) == {1}:
        # Most arrays: the first axis alone is divided.
        tail = ".0" * (len(grid) - 1)
        names = (f"{prefix}{number}{tail}" for number in range(grid[0]))
    else:
        places = itertools.product(*(range(length) for length in grid))
        names = (prefix + metadata.chunk_key(place) for place in places)
    found = np.array(list(file.entry_headers(names)), np.int64).reshape(-1, 3)
    headers, sizes, checksums = (np.ascontiguousarray(column) for column in found.T)
    return ArrayIndex(name, metadata, headers, np.full(len(headers), -1, np.int64), sizes, checksums)
