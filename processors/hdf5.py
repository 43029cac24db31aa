"""HDF5 files, netCDF-4 and MATLAB 7.3 among them: every dataset that lies in the file itself becomes an array."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, ClassVar, Literal

from zarrpack.errors import MemberError, UsageError
from zarrpack.processors.base import Block, Member, Metadata, Processor
from zarrpack.processors.magic import suffix
from zarrpack.processors.seekable import seekable

if TYPE_CHECKING:
    import h5py

__all__ = ["Hdf5Processor", "has_signature"]

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_SUFFIXES = (".h5", ".hdf5", ".he5", ".nc", ".nc4", ".mat", ".h5ad", ".nxs")
# A user block of these sizes may come before the signature.
_USER_BLOCKS = (0, 512, 1024, 2048)
# Superblocks of these versions say whether somebody writes to the file, alone or while others read.
_WITH_FLAGS = (2, 3)
_OPEN_FOR_WRITING = 0x01 | 0x04


@dataclass(frozen=True, slots=True)
class Hdf5Processor(Processor):
    """Reads HDF5 in a worker process, which a file that crashes the library may take with it.

    Groups become groups (``a/b``), datasets arrays, the fields of a compound type arrays ``name.field``; names of axes come from
    dimension scales; attributes of datasets become attributes, those of groups metadata; references become paths.

    Parameters
    ----------
    refused : {"fail", "skip"}
        What becomes of a file with external or user-defined links, external storage, virtual datasets over other files, or filter
        plug-ins, none of which is ever followed or loaded, or with types that have no plain form: the member fails, or what is
        refused is left out and noted.

    Raises
    ------
    UsageError
        If `refused` is anything else.

    Examples
    --------
    >>> import io
    >>> import h5py
    >>> file = io.BytesIO()
    >>> with h5py.File(file, "w") as made:
    ...     made["points/x"] = [1.0, 2.0]
    >>> block, metadata = Hdf5Processor().read(Member("a.h5", file.getvalue()[:4096], file.getvalue()))
    >>> block.group, block.array, block.dims, block.rows.tolist()
    ('points', 'x', ('x_dim_0',), [1.0, 2.0])
    """

    name: ClassVar[str] = "hdf5"

    refused: Literal["fail", "skip"] = "fail"

    def __post_init__(self) -> None:
        if self.refused not in ("fail", "skip"):
            raise UsageError(f"refused: expected fail or skip, found {self.refused!r}")

    def accepts(self, head: bytes, name: str) -> bool:
        """Tell by the signature; by the suffix if nothing is known."""
        return has_signature(head) if head else suffix(name) in _SUFFIXES

    def read(self, member: Member) -> Iterator[Block | Metadata]:
        """Give the datasets in blocks of about 16 MiB.

        Raises
        ------
        MemberError
            ``empty``, ``not_decodable``, ``hdf5_external``, ``hdf5_filter``, ``refused_dtype``, ``limit_member_bytes`` or
            ``limit_ratio``.
        """
        if not member.head:
            raise MemberError("empty", "expected an HDF5 file, found no bytes")
        # Whatever is installed on this machine, no file makes the library load it.
        os.environ["HDF5_PLUGIN_PRELOAD"] = "::"
        from zarrpack.processors.hdf5_blocks import TreeReader

        with seekable(member) as content, _opened(content) as file:
            reader = TreeReader(file, member.limits, skips_refused=self.refused == "skip")
            try:
                yield from reader.blocks()
                values = reader.metadata()
            except MemberError:
                raise
            except Exception as exc:
                # Of damaged files h5py lets through nearly everything: OverflowError, SystemError, MemoryError, ...
                raise MemberError("not_decodable", f"the HDF5 file is damaged: {exc}"[:500]) from exc
            notes = reader.notes | ({"not_closed"} if _is_open_for_writing(member.head) else set())
            yield Metadata(values, media_type="application/x-hdf5", notes=tuple(sorted(notes)))


def has_signature(head: bytes) -> bool:
    """Whether a file with these first bytes is HDF5.

    Examples
    --------
    >>> has_signature(bytes(512) + bytes.fromhex("894844460d0a1a0a")), has_signature(b"PK")
    (True, False)
    """
    return bool(_superblock(head))


def _superblock(head: bytes) -> bytes:
    """Give what begins with the signature; empty if there is none."""
    return next((head[size:] for size in _USER_BLOCKS if head[size : size + len(_SIGNATURE)] == _SIGNATURE), b"")


def _is_open_for_writing(head: bytes) -> bool:
    """Whether the file says that it has not been closed: what was written last may be missing."""
    version, *_, flags = _superblock(head)[8:12].ljust(4, b"\0")
    return version in _WITH_FLAGS and bool(flags & _OPEN_FOR_WRITING)


@contextmanager
def _opened(content: BinaryIO) -> Iterator[h5py.File]:
    import h5py

    try:
        file = h5py.File(content, "r")
    except Exception as exc:
        raise MemberError("not_decodable", f"the HDF5 file cannot be opened: {exc}"[:500]) from exc
    with file:
        yield file
