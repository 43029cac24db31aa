"""Reads what lies at a key of a store, in a folder or in a zip."""

from __future__ import annotations

from typing import Any

from zarrpack.storage.array_metadata import ArrayMetadata
from zarrpack.storage.datastorage.msgpack_strings import is_msgpack, read_msgpack
from zarrpack.storage.datastorage.store_nodes import ArrayNode, Node
from zarrpack.storage.datastorage.stored_values import from_stored
from zarrpack.storage.stored_array import EntryReader, StoredArray

__all__ = ["read_node"]


def read_node(entries: EntryReader, node: Node) -> Any:
    """Read an array, or a whole group as a dict.

    Parameters
    ----------
    entries : EntryReader
        Where the chunks are.
    node : ArrayNode or GroupNode
        What to read.

    Returns
    -------
    object
        As it was saved; what other programs have written as an array of the stored type, or as a plain value.

    Raises
    ------
    FormatError
        If an array cannot be read; the message names it.
    """
    if not isinstance(node, ArrayNode):
        return {name: read_node(entries, member) for name, member in node.members.items()}
    if is_msgpack(node.zarray):
        return read_msgpack(entries, node.path, node.zarray)
    metadata = ArrayMetadata.from_documents(node.zarray, node.zattrs, node.path)
    values = StoredArray(entries, node.path, metadata).read()
    return from_stored(values, metadata.attributes, node.path)
