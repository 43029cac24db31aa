"""A store of JSON files, for people to read."""

from __future__ import annotations

import json
import os
import threading
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zarrpack.errors import FormatError
from zarrpack.storage.datastorage.base import DataStorage
from zarrpack.storage.datastorage.json_names import METADATA_NAME, choose_name
from zarrpack.storage.datastorage.json_values import from_json, to_json
from zarrpack.storage.datastorage.keys import split_key
from zarrpack.storage.datastorage.metadata_file import MetadataFile, parse_json, temporary_name
from zarrpack.storage.datastorage.metadata_tree import INDEX_KEY, merge_metadata, metadata_keys, read_metadata
from zarrpack.storage.datastorage.nested import Segments, Tree, as_tree, find, leaves, put
from zarrpack.storage.datastorage.sizes import record_sizes

__all__ = ["JsonStorageHandler"]


class JsonStorageHandler(DataStorage):
    """Keeps each key in a JSON file of its own in one folder; ``face/areas`` in ``face_areas.json``.

    Takes None, bool, int, float, complex, str, bytes, arrays of numbers, strings and times, and lists and dicts of
    these. NaN and infinity are written as ``NaN`` and ``Infinity``, which not every reader of JSON takes. Arrays come
    back with their type, which ``metadata.json`` keeps. JSON files that others put into the folder are read as well.

    Safe in threads; one process may write at a time. A pickled copy works on the same folder.

    Parameters
    ----------
    json_dir_path : path-like
        The folder; it is made if it is missing.

    Examples
    --------
    >>> import numpy as np
    >>> storage = JsonStorageHandler("records")
    >>> storage.save_data("face/areas", np.array([1.5, 2.5], np.float32))
    >>> storage.load_data("face/areas")
    array([1.5, 2.5], dtype=float32)
    >>> Path("records/face_areas.json").read_text()
    '[1.5, 2.5]'
    """

    def __init__(self, json_dir_path: str | os.PathLike[str]) -> None:
        self.json_dir_path = os.fspath(json_dir_path)
        self._folder = Path(self.json_dir_path).absolute()
        self._folder.mkdir(parents=True, exist_ok=True)
        self._metadata = MetadataFile(self._folder / METADATA_NAME, indent=2)
        self._guard = threading.RLock()
        if not self._metadata.path.exists():
            with self._metadata.editing():
                pass

    def __reduce__(self) -> tuple[Any, ...]:
        return JsonStorageHandler, (str(self._folder),), {"validate_on_save": self.validate_on_save}

    def save_data(self, data_key: str, data: Any) -> None:
        """Write data to the key's file.

        Parameters
        ----------
        data_key : str
            Where. A key below one that has a file of its own goes into that file.
        data : object
            Numbers, strings, bytes, arrays, None, lists and mappings of these. Tuples become lists, the keys of
            mappings strings, numpy scalars the plain numbers.
        """
        self.require_fit(data_key, data)
        segments = split_key(data_key)
        value = as_tree(data) if isinstance(data, Mapping) else data
        sizes = {where: len(json.dumps(to_json(leaf, "/".join(where))[0])) for where, leaf in leaves(value, segments)}
        with self._guard:
            files = self._files()
            owner = _owner(files, segments) or segments
            if owner != segments:
                tree: Tree = {}
                put(tree, owner, self._load_file(files, owner))
                put(tree, segments, value)
                value = find(tree, owner)
            self._write(files, owner, value, segments, sizes)

    def load_data(self, data_key: str) -> Any:
        """Read data.

        Parameters
        ----------
        data_key : str
            Which.

        Returns
        -------
        object
            Arrays with their type; lists as lists. KeyError is raised if there is no such key.
        """
        segments = split_key(data_key)
        with self._guard:
            files = self._files()
            owner = _owner(files, segments)
            tree: Tree = {}
            for one in _below(files, segments) if owner is None else [owner]:
                put(tree, one, self._load_file(files, one))
        return find(tree, segments)

    def save_metadata(self, key: str, value: Any) -> None:
        """Keep a JSON value in ``metadata.json``."""
        with self._guard, self._metadata.editing() as tree:
            merge_metadata(tree, key, value)

    def load_metadata(self, key: str) -> Any:
        """Give metadata; KeyError if there are none."""
        with self._guard:
            return read_metadata(self._metadata.read(), key)

    def get_metadata_keys(self) -> list[str]:
        """Give the keys of metadata at the top."""
        with self._guard:
            return metadata_keys(self._metadata.read())

    def get_keys(self) -> list[str]:
        """Give the keys of data at the top, in the order of saving; then the names of files by others."""
        with self._guard:
            return list(dict.fromkeys(segments[0] for segments in self._files()))

    def get_file_path(self, data_key: str) -> str:
        """Give the file that holds a key, or would hold it; for ``""`` the folder."""
        folder = self.json_dir_path.rstrip("/") or self.json_dir_path
        if data_key == "":
            return folder
        segments = split_key(data_key)
        with self._guard:
            files = self._files()
            owner = _owner(files, segments) or segments
            return os.path.join(folder, files.get(owner) or choose_name("/".join(owner), files.values()))  # noqa: PTH118

    def close(self) -> None:
        """Do nothing: nothing is held open."""

    def format(self) -> str:
        """Give ``"json"``."""
        return "json"

    def _index(self) -> dict[str, Any]:
        index = self._metadata.read().get(INDEX_KEY)
        return index if isinstance(index, dict) else {}

    def _files(self) -> dict[Segments, str]:
        """Key -> name of the file, of all files that are there."""
        names = {entry.name for entry in self._folder.iterdir() if entry.suffix == ".json" and entry.name[0] != "."}
        names.discard(METADATA_NAME)
        files: dict[Segments, str] = {}
        for key, record in self._index().items():
            if isinstance(record, dict) and record.get("file") in names:
                files[tuple(key.split("/"))] = record["file"]
        known = set(files.values())
        for name in sorted(names - known):
            files.setdefault((name.removesuffix(".json"),), name)
        return files

    def _load_file(self, files: Mapping[Segments, str], owner: Segments) -> Any:
        path = self._folder / files[owner]
        text = path.read_bytes()
        record = _record_of(self._index().get("/".join(owner)), text)
        content = parse_json(text, path)
        try:
            return from_json(content, record)
        except FormatError as exc:
            raise FormatError(f"{path}: {exc}; save the key again") from exc

    def _write(
        self, files: dict[Segments, str], owner: Segments, value: Any, changed: Segments, sizes: dict[Segments, int]
    ) -> None:
        """Replace the file of `owner`, and drop the files of keys below it. An error leaves everything as it was."""
        key = "/".join(owner)
        below = _below(files, owner)
        name = files.get(owner) or choose_name(key, [files[one] for one in files if one not in below])
        content, record = to_json(value, key)
        text = json.dumps(content).encode()
        path = self._folder / name
        temporary = temporary_name(path)
        temporary.write_bytes(text)
        earlier = self._metadata.read()  # what is edited is a copy
        try:
            with self._metadata.editing() as tree:
                before = _before(tree.get(INDEX_KEY, {}).get(key), path)
                index = tree.setdefault(INDEX_KEY, {})
                index[key] = {"file": name, **record, "crc32": zlib.crc32(text), **before}
                record_sizes(tree, changed, sizes)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            _restore(self._metadata, earlier)
            raise
        self._drop(files, below, name)

    def _drop(self, files: Mapping[Segments, str], keys: list[Segments], kept: str) -> None:
        """Drop keys and their files, which another key's file holds by now."""
        if not keys:
            return
        with self._metadata.editing() as tree:
            for one in keys:
                tree[INDEX_KEY].pop("/".join(one), None)
        for one in keys:
            if files[one] != kept:
                (self._folder / files[one]).unlink()


