"""What every store of one file's arrays offers."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from zarrpack.errors import UsageError
from zarrpack.storage.datastorage.keys import split_key
from zarrpack.storage.datastorage.metadata_tree import SCHEMA_KEY
from zarrpack.storage.datastorage.sizes import SIZES_KEY

__all__ = ["DataStorage"]


class DataStorage(ABC):
    """Keeps named data and metadata of one file, under keys that form a tree.

    Data are arrays, numbers, strings, lists, and dicts of these; a dict is a group, and ``"graph/nodes"`` is
    ``"nodes"`` in the group ``"graph"``. Metadata are small JSON values. A store can be used in a ``with`` statement,
    which closes it. Whether it is safe in threads is said by each class.

    A class of your own derives from this one and runs
    `zarrpack.storage.datastorage.testing.DataStorageConformance` as its tests.

    Attributes
    ----------
    validate_on_save : bool
        Whether `save_data` refuses what does not fit the schema.

    Examples
    --------
    >>> from zarrpack.storage.datastorage import MemoryStorage
    >>> with MemoryStorage() as storage:
    ...     storage.save_data("graph", {"edges": [0, 1], "nodes": 2})
    ...     storage.load_data("graph/nodes")
    2
    """

    validate_on_save: bool = True

    @abstractmethod
    def save_data(self, data_key: str, data: Any) -> None:
        """Keep data, replacing what the key held, and record their size in ``file_sizes_KB/<key>``.

        Parameters
        ----------
        data_key : str
            Where; groups on the way are made.
        data : object
            Which kinds a store takes is said by its class. Nothing changes if this raises.
        """

    @abstractmethod
    def load_data(self, data_key: str) -> Any:
        """Give saved data; of a group, a dict.

        Parameters
        ----------
        data_key : str
            Which.

        Returns
        -------
        object
            The caller's own: changing it does not change the store. KeyError is raised if there is none.
        """

    @abstractmethod
    def save_metadata(self, key: str, value: Any) -> None:
        """Keep a JSON value; what lies beside it stays, and a dict is merged with the dict that is there.

        Parameters
        ----------
        key : str
            With slashes for nested metadata.
        value : bool, int, float, str, list, dict, numpy scalar or ndarray
            Kept as JSON has it.
        """

    @abstractmethod
    def load_metadata(self, key: str) -> Any:
        """Give metadata: a value, or a whole section as a dict.

        Parameters
        ----------
        key : str
            Which.

        Returns
        -------
        object
            A copy. KeyError is raised if there is none.
        """

    @abstractmethod
    def get_keys(self) -> list[str]:
        """Give the keys of data at the top: of arrays, single values and groups."""

    @abstractmethod
    def get_file_path(self, data_key: str) -> str:
        """Give where a key's data lie in the file system.

        Parameters
        ----------
        data_key : str
            Any key, saved or not; ``""`` for the place of the whole store.

        Returns
        -------
        str
            A path without a slash at its end, or a sentence where there is none.

        Raises
        ------
        TypeError
            If the key is no text.
        """

    @abstractmethod
    def close(self) -> None:
        """Release what the store holds. Idempotent."""

    @abstractmethod
    def format(self) -> str:
        """Give the kind of store, such as ``"zarr"``."""

    def compress_store(self) -> int:
        """Pack the store into one file and give its size in bytes; 0 where there is nothing to pack."""
        return 0

    def get_metadata_keys(self) -> list[str]:
        """Give the keys of metadata at the top; a store that cannot list them gives those that zarrpack writes."""
        return [key for key in (SCHEMA_KEY, SIZES_KEY) if self._has_metadata(key)]

    def set_schema(self, schema: dict[str, Any]) -> None:
        """Set what `validate_data_against_schema` and `get_group_for_array` go by; it is kept with the metadata.

        Parameters
        ----------
        schema : dict
            From ``SchemaBuilder.build()``, or a part of one. Copied.

        Raises
        ------
        TypeError
            If it is no mapping.
        """
        if not isinstance(schema, Mapping):
            raise TypeError(f"schema: expected a dict, found {type(schema).__name__}; call build() on a builder")
        self.save_metadata(SCHEMA_KEY, copy.deepcopy(dict(schema)))

    def get_schema(self) -> dict[str, Any]:
        """Give the schema; empty if none is set."""
        try:
            schema = self.load_metadata(SCHEMA_KEY)
        except KeyError:
            return {}
        return schema if isinstance(schema, dict) else {}

    def get_group_for_array(self, array_name: str) -> str | None:
        """Give the group that an array belongs to by the schema.

        Parameters
        ----------
        array_name : str
            Its name, or its whole key.

        Returns
        -------
        str or None
            None if the schema does not have it.
        """
        from zarrpack.storage.datasetstorage.declared_arrays import find_array

        declared = find_array(self.get_schema(), array_name)
        return None if declared is None else declared.group

    def validate_data_against_schema(self, data_key: str, data: Any) -> bool:
        """Whether data fit the schema: number of axes, kind of values, and range.

        Parameters
        ----------
        data_key : str
            Where they would be saved.
        data : object
            What would be saved. The members of a dict are looked at one by one.

        Returns
        -------
        bool
            True also without a schema, and for what the schema does not have.
        """
        return _misfit(self.get_schema(), "/".join(split_key(data_key)), data) is None

    def require_fit(self, data_key: str, data: Any) -> None:
        """Refuse data that do not fit the schema, unless `validate_on_save` is off. Every `save_data` begins with this.

        Parameters
        ----------
        data_key : str
            Where they are to be saved.
        data : object
            What is to be saved.

        Raises
        ------
        UsageError
            If they do not fit; the message says which value, and why.
        """
        if not self.validate_on_save:
            return
        schema = self.get_schema()
        misfit = _misfit(schema, "/".join(split_key(data_key)), data) if schema else None
        if misfit is not None:
            raise UsageError(f"{misfit}; change the data or the schema, or set validate_on_save to False")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _has_metadata(self, key: str) -> bool:
        try:
            self.load_metadata(key)
        except KeyError:
            return False
        return True


def _misfit(schema: Mapping[str, Any], key: str, data: Any) -> str | None:
    """Say which value does not fit a schema, and why; None if all fit."""
    # Imported here, because that package uses this one.
    from zarrpack.storage.datasetstorage.declared_arrays import find_array
    from zarrpack.storage.datasetstorage.validation import describe_misfit

    declared = find_array(schema, key)
    if declared is not None:
        misfit = describe_misfit(declared.spec, data, special_processing=declared.special_processing)
        return None if misfit is None else f"{key}: {misfit}"
    if isinstance(data, Mapping):
        misfits = (_misfit(schema, f"{key}/{name}", value) for name, value in data.items())
        return next((misfit for misfit in misfits if misfit is not None), None)
    return None
