"""The store for data sets: a folder of Zarr while it is written, then one zip."""

from __future__ import annotations

import contextlib
import functools
import os
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias, get_args

from zarrpack.errors import UsageError
from zarrpack.storage.base import Compression
from zarrpack.storage.datastorage.base import DataStorage
from zarrpack.storage.datastorage.keys import file_stem, split_key
from zarrpack.storage.datastorage.metadata_tree import merge_metadata, metadata_keys, read_metadata
from zarrpack.storage.datastorage.nested import as_tree
from zarrpack.storage.datastorage.store_export import export_beside
from zarrpack.storage.datastorage.store_folder import StoreFolder
from zarrpack.storage.datastorage.store_nodes import GroupNode, Node, find_node, safe_name
from zarrpack.storage.datastorage.store_values import read_node
from zarrpack.storage.datastorage.store_zip import StoreZip, write_zip
from zarrpack.storage.datastorage.stored_values import StorableArray, to_storable

__all__ = ["OptStorage"]

_Storable: TypeAlias = "StorableArray | dict[str, _Storable]"


class OptStorage(DataStorage):
    """Keeps arrays in Zarr format 2, compressed and in chunks, and packs them into one ``.data`` file.

    Arrays are written into the folder `store_path` as they are saved; `compress_store` copies the folder into the
    archive ``<store_path><compress_extension>``, and `close` then removes the folder. zarr-python and xarray read both.
    Where only the archive is there it is opened for reading alone.

    Takes numbers, booleans, strings, bytes, arrays of these and of times, lists of them (which come back as arrays), and
    dicts of all these (groups). NaN is refused, infinity is not. A single value comes back as a Python value.

    Safe in threads. One process may write at a time. A pickled copy opens the store anew. After `close` what is loaded comes
    from the archive, if there is one.

    Parameters
    ----------
    store_path : path-like
        The folder, as a rule ``<name>.zarr``. If it ends with `compress_extension` it is the archive, and the folder has the
        same name without that.
    compress_extension : str
        What the archive's name ends with.
    compression : {"spec", "fast", "none"}
        How arrays are encoded: with Zstd 12, with Zstd 1, or not at all; the first two difference integers before.
    validate_on_save : bool
        Whether data that do not fit the schema are refused.

    Attributes
    ----------
    store_path : str
        The folder as given.
    is_read_only : bool
        Whether only the archive was there.

    Raises
    ------
    UsageError
        If an option is wrong.

    Examples
    --------
    >>> storage = OptStorage("encoded/part_001.zarr")
    >>> storage.save_data("face_areas", [1.5, 2.3, 4.1])
    >>> storage.save_metadata("size_cadfile", 1024)
    >>> size = storage.compress_store()
    >>> storage.close()
    >>> with OptStorage("encoded/part_001.zarr") as storage:
    ...     storage.load_data("face_areas")
    array([1.5, 2.3, 4.1])
    """

    def __init__(
        self,
        store_path: str | os.PathLike[str],
        compress_extension: str = ".data",
        *,
        compression: Compression = "spec",
        validate_on_save: bool = True,
    ) -> None:
        if compression not in get_args(Compression):
            raise UsageError(f"compression: expected one of {', '.join(get_args(Compression))}, found {compression!r}")
        if not compress_extension.strip(".") or {"/", os.sep} & set(compress_extension):
            raise UsageError(f"compress_extension: expected one such as '.data', found {compress_extension!r}")
        self.validate_on_save = validate_on_save
        self._extension = compress_extension
        self._compression: Compression = compression
        given = os.fspath(store_path).rstrip("/" + os.sep)
        is_archive = given.endswith(compress_extension) and not Path(given).is_dir()
        self.store_path = given.removesuffix(compress_extension) if is_archive else given
        if not Path(self.store_path).name:
            raise UsageError(f"store_path: expected a path with a name, found {os.fspath(store_path)!r}")
        self._path = Path(self.store_path).absolute()
        self._archive = Path(f"{self._path}{compress_extension}")
        self._guard = threading.RLock()
        self._was_packed = self._has_changed = False
        self.is_read_only = self._archive.is_file() and (is_archive or not self._path.is_dir())
        self._reader: StoreFolder | StoreZip | None = (
            StoreZip(self._archive) if self.is_read_only else StoreFolder(self._path, compression)
        )

    def __reduce__(self) -> tuple[Any, ...]:
        with self._guard:
            if isinstance(self._reader, StoreFolder):
                self._reader.metadata.flush()
        path = self._archive if self.is_read_only else self._path
        return (
            functools.partial(type(self), compression=self._compression),
            (str(path), self._extension),
            {"validate_on_save": self.validate_on_save},
        )

    def save_data(self, data_key: str, data: Any) -> None:
        """Encode data and write them.

        Parameters
        ----------
        data_key : str
            Where.
        data : object
            Number, bool, str, bytes, array, list, or mapping of these, whose keys become strings. PermissionError is
            raised if the store is read-only, RuntimeError after `close`.
        """
        segments = split_key(data_key)
        self.require_fit(data_key, data)
        value = _storable(as_tree(data) if isinstance(data, Mapping) else data, "/".join(segments))
        with self._guard:
            self._writable().save(segments, value)
            self._has_changed = True

    def load_data(self, data_key: str) -> Any:
        """Read data.

        Parameters
        ----------
        data_key : str
            Which; of a group all that is in it is read.

        Returns
        -------
        object
            An ndarray, a Python value, or a dict. KeyError is raised if there is no such key.
        """
        segments = split_key(data_key)
        with self._reading() as reader:
            return read_node(reader, find_node(reader.nodes, segments))

    def save_metadata(self, key: str, value: Any) -> None:
        """Keep a JSON value in ``metadata.json``."""
        with self._guard, self._writable().metadata.editing() as tree:
            merge_metadata(tree, key, value)
            self._has_changed = True

    def load_metadata(self, key: str) -> Any:
        """Give metadata; KeyError if there are none."""
        with self._reading() as reader:
            return read_metadata(reader.read_metadata(), key)

    def get_metadata_keys(self) -> list[str]:
        """Give the keys of metadata at the top."""
        with self._reading() as reader:
            return metadata_keys(reader.read_metadata())

    def get_keys(self) -> list[str]:
        """Give the keys of data at the top: in the order of saving, after reopening sorted."""
        with self._reading() as reader:
            return list(reader.nodes.members)

    def get_file_path(self, data_key: str) -> str:
        """Give the folder of a key, ``<store_path>/<key>``; for ``""`` the store's. The archive's is not asked for here."""
        if data_key == "":
            return self.store_path
        names = []
        with self._guard:
            node: Node | None = self._nodes if self._reader is None else self._reader.nodes
            for segment in split_key(data_key):
                group = node if isinstance(node, GroupNode) else GroupNode("")
                names.append(safe_name(group, segment))
                node = group.members.get(segment)
        return os.path.join(self.store_path, *names)  # noqa: PTH118 - as the user has given it

    def compress_store(self) -> int:
        """Copy the folder into the archive, which has its name only when it is whole. The folder stays until `close`.

        Returns
        -------
        int
            Bytes of the archive.
        """
        with self._guard:
            size = write_zip(self._writable(), self._archive, self._stem)
            self._was_packed, self._has_changed = True, False
            return size

    def close(self) -> None:
        """Export, and remove the folder if it has been compressed; in threads, the first call does it. Idempotent.

        ``visu*`` files of the folder go to ``stream_cache`` and the metadata to ``files_summary/<name>.json``, beside the
        store or, if that lies in a folder ``encoded``, beside that. What has changed since `compress_store` is compressed
        again. A store that was opened for reading is only closed.
        """
        with self._guard:
            reader = self._reader
            if reader is None:
                return
            if isinstance(reader, StoreZip):
                reader.close()
            else:
                if self._was_packed and self._has_changed:
                    self.compress_store()
                reader.metadata.flush()
                export_beside(self._path, self._stem, reader.read_metadata())
                if self._was_packed:
                    reader.remove()
                else:
                    reader.consolidate()
            self._nodes = reader.nodes
            self._reader = None

    def format(self) -> str:
        """Give ``"zarr"``."""
        return "zarr"

    @property
    def _stem(self) -> str:
        return file_stem(self._path, self._extension)

    @contextlib.contextmanager
    def _reading(self) -> Iterator[StoreFolder | StoreZip]:
        """Give what can be read: the open store, or after `close` the archive for as long as the block takes."""
        with self._guard:
            reader = self._reader
            # What is in a folder may be replaced meanwhile; what is in a zip may not, and threads read it together.
            if isinstance(reader, StoreFolder):
                yield reader
                return
        if reader is not None:
            yield reader
            return
        if not self._archive.is_file():
            raise RuntimeError(f"{self.store_path}: expected an open store, found a closed one; open it again")
        archive = StoreZip(self._archive)
        try:
            yield archive
        finally:
            archive.close()

    def _writable(self) -> StoreFolder:
        if self.is_read_only:
            raise PermissionError(
                f"{self._archive}: expected a folder to write to, found only the archive, which is read-only; "
                "save under another path"
            )
        if isinstance(self._reader, StoreFolder):
            return self._reader
        raise RuntimeError(f"{self.store_path}: expected an open store, found a closed one; open it again")


def _storable(value: Any, key: str) -> _Storable:
    """Convert all values before the first is written, so that none is if one cannot be."""
    if isinstance(value, dict):
        return {name: _storable(entry, f"{key}/{name}") for name, entry in value.items()}
    return to_storable(value, key)
