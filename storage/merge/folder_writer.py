"""Writes a hierarchy's entries as files of a folder."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from isal import isal_zlib

from zarrpack.errors import FormatError
from zarrpack.storage.durability import sync_file, sync_folder
from zarrpack.storage.zip_directory import read_at
from zarrpack.storage.zip_writer import ZipSummary

__all__ = ["FolderWriter"]


class FolderWriter:
    """Takes the entries that a `ZipWriter` takes, and makes a file of each. Not safe in threads.

    Parameters
    ----------
    folder : Path
        Made; must not exist.

    Examples
    --------
    >>> writer = FolderWriter(Path("new.dataset"))
    >>> writer.add("faces/.zgroup", b"{}")
    >>> writer.close().entries, Path("new.dataset/faces/.zgroup").read_text()
    (1, '{}')
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self._folders = {folder}
        self._files: list[Path] = []
        self._size = 0
        self._digest = hashlib.sha256()

    def add(self, name: str, payload: bytes | memoryview) -> None:
        """Write an entry.

        Parameters
        ----------
        name : str
            Root-relative, with ``/``.
        payload : bytes or memoryview of bytes
            Its content.
        """
        path = self._folder / name
        if path.parent not in self._folders:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._folders.update(parent for parent in path.parents if parent.is_relative_to(self._folder))
        with path.open("xb") as file:
            file.write(payload)
        self._files.append(path)
        self._size += len(payload)
        self._digest.update(f"{name}\0{isal_zlib.crc32(payload)}\0".encode())

    def add_from(
        self, name: str, source_fd: int, offset: int, size: int, crc32: int, *, is_trusted: bool = False
    ) -> None:
        """Write an entry whose payload lies in another file.

        Parameters
        ----------
        name : str
            Root-relative, with ``/``.
        source_fd : int
            Descriptor of the other file.
        offset, size : int
            Where the payload lies there, in bytes.
        crc32 : int
            The payload's checksum.
        is_trusted : bool
            Whether the payload is known to have it.

        Raises
        ------
        FormatError
            If the other file holds other bytes there.
        """
        payload = read_at(source_fd, offset, size)
        if not is_trusted and isal_zlib.crc32(payload) != crc32:
            raise FormatError(
                f"{name}: expected {size} bytes with the checksum {crc32:08x} at offset {offset} of its source"
            )
        self.add(name, payload)

    def close(self, first: Sequence[str] = ()) -> ZipSummary:
        """Force everything to disk.

        Parameters
        ----------
        first : sequence of str
            For a zip, what comes first; files have no order.

        Returns
        -------
        ZipSummary
            The digest is one of all names and checksums.
        """
        for file in self._files:
            sync_file(file)
        for folder in self._folders:
            sync_folder(folder)
        return ZipSummary(len(self._files), self._size, self._digest.hexdigest())
