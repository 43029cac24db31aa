"""JSON text of documents that may hold numpy's numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["json_text"]


def json_text(document: Mapping[str, Any]) -> str:
    """Give a document as JSON in ASCII; numpy's scalars and arrays become numbers and lists.

    Parameters
    ----------
    document : mapping of str to JSON value
        NaN and infinities are written as Python's JSON does, ``NaN`` and ``Infinity``.

    Returns
    -------
    str
        On one line.

    Raises
    ------
    TypeError
        If it holds what JSON cannot.

    Examples
    --------
    >>> json_text({"pages": np.int64(3)})
    '{"pages": 3}'
    """
    return json.dumps(document, default=_plain)


def _plain(value: object) -> object:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"expected a JSON value, found {type(value).__name__}")
