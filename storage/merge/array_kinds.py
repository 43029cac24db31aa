"""What an array's metadata say of its kind."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from zarrpack.storage.array_metadata import ArrayMetadata
from zarrpack.storage.merge.catalogue import ArrayKind, GroupKey
from zarrpack.storage.stored_array import StoredArray

__all__ = ["NO_AXIS", "array_kind", "attribute_text", "users_attributes"]

#: The dimension of arrays without axes: one row for each file.
NO_AXIS = "file"
_MOST_LEVEL = 22  # of Zstd


def array_kind(group: GroupKey, name: str, array: StoredArray) -> ArrayKind:
    """Give what an array of a group is: the dimensions and the name it had in its source, its codec, how it is laid out."""
    metadata = array.metadata
    attributes = metadata.attributes
    flat = attributes.get("zarrpack_flat") is True
    dims = _texts(attributes, "zarrpack_dims")
    if not flat and len(dims) != len(metadata.dims):
        dims = metadata.dims
    draft = _draft_level(metadata)
    return ArrayKind(
        group=group,
        name=true_name if isinstance(true_name := attributes.get("name"), str) else name,
        dims=dims or (NO_AXIS,),
        dtype=metadata.dtype,
        codec=metadata.codec if draft is None else replace(metadata.codec, level=draft),
        stands_for=attribute_text(attributes, "zarrpack_dtype"),
        flat=flat,
        content="pixels" if attributes.get("zarrpack_content") == "pixels" else "values",
        unit="row" if attributes.get("zarrpack_unit") == "row" else "member",
        shape_from=_texts(attributes, "zarrpack_shape_from"),
        draft=draft is not None,
    )


def _draft_level(metadata: ArrayMetadata) -> int | None:
    """Give the Zstd level that a draft is to be encoded at; None: it is no draft."""
    level = metadata.attributes.get("zarrpack_draft")
    return level if metadata.codec.level is not None and type(level) is int and 1 <= level <= _MOST_LEVEL else None


def users_attributes(attributes: Any) -> dict[str, Any]:
    """Give the attributes that are not zarrpack's own."""
    return {key: value for key, value in attributes.items() if key != "name" and not key.startswith("zarrpack_")}


def attribute_text(attributes: Any, key: str) -> str:
    """Give an attribute that is a text, else an empty one: attributes come from foreign files."""
    value = attributes.get(key, "")
    return value if isinstance(value, str) else ""


def _texts(attributes: Any, key: str) -> tuple[str, ...]:
    value = attributes.get(key)
    return tuple(value) if isinstance(value, list) and all(isinstance(entry, str) for entry in value) else ()
