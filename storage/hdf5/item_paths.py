"""Where an item lies in the layout of one dataset for each member."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from fnmatch import translate
from typing import NamedTuple

__all__ = ["MOST_SIBLINGS", "Origin", "item_paths"]

#: HDF5 becomes slow with more objects in one group; beyond, a folder's are spread over up to 256 groups.
MOST_SIBLINGS = 1000


class Origin(NamedTuple):
    """Where an item came from.

    Parameters
    ----------
    archive : str
        Label of the source; empty if unknown.
    member : str
        The member's name there.
    """

    archive: str
    member: str


def item_paths(
    origins: Mapping[int, Origin], taken: Collection[str] = (), groups: Mapping[str, str] | None = None
) -> dict[int, str]:
    """Give each item its path in the file: the member's folder, then its name.

    In folders of more than `MOST_SIBLINGS` items, two digits of a digest of the member's name come in between. So a path depends on
    its own member and on how full its folder is, not on the order of the others.

    Parameters
    ----------
    origins : mapping of int to Origin
        The items.
    taken : collection of str
        Names that nothing at the top may have.
    groups : mapping of str to str, or None
        Pattern for members' names -> the group that they go to; the first that fits counts. A pattern that is a folder, ``a/b/*``,
        keeps what is below it; of others the last part of the name remains. What fits none goes to its folder.

    Examples
    --------
    >>> item_paths({0: Origin("a.zip", "p/1.jpg"), 1: Origin("a.zip", "../x")})
    {0: '/p/1.jpg', 1: '/%2E%2E/x'}
    """
    has_labels = len({origin.archive for origin in origins.values()}) > 1
    patterns = [(re.compile(translate(glob)), glob, group) for glob, group in (groups or {}).items()]
    parts = {code: _parts(_placed(origin, patterns, has_labels)) for code, origin in origins.items()}
    # The file's own group stays alone.
    parts = {code: (f"{one[0]}%", *one[1:]) if one[0] in taken else one for code, one in parts.items()}
    filled = Counter(one[:-1] for one in parts.values())
    parts = {code: _spread(one, filled[one[:-1]]) for code, one in parts.items()}
    folders = {one[:length] for one in parts.values() for length in range(1, len(one))}
    used = set(folders)
    paths = {}
    for code, one in parts.items():
        unique, number = one, 1
        while unique in used:
            number += 1
            unique = (*one[:-1], f"{one[-1]}%{number}")
        used.add(unique)
        paths[code] = "/" + "/".join(unique)
    return paths


def _placed(origin: Origin, patterns: Sequence[tuple[re.Pattern[str], str, str]], has_labels: bool) -> str:
    member = origin.member
    for pattern, glob, group in patterns:
        if pattern.match(member):
            is_folder = glob.endswith("/*") and not set(glob[:-2]) & set("*?[")
            rest = member[len(glob) - 1 :] if is_folder else member.rpartition("/")[2]
            return f"{group}/{rest}"
    return f"{origin.archive}/{member}" if has_labels else member


def _parts(name: str) -> tuple[str, ...]:
    parts = [_escaped(part) for part in name.split("/") if part]
    return tuple(parts or ["%"])


def _escaped(part: str) -> str:
    """Escape what HDF5 gives a meaning to, and what could be taken for an escape."""
    text = part.replace("%", "%25").replace("\0", "%00")
    return text.replace(".", "%2E") if set(part) == {"."} else text


def _spread(parts: Sequence[str], siblings: int) -> tuple[str, ...]:
    if siblings <= MOST_SIBLINGS:
        return tuple(parts)
    digits = hashlib.sha256(parts[-1].encode("utf-8", "backslashreplace")).hexdigest()[:2]
    return (*parts[:-1], f"%{digits}", parts[-1])
