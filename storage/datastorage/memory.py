"""A store in memory, for tests and trials."""

from __future__ import annotations

import copy
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zarrpack.storage.datastorage.base import DataStorage
from zarrpack.storage.datastorage.keys import split_key
from zarrpack.storage.datastorage.metadata_tree import merge_metadata, metadata_keys, read_metadata
from zarrpack.storage.datastorage.nested import Tree, as_tree, find, leaves, put
from zarrpack.storage.datastorage.sizes import record_sizes

__all__ = ["MemoryStorage"]


class MemoryStorage(DataStorage):
    """Keeps any Python values in memory; what is loaded has the type that was saved. NaN is allowed.

    Not safe in threads while something is saved. A pickled copy is a store of its own.

    Examples
    --------
    >>> storage = MemoryStorage()
    >>> storage.save_data("face_areas", [1.5, 2.3])
    >>> storage.load_data("face_areas"), storage.get_keys(), storage.format()
    ([1.5, 2.3], ['face_areas'], 'memory')
    """

    def __init__(self) -> None:
        self._data: Tree = {}
        self._metadata: Tree = {}
        self._folder: str | None = None

    def __getstate__(self) -> dict[str, Any]:
        # The folder is removed by the store that has made it.
        return {**self.__dict__, "_folder": None}

    def save_data(self, data_key: str, data: Any) -> None:
        """Keep a copy of data.

        Parameters
        ----------
        data_key : str
            Where.
        data : object
            Anything that can be copied. A mapping becomes a group: its keys become strings.
        """
        self.require_fit(data_key, data)
        segments = split_key(data_key)
        kept = copy.deepcopy(as_tree(data) if isinstance(data, Mapping) else data)
        put(self._data, segments, kept)
        record_sizes(self._metadata, segments, {where: sys.getsizeof(value) for where, value in leaves(kept, segments)})

    def load_data(self, data_key: str) -> Any:
        """Give a copy of saved data; KeyError if there are none."""
        return copy.deepcopy(find(self._data, split_key(data_key)))

    def save_metadata(self, key: str, value: Any) -> None:
        """Keep a JSON value."""
        merge_metadata(self._metadata, key, value)

    def load_metadata(self, key: str) -> Any:
        """Give metadata; KeyError if there are none."""
        return read_metadata(self._metadata, key)

    def get_metadata_keys(self) -> list[str]:
        """Give the keys of metadata at the top."""
        return metadata_keys(self._metadata)

    def get_keys(self) -> list[str]:
        """Give the keys of data at the top, in the order of saving."""
        return list(self._data)

    def get_file_path(self, data_key: str) -> str:
        """Say that there is no file; for ``""`` make a temporary folder, which lasts until `close`."""
        if data_key != "":
            split_key(data_key)
            return f"In-memory storage: No file path for key '{data_key}'"
        if self._folder is None:
            self._folder = tempfile.mkdtemp(prefix="zarrpack-memory-")
        return self._folder

    def close(self) -> None:
        """Forget everything, and remove the temporary folder if there is one. Idempotent."""
        self._data.clear()
        self._metadata.clear()
        folder, self._folder = self._folder, None
        if folder is not None and Path(folder).is_dir():
            shutil.rmtree(folder)

    def format(self) -> str:
        """Give ``"memory"``."""
        return "memory"
