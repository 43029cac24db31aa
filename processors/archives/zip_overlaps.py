"""Which members of a zip share bytes with others: found from what the directory says, before anything is read."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeAlias

from zarrpack.processors.archives.zip_places import FoundMember
from zarrpack.storage.zip_directory import DirectoryEntry

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    _Offsets: TypeAlias = npt.NDArray[np.int64]
    _Flags: TypeAlias = npt.NDArray[np.bool_]

__all__ = ["DUPLICATE", "OVERLAPPING", "extent", "find_overlaps"]

#: What a member is: it shares bytes with others and is refused, or is one of two equal entries.
OVERLAPPING, DUPLICATE = 1, 2

_LOCAL_HEADER_BYTES = 30


def extent(member: DirectoryEntry) -> tuple[int, int]:
    """Give where a member's header starts and where its payload ends at the earliest, in bytes of the file.

    Examples
    --------
    >>> extent(DirectoryEntry(b"a.txt", 0, 0, 0, 0, 100, 100, 1000, 0, b""))
    (1000, 1135)
    """
    start = member.header_offset
    return start, start + _LOCAL_HEADER_BYTES + len(member.raw_name) + member.compressed_size


def find_overlaps(
    members: Callable[[], Iterator[FoundMember]], end: int, is_genuine: Callable[[DirectoryEntry], bool]
) -> npt.NDArray[np.uint8] | None:
    """Compare the extents of all members.

    Of entries that are equal in everything the first two count as one, for some writers list a member twice; more could
    make any number of contents out of one payload.

    Parameters
    ----------
    members, end, is_genuine
        See `survey_members`.

    Returns
    -------
    ndarray of shape (members,), uint8, or None
        0, `OVERLAPPING` or `DUPLICATE`; None: all are 0.
    """
    import numpy as np

    starts, stops, ways = array("q"), array("q"), bytearray()
    for member, _, gives_way in members():
        start, stop = extent(member)
        ways.append(gives_way)
        starts.append(start if stop <= end else end)
        stops.append(min(stop, end))
    start_of, stop_of = np.frombuffer(starts, np.int64), np.frombuffer(stops, np.int64)
    yielding: _Flags = np.frombuffer(ways, np.bool_)
    found = _crossing(start_of, stop_of)
    if not found.any():
        return None
    hashes = np.zeros(len(found), np.int64)
    for index, (member, _, _) in zip(range(len(found)), members(), strict=False):
        if found[index] and is_genuine(member):
            hashes[index] = hash(member)
        elif found[index]:
            start_of[index] = stop_of[index] = end
            found[index] = False
    first_of, repeats = _equal(hashes, found)
    start_of[repeats > 0] = stop_of[repeats > 0] = end
    found = _refused(start_of, stop_of, yielding, end)[first_of] | (repeats > 1)
    is_duplicate = np.zeros(len(found), bool)
    is_duplicate[repeats == 1] = is_duplicate[first_of[repeats == 1]] = True
    states = np.where(found, OVERLAPPING, np.where(is_duplicate, DUPLICATE, 0)).astype(np.uint8)
    return states if states.any() else None


def _equal(hashes: _Offsets, among: _Flags) -> tuple[_Offsets, _Offsets]:
    """For each member that is among some, which is the first equal one, and how many equal ones are before it."""
    import numpy as np

    first_of, repeats = np.arange(len(hashes)), np.zeros(len(hashes), np.int64)
    places = np.flatnonzero(among)
    places = places[np.argsort(hashes[places], kind="stable")]
    count = np.arange(len(places))
    is_first = np.ones(len(places), bool)
    is_first[1:] = hashes[places[1:]] != hashes[places[:-1]]
    group = np.maximum.accumulate(np.where(is_first, count, 0)) if len(places) else count
    first_of[places], repeats[places] = places[group], count - group
    return first_of, repeats


def _refused(start_of: _Offsets, stop_of: _Offsets, yielding: _Flags, end: int) -> _Flags:
    """Members that cross others; where one of them gives way, it alone."""
    found = _crossing(start_of, stop_of)
    if not (found & yielding).any():
        return found
    start_of[yielding] = stop_of[yielding] = end
    return (found & yielding) | _crossing(start_of, stop_of)


def _crossing(start_of: _Offsets, stop_of: _Offsets) -> _Flags:
    """Which of the intervals have something in common with another one."""
    import numpy as np

    order = np.argsort(start_of, kind="stable")
    starts, stops = start_of[order], stop_of[order]
    found = np.zeros(len(order), bool)
    # With an earlier one if it starts before all those have ended, with a later one if the next starts too soon.
    found[order[1:]] = starts[1:] < np.maximum.accumulate(stops)[:-1]
    found[order[:-1]] |= starts[1:] < stops[:-1]
    return found
