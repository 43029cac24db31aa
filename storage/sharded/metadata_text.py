"""A sample's metadata as JSON text that SQLite can query."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from zarrpack.errors import UsageError

__all__ = ["metadata_text"]


def metadata_text(metadata: Mapping[str, Any] | None, where: str) -> str:
    """Give metadata as a JSON object.

    Parameters
    ----------
    metadata : mapping of str to JSON value, or None
        numpy's scalars and arrays become numbers and lists, tuples lists. NaN and infinities are refused: JSON has none,
        and one of them would make every ``json_extract`` over the store fail.
    where : str
        What is written, for messages.

    Returns
    -------
    str
        ``"{}"`` for None.

    Raises
    ------
    UsageError
        If it is no mapping with text as keys, or holds what JSON cannot.

    Examples
    --------
    >>> metadata_text({"length": np.int64(3)}, "a")
    '{"length": 3}'
    """
    if metadata is None:
        return "{}"
    if not isinstance(metadata, Mapping):
        raise UsageError(f"{where}: expected metadata as a mapping, found {type(metadata).__name__}")
    for key in metadata:
        if not isinstance(key, str):
            raise UsageError(f"{where}: expected text as keys of metadata, found {key!r:.80}")
    try:
        text = json.dumps(dict(metadata), default=_plain, allow_nan=False)
    except (ValueError, TypeError, RecursionError) as exc:
        raise UsageError(
            f"{where}: expected metadata of JSON values, found: {exc}; write null or text instead"
        ) from exc
    return text


def _plain(value: object) -> object:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a {type(value).__name__}")
