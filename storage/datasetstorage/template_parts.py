"""The parts of which templates are put together; every one is a part of a schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zarrpack.storage.datasetstorage.metadata_fields import default_routing_rules

__all__ = ["array_part", "field_part", "group_part", "template"]


def array_part(dims: str, dtype: str, description: str, **rules: Any) -> dict[str, Any]:
    """Give an array; `dims` are names with spaces between them.

    Examples
    --------
    >>> array_part("face", "float32", "Area", units="mm²")
    {'dims': ['face'], 'dtype': 'float32', 'description': 'Area', 'units': 'mm²'}
    """
    return {"dims": dims.split(), "dtype": dtype, "description": description, **rules}


def group_part(
    primary_dimension: str, description: str, arrays: Mapping[str, Any], special_processing: str | None = None
) -> dict[str, Any]:
    """Give a group."""
    processing = {} if special_processing is None else {"special_processing": special_processing}
    return {"primary_dimension": primary_dimension, "description": description, **processing, "arrays": dict(arrays)}


def field_part(dtype: str, description: str, **rules: Any) -> dict[str, Any]:
    """Give a metadata field that files need not have."""
    return {"dtype": dtype, "required": False, "description": description, **rules}


def template(
    domain: str,
    description: str,
    groups: Mapping[str, Any],
    file_level: Mapping[str, Any],
    categorical: Mapping[str, Any],
) -> dict[str, Any]:
    """Give a whole schema, with the routing rules that hold without one."""
    return {
        "version": "1.0",
        "domain": domain,
        "groups": dict(groups),
        "description": description,
        "metadata": {
            "file_level": dict(file_level),
            "categorical": dict(categorical),
            "routing_rules": default_routing_rules(),
        },
    }
