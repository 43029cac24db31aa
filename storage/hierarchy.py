"""The documents that make chunks a Zarr hierarchy: ``.zgroup``, ``.zattrs``, ``.zarray``, ``.zmetadata``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from zarrpack.storage.array_metadata import ArrayMetadata
from zarrpack.storage.json_text import json_text

__all__ = ["FIRST_NAMES", "FORMAT", "hierarchy_documents", "kind_of", "root_attributes"]

#: The version of the formats in ``docs/formats.md``.
FORMAT = 1

#: The entries that come first in a zip's central directory.
FIRST_NAMES = (".zmetadata", ".zgroup", ".zattrs", "metadata.json")

_GROUP = '{"zarr_format": 2}'


def root_attributes(kind: Literal["store", "pack", "dataset"]) -> dict[str, Any]:
    """Give the attributes of a file's root.

    Examples
    --------
    >>> root_attributes("pack")
    {'zarrpack': {'format': 1, 'kind': 'pack'}}
    """
    return {"zarrpack": {"format": FORMAT, "kind": kind}}


def kind_of(attributes: object) -> str:
    """Give the kind that the attributes of a root tell; empty for those that zarrpack has not made.

    Examples
    --------
    >>> kind_of(root_attributes("pack")), kind_of({"title": "mine"}), kind_of(None)
    ('pack', '', '')
    """
    own = attributes.get("zarrpack") if isinstance(attributes, Mapping) else None
    return str(own.get("kind", "")) if isinstance(own, dict) else ""


def hierarchy_documents(
    attributes: Mapping[str, Any],
    groups: Mapping[str, Mapping[str, Any]],
    arrays: Mapping[str, ArrayMetadata],
    metadata: str,
) -> Iterator[tuple[str, bytes]]:
    """Give every document of a hierarchy, ``.zmetadata`` last.

    Parameters
    ----------
    attributes : mapping
        The root's ``.zattrs``.
    groups : mapping of str to mapping
        Group name -> its ``.zattrs``.
    arrays : mapping of str to ArrayMetadata
        ``"group/array"`` -> what the array is.
    metadata : str
        The text of ``metadata.json``.

    Yields
    ------
    tuple of (str, bytes)
        Entry name and content; the names in `FIRST_NAMES` are among them.

    Examples
    --------
    >>> [name for name, _ in hierarchy_documents(root_attributes("pack"), {"images": {}}, {}, "{}")]
    ['images/.zgroup', 'images/.zattrs', '.zgroup', '.zattrs', 'metadata.json', '.zmetadata']
    """
    documents: dict[str, str] = {}
    for name, array in arrays.items():
        documents[f"{name}/.zarray"] = json_text(array.to_zarray())
        documents[f"{name}/.zattrs"] = json_text(array.to_zattrs())
    for name, group in groups.items():
        documents[f"{name}/.zgroup"] = _GROUP
        documents[f"{name}/.zattrs"] = json_text(group)
    documents[".zgroup"] = _GROUP
    documents[".zattrs"] = json_text(attributes)
    for name, text in documents.items():
        yield name, text.encode()
    yield "metadata.json", metadata.encode()
    # The same texts again, so that the two can never differ.
    entries = ", ".join(f"{json.dumps(name)}: {text}" for name, text in documents.items())
    yield ".zmetadata", f'{{"zarr_consolidated_format": 1, "metadata": {{{entries}}}}}'.encode()
