"""A file's metadata as fields of its row: what becomes a column, and what has a column of another name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from zarrpack.storage.datastorage.metadata_tree import INDEX_KEY, OWN_KEY, SCHEMA_KEY
from zarrpack.storage.datastorage.sizes import SIZES_KEY
from zarrpack.storage.tables.fields import flat_fields
from zarrpack.storage.tables.infoset import ItemRow

__all__ = ["OWN_COLUMNS", "FileMetadata", "item_row", "split_metadata"]

#: Columns that fields of several names go to.
OWN_COLUMNS = ("flow_name", "stream_cache_png", "stream_cache_3d")

_DESCRIPTIONS = "descriptions"
_NO_COLUMNS = (SIZES_KEY, _DESCRIPTIONS, INDEX_KEY, OWN_KEY)
_DESCRIPTION_FIELDS = ("description", "Item")
_FLOW_FIELDS = ("flow_name", "Flow name")
_SUBSETS = ("train", "validation", "test")
# Of a viewer's files, such as "stream cache png", "stream_cache/3d" or "visu_png".
_STREAM_FIELD = re.compile(r"stream[ _/].*|visu.*", re.IGNORECASE | re.DOTALL)
_PICTURE = re.compile(r".*(\.(png|jpe?g)|[ _/]png)", re.IGNORECASE | re.DOTALL)
_MODEL = re.compile(r".*(\.(scs|stl|glb|gltf|obj|ply|step|stp|html)|[ _/](3d|scs|stl))", re.IGNORECASE | re.DOTALL)


class FileMetadata(NamedTuple):
    """One file's metadata, taken apart.

    Parameters
    ----------
    fields : mapping of str to JSON value
        What becomes columns. Nested ones are ``a/b``.
    descriptions : object
        Tables of ids with their names; None: there are none.
    schema : object
        The schema that the file was stored with; None: there is none.
    """

    fields: Mapping[str, Any]
    descriptions: object
    schema: object


def split_metadata(metadata: Mapping[str, Any]) -> FileMetadata:
    """Take a store's metadata apart.

    Examples
    --------
    >>> split_metadata({"size": {"x": 1}, "_id": 5, "file_sizes_KB": {"a": 0.5}}).fields
    {'size/x': 1}
    """
    kept = {str(name): value for name, value in metadata.items() if not _has_no_column(str(name))}
    return FileMetadata(flat_fields(kept), metadata.get(_DESCRIPTIONS), metadata.get(SCHEMA_KEY))


def item_row(code: int, name: str, fields: Mapping[str, Any], description: str = "") -> ItemRow:
    """Give the infoset's row of a file.

    ``Item`` is its description if it has none, ``Flow name`` its ``flow_name``, a viewer's files are
    ``stream_cache_png`` and ``stream_cache_3d``, and a ``subset`` is its subset.

    Parameters
    ----------
    code : int
        The file's code.
    name : str
        The file's name.
    fields : mapping
        As :func:`split_metadata` gives them.
    description : str
        What it is if its metadata do not say so.

    Examples
    --------
    >>> row = item_row(3, "part_001", {"Item": "parts/part_001.step", "stream cache png": "a/part_001.png", "mass": 2.5})
    >>> row.description, dict(row.fields)
    ('parts/part_001.step', {'stream_cache_png': 'a/part_001.png', 'mass': 2.5})
    """
    own: dict[str, Any] = {}
    taken: set[str] = set()
    for column, sources in (("description", _DESCRIPTION_FIELDS), ("flow_name", _FLOW_FIELDS)):
        found = [field for field in sources if _is_text_like(fields.get(field))]
        if found:
            own[column] = str(fields[found[0]])
            # What lost against another keeps a column of its own, unless it says the same.
            taken.update(field for field in found if field == found[0] or str(fields[field]) == own[column])
    for field, value in fields.items():
        column = _stream_column(field, value)
        if column and column not in own:
            own[column] = value
            taken.add(field)
    subset = fields.get("subset")
    if subset in _SUBSETS:
        taken.add("subset")
    columns = {column: own[column] for column in OWN_COLUMNS if column in own}
    columns.update({field: value for field, value in fields.items() if field not in taken})
    return ItemRow(code, name, own.get("description", description), subset if subset in _SUBSETS else None, columns)


def _has_no_column(name: str) -> bool:
    return name.startswith("_") or name in _NO_COLUMNS


def _is_text_like(value: object) -> bool:
    return isinstance(value, str | int | float) and value != ""


def _stream_column(field: str, value: object) -> str:
    """Give the column that a viewer's file has; empty: it is none."""
    if field in OWN_COLUMNS[1:]:
        return field
    if not isinstance(value, str) or not _STREAM_FIELD.fullmatch(field):
        return ""
    for pattern, column in ((_PICTURE, "stream_cache_png"), (_MODEL, "stream_cache_3d")):
        if pattern.fullmatch(value) or pattern.fullmatch(field):
            return column
    return ""
