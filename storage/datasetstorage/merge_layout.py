"""What a merge of surveyed sources makes of each of their arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from zarrpack.storage.data_file import DataFile
from zarrpack.storage.datasetstorage.common_dtypes import common_dtype
from zarrpack.storage.datasetstorage.merge_record import merge_record
from zarrpack.storage.datasetstorage.recorded_arrays import RecordedArray, data_arrays, read_record
from zarrpack.storage.datasetstorage.shared_rows import check_rows, row_dimensions
from zarrpack.storage.datasetstorage.source_codes import SourceCodes
from zarrpack.storage.datasetstorage.stored_keys import StoredKey, stored_keys
from zarrpack.storage.datasetstorage.survey import Survey
from zarrpack.storage.datasetstorage.surveyed import SurveyedArray
from zarrpack.storage.merge.catalogue import GroupKey
from zarrpack.storage.merge.padding import is_all_padding, read_runs
from zarrpack.storage.merge.views import ArrayView

__all__ = ["MergeLayout"]


@dataclass(frozen=True, slots=True)
class _Planned:
    """An array of the output."""

    group: GroupKey
    name: str
    found: SurveyedArray
    row_dimension: str
    trailing: tuple[str, ...] | None

    def without_rows(self) -> ArrayView:
        """Give the view where there are no rows: an empty list has one axis, whatever the array has elsewhere."""
        row = next(iter(self.found.forms or self.found.empty_forms))[1]
        return ArrayView(self.group, self.name, self.dims(1 + len(row)), empty_row=row)

    def dims(self, axes: int) -> tuple[str, ...]:
        """Name the axes of an array of so many."""
        if self.trailing is not None and len(self.trailing) == axes - 1:
            return (self.row_dimension, *self.trailing)
        return (self.row_dimension, *(f"{self.name}_dim_{axis}" for axis in range(1, axes)))


class MergeLayout:
    """The groups, dimensions and dtypes of a merge's output.

    Parameters
    ----------
    survey : Survey
        All sources.

    Attributes
    ----------
    primary : dict
        Group -> its row dimension.
    """

    def __init__(self, survey: Survey) -> None:
        self._survey = survey
        groups: dict[GroupKey, list[SurveyedArray]] = {}
        self._groups: dict[tuple[GroupKey, str], GroupKey] = {}
        for place, found in survey.arrays.items():
            group = self._groups[place] = found.output_group
            groups.setdefault(group, []).append(found)
        self._planned: dict[tuple[GroupKey, str], _Planned] = {}
        self.primary: dict[GroupKey, str] = {}
        for group, arrays in groups.items():
            dimensions = row_dimensions(survey, group.family, arrays)
            # What only packs hold is as their processors have laid it out.
            if any(found.is_keyed for found in arrays) or survey.declared.group(group.family) is not None:
                self.primary[group] = next(iter(dimensions.values()))
            for found in arrays:
                self._planned[group, found.name] = _Planned(
                    group, found.name, found, dimensions[found.name], self._trailing(group.family, found)
                )

    def names(self) -> dict[str, dict[str, list[str]]]:
        """Give the groups and the names of their arrays, as ``{"faces": {"arrays": [...]}}``."""
        named: dict[str, dict[str, list[str]]] = {}
        for group, name in self._planned:
            named.setdefault(group.family, {"arrays": []})["arrays"].append(name)
        return named

    def check_rows(self, *, is_strict: bool) -> None:
        """Check that arrays along one dimension are equally long in every source.

        Parameters
        ----------
        is_strict : bool
            Whether each must be there wherever there are rows.

        Raises
        ------
        MergeError
            If they are not.
        """
        along: dict[tuple[str, str], list[SurveyedArray]] = {}
        for planned in self._planned.values():
            along.setdefault((planned.group.family, planned.row_dimension), []).append(planned.found)
        for (group, dimension), arrays in along.items():
            check_rows(self._survey, group, dimension, arrays, is_strict=is_strict)

    @property
    def order(self) -> dict[tuple[GroupKey, str], int]:
        """The place of each array among all, by first appearance; none if there are only packs' own arrays.

        What a dataset says of its files has their order too, which need not be that of the arrays in it.
        """
        if not any(planned.found.is_keyed for planned in self._planned.values()):
            return {}
        return {place: number for number, place in enumerate(self._planned)}

    def dtypes(self, *, promote: bool, only_keyed: bool = False) -> dict[tuple[GroupKey, str], str]:
        """Give the dtype of each array, those aside that sources keep in several already.

        Parameters
        ----------
        promote : bool
            Whether numbers of different kinds may become one.
        only_keyed : bool
            Whether only arrays count that a source has under a key of its user's.

        Raises
        ------
        MergeError
            If sources do not fit together.
        """
        dtypes = {}
        for place, planned in self._planned.items():
            if not planned.found.is_keyed and (only_keyed or planned.found.has_variants):
                continue
            spec = self._survey.declared.array(planned.group.family, planned.name)
            declared = None if spec is None else spec.get("dtype")
            dtypes[place] = common_dtype(
                planned.found, self._survey.sources, declared if isinstance(declared, str) else None, promote=promote
            )
        return dtypes

    def contradictions(self) -> list[str]:
        """Say which arrays have other axes than a schema declares; they are merged as they are."""
        said = []
        for planned in self._planned.values():
            spec = self._survey.declared.array(planned.group.family, planned.name)
            dims = None if spec is None else spec.get("dims")
            if not isinstance(dims, list) or planned.trailing is None or planned.found.stored_dims:
                continue
            axes = {1 + len(row) for _, row in planned.found.forms} - {1 + len(planned.trailing)}
            if axes and not planned.found.is_pairs:
                said.append(
                    f"{planned.group.family}/{planned.name}: declared with the dimensions {dims}, but files have "
                    f"{min(axes)} axes; kept as it is"
                )
        return said

    def record(self, codes: SourceCodes) -> list[dict[str, Any]] | None:
        """Give what the output is to say of its files, array by array; None: what can be said does not tell enough.

        Parameters
        ----------
        codes : SourceCodes
            The files' codes.
        """
        return merge_record(self._survey, self._groups, codes)

    def view(self, source: DataFile) -> Mapping[str, ArrayView | None]:
        """Give what a source's arrays become.

        Parameters
        ----------
        source : DataFile
            One of the surveyed.
        """
        record = read_record(source)
        if record is not None:
            return self._recorded_views(source, record)
        keys = list(stored_keys(source))
        views: dict[str, ArrayView | None] = {key.place: None for key in keys}
        for key, place in self._survey.choose(source, keys):
            planned = self._planned[self._groups[place], place[1]]
            if key.says_itself:
                del views[key.place]
                own = planned.found.stored_dims or ()
                if source.kind == "dataset" and planned.found.is_keyed:
                    views[key.place] = self._dataset_view(key, planned, own)
                continue
            if 0 in key.metadata.shape[:1]:
                views[key.place] = planned.without_rows()
                continue
            joined = planned.found.joined_axes(key.metadata)
            axes = max(1, len(key.metadata.shape)) - joined + 1
            views[key.place] = ArrayView(planned.group, planned.name, planned.dims(axes), joined)
        return views

    def _recorded_views(self, source: DataFile, record: Sequence[RecordedArray]) -> dict[str, ArrayView | None]:
        """Give the views of a dataset that says what its files had; what packs brought is as it says itself."""
        places = {one.place: self._survey.place_of_record(str(source.path), one) for one in record if one.keys}
        views: dict[str, ArrayView | None] = {}
        for own, keys in data_arrays(source).items():
            place = places.get(own, own)
            planned = self._planned[self._groups[place], place[1]]
            for key in keys if planned.found.is_keyed else ():
                axes = len(key.metadata.shape)
                dims = planned.dims(axes) if own in places else planned.found.stored_dims or ()
                views[key.place] = self._dataset_view(key, planned, dims)
        return views

    def _dataset_view(self, key: StoredKey, planned: _Planned, own: tuple[str, ...]) -> ArrayView:
        """Give the view of a dataset's array, whose dimensions may be others now that there are more files."""
        metadata = key.metadata
        rows = sum(metadata.shape[:1])
        if not rows or is_all_padding(read_runs(metadata.attributes.get("zarrpack_padded"), rows), rows):
            return planned.without_rows()
        return ArrayView(planned.group, planned.name, (planned.row_dimension, *own[1:]))

    def _trailing(self, group: str, found: SurveyedArray) -> tuple[str, ...] | None:
        if found.stored_dims:
            return found.stored_dims[1:]
        spec = self._survey.declared.array(group, found.name)
        dims: Any = None if spec is None else spec.get("dims")
        if not isinstance(dims, list) or not all(isinstance(dim, str) for dim in dims):
            return None
        return tuple(dims[2 if found.is_pairs and dims[:1] == dims[1:2] else 1 :])
