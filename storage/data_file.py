"""Reads zipped Zarr format 2: the ``.data`` and ``.dataset`` files of zarrpack, and plain ones of others."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from isal.isal_zlib import crc32

from zarrpack.errors import FormatError, SourceError
from zarrpack.storage.array_metadata import ArrayMetadata
from zarrpack.storage.hierarchy import FORMAT, kind_of
from zarrpack.storage.stored_array import ChunkLocation, StoredArray
from zarrpack.storage.zip_directory import find_directory, payload_offset, read_at
from zarrpack.storage.zip_index import entry_at, index_directory

__all__ = ["ChunkLocation", "DataFile", "StoredArray"]

_DOCUMENTS = (".zgroup", ".zattrs", ".zarray")
# Largest JSON document that is read, in bytes.
_DOCUMENT_BYTES = 256 << 20


class DataFile:
    """A ``.data`` or ``.dataset`` file, open for reading.

    Reads are safe in threads. Pickling carries the path; the copy opens the file anew.

    Parameters
    ----------
    path : path-like
        The file.

    Attributes
    ----------
    path : Path
        The file.
    attributes : dict
        The root's ``.zattrs``.

    Raises
    ------
    SourceError
        If the file cannot be opened.
    FormatError
        If it is no zip, no Zarr hierarchy of format 2, or of a later format of zarrpack.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        try:
            self._file = self.path.open("rb", buffering=0)
        except OSError as exc:
            raise SourceError(f"{self.path}: expected a readable file, found: {exc.strerror}") from exc
        # Where the system has no pread, reading moves the one position that all threads share.
        self._guard: contextlib.AbstractContextManager[Any] = (
            contextlib.nullcontext() if hasattr(os, "pread") else threading.Lock()
        )
        try:
            self._location = find_directory(self._file)
            self._directory = read_at(self._file, self._location.offset, self._location.size)
            self._index = index_directory(
                self._directory, self._location.entries, str(self.path), self._location.offset
            )
            self._documents = self._read_documents()
            self.attributes: dict[str, Any] = dict(self._documents.get(".zattrs", {}))
            self._check_format()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[type[DataFile], tuple[Path]]:
        return DataFile, (self.path,)

    def __repr__(self) -> str:
        return f"<DataFile {str(self.path)!r}>"

    def close(self) -> None:
        """Close the file. Idempotent."""
        self._file.close()
        # Arrays know their file: a circle, which would keep the documents of hundreds of files until it is looked for.
        self.__dict__.pop("arrays", None)

    @property
    def kind(self) -> str:
        """``"store"``, ``"pack"`` or ``"dataset"``; empty for a file that zarrpack has not made."""
        return kind_of(self.attributes)

    @cached_property
    def metadata(self) -> dict[str, Any]:
        """The content of ``metadata.json``; empty if there is none."""
        return self.document("metadata.json") if self.has_entry("metadata.json") else {}

    @cached_property
    def groups(self) -> dict[str, dict[str, Any]]:
        """Group name -> its ``.zattrs``, in the file's order."""
        names = [key.removesuffix("/.zgroup") for key in self._documents if key.endswith("/.zgroup")]
        return {name: dict(self._documents.get(f"{name}/.zattrs", {})) for name in names}

    @cached_property
    def arrays(self) -> dict[str, StoredArray]:
        """``"group/array"`` -> the array, in the file's order."""
        arrays = {}
        for key, document in self._documents.items():
            if key == ".zarray" or key.endswith("/.zarray"):
                name = key[:-7].removesuffix("/")
                zattrs = self._documents.get(key[:-7] + ".zattrs")
                metadata = ArrayMetadata.from_documents(document, zattrs, f"{self.path}: {name}")
                arrays[name] = StoredArray(self, name, metadata)
        return arrays

    @cached_property
    def directory_sha256(self) -> str:
        """Digest of the central directory in hexadecimal, as in `ZipSummary`."""
        return hashlib.sha256(self._directory).hexdigest()

    def entry_names(self) -> list[bytes]:
        """Name every entry of the zip, as it lies in its directory."""
        return list(self._index)

    def has_entry(self, name: str) -> bool:
        """Whether the zip has an entry of this name."""
        return name.encode() in self._index

    def locate(self, name: str) -> ChunkLocation | None:
        """Find where an entry's bytes lie.

        Parameters
        ----------
        name : str
            Root-relative, such as ``"images/pixels/0.0.0.0"``.

        Returns
        -------
        ChunkLocation or None
            None if there is no such entry.

        Raises
        ------
        FormatError
            If the entry is compressed by the zip, encrypted, or not where the directory says.
        """
        position = self._index.get(name.encode())
        if position is None:
            return None
        entry = entry_at(self._directory, position)
        if entry.method != 0 or entry.flags & 1 or entry.size != entry.compressed_size:
            raise FormatError(f"{self.path}: expected {name} stored as it is, found zip method {entry.method}")
        with self._guard:
            offset = payload_offset(self._file, entry, self._location.base)
        if offset + entry.size > self._location.offset:
            raise FormatError(
                f"{self.path}: expected the {entry.size} bytes of {name} before the directory, found fewer"
            )
        return ChunkLocation(offset, entry.size, entry.crc32)

    def entry_headers(self, names: Iterable[str]) -> Iterator[ChunkLocation]:
        """Tell where entries' local headers lie, by the directory alone; nothing is read.

        Parameters
        ----------
        names : iterable of str
            Root-relative.

        Yields
        ------
        ChunkLocation
            The local header's offset, and the payload's size and checksum. The offset is -1 if there is no such entry.

        Raises
        ------
        FormatError
            If an entry is compressed by the zip or encrypted.
        """
        for name in names:
            position = self._index.get(name.encode())
            if position is None:
                yield ChunkLocation(-1, 0, 0)
                continue
            entry = entry_at(self._directory, position)
            if entry.method != 0 or entry.flags & 1 or entry.size != entry.compressed_size:
                raise FormatError(f"{self.path}: expected {name} stored as it is, found zip method {entry.method}")
            yield ChunkLocation(entry.header_offset + self._location.base, entry.size, entry.crc32)

    def payload(self, name: str) -> bytes:
        """Read an entry's bytes and check them.

        Parameters
        ----------
        name : str
            Root-relative.

        Returns
        -------
        bytes
            The whole entry.

        Raises
        ------
        FormatError
            If there is no such entry, or its bytes do not have the announced checksum.
        """
        location = self.locate(name)
        if location is None:
            raise FormatError(f"{self.path}: expected an entry {name}, found none; the file is not complete")
        with self._guard:
            payload = read_at(self._file, location.offset, location.size)
        if crc32(payload) != location.crc32:
            raise FormatError(f"{self.path}: expected {name} with the checksum {location.crc32:08x}, found other bytes")
        return payload

    def _read_documents(self) -> dict[str, Mapping[str, Any]]:
        """Read ``.zmetadata``, or where there is none the documents that it would repeat."""
        if b".zmetadata" in self._index:
            documents = self.document(".zmetadata").get("metadata")
        else:
            names = [name.decode("utf-8", "replace") for name in self._index]
            documents = {name: self.document(name) for name in names if name.rpartition("/")[2] in _DOCUMENTS}
        if not isinstance(documents, dict) or not all(isinstance(entry, dict) for entry in documents.values()):
            raise FormatError(f"{self.path}: expected .zmetadata to hold JSON objects by name, found something else")
        if ".zgroup" not in documents and ".zarray" not in documents:
            raise FormatError(f"{self.path}: expected a Zarr hierarchy of format 2, found a zip without .zgroup")
        return documents

    def document(self, name: str) -> dict[str, Any]:
        """Read a JSON document, such as ``".zgroup"``.

        Raises
        ------
        FormatError
            If there is none, or it is damaged or no JSON object.
        """
        location = self.locate(name)
        if location is not None and location.size > _DOCUMENT_BYTES:
            raise FormatError(f"{self.path}: expected {name} of at most {_DOCUMENT_BYTES} bytes, found {location.size}")
        try:
            document = json.loads(self.payload(name))
        except (ValueError, RecursionError) as exc:
            if isinstance(exc, FormatError):
                raise
            raise FormatError(f"{self.path}: expected JSON in {name}, found: {exc}") from exc
        if not isinstance(document, dict):
            raise FormatError(f"{self.path}: expected a JSON object in {name}, found {type(document).__name__}")
        return document

    def _check_format(self) -> None:
        own = self.attributes.get("zarrpack")
        found = own.get("format", FORMAT) if isinstance(own, dict) else FORMAT
        if found != FORMAT:
            raise FormatError(
                f"{self.path}: expected format {FORMAT}, found {found!r:.40}; a newer version of zarrpack may read it"
            )
