"""How many files a source of a merge holds, and under which codes."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from zarrpack.errors import FormatError
from zarrpack.storage.data_file import DataFile
from zarrpack.storage.datasetstorage.surveyed import SurveyedSource

__all__ = ["describe_source"]


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
    order = own.get("order") if isinstance(own, Mapping) else None
    if order is not None and not (isinstance(order, list) and all(type(code) is int for code in order)):
        raise FormatError(
            f"{source.path}: metadata.json: expected codes in the order of their rows, found {order!r:.80}"
        )
    is_partial = isinstance(own, Mapping) and own.get("partial") is True
    return SurveyedSource(path, "dataset", codes, None if order is None else tuple(order), is_partial)
