"""Headers of the members of a shard, made fast: most differ from each other in name, size and checksum only."""

from __future__ import annotations

import tarfile

__all__ = ["BLOCK_BYTES", "END", "member_bytes", "member_header", "padding"]

#: Everything in a tar lies in blocks of so many bytes.
BLOCK_BYTES = 512

#: What a tar ends with.
END = bytes(2 * BLOCK_BYTES)

_ZEROS = bytes(BLOCK_BYTES)
_LONGEST_NAME = 100
_LARGEST_SIZE = 8**11 - 1
# A regular file of nobody's, readable by all, from 1970: equal samples give equal bytes.
_TEMPLATE = tarfile.TarInfo().tobuf(tarfile.USTAR_FORMAT)
_HEAD = _TEMPLATE[_LONGEST_NAME:124]
_MIDDLE = _TEMPLATE[136:148]
_TAIL = _TEMPLATE[156:]
_FIXED_SUM = sum(_HEAD) + sum(_MIDDLE) + sum(_TAIL) + 8 * 32


def member_header(name: str, size: int) -> bytes:
    """Give the header blocks of a regular file.

    Parameters
    ----------
    name : str
        The member's name.
    size : int
        Bytes of its content.

    Returns
    -------
    bytes
        One block; three or more for long and for non-ASCII names, and for content of 8 GiB and more (pax).

    Examples
    --------
    >>> header = member_header("a.npy", 200)
    >>> tarfile.TarInfo.frombuf(header, "utf-8", "strict").size
    200
    """
    if len(name) > _LONGEST_NAME or not name.isascii() or size > _LARGEST_SIZE:
        info = tarfile.TarInfo(name)
        info.size = size
        return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")
    raw_name = name.encode()
    raw_size = b"%011o\0" % size
    checksum = b"%06o\0 " % (_FIXED_SUM + sum(raw_name) + sum(raw_size))
    return raw_name.ljust(_LONGEST_NAME, b"\0") + _HEAD + raw_size + _MIDDLE + checksum + _TAIL


def padding(size: int) -> bytes:
    """Give the zeros between content of `size` bytes and the next header.

    Examples
    --------
    >>> len(padding(200)), len(padding(1024))
    (312, 0)
    """
    return _ZEROS[: -size % BLOCK_BYTES]


def member_bytes(name: str, size: int) -> int:
    """Count what a member takes up in a shard: header, content and padding.

    Examples
    --------
    >>> member_bytes("a.npy", 200)
    1024
    """
    return len(member_header(name, size)) + size + -size % BLOCK_BYTES
