"""What can only be said of a zip's directory as a whole: overlapping members and names that occur twice."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zarrpack.processors.archives.zip_places import FoundMember
from zarrpack.storage.zip_directory import DirectoryEntry

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["Survey", "extent", "survey_members"]

_LOCAL_HEADER_BYTES = 30


@dataclass(frozen=True, slots=True)
class Survey:
    """What a pass over all members has shown.

    Parameters
    ----------
    overlapping : ndarray of shape (members,), bool, or None
        Which members share bytes with another one; None: none does.
    repeated_names : frozenset of int
        Hashes of the names that more than one member has, valid in this process only.
    """

    overlapping: npt.NDArray[np.bool_] | None
    repeated_names: frozenset[int]

    def overlaps(self, index: int) -> bool:
        """Whether a member shares bytes with another one."""
        # A file that grows while it is read may have more members by now.
        return self.overlapping is not None and index < len(self.overlapping) and bool(self.overlapping[index])

    def is_repeated(self, raw_name: bytes) -> bool:
        """Whether another member has the same name."""
        return bool(self.repeated_names) and hash(raw_name) in self.repeated_names


def extent(member: DirectoryEntry) -> tuple[int, int]:
    """Give where a member's header starts and where its payload ends at the earliest, in bytes of the file.

    Examples
    --------
    >>> extent(DirectoryEntry(b"a.txt", 0, 0, 0, 0, 100, 100, 1000, 0, b""))
    (1000, 1135)
    """
    start = member.header_offset
    return start, start + _LOCAL_HEADER_BYTES + len(member.raw_name) + member.compressed_size


def survey_members(
    members: Callable[[], Iterator[FoundMember]], end: int, is_genuine: Callable[[DirectoryEntry], bool]
) -> Survey:
    """Look through the members, at 8 bytes each; 24 where they do not lie in the order of the directory.

    Parameters
    ----------
    members : callable
        Gives the members, from the first, each time it is called.
    end : int
        Where the members' bytes end. A member that goes beyond is refused anyway and takes no other with it.
    is_genuine : callable
        Whether a member's own header agrees with the directory; asked of those that overlap. One that does not
        agree cannot be read anyway, and takes no other with it either.

    Examples
    --------
    >>> entry = DirectoryEntry(b"a.txt", 0, 0, 0, 0, 100, 100, 0, 0, b"")
    >>> pair = [FoundMember(entry), FoundMember(entry._replace(header_offset=50))]
    >>> survey = survey_members(lambda: iter(pair), end=1000, is_genuine=lambda member: True)
    >>> survey.overlaps(0), survey.overlaps(1), survey.is_repeated(b"a.txt")
    (True, True, True)
    """
    hashes = array("q")
    in_order, previous = True, 0
    for member, _, _ in members():
        hashes.append(hash(member.raw_name))
        start, stop = extent(member)
        if stop <= end:
            in_order = in_order and start >= previous
            previous = stop
    overlapping = None if in_order else _overlapping(members, end, is_genuine)
    return Survey(overlapping, _repeated(hashes))


def _overlapping(
    members: Callable[[], Iterator[FoundMember]], end: int, is_genuine: Callable[[DirectoryEntry], bool]
) -> npt.NDArray[np.bool_] | None:
    import numpy as np

    starts, stops, ways = array("q"), array("q"), bytearray()
    for member, _, gives_way in members():
        start, stop = extent(member)
        ways.append(gives_way)
        starts.append(start if stop <= end else end)
        stops.append(min(stop, end))
    start_of, stop_of = np.frombuffer(starts, np.int64), np.frombuffer(stops, np.int64)
    found = _crossing(start_of, stop_of)
    if found.any():
        for index, (member, _, _) in zip(range(len(found)), members(), strict=False):
            if found[index] and not is_genuine(member):
                start_of[index] = stop_of[index] = end
        found = _crossing(start_of, stop_of)
    yielding: npt.NDArray[np.bool_] = np.frombuffer(ways, np.bool_)
    if (found & yielding).any():
        # These are refused whatever they share bytes with; the others only for each other.
        start_of[yielding] = stop_of[yielding] = end
        found = (found & yielding) | _crossing(start_of, stop_of)
    return found if found.any() else None


def _crossing(start_of: npt.NDArray[np.int64], stop_of: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Which of the intervals have something in common with another one."""
    import numpy as np

    order = np.argsort(start_of, kind="stable")
    starts, stops = start_of[order], stop_of[order]
    found = np.zeros(len(order), bool)
    # With an earlier one if it starts before all those have ended, with a later one if the next starts too soon.
    found[order[1:]] = starts[1:] < np.maximum.accumulate(stops)[:-1]
    found[order[:-1]] |= starts[1:] < stops[:-1]
    return found


def _repeated(hashes: array[int]) -> frozenset[int]:
    if len(hashes) < 2:
        return frozenset()
    import numpy as np

    sorted_hashes: npt.NDArray[Any] = np.frombuffer(hashes, np.int64)
    sorted_hashes.sort()
    return frozenset(sorted_hashes[1:][sorted_hashes[1:] == sorted_hashes[:-1]].tolist())
