"""What can only be said of a zip's directory as a whole: overlapping members and names that occur twice."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zarrpack.processors.archives.zip_overlaps import DUPLICATE, OVERLAPPING, extent, find_overlaps
from zarrpack.processors.archives.zip_places import FoundMember
from zarrpack.storage.zip_directory import DirectoryEntry

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["Survey", "survey_members"]


@dataclass(frozen=True, slots=True)
class Survey:
    """What a pass over all members has shown.

    Parameters
    ----------
    overlaps : ndarray of shape (members,), uint8, or None
        From `find_overlaps`.
    repeated_names : frozenset of int
        Hashes of the names that more than one member has, valid in this process only.
    """

    overlaps: npt.NDArray[np.uint8] | None
    repeated_names: frozenset[int]

    def is_overlapping(self, index: int) -> bool:
        """Whether a member shares bytes with another one."""
        return self._state(index) == OVERLAPPING

    def is_duplicate(self, index: int) -> bool:
        """Whether a member's entry is one of two that are equal."""
        return self._state(index) == DUPLICATE

    def is_repeated(self, raw_name: bytes) -> bool:
        """Whether another member has the same name."""
        return bool(self.repeated_names) and hash(raw_name) in self.repeated_names

    def _state(self, index: int) -> int:
        # A file that grows while it is read may have more members by now.
        return int(self.overlaps[index]) if self.overlaps is not None and index < len(self.overlaps) else 0


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
    >>> survey.is_overlapping(0), survey.is_overlapping(1), survey.is_repeated(b"a.txt")
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
    overlaps = None if in_order else find_overlaps(members, end, is_genuine)
    return Survey(overlaps, _repeated(hashes))


def _repeated(hashes: array[int]) -> frozenset[int]:
    if len(hashes) < 2:
        return frozenset()
    import numpy as np

    sorted_hashes: npt.NDArray[Any] = np.frombuffer(hashes, np.int64)
    sorted_hashes.sort()
    return frozenset(sorted_hashes[1:][sorted_hashes[1:] == sorted_hashes[:-1]].tolist())
