"""Chunks as HDF5's filters would make them, without HDF5: in threads and in processes that do not load it.

The order of the filters is shuffle, compression, Fletcher-32.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from isal import isal_zlib

from zarrpack.storage.hdf5.fletcher32 import fletcher32
from zarrpack.storage.hdf5.options import Hdf5Compression
from zarrpack.storage.zstd import compress

__all__ = ["GZIP_LEVEL", "ZSTD_FILTER", "ZSTD_LEVEL", "EncodedPiece", "encode_piece", "shuffles"]

#: Of ISA-L, whose output any inflate reads; several times faster than zlib's level 4 at about its size. Not 1 or 2: their
#: assembler enters the third byte under a hash of what a register happens to hold, the address of the thread's stack,
#: so that now and then equal values would give other bytes.
GZIP_LEVEL = 3
#: The registered number of the Zstd filter, and the level used.
ZSTD_FILTER = 32015
ZSTD_LEVEL = 3


class EncodedPiece(NamedTuple):
    """A chunk of HDF5.

    Parameters
    ----------
    payload : bytes
        As it lies in the file.
    mask : int
        Which filters of the pipeline were left out, a bit each.
    """

    payload: bytes | memoryview
    mask: int = 0


def shuffles(itemsize: int, compression: Hdf5Compression) -> bool:
    """Whether bytes are shuffled: only for numbers of several bytes that are then compressed."""
    return itemsize > 1 and compression != "none"


def encode_piece(values: npt.NDArray[Any], compression: Hdf5Compression) -> EncodedPiece:
    """Encode one chunk. Equal values give equal bytes; safe in threads.

    Parameters
    ----------
    values : ndarray
        All values of the chunk, of the type that the file has, also at its edges.
    compression : {"gzip", "lzf", "zstd", "none"}
        How to compress.

    Examples
    --------
    >>> encode_piece(np.zeros(2, np.uint8), "none").payload
    b'\\x00\\x00\\x00\\x00\\x00\\x00'
    """
    if compression == "lzf":
        return _by_h5py(values)
    flat = np.ascontiguousarray(values).reshape(-1)
    itemsize = flat.dtype.itemsize
    if shuffles(itemsize, compression):
        flat = np.ascontiguousarray(flat.view(np.uint8).reshape(-1, itemsize).T).reshape(-1)
    raw = flat.view(np.uint8).data
    if compression == "gzip":
        payload = isal_zlib.compress(raw, GZIP_LEVEL)
    elif compression == "zstd":
        payload = compress(raw, ZSTD_LEVEL)
    else:
        payload = bytes(raw)
    return EncodedPiece(payload + fletcher32(payload).to_bytes(4, "little"))


def _by_h5py(values: npt.NDArray[Any]) -> EncodedPiece:
    """Let h5py encode, in memory: only it has an LZF encoder."""
    import h5py

    with h5py.File("lzf", "w", driver="core", backing_store=False) as file:
        data = file.create_dataset(
            "a", data=values, chunks=values.shape, compression="lzf", shuffle=values.dtype.itemsize > 1, fletcher32=True
        )
        mask, payload = data.id.read_direct_chunk((0,) * values.ndim)
        return EncodedPiece(payload, mask)
