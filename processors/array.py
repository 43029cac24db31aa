"""numpy's .npy and .npz files. Nothing is ever unpickled."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, ClassVar

from zarrpack.errors import MemberError
from zarrpack.processors.base import Block, Member, Metadata, Processor
from zarrpack.processors.magic import media_type, suffix
from zarrpack.processors.npy_blocks import NpyReader

__all__ = ["ArrayProcessor"]

_NPY = "application/x-npy"
_ZIP = "application/zip"
_DRAIN_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class ArrayProcessor(Processor):
    """Reads ``.npy`` by its first bytes, in pieces, and ``.npz`` by its suffix, whole.

    Arrays come in native byte order; a structured array's fields as arrays ``name.field``; a 0-d array as one row.
    Arrays of Python objects are refused.

    Examples
    --------
    >>> import numpy as np
    >>> file = io.BytesIO()
    >>> np.savez(file, points=np.eye(2))
    >>> block, metadata = ArrayProcessor().read(Member("a.npz", file.getvalue()[:4096], file.getvalue()))
    >>> block.array, block.dims, block.rows.tolist()
    ('points', ('points_dim_0', 'points_dim_1'), [[1.0, 0.0], [0.0, 1.0]])
    """

    name: ClassVar[str] = "array"

    def accepts(self, head: bytes, name: str) -> bool:
        """Tell by the first bytes, of zip files by the suffix as well; by the suffix alone if nothing is known."""
        kind = media_type(head)
        return kind == _NPY or (suffix(name) in (".npy", ".npz") and kind in (None, _ZIP))

    def read(self, member: Member) -> Iterator[Block | Metadata]:
        """Give the arrays, each in blocks of about 16 MiB.

        Raises
        ------
        MemberError
            ``empty``, ``invalid_array``, ``refused_dtype``, ``limit_member_bytes``, ``limit_ratio`` or ``limit_rows``.
        """
        if not member.head:
            raise MemberError("empty", "expected an array file, found no bytes")
        content = member.content
        reader = NpyReader(member.limits, len(content) if isinstance(content, bytes) else None)
        if media_type(member.head) == _ZIP:
            yield from _read_npz(member, reader)
            kind = "application/x-npz"
        else:
            yield from reader.blocks(member.open(), "array")
            kind = _NPY
        yield Metadata(media_type=kind, notes=tuple(sorted(reader.notes)))


def _read_npz(member: Member, reader: NpyReader) -> Iterator[Block]:
    payload = member.read()
    left = member.limits.member_bytes
    try:
        with zipfile.ZipFile(io.BytesIO(payload)) as archive:
            # Of entries with one name the last counts, as in numpy.
            for info in {entry.filename: entry for entry in archive.infolist()}.values():
                if not info.filename.endswith(".npy"):
                    reader.notes.add("not_an_array_in_npz")
                    continue
                left = _checked(info, member, left)
                reader.size = info.file_size
                with archive.open(info) as stream:
                    yield from reader.blocks(stream, info.filename.removesuffix(".npy"))
                    _drain(stream)
    except MemberError:
        raise
    except Exception as exc:
        # zipfile lets through what its decoders raise: BadZipFile, RuntimeError, NotImplementedError, OSError,
        # EOFError, zlib.error, LZMAError, struct.error, ValueError, ...
        raise MemberError("invalid_array", f"the .npz file is damaged: {type(exc).__name__}: {exc}") from exc


def _checked(info: zipfile.ZipInfo, member: Member, left: int) -> int:
    """Give the bytes that are left of the member's limit; zipfile reads no more of an entry than it announces."""
    limits = member.limits
    if info.file_size > left:
        raise MemberError("limit_member_bytes", f"more than {limits.member_bytes} bytes in all; raise member_bytes")
    if info.file_size > limits.ratio_grace_bytes and info.file_size > limits.ratio * info.compress_size:
        detail = f"{info.compress_size} bytes expand to {info.file_size}, more than {limits.ratio} times"
        raise MemberError("limit_ratio", f"{detail}; raise the limit ratio")
    return left - info.file_size


def _drain(stream: IO[bytes]) -> None:
    # At its end the entry's checksum is compared.
    while stream.read(_DRAIN_BYTES):
        pass
