"""The checksum of HDF5's Fletcher-32 filter, at memory speed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["fletcher32"]

_MODULUS = 65535
# With so many rows of words no 32-bit sum of sums can overflow.
_MOST_ROWS = 256


def fletcher32(buffer: bytes | memoryview) -> int:
    """Give the checksum that HDF5 stores behind a chunk. Safe in threads.

    Parameters
    ----------
    buffer : bytes-like
        The chunk as it is stored, without the checksum.

    Examples
    --------
    >>> hex(fletcher32(b"abcde"))
    '0x4ff029c7'
    """
    count = len(buffer) // 2
    words: npt.NDArray[np.uint16] = np.frombuffer(buffer, "<u2", count)
    width = max(1, -(-count // _MOST_ROWS))
    rows = count // width
    rest = words[rows * width :]
    # Two running sums over whole rows; the order inside a row is put right by weights at the end.
    plain, weighted = np.zeros(width, np.uint32), np.zeros(width, np.uint32)
    for row in words[: rows * width].reshape(rows, width):
        plain += row
        weighted += plain
    first = int(plain.sum(dtype=np.uint64))
    columns = np.arange(width, dtype=np.uint64) * (plain % _MODULUS).astype(np.uint64)
    second = len(rest) * first + width * int(weighted.sum(dtype=np.uint64)) - int(columns.sum())
    falling = np.arange(len(rest), 0, -1, dtype=np.uint64)
    first += int(rest.sum(dtype=np.uint64))
    second += int((falling * rest).sum())
    if len(buffer) % 2:
        first += buffer[-1]
        second += first
    # HDF5 takes the words as big-endian: 256 times the little-endian sum, for 65536 is 1.
    is_zero = first == 0
    first, second = (0 if is_zero else (256 * total - 1) % _MODULUS + 1 for total in (first, second))
    return second << 16 | first
