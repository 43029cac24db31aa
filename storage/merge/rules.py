"""What a merge decides by rule where it would otherwise follow its sources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from zarrpack.storage.base import Compression
from zarrpack.storage.merge.catalogue import GroupKey

__all__ = ["FOLLOWING", "MergeRules"]


@dataclass(frozen=True, slots=True)
class MergeRules:
    """Rules of a merge. With all of them a merge's bytes do not depend on how its sources are stored, so that merging in steps
    gives the bytes of merging at once.

    Parameters
    ----------
    has_own_chunks : bool
        Whether chunks have the lengths that the output's rows ask for, and not those of most sources.
    most_rows : mapping of str to int
        Row dimension -> the most rows that share a chunk.
    other_most_rows : int or None
        The same for the other dimensions.
    compression : {"spec", "fast", "none"} or None
        The set of codecs; None: that of the sources, where they agree.
    dtypes : mapping
        Group and true name -> the dtype that the array has, as in ``.zarray``, whatever its parts have; ``"str"`` and
        ``"bytes"`` for these.
    is_strict : bool
        Whether an array that some of its group's rows lack is refused, not padded.
    first_dimensions : mapping
        Group -> the row dimension that is its first; without an entry that of its first array.
    order : mapping
        Group and true name -> the place of an array among all; without any they are in order of first appearance.
    """

    has_own_chunks: bool = False
    most_rows: Mapping[str, int] = field(default_factory=dict)
    other_most_rows: int | None = None
    compression: Compression | None = None
    dtypes: Mapping[tuple[GroupKey, str], str] = field(default_factory=dict)
    is_strict: bool = False
    first_dimensions: Mapping[GroupKey, str] = field(default_factory=dict)
    order: Mapping[tuple[GroupKey, str], int] = field(default_factory=dict)

    def chunk_rows(self, dimension: str, chosen: int) -> int:
        """Bound the rows per chunk.

        Parameters
        ----------
        dimension : str
            The plain name of the row dimension.
        chosen : int
            What would be taken without a bound.

        Examples
        --------
        >>> MergeRules(most_rows={"face": 500_000}).chunk_rows("face", 1 << 20)
        500000
        """
        most = self.most_rows.get(dimension, self.other_most_rows)
        return chosen if most is None else min(chosen, most)


#: Follows the sources in everything.
FOLLOWING = MergeRules()
