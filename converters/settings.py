"""``--set NAME=VALUE``: limits and processors' options from the command line."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from difflib import get_close_matches
from typing import Any

from zarrpack.errors import UsageError
from zarrpack.processors.limits import Limits

__all__ = ["merged_settings", "parse_settings"]

_UNITS = {
    "": 1,
    "k": 10**3,
    "m": 10**6,
    "g": 10**9,
    "t": 10**12,
    "ki": 1 << 10,
    "mi": 1 << 20,
    "gi": 1 << 30,
    "ti": 1 << 40,
}
_NUMBER = re.compile(r"([0-9]+(?:_[0-9]+)*)\s*([kmgt]i?)?b?", re.IGNORECASE)
_PROCESSOR = re.compile(r"processors\.([^.]+)\.([^.]+)")


def parse_settings(texts: Sequence[str]) -> dict[str, Any]:
    """Read settings as they are given on the command line.

    Parameters
    ----------
    texts : sequence of str
        ``LIMIT=NUMBER``, where the number may end in ``k``, ``M``, ``G``, ``Ki``, ``Mi``, ``Gi``, ...; or
        ``processors.NAME.OPTION=VALUE``, where the value is JSON or else plain text.

    Returns
    -------
    dict
        ``limits`` and ``processors``, as in ConvertOptions; without what is not set.

    Raises
    ------
    UsageError
        If a text is neither, or names an unknown limit.

    Examples
    --------
    >>> parse_settings(["pixels=200M", "limits.rows=5", "processors.csv.columns=text"])
    {'limits': {'pixels': 200000000, 'rows': 5}, 'processors': {'csv': {'columns': 'text'}}}
    """
    found: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"set: expected NAME=VALUE, found {text!r}; see zarrpack limits")
        option = _PROCESSOR.fullmatch(name)
        if option is not None:
            found.setdefault("processors", {}).setdefault(option[1], {})[option[2]] = _json_or_text(value)
        else:
            name = name.removeprefix("limits.")
            found.setdefault("limits", {})[name] = _number(name, value)
    return found


def merged_settings(values: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Give option values with settings in them; of one name the setting counts.

    Parameters
    ----------
    values : mapping
        Options by name, as for :func:`zarrpack.converters.options.options_from_mapping`.
    settings : mapping
        From :func:`parse_settings`.
    """
    merged = dict(values)
    if "limits" in settings:
        merged["limits"] = {**merged.get("limits", {}), **settings["limits"]}
    if "processors" in settings:
        own = {name: dict(options) for name, options in merged.get("processors", {}).items()}
        for name, options in settings["processors"].items():
            own.setdefault(name, {}).update(options)
        merged["processors"] = own
    return merged


def _number(name: str, value: str) -> int:
    known = [one.name for one in fields(Limits)]
    if name not in known:
        near = get_close_matches(name, known, 1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise UsageError(f"set {name}: no such limit; {hint}known: {', '.join(known)}, and processors.NAME.OPTION")
    match = _NUMBER.fullmatch(value.strip())
    if match is None:
        raise UsageError(f"set {name}: expected a whole number such as 5000000, 5M or 4Gi, found {value!r}")
    return int(match[1]) * _UNITS[(match[2] or "").lower()]


def _json_or_text(value: str) -> Any:
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value
