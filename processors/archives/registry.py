"""Which kind of source a path is: by its first bytes, and by its suffix where those say nothing."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from zarrpack.errors import FormatError, MemberError, SourceError
from zarrpack.processors.archives.base import Source
from zarrpack.processors.archives.compressed import COMPRESSIONS, Compression, Decompression, compression_of
from zarrpack.processors.archives.files import open_file, read_bytes
from zarrpack.processors.archives.folder import FolderSource
from zarrpack.processors.archives.lone import LoneCompressedSource
from zarrpack.processors.archives.single import SingleFileSource
from zarrpack.processors.archives.tar import TarSource
from zarrpack.processors.archives.tar_folder import TarFolderSource, is_tar_folder
from zarrpack.processors.archives.tar_headers import BLOCK_BYTES, has_valid_checksum
from zarrpack.processors.archives.tar_stream import TarStreamSource
from zarrpack.processors.archives.zip import ZipSource
from zarrpack.processors.limits import Limits
from zarrpack.storage.sharded.store_mark import is_store
from zarrpack.storage.zip_directory import find_directory

__all__ = ["open_source"]

_ZIP_MAGICS = (b"PK\3\4", b"PK\5\6", b"PK\7\x08PK\3\4")
# Programs and scripts that may have a zip behind them.
_PROGRAM_MAGICS = (b"MZ", b"\x7fELF", b"#!", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")
# Zips whose content is one thing.
_WHOLE_ZIP_SUFFIXES = (".npz",)
_TAR_SUFFIXES = {
    ".tgz": "gz",
    ".tar.gz": "gz",
    ".tbz": "bz2",
    ".tbz2": "bz2",
    ".tar.bz2": "bz2",
    ".txz": "xz",
    ".tar.xz": "xz",
    ".tzst": "zst",
    ".tar.zst": "zst",
}
_UNSUPPORTED_MAGICS = {
    b"7z\xbc\xaf\x27\x1c": "7-Zip",
    b"Rar!\x1a\x07": "RAR",
    b"\x04\x22\x4d\x18": "LZ4",
    b"\x1f\x9d": "compress (.Z)",
    b"MSCF\0\0\0\0": "cabinet",
}


def open_source(path: str | os.PathLike[str], limits: Limits | None = None) -> Source:
    """Open an archive, a folder or a plain file as a source of members.

    Parameters
    ----------
    path : path
        What the user gave; a symbolic link is followed.
    limits : Limits, optional
        What the members may cost; the default ones if not given.

    Returns
    -------
    Source
        Close it when done. Workers open the same path again.

    Raises
    ------
    SourceError
        If there is nothing, nothing that can be read, an empty file, or an archive of a kind that is not supported.

    Examples
    --------
    >>> import tempfile, zipfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     zipped = Path(folder, "photos.data")
    ...     with zipfile.ZipFile(zipped, "w") as archive:
    ...         archive.writestr("a.txt", b"hi")
    ...     source = open_source(zipped)
    ...     source.close()
    ...     source.kind
    'zip'
    """
    path = Path(path)
    limits = limits if limits is not None else Limits()
    if path.is_dir():
        return _folder(path, limits)
    if not path.is_file():
        found = "something else" if path.exists() else "nothing"
        raise SourceError(f"{path}: expected an archive, a folder or a file, found {found}; check the path")
    file, length = open_file(path)
    with file:
        try:
            head = read_bytes(file, 0, BLOCK_BYTES)
        except MemberError as exc:
            raise SourceError(f"{path}: {exc.detail}") from exc
        if not head:
            raise SourceError(f"{path}: expected an archive or a file, found an empty one; check how it was made")
        name = path.name.lower()
        if _looks_like_tar(head) or name.endswith(".tar"):
            return TarSource(path, limits)
        if _is_zip(file, head, name):
            return SingleFileSource(path, limits) if name.endswith(_WHOLE_ZIP_SUFFIXES) else ZipSource(path, limits)
        compression = compression_of(head) or _compression_by(name)
        if compression is None:
            _refuse_unsupported(path, head)
            return SingleFileSource(path, limits)
        holds_tar = name.endswith(tuple(_TAR_SUFFIXES)) or _holds_tar(Decompression(file, length, compression, limits))
    return (TarStreamSource if holds_tar else LoneCompressedSource)(path, limits, compression)


def _folder(path: Path, limits: Limits) -> Source:
    if is_store(path):
        # Here and not at the top: every worker imports this module, and few read such stores.
        from zarrpack.processors.archives.sharded_store import ShardedStoreSource

        return ShardedStoreSource(path, limits)
    return TarFolderSource(path, limits) if is_tar_folder(path) else FolderSource(path, limits)


def _looks_like_tar(block: bytes) -> bool:
    # A header whose checksum is wrong is still a header; the walk says what is wrong.
    return has_valid_checksum(block) or block.startswith((b"ustar\0", b"ustar  \0"), 257)


def _is_zip(file: BinaryIO, head: bytes, name: str) -> bool:
    if head.startswith(_ZIP_MAGICS) or name.endswith(".zip"):
        return True
    if not head.startswith(_PROGRAM_MAGICS):
        return False
    try:
        return find_directory(file).entries > 0
    except FormatError:
        return False


def _compression_by(name: str) -> Compression | None:
    by_suffix = {f".{one}": one for one in COMPRESSIONS} | _TAR_SUFFIXES
    return next((COMPRESSIONS[one] for suffix, one in by_suffix.items() if name.endswith(suffix)), None)


def _holds_tar(decompression: Decompression) -> bool:
    head = b""
    with suppress(MemberError):
        for block in decompression.blocks():
            head += block
            if len(head) >= BLOCK_BYTES:
                return _looks_like_tar(head[:BLOCK_BYTES])
    return False


def _refuse_unsupported(path: Path, head: bytes) -> None:
    for magic, kind in _UNSUPPORTED_MAGICS.items():
        if head.startswith(magic):
            raise SourceError(
                f"{path}: expected a zip, a tar or a compressed file, found a {kind} archive; "
                "unpack it, and give the folder"
            )
