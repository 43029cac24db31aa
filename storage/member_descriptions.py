"""What a ``.data`` file says of its members, the same for packs and stores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zarrpack.errors import FormatError
from zarrpack.storage.base import MemberDescription
from zarrpack.storage.data_file import DataFile

__all__ = ["member_descriptions"]


def member_descriptions(data: DataFile) -> list[MemberDescription]:
    """Give the members of a pack, or the one member of a store, by number.

    Parameters
    ----------
    data : DataFile
        A pack, a store, or a file of arrays that somebody else has written: that is one member, named by its stem.

    Raises
    ------
    FormatError
        If it is a dataset, or its ``metadata.json`` does not list members as a pack's does.
    """
    if data.kind == "dataset":
        raise FormatError(f"{data.path}: expected a .data file, found a dataset; take the .data files it was made of")
    if data.kind == "pack":
        return [_of_pack(data, member) for member in _listed(data)]
    values = dict(data.metadata)
    own = values.pop("zarrpack", None)
    own = own if isinstance(own, Mapping) else {}
    name = str(own.get("name", data.path.stem.removesuffix(".zarr")))
    return [MemberDescription(name, str(own.get("description", name)), values, own.get("record"))]


def _listed(data: DataFile) -> list[Any]:
    members = data.metadata.get("members")
    if not isinstance(members, list):
        raise FormatError(f"{data.path}: metadata.json: expected a list under 'members', found {members!r:.80}")
    return members


def _of_pack(data: DataFile, member: object) -> MemberDescription:
    if not isinstance(member, Mapping) or not isinstance(member.get("name"), str):
        raise FormatError(f"{data.path}: metadata.json: expected members with a name each, found {member!r:.80}")
    return MemberDescription(
        member["name"], str(member.get("description", "")), member.get("metadata") or {}, member.get("record")
    )
