"""What the schemas of a merge say: where a user's key belongs, and what a group and an array are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zarrpack.storage.datasetstorage.discovery import find_target
from zarrpack.storage.merge.catalogue import GroupKey

__all__ = ["Declared"]


class Declared:
    """Answers by schemas, and by names where these say nothing.

    Parameters
    ----------
    schemas : sequence of mapping
        The most binding first; they may be partial.
    """

    def __init__(self, schemas: Sequence[Mapping[str, Any]]) -> None:
        self._schemas = schemas
        self._places: dict[tuple[str, ...], tuple[GroupKey, str]] = {}

    def place(self, segments: tuple[str, ...]) -> tuple[GroupKey, str]:
        """Give the group and the name that what a user has under a key has in the output. An empty group is not known yet.

        Examples
        --------
        >>> Declared([]).place(("faces", "face_areas"))
        (GroupKey(family='faces', signature=''), 'face_areas')
        """
        place = self._places.get(segments)
        if place is None:
            target = find_target(segments, self._schemas)
            place = self._places[segments] = (GroupKey(target.group, ""), target.name)
        return place

    def group(self, group: str) -> Mapping[str, Any] | None:
        """Give what the schemas say of a group."""
        for schema in self._schemas:
            groups = schema.get("groups")
            part = groups.get(group) if isinstance(groups, Mapping) else None
            if isinstance(part, Mapping):
                return part
        return None

    def array(self, group: str, name: str) -> Mapping[str, Any] | None:
        """Give what the schemas say of an array; the same array as the output has is meant."""
        for schema in self._schemas[:1]:
            groups = schema.get("groups")
            part = groups.get(group) if isinstance(groups, Mapping) else None
            arrays = part.get("arrays") if isinstance(part, Mapping) else None
            spec = arrays.get(name) if isinstance(arrays, Mapping) else None
            if isinstance(spec, Mapping):
                return spec
        return None
