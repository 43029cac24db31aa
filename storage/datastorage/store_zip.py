"""A store as one zip: made from a folder, and read."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy.typing as npt

from zarrpack.errors import FormatError
from zarrpack.storage.array_metadata import ArrayMetadata
from zarrpack.storage.chunk_indices import chunk_indices
from zarrpack.storage.codecs import decode_chunk
from zarrpack.storage.data_file import DataFile
from zarrpack.storage.datastorage.metadata_file import temporary_name
from zarrpack.storage.datastorage.metadata_tree import OWN_KEY
from zarrpack.storage.datastorage.nested import Tree
from zarrpack.storage.datastorage.store_folder import StoreFolder, consolidated
from zarrpack.storage.datastorage.store_nodes import GroupNode, build_nodes
from zarrpack.storage.datastorage.stored_values import check_no_nan
from zarrpack.storage.hierarchy import FIRST_NAMES
from zarrpack.storage.zip_directory import find_directory, read_directory
from zarrpack.storage.zip_writer import ZipWriter

__all__ = ["StoreZip", "write_zip"]

_DOCUMENTS = (".zgroup", ".zattrs", ".zarray")


def write_zip(store: StoreFolder, target: Path, name: str) -> int:
    """Copy a folder's documents and chunks into a zip, and give it its name when it is whole.

    Equal folders give equal bytes.

    Parameters
    ----------
    store : StoreFolder
        What is copied, what other programs have put into it included.
    target : Path
        The zip; one that is there is replaced.
    name : str
        The store's name, for the zip's ``metadata.json``.

    Returns
    -------
    int
        Bytes of the zip.

    Raises
    ------
    UsageError
        If an array holds NaN.
    FormatError
        If a chunk is missing or damaged.
    """
    temporary = temporary_name(target)
    try:
        with temporary.open("wb") as file:
            writer = ZipWriter(file)
            documents = store.documents()
            writer.add(".zmetadata", consolidated(documents))
            writer.add(".zgroup", _document(documents[".zgroup"]))
            writer.add(".zattrs", _document(documents.setdefault(".zattrs", {})))
            writer.add("metadata.json", _metadata(store.read_metadata(), name))
            for entry, document in documents.items():
                if entry not in FIRST_NAMES:
                    writer.add(entry, _document(document))
            for entry, payload in _chunks(store, documents):
                writer.add(entry, payload)
            size = writer.close().size
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return size


class StoreZip:
    """A zipped store, open for reading. Safe in threads.

    Parameters
    ----------
    path : Path
        A zip of Zarr format 2, by zarrpack or by others.

    Attributes
    ----------
    nodes : GroupNode
        What is in it.

    Raises
    ------
    FormatError
        If it is no such zip.
    """

    def __init__(self, path: Path) -> None:
        self.file = DataFile(path)
        try:
            self.nodes: GroupNode = build_nodes(self._documents(path))
        except BaseException:
            self.file.close()
            raise
        self.has_entry, self.locate, self.payload = self.file.has_entry, self.file.locate, self.file.payload

    def read_metadata(self) -> Tree:
        """Give the metadata; not copied."""
        return self.file.metadata

    def close(self) -> None:
        """Close the file. Idempotent."""
        self.file.close()

    def _documents(self, path: Path) -> dict[str, Any]:
        # Not from the file's own arrays: one that cannot be read would hide all others.
        if self.file.has_entry(".zmetadata"):
            found: dict[str, Any] = json.loads(self.file.payload(".zmetadata"))["metadata"]
            return found
        with path.open("rb") as file:
            names = [entry.raw_name.decode("utf-8", "replace") for entry in read_directory(file, find_directory(file))]
        wanted = [name for name in names if name.rpartition("/")[2] in _DOCUMENTS]
        return {name: json.loads(self.file.payload(name)) for name in wanted}


def _document(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document).encode()


def _metadata(tree: Tree, name: str) -> bytes:
    description = tree.get("description")
    own = {"name": name, "description": description if isinstance(description, str) else ""}
    return json.dumps({**tree, OWN_KEY: own}).encode()


def _chunks(store: StoreFolder, documents: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
    """Give every array's chunks, in the order of the arrays' names and of the chunks' places."""
    for entry, document in documents.items():
        path, _, kind = entry.rpartition("/")
        if kind != ".zarray":
            continue
        try:
            metadata = ArrayMetadata.from_documents(document, documents.get(f"{path}/.zattrs"), path)
        except FormatError:
            # Written by another program, in a way that is not decoded here; the bytes are good all the same.
            yield from ((f"{path}/{name}", store.payload(f"{path}/{name}")) for name in _files(store.folder / path))
            continue
        for index in chunk_indices(metadata.chunk_grid()):
            name = f"{path}/{metadata.chunk_key(index)}"
            if document.get("fill_value") is not None and not store.has_entry(name):
                continue
            payload = store.payload(name)
            if metadata.dtype[1] in "fc":
                # The padding of a last chunk is zeros.
                check_no_nan(_decoded(payload, metadata, name), path)
            yield name, payload


def _decoded(payload: bytes, metadata: ArrayMetadata, name: str) -> npt.NDArray[Any]:
    try:
        return decode_chunk(payload, metadata.codec, metadata.dtype, metadata.chunks)
    except FormatError as exc:
        raise FormatError(f"{name}: {exc}; save the key again") from exc


def _files(folder: Path) -> list[str]:
    """Name an array's chunk files, in the order of their places."""
    found = [
        (Path(where) / name).relative_to(folder).as_posix()
        for where, _, names in os.walk(folder)
        for name in names
        if not name.startswith(".")
    ]
    return sorted(found, key=lambda name: [(len(part), part) for part in re.split("[./]", name)])
