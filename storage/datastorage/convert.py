"""Copies one store into another."""

from __future__ import annotations

import sys

from zarrpack.errors import ZarrpackError
from zarrpack.storage.datastorage.base import DataStorage
from zarrpack.storage.datastorage.metadata_tree import INDEX_KEY
from zarrpack.storage.datastorage.sizes import SIZES_KEY

__all__ = ["ConversionError", "convert_storage"]

# The other store records sizes of its own, and keeps its own index.
_NOT_COPIED = (SIZES_KEY, INDEX_KEY)


class ConversionError(ZarrpackError, RuntimeError, ValueError):
    """A store cannot be copied into another."""


def convert_storage(source_handler: DataStorage, dest_handler: DataStorage, verbose: bool = False) -> None:
    """Copy all data, then all metadata, the schema among them, into another store of any kind.

    Neither store is closed.

    Parameters
    ----------
    source_handler : DataStorage
        What is copied.
    dest_handler : DataStorage
        What it is added to. After an error it holds the keys that were copied before.
    verbose : bool
        Whether every key is named on standard output.

    Raises
    ------
    ConversionError
        If the source holds no data, or a value cannot be read or cannot be kept by the other store.

    Examples
    --------
    >>> from zarrpack.storage.datastorage import MemoryStorage
    >>> source, target = MemoryStorage(), MemoryStorage()
    >>> source.save_data("face_areas", [1.5, 2.3])
    >>> convert_storage(source, target)
    >>> target.load_data("face_areas")
    [1.5, 2.3]
    """
    keys = source_handler.get_keys()
    if not keys:
        raise ConversionError(f"{source_handler.format()} store: expected data to copy, found no keys")
    for key in keys:
        try:
            dest_handler.save_data(key, source_handler.load_data(key))
        except Exception as exc:
            raise ConversionError(_message(key, dest_handler, exc)) from exc
        if verbose:
            sys.stdout.write(f"data {key}\n")
    for key in source_handler.get_metadata_keys():
        if key in _NOT_COPIED:
            continue
        try:
            dest_handler.save_metadata(key, source_handler.load_metadata(key))
        except Exception as exc:
            raise ConversionError(_message(f"metadata {key}", dest_handler, exc)) from exc
        if verbose:
            sys.stdout.write(f"metadata {key}\n")


def _message(key: str, dest_handler: DataStorage, exc: Exception) -> str:
    return f"{key}: expected something that a {dest_handler.format()} store keeps, found: {exc}"
