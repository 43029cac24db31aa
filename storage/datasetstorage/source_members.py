"""How many files a source of a merge holds, and under which codes."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from zarrpack.errors import FormatError
from zarrpack.storage.data_file import DataFile
from zarrpack.storage.datasetstorage.surveyed import SurveyedSource

__all__ = ["describe_source"]

#: Codes of a dataset without offsets, which would tell how many there are.
_MOST_CODES = 1 << 27


def describe_source(source: DataFile, path: str) -> SurveyedSource:
    """Describe a source.

    Parameters
    ----------
    source : DataFile
        The open file.
    path : str
        Its path, as it is to be called.

    Raises
    ------
    FormatError
        If it does not say what it holds.
    """
    if source.kind == "pack":
        members = source.metadata.get("members")
        if not isinstance(members, list):
            raise FormatError(f"{source.path}: metadata.json: expected a list under 'members', found {members!r:.80}")
        return SurveyedSource(path, "pack", len(members))
    if source.kind != "dataset":
        return SurveyedSource(path, sys.intern(source.kind), 1)
    own = source.metadata.get("zarrpack")
    codes = own.get("codes") if isinstance(own, Mapping) else None
    if type(codes) is not int or codes < 0:
        raise FormatError(f"{source.path}: metadata.json: expected the number of codes, found {codes!r:.80}")
    _check_codes(source, codes)
    order = own.get("order") if isinstance(own, Mapping) else None
    is_partial = isinstance(own, Mapping) and own.get("partial") is True
    return SurveyedSource(path, "dataset", codes, _read_order(source, order, codes), is_partial)


def _check_codes(source: DataFile, codes: int) -> None:
    """Check their number, before anything is kept for each, against the lengths that the file has."""
    is_known = False
    for name, array in source.arrays.items():
        if array.metadata.attributes.get("zarrpack_role") == "offsets":
            is_known = True
            if array.metadata.shape != (codes + 1,):
                raise FormatError(
                    f"{source.path}: metadata.json: expected the number of codes that {name} has offsets for, which has "
                    f"the shape {list(array.metadata.shape)}, found {codes}"
                )
    if not is_known and codes > _MOST_CODES:
        raise FormatError(f"{source.path}: metadata.json: expected at most {_MOST_CODES} codes, found {codes}")


def _read_order(source: DataFile, order: object, codes: int) -> tuple[int, ...] | None:
    if order is None:
        return None
    is_order = isinstance(order, list) and all(type(code) is int and 0 <= code < codes for code in order)
    if not isinstance(order, list) or not is_order or len(set(order)) < len(order):
        raise FormatError(
            f"{source.path}: metadata.json: expected under 'order' different codes below {codes}, found {order!r:.80}"
        )
    return tuple(order)
