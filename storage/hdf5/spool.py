"""HDF5 chunks made where the values are, kept beside the pack until the mirror is laid down.

A spool is of use only: what is missing in it, or damaged, is made again out of the dataset, with the same bytes. So it is neither
synced nor journalled.

::

    payload ... payload | JSON: the index | its length: uint64, little-endian | b"zphdf5s1"
"""

from __future__ import annotations

import json
import mmap
import os
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from isal.isal_zlib import crc32

from zarrpack.storage.hdf5.filters import EncodedPiece, encode_piece
from zarrpack.storage.hdf5.options import Hdf5Compression
from zarrpack.storage.hdf5.pieces import cut, piece_shape
from zarrpack.storage.hdf5.stored_types import to_stored

__all__ = ["SpoolReader", "SpoolWriter", "spool_path"]

_MAGIC = b"zphdf5s1"
_LARGEST_INDEX = 1 << 30
#: Smaller chunks are as soon made again.
_SMALLEST = 1 << 14


def spool_path(pack: Path) -> Path:
    """Give the spool's path beside its pack.

    Examples
    --------
    >>> spool_path(Path("encoded/photos-000001.data")).name
    'photos-000001.h5chunks'
    """
    return pack.with_suffix(".h5chunks")


class SpoolWriter:
    """Takes full chunks of numbers while a pack is encoded. The file appears, whole, when it is closed.

    Parameters
    ----------
    path : Path
        The spool; what is there is replaced.
    compression : {"gzip", "lzf", "zstd", "none"}
        Of the mirror.
    """

    def __init__(self, path: Path, compression: Hdf5Compression) -> None:
        self._path = path
        self._temporary = path.with_name(f".{path.name}.part{os.getpid()}")
        self._compression = compression
        self._file: IO[bytes] | None = None
        self._index: dict[str, dict[str, Any]] = {}

    def take(self, place: str, block: int, rows: npt.NDArray[Any], chunk: tuple[int, ...]) -> None:
        """Take the rows of one full chunk.

        Parameters
        ----------
        place : str
            The array in the pack.
        block : int
            The chunk's index along the first axis.
        rows : ndarray of shape `chunk`
            Its values.
        chunk : tuple of int
            The shape of the array's chunks.
        """
        if rows.nbytes < _SMALLEST:
            return
        stored = to_stored(rows)
        piece = piece_shape((None, *chunk[1:]), chunk, stored.dtype.itemsize)
        said = self._index.setdefault(place, {"piece": piece, "dtype": stored.dtype.str, "blocks": {}})
        entries = said["blocks"].setdefault(str(block), [])
        for at, part in cut(stored, piece):
            payload, mask = encode_piece(part, self._compression)
            entries.append([at, self._write(payload), len(payload), crc32(payload), mask])

    def _write(self, payload: bytes | memoryview) -> int:
        if self._file is None:
            self._file = self._temporary.open("wb")
        offset = self._file.tell()
        self._file.write(payload)
        return offset

    def close(self) -> None:
        """Give the file its name; without chunks there is none."""
        if self._file is None:
            return
        index = json.dumps({"compression": self._compression, "arrays": self._index}).encode()
        self._file.write(index + len(index).to_bytes(8, "little") + _MAGIC)
        self._file.close()
        self._temporary.replace(self._path)

    def discard(self) -> None:
        """Remove what was written."""
        if self._file is not None:
            self._file.close()
            self._temporary.unlink(missing_ok=True)
            self._file = None


class SpoolReader:
    """Gives the chunks of a spool. Safe in threads.

    Parameters
    ----------
    path : Path
        The spool. Where it is missing or damaged, there are no chunks.
    compression : {"gzip", "lzf", "zstd", "none"}
        Of the mirror; chunks of another are not given.
    """

    def __init__(self, path: Path, compression: Hdf5Compression) -> None:
        self._path = path
        self._map: mmap.mmap | None = None
        self._arrays: dict[str, Any] = {}
        with suppress(OSError, ValueError), path.open("rb") as file:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            size = int.from_bytes(content[-16:-8], "little")
            if content[-8:] == _MAGIC and size <= min(_LARGEST_INDEX, len(content) - 16):
                index = json.loads(content[-16 - size : -16])
                if index["compression"] == compression:
                    self._map, self._arrays = content, index["arrays"]
        self._left = sum(len(array["blocks"]) for array in self._arrays.values())

    def pieces(
        self, place: str, block: int, piece: tuple[int, ...], dtype: np.dtype[Any]
    ) -> list[tuple[tuple[int, ...], EncodedPiece]] | None:
        """Give the pieces of a chunk, and where each starts in it; None: there are none that fit.

        Parameters
        ----------
        place : str
            The array in the pack.
        block : int
            The chunk's index along the first axis.
        piece : tuple of int
            The shape that pieces must have.
        dtype : dtype
            The type that values must have.
        """
        array = self._arrays.get(place)
        if array is None or self._map is None or tuple(array["piece"]) != piece or array["dtype"] != dtype.str:
            return None
        entries = array["blocks"].get(str(block))
        if entries is None:
            return None
        found = []
        view = memoryview(self._map)
        for at, offset, size, checksum, mask in entries:
            payload = view[offset : offset + size]
            if crc32(payload) != checksum:
                return None
            found.append((tuple(at), EncodedPiece(payload, mask)))
        return found

    def note_given(self) -> None:
        """Count a chunk as laid down; after the last one the file goes, so that it need not reach the disk."""
        self._left -= 1
        if self._left == 0:
            with suppress(OSError):
                self._path.unlink()
