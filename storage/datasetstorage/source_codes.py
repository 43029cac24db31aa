"""The codes of the files in a merge's sources, and the order of their rows."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zarrpack.errors import NotFound, UsageError
from zarrpack.storage.datasetstorage.surveyed import SurveyedSource

__all__ = ["SourceCodes", "assign_codes", "dataset_codes"]

Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SourceCodes:
    """What stands where in the output.

    Parameters
    ----------
    places : ndarray of int64
        The place of each member in the order of rows, source by source; -1: it has none.
    first : ndarray of shape (sources + 1,), int64
        Where each source's members start in `places`.
    count : int
        Number of places.
    labels : ndarray of shape (count,), int64, or None
        The code at each place; None: the place.
    """

    places: Int64s
    first: Int64s
    count: int
    labels: Int64s | None

    def present(self, sources: Sequence[int]) -> Int64s:
        """Give the codes of some sources' members, by the sources' numbers, in the order of rows."""
        places = np.concatenate([self.of(source) for source in sources])
        places = np.unique(places[places >= 0])
        return places if self.labels is None else self.labels[places]

    def of(self, source: int) -> Int64s:
        """Give the places of a source's members, by the source's number."""
        return self.places[self.first[source] : self.first[source + 1]]


def assign_codes(
    sources: Sequence[SurveyedSource],
    names: Sequence[Sequence[str]],
    given: Mapping[str, int] | None,
    files: Sequence[str] = (),
) -> SourceCodes:
    """Give every file in the sources its code, and a place by the order of the sources.

    Datasets keep the codes that they have; only where an earlier dataset has them too are they moved behind all others.

    Parameters
    ----------
    sources : sequence of SurveyedSource
        In the order of their rows.
    names : sequence of sequence of str
        The names of the files in each source; of a dataset none.
    given : mapping of str to int, or None
        Name -> code; None: by the order of all names, behind the codes of datasets.
    files : sequence of str
        Names that count although their files are not among the sources, because they could not be read.

    Raises
    ------
    NotFound
        If a name has no code; a KeyError.
    UsageError
        If two files would have one code.
    """
    of_datasets, taken = dataset_codes(sources)
    if given is None:
        known = sorted({*files, *(name for some in names for name in some)})
        given = {name: taken + number for number, name in enumerate(known)}
    codes, borders = array("q"), array("q", [0])
    for number, (source, some) in enumerate(zip(sources, names, strict=True)):
        own = of_datasets.get(number)
        codes.extend(_named_codes(source.path, some, given) if own is None else own.tolist())
        borders.append(len(codes))
    flat = np.array(codes, np.int64)
    _check_codes(flat)
    ascends = bool((np.diff(flat) > 0).all())
    places = flat if ascends else np.arange(len(flat))
    of_members, first = _by_member(sources, places, np.array(borders, np.int64)) if of_datasets else (places, borders)
    count = max(taken, int(flat.max(initial=-1)) + 1)
    return SourceCodes(
        of_members, np.array(first, np.int64), count if ascends else len(flat), None if ascends else flat
    )


def dataset_codes(sources: Sequence[SurveyedSource]) -> tuple[dict[int, Int64s], int]:
    """Give the codes that datasets have in a merge.

    Parameters
    ----------
    sources : sequence of SurveyedSource
        All sources.

    Returns
    -------
    tuple of (dict, int)
        The number of each dataset -> its codes in the order of its rows; and the first code behind all.
    """
    found: dict[int, Int64s] = {}
    taken = 0
    for number, source in enumerate(sources):
        if source.kind == "dataset":
            first = 0 if source.is_partial else taken
            found[number] = _present(source) + first
            taken = max(taken, first + source.members)
    return found, taken


def _present(source: SurveyedSource) -> Int64s:
    return np.arange(source.members) if source.order is None else np.array(source.order, np.int64)


def _by_member(sources: Sequence[SurveyedSource], places: Int64s, borders: Int64s) -> tuple[Int64s, Int64s]:
    """Give the place of each member by its number, and where each source's members start."""
    members = []
    for number, source in enumerate(sources):
        own = places[borders[number] : borders[number + 1]]
        if source.kind == "dataset":
            of_code = np.full(source.members, -1, np.int64)
            of_code[_present(source)] = own
            own = of_code
        members.append(own)
    return np.concatenate(members), np.cumsum([0, *map(len, members)])


def _named_codes(path: str, names: Sequence[str], given: Mapping[str, int]) -> list[int]:
    for name in names:
        if name not in given:
            raise NotFound(
                f"{path}: expected a code for {name!r}, found none among {len(given)}; add it to file_id_codes"
            )
    return [given[name] for name in names]


def _check_codes(codes: Int64s) -> None:
    if len(codes) and codes.min() < 0:
        raise UsageError(f"file_id_codes: expected numbers from 0, found {codes.min()}")
    values, counts = np.unique(codes, return_counts=True)
    if (counts > 1).any():
        raise UsageError(f"file_id_codes: expected a code for one file each, found {values[counts > 1][0]} for several")
