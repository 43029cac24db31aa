"""Joins the blocks of a batch of members into the arrays of one ``.data``."""

from __future__ import annotations

from typing import Any

from zarrpack.errors import MemberError
from zarrpack.storage.array_metadata import ArrayMetadata
from zarrpack.storage.base import EncodingOptions, MemberDescription
from zarrpack.storage.blocks import Block
from zarrpack.storage.hierarchy import FIRST_NAMES, hierarchy_documents, root_attributes
from zarrpack.storage.json_text import json_text
from zarrpack.storage.pack_array import PackArray, RowTap, Sink
from zarrpack.storage.pack_finish import finish_group
from zarrpack.storage.pack_groups import PackGroups
from zarrpack.storage.row_values import classify_rows

__all__ = ["PackEncoder"]

_NO_MEMBER = -1


class PackEncoder:
    """Encodes members one after the other into a pack or a store. Not safe in threads.

    Every full chunk goes to the sink at once, so that memory holds one open chunk per array. A member is
    opened by `begin_member` and closed by `end_member` or `abandon_member`.

    Parameters
    ----------
    sink : callable
        Takes an entry's name and its bytes, in the order in which they shall lie in the file.
    options : EncodingOptions
        How to encode.
    tap : callable or None
        Takes the values of each full chunk of numbers before they are encoded.

    Examples
    --------
    >>> import numpy as np
    >>> entries = {}
    >>> encoder = PackEncoder(entries.__setitem__, EncodingOptions())
    >>> encoder.begin_member()
    >>> encoder.add(Block("images", "height", ("image",), np.array([480], np.int32)))
    >>> encoder.end_member(MemberDescription("a.jpg"))
    >>> encoder.finish()
    ('.zmetadata', '.zgroup', '.zattrs', 'metadata.json')
    >>> sorted(entries)[-4:]
    ['images/height/.zarray', 'images/height/.zattrs', 'images/height/0', 'metadata.json']
    """

    def __init__(self, sink: Sink, options: EncodingOptions, tap: RowTap | None = None) -> None:
        self._sink = sink
        self._tap = tap
        self._options = options
        self._groups = PackGroups()
        self._touched: dict[PackArray, None] = {}
        self._created: list[PackArray] = []
        self._descriptions: list[str] = []
        self._is_open = False

    @property
    def members(self) -> int:
        """How many members are stored so far; the number that the next one gets."""
        return len(self._descriptions)

    def begin_member(self) -> None:
        """Open the next member.

        Raises
        ------
        ValueError
            If one is open, or a store has its member already.
        """
        if self._is_open or (self._options.kind == "store" and self._descriptions):
            raise ValueError("expected the member before to be ended, and one member in a store; found a second")
        self._is_open = True

    def add(self, block: Block) -> None:
        """Take some rows of the open member.

        Parameters
        ----------
        block : Block
            Its numbers are copied, or encoded at once.

        Raises
        ------
        MemberError
            ``refused_dtype``, ``invalid_text``, ``limit_member_bytes``: abandon the member then.
        ValueError
            If no member is open, or the block contradicts itself.
        TypeError
            If the rows are one text instead of a sequence, or the attributes hold what JSON cannot.
        """
        if not self._is_open:
            raise ValueError("expected an open member, found none; call begin_member first")
        rows, values, count = classify_rows(block)
        is_pixels = block.content == "pixels" and block.unit == "row" and rows.object_codec is None
        is_flat = self._options.flat_pixels and is_pixels
        group = self._groups.group(block)
        array = group.find(block, rows, is_flat)
        if array is None:
            # What cannot be written is found now, while it is known whose it is.
            json_text(block.attributes)
            array = group.create(block, rows, is_flat, self._options, self._sink, self._tap)
            self._created.append(array)
        if array not in self._touched:
            self._touch(array)
        array.add(values, count)

    def end_member(self, description: MemberDescription) -> None:
        """Close the open member as stored.

        Parameters
        ----------
        description : MemberDescription
            What ``metadata.json`` says of it.

        Raises
        ------
        MemberError
            ``inconsistent_rows`` if arrays of one group and first dimension have different lengths. Abandon
            the member then.
        ValueError
            If no member is open.
        TypeError
            If the description holds what JSON cannot. Abandon the member then.
        """
        if not self._is_open:
            raise ValueError("expected an open member, found none; call begin_member first")
        self._check_rows()
        text = _description(description, self._options.kind)
        for array in self._touched:
            array.end_member(len(self._descriptions))
        self._descriptions.append(text)
        self._close_member()

    def abandon_member(self) -> None:
        """Close the open member as failed; the next one gets its number.

        Its rows are taken back. Where some are out already they keep their place and belong to nobody, and
        the arrays that lay beside them row by row get empty rows.
        """
        remaining = [array for array in self._touched if array.roll_back()]
        for array in remaining:
            for other in self._groups.beside(array):
                if other not in self._touched:
                    self._touch(other)
                other.pad(array.added)
        for array in self._created:
            if not array.added:
                self._groups.remove(array)
        for array in self._touched:
            array.end_member(_NO_MEMBER)
        self._close_member()

    def finish(self) -> tuple[str, ...]:
        """Send out what is left: open chunks, code arrays, all documents. The encoder cannot be used afterwards.

        Returns
        -------
        tuple of str
            The entries that come first in the zip's directory.

        Raises
        ------
        ValueError
            If a member is open.
        """
        if self._is_open:
            raise ValueError("expected every member to be ended, found an open one")
        groups: dict[str, dict[str, Any]] = {}
        arrays: dict[str, ArrayMetadata] = {}
        for group in self._groups:
            groups[group.name] = {"zarrpack_family": group.family, "zarrpack_signature": group.signature}
            arrays.update(finish_group(group, self._options, self._sink))
        attributes = root_attributes(self._options.kind)
        for name, payload in hierarchy_documents(attributes, groups, arrays, self._metadata()):
            self._sink(name, payload)
        return FIRST_NAMES

    def _touch(self, array: PackArray) -> None:
        array.begin_member()
        self._touched[array] = None

    def _close_member(self) -> None:
        self._touched.clear()
        self._created.clear()
        self._is_open = False

    def _check_rows(self) -> None:
        """Compare the open member's arrays that share a group and a first dimension."""
        rows: dict[tuple[str, str], dict[str, int]] = {}
        for array in self._touched:
            names = rows.setdefault((array.group, array.block.dims[0]), {})
            # Variants of one array count together.
            names[array.block.array] = names.get(array.block.array, 0) + array.added
        for (group, dimension), names in rows.items():
            if len(set(names.values())) > 1:
                found = ", ".join(f"{count} of {name}" for name, count in names.items())
                raise MemberError(
                    "inconsistent_rows", f"{group}: expected equally many rows along {dimension}, found {found:.200}"
                )

    def _metadata(self) -> str:
        if self._options.kind == "store":
            return self._descriptions[0] if self._descriptions else "{}"
        return '{"members": [' + ",\n".join(self._descriptions) + "]}"


def _description(member: MemberDescription, kind: str) -> str:
    """Give a member's part of ``metadata.json`` as text; it takes less memory than the objects."""
    if kind == "store":
        own = {"name": member.name, "description": member.description}
        record = {} if member.record is None else {"record": dict(member.record)}
        document = {**member.metadata, "zarrpack": {**own, **record}}
    else:
        document = {
            "name": member.name,
            "description": member.description,
            "metadata": dict(member.metadata),
            "record": None if member.record is None else dict(member.record),
        }
    return json_text(document)
