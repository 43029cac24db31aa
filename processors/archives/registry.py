"""Opening what the user names as a source of members."""

from __future__ import annotations

import os
from pathlib import Path

from zarrpack.errors import MemberError, SourceError
from zarrpack.processors.archives.base import Source
from zarrpack.processors.archives.files import open_file, read_bytes
from zarrpack.processors.archives.folder import FolderSource
from zarrpack.processors.archives.nested import NestedSource
from zarrpack.processors.archives.recognition import archive_in, is_archive_name, unsupported_kind
from zarrpack.processors.archives.single import SingleFileSource
from zarrpack.processors.archives.tar_folder import TarFolderSource, is_tar_folder
from zarrpack.processors.archives.tar_headers import BLOCK_BYTES
from zarrpack.processors.limits import Limits
from zarrpack.storage.parquet.dataset_mark import is_parquet_dataset
from zarrpack.storage.sharded.store_mark import is_store

__all__ = ["open_source"]


def open_source(path: str | os.PathLike[str], limits: Limits | None = None, *, salvage: bool = False) -> Source:
    """Open an archive, a folder or a plain file as a source of members.

    Parameters
    ----------
    path : path
        What the user gave; a symbolic link is followed.
    limits : Limits, optional
        What the members may cost; the default ones if not given. With `Limits.nesting` archives inside it are opened.
    salvage : bool
        Whether members behind a damaged place are looked for; they get the note ``"salvaged"``.

    Returns
    -------
    Source
        Close it when done. Workers open the same path again. A file that is empty but for its name an archive, and an
        archive of a kind that is not read, is a source of one member with a refusal.

    Raises
    ------
    SourceError
        If there is nothing, or nothing that can be read.

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
        source = _folder(path, limits)
    elif path.is_file():
        source = _open_file(path, limits, salvage)
    else:
        found = "something else" if path.exists() else "nothing"
        raise SourceError(f"{path}: expected an archive, a folder or a file, found {found}; check the path")
    return NestedSource(path, limits, outer=source, salvage=salvage) if limits.nesting else source


def _folder(path: Path, limits: Limits) -> Source:
    if is_store(path):
        # Here and not at the top: every worker imports this module, and few read such stores.
        from zarrpack.processors.archives.sharded_store import ShardedStoreSource

        return ShardedStoreSource(path, limits)
    if is_parquet_dataset(path):
        from zarrpack.processors.archives.parquet_dataset import ParquetDatasetSource

        return ParquetDatasetSource(path, limits)
    return TarFolderSource(path, limits) if is_tar_folder(path) else FolderSource(path, limits)


def _open_file(path: Path, limits: Limits, salvage: bool) -> Source:
    file, length = open_file(path)
    try:
        source, refusal = None, None
        head = read_bytes(file, 0, BLOCK_BYTES)
        if not head and is_archive_name(path.name):
            refusal = "not_an_archive", "expected an archive as the name says, found no bytes; check how it was made"
        elif (kind := unsupported_kind(head, path.name)) is not None:
            detail = f"expected a zip, a tar or a compressed file, found a {kind} archive"
            refusal = "unsupported_archive", f"{detail}; unpack it, and give the folder"
        elif head:
            source = archive_in(file, length, path, limits, salvage=salvage)
    except MemberError as exc:
        file.close()
        raise SourceError(f"{path}: {exc.detail}") from exc
    if source is None:
        file.close()
        return SingleFileSource(path, limits, refusal=refusal)
    return source
