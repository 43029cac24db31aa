"""The records behind the payloads of streamed zip members: checksum and sizes, which their headers leave out."""

from __future__ import annotations

from array import array
from struct import Struct
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from zarrpack.storage.positional_reads import read_at

__all__ = ["Descriptors"]

_FORMS = (Struct("<4sIII"), Struct("<4sIQQ"))
_LONGEST_BYTES = _FORMS[1].size + 4
_BLOCK_BYTES = 1 << 20
#: Of so many at the most a zip can make sense; each takes 28 bytes here.
_MOST = 1 << 20

Numbers = npt.NDArray[np.uint64]


class Descriptors:
    """Finds them. The file is gone through once, when they are first asked for. Not safe in threads.

    A record counts that starts with the signature ``PK\\7\\8`` and has a header or the file's end behind it.

    Parameters
    ----------
    file : binary file
        The zip.

    Examples
    --------
    >>> import io
    >>> record = Struct("<4sIII").pack(b"PK\\7\\x08", 7, 5, 9)
    >>> Descriptors(io.BytesIO(b"......12345" + record)).behind(6)
    (7, 5, 9)
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._found: tuple[Numbers, Numbers, Numbers, Numbers] | None = None

    def behind(self, payload: int) -> tuple[int, int, int] | None:
        """Give checksum, compressed size and size of the payload that starts at an offset, from the nearest record.

        The record must tell the very distance from there. None: there is no such.
        """
        self._found = self._found or self._all()
        starts, packed_sizes, crcs, sizes = self._found
        at = int(np.searchsorted(starts, np.uint64(payload)))
        if at == len(starts) or starts[at] != payload:
            return None
        return int(crcs[at]), int(packed_sizes[at]), int(sizes[at])

    def _all(self) -> tuple[Numbers, Numbers, Numbers, Numbers]:
        """Find all records, by where their payloads start, for one start the nearest first."""
        starts, packed_sizes, crcs, sizes = (array("Q") for _ in range(4))
        position = 0
        while len(starts) < _MOST and (block := read_at(self._file, position, _BLOCK_BYTES + _LONGEST_BYTES)):
            at = block.find(b"PK\7\x08")
            while 0 <= at < _BLOCK_BYTES:
                for form in _FORMS:
                    behind = block[at + form.size : at + form.size + 4]
                    if at + form.size <= len(block) and any(one.startswith(behind) for one in (b"PK\3\4", b"PK\1\2")):
                        _, crc, packed_size, size = form.unpack_from(block, at)
                        if packed_size <= position + at:
                            starts.append(position + at - packed_size)
                            packed_sizes.append(packed_size)
                            crcs.append(crc)
                            sizes.append(size)
                at = block.find(b"PK\7\x08", at + 1)
            position += _BLOCK_BYTES
        columns = [np.array(column, np.uint64) for column in (starts, packed_sizes, crcs, sizes)]
        order = np.lexsort((columns[1], columns[0]))
        first, second, third, fourth = (column[order] for column in columns)
        return first, second, third, fourth
