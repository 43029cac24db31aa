"""A store as a folder: every key a folder of its own, replaced as a whole."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zarrpack.errors import FormatError, OutputRefused
from zarrpack.storage.base import Compression
from zarrpack.storage.datastorage.metadata_file import MetadataFile, temporary_name
from zarrpack.storage.datastorage.nested import Segments, Tree
from zarrpack.storage.datastorage.sizes import has_size, record_sizes
from zarrpack.storage.datastorage.store_nodes import GroupNode, build_nodes, parent_group, safe_name
from zarrpack.storage.datastorage.store_writing import write_node
from zarrpack.storage.datastorage.stored_values import StorableArray
from zarrpack.storage.hierarchy import root_attributes
from zarrpack.storage.stored_array import ChunkLocation

__all__ = ["StoreFolder", "consolidated"]

_NEW, _OLD = ".new-", ".old-"


def consolidated(documents: Mapping[str, Mapping[str, Any]]) -> bytes:
    """Give the content of ``.zmetadata``.

    Examples
    --------
    >>> consolidated({".zgroup": {"zarr_format": 2}})
    b'{"zarr_consolidated_format": 1, "metadata": {".zgroup": {"zarr_format": 2}}}'
    """
    return json.dumps({"zarr_consolidated_format": 1, "metadata": documents}).encode()


class StoreFolder:
    """A store that is being written. Not safe in threads; one process may write at a time.

    Parameters
    ----------
    folder : Path
        Made if it is missing or empty; otherwise it must be a store.
    compression : {"spec", "fast", "none"}
        How arrays are encoded that are saved from now on.

    Attributes
    ----------
    folder : Path
        As given.
    nodes : GroupNode
        What is in it.
    metadata : MetadataFile
        Its ``metadata.json``.

    Raises
    ------
    OutputRefused
        If the folder holds something, but no store.
    FormatError
        If one of its documents is damaged.
    """

    def __init__(self, folder: Path, compression: Compression) -> None:
        self.folder = folder
        self._compression: Compression = compression
        self.metadata = MetadataFile(folder / "metadata.json")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except FileExistsError as exc:
            raise OutputRefused(f"{folder}: expected a folder or nothing, found a file; choose another path") from exc
        if not (folder / ".zgroup").is_file():
            if any(folder.iterdir()):
                raise OutputRefused(f"{folder}: expected a store or an empty folder, found other files; choose another")
            self._begin()
        _recover(folder)
        self.nodes: GroupNode = build_nodes(self.documents())
        self._record_missing_sizes(self.nodes, ())

    def has_entry(self, name: str) -> bool:
        """Whether there is a file of this name."""
        return (self.folder / name).is_file()

    def locate(self, name: str) -> ChunkLocation | None:
        """Give None: a file is read as a whole."""
        return None

    def payload(self, name: str) -> bytes:
        """Read a file of the store.

        Parameters
        ----------
        name : str
            Relative to the folder.

        Returns
        -------
        bytes
            All of it.

        Raises
        ------
        FormatError
            If it cannot be read.
        """
        try:
            with open(f"{self.folder}/{name}", "rb", buffering=0) as file:  # noqa: PTH123 - faster than by a path
                return file.read()
        except OSError as exc:
            raise FormatError(
                f"{self.folder}: expected a file {name}, found: {exc.strerror}; save the key again"
            ) from exc

    def documents(self) -> dict[str, dict[str, Any]]:
        """Read every ``.zgroup``, ``.zarray`` and ``.zattrs``, sorted by name; the root's first.

        Raises
        ------
        FormatError
            If one is damaged.
        """
        documents: dict[str, dict[str, Any]] = {}
        waiting = [""]
        while waiting:
            path = waiting.pop()
            prefix = f"{path}/" if path else ""
            for kind in (".zarray", ".zgroup"):
                document = self._document(prefix + kind)
                if document is not None:
                    documents[prefix + kind] = document
                    documents[f"{prefix}.zattrs"] = self._document(f"{prefix}.zattrs") or {}
                    if kind == ".zgroup":
                        below = (entry.name for entry in _folders(f"{self.folder}/{path}"))
                        waiting += sorted((prefix + name for name in below if name[0] != "."), reverse=True)
                    break
        return documents

    def save(self, segments: Segments, value: StorableArray | Mapping[str, Any]) -> None:
        """Write a key, replacing all that it held; after an error all is as it was.

        Parameters
        ----------
        segments : tuple of str
            The key.
        value : StorableArray, or mapping of str to such values
            What to write.
        """
        parent, depth = parent_group(self.nodes, segments)
        # Groups that are missing come into being with what they hold.
        content = value
        for segment in reversed(segments[depth + 1 :]):
            content = {segment: content}
        name = safe_name(parent, segments[depth])
        # Strings, not paths: for a small array they are half the work.
        place = f"{self.folder}/{parent.path}".rstrip("/")
        while segments[depth] not in parent.members and os.path.exists(f"{place}/{name}"):  # noqa: PTH110
            name += "_"  # somebody has put something else there
        target, temporary, old = (f"{place}/{prefix}{name}" for prefix in ("", _NEW, _OLD))
        try:
            node, sizes = write_node(temporary, parent, segments[depth], name, content, self._compression)
            self._unlink_consolidated()
            _replace(target, temporary, old)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        parent.members[segments[depth]] = node
        # Written with other metadata or at the end: to replace a file can take longer than to write an array.
        below = {(*segments[: depth + 1], *where): size for where, size in sizes.items()}
        record_sizes(self.metadata.editing_later(), segments, below)

    def consolidate(self) -> None:
        """Write ``.zmetadata``, for readers that would otherwise look at every folder. The next `save` removes it."""
        target = self.folder / ".zmetadata"
        temporary = temporary_name(target)
        temporary.write_bytes(consolidated(self.documents()))
        temporary.replace(target)

    def read_metadata(self) -> Tree:
        """Give the metadata; not copied."""
        return self.metadata.read()

    def remove(self) -> None:
        """Remove the folder with all that is in it. It has another name before the first file goes."""
        doomed = self.folder.with_name(f"{_OLD}{self.folder.name}")
        if doomed.exists():
            shutil.rmtree(doomed)
        self.folder.rename(doomed)
        shutil.rmtree(doomed)

    def _record_missing_sizes(self, group: GroupNode, above: Segments) -> None:
        """Measure what a process saved that did not live to write its metadata, or another program."""
        for name, node in group.members.items():
            segments = (*above, name)
            if isinstance(node, GroupNode):
                self._record_missing_sizes(node, segments)
            elif not has_size(self.metadata.read(), segments):
                with os.scandir(self.folder / node.path) as entries:
                    size = sum(entry.stat().st_size for entry in entries if entry.is_file() and entry.name[0] != ".")
                record_sizes(self.metadata.editing_later(), segments, {segments: size})

    def _unlink_consolidated(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{self.folder}/.zmetadata")  # noqa: PTH108

    def _document(self, name: str) -> dict[str, Any] | None:
        try:
            with open(f"{self.folder}/{name}", "rb", buffering=0) as file:  # noqa: PTH123
                document = json.loads(file.read())
        except FileNotFoundError:
            return None
        except (ValueError, RecursionError) as exc:
            raise FormatError(f"{self.folder}/{name}: expected JSON, found: {exc}; save the key again") from exc
        if not isinstance(document, dict):
            raise FormatError(f"{self.folder}/{name}: expected a JSON object, found {type(document).__name__}")
        return document

    def _begin(self) -> None:
        with self.metadata.editing():
            pass
        (self.folder / ".zattrs").write_text(json.dumps(root_attributes("store")), encoding="utf-8")
        # Last, since it says that this is a store.
        (self.folder / ".zgroup").write_text('{"zarr_format": 2}', encoding="utf-8")


def _replace(target: str, temporary: str, old: str) -> None:
    """Put a folder in another's place; `old` is where the other waits until that is done."""
    was_there = os.path.exists(target)  # noqa: PTH110
    if was_there:
        os.rename(target, old)  # noqa: PTH104
    try:
        os.rename(temporary, target)  # noqa: PTH104
    except BaseException:
        if was_there:
            os.rename(old, target)  # noqa: PTH104
        raise
    if was_there:
        shutil.rmtree(old)


def _recover(folder: Path) -> None:
    """Undo what a process has left that died while it saved."""
    for entry in _folders(folder):
        path = Path(entry.path)
        if entry.name.startswith(_OLD):
            whole = path.with_name(entry.name.removeprefix(_OLD))
            if whole.exists():
                shutil.rmtree(path)
            else:
                path.rename(whole)
        elif entry.name.startswith(_NEW):
            shutil.rmtree(path)
        elif (path / ".zgroup").exists():
            _recover(path)


def _folders(folder: Path | str) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return [entry for entry in entries if entry.is_dir(follow_symlinks=False)]
