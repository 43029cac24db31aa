"""Every limit, for people: what it is, its default, how it is changed, and which reasons it gives."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from inspect import cleandoc

from zarrpack.processors.limits import Limits

__all__ = ["DescribedLimit", "describe_limits", "limit_of_reason"]

#: Reason code -> the limits that give it.
_REASONS = {
    "limit_archive_bytes": ("archive_bytes",),
    "limit_entries": ("entries",),
    "limit_field_bytes": ("csv_field_bytes", "json_bytes"),
    "limit_header_bytes": ("special_header_bytes",),
    "limit_json_depth": ("json_depth",),
    "limit_member_bytes": ("member_bytes",),
    "limit_memory": ("memory_bytes",),
    "limit_nesting": ("nesting",),
    "limit_pixels": ("pixels",),
    "limit_ratio": ("ratio", "ratio_grace_bytes"),
    "limit_rows": ("rows",),
    "name_too_long": ("name_bytes",),
    "timeout": ("seconds", "wall_seconds"),
}


@dataclass(frozen=True, slots=True)
class DescribedLimit:
    """One limit.

    Parameters
    ----------
    name : str
        As in a configuration and after ``--set``.
    default : int
        Its value if nothing is said.
    meaning : str
        What it bounds.
    reasons : tuple of str
        Codes of members that it refuses.
    """

    name: str
    default: int
    meaning: str
    reasons: tuple[str, ...]


def describe_limits() -> list[DescribedLimit]:
    """Give every limit, in the order of :class:`zarrpack.processors.limits.Limits`, whose docstring says what each is.

    Examples
    --------
    >>> next(one.default for one in describe_limits() if one.name == "json_depth")
    512
    """
    meanings = dict(re.findall(r"^(\w+) : int\n((?:    .*\n?)+)", cleandoc(Limits.__doc__ or ""), re.MULTILINE))
    return [
        DescribedLimit(
            one.name,
            getattr(Limits(), one.name),
            " ".join(meanings[one.name].replace("`", "").split()),
            tuple(code for code, names in _REASONS.items() if one.name in names),
        )
        for one in fields(Limits)
    ]


def limit_of_reason(reason: str) -> tuple[str, ...]:
    """Give the limits that refuse members for a reason; none if no limit does.

    Examples
    --------
    >>> limit_of_reason("limit_pixels")
    ('pixels',)
    """
    return _REASONS.get(reason, ())