def _restore(metadata: MetadataFile, earlier: Tree) -> None:
    """Give a file the content that it had."""
    if metadata.read() != earlier:
        with metadata.editing() as tree:
            tree.clear()
            tree.update(earlier)


def _before(record: Any, path: Path) -> dict[str, Any]:
    """Give what a new record says of the one before, which counts until the file is replaced."""
    if not path.exists():
        return {}
    known = record if isinstance(record, dict) else {}
    checksum = known.get("crc32", zlib.crc32(path.read_bytes()))
    return {"before": {**{name: value for name, value in known.items() if name != "before"}, "crc32": checksum}}


def _record_of(record: Any, text: bytes) -> Any:
    """Give the record that belongs to a file's text: the one before, where a save ended before it replaced the file."""
    before = record.get("before") if isinstance(record, dict) else None
    if isinstance(before, dict) and record.get("crc32") != zlib.crc32(text) == before.get("crc32"):
        return before if "kind" in before else None
    return record


def _owner(files: Mapping[Segments, str], segments: Segments) -> Segments | None:
    """Give the key whose file holds `segments`, or would hold it: itself or one above it."""
    return next((segments[:depth] for depth in range(1, len(segments) + 1) if segments[:depth] in files), None)


def _below(files: Mapping[Segments, str], segments: Segments) -> list[Segments]:
    return [one for one in files if len(one) > len(segments) and one[: len(segments)] == segments]
