"""Surveys a merge's sources under the schema that they bring, and without those that cannot be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from zarrpack.errors import FormatError, SourceError
from zarrpack.storage.data_file import DataFile
from zarrpack.storage.datasetstorage.file_names import unique_names
from zarrpack.storage.datasetstorage.recorded_arrays import read_record
from zarrpack.storage.datasetstorage.schema_union import schema_union
from zarrpack.storage.datasetstorage.survey import Survey, stored_schema
from zarrpack.storage.member_descriptions import member_descriptions

__all__ = ["SourceSurvey", "survey_sources"]


@dataclass(frozen=True, slots=True)
class _Schemas:
    """What is known of schemas so far: the one given, those of stores, and those of datasets, each once."""

    given: Mapping[str, Any] | None
    stored: tuple[Mapping[str, Any], ...] = ()
    merged: tuple[Mapping[str, Any], ...] = ()

    def with_those_of(self, source: DataFile) -> _Schemas:
        """Give the same with what a source brings; this one itself if that is nothing new."""
        known = self
        stored = stored_schema(source) if self.given is None else None
        if stored is not None and stored not in self.stored:
            known = replace(known, stored=(*self.stored, stored))
        # A dataset that says what its files had needs no schema of its own to find its arrays again.
        says_little = source.kind == "dataset" and read_record(source) is None
        merged = source.metadata.get("schema") if says_little else None
        if isinstance(merged, Mapping) and merged not in self.merged:
            known = replace(known, merged=(*self.merged, merged))
        return known


@dataclass(frozen=True, slots=True)
class SourceSurvey:
    """What has been found.

    Parameters
    ----------
    survey : Survey
        All sources that can be read.
    unreadable : dict of str to str
        The others -> why.
    schema : mapping or None
        The schema that was given, else the union of those that sources were saved with.
    problems : list of str
        In what these contradict each other.
    pack_members : dict of int to list of str
        The members' names of sources that are packs, by the source's number.
    """

    survey: Survey
    unreadable: dict[str, str]
    schema: Mapping[str, Any] | None
    problems: list[str]
    pack_members: dict[int, list[str]]

    @property
    def notes(self) -> list[str]:
        """What a user should know of datasets that were merged before datasets said what their files had, or from packs too."""
        declared = (self.schema or {}).get("groups")
        touched = set(declared) if isinstance(declared, Mapping) else set()
        touched |= {found.output_group.family for found in self.survey.arrays.values() if found.is_keyed}
        return [
            f"{path}: does not say what its files had, so that {', '.join(sorted(groups & touched))} and what is in there stay "
            "as they are in it, which may differ from one merge of all files; for that, merge the files of this dataset anew"
            for path, groups in self.survey.unrecorded.items()
            if groups & touched
        ]

    @property
    def names(self) -> list[list[str]]:
        """The names of the files in each source, of a dataset none; UsageError if two have the same."""
        sources = self.survey.sources
        files = (
            (source.path, self.pack_members.get(n)) for n, source in enumerate(sources) if source.kind != "dataset"
        )
        named = iter(unique_names(files))
        return [[] if source.kind == "dataset" else next(named) for source in sources]


def survey_sources(
    paths: Sequence[str], schema: Mapping[str, Any] | None, *, skips_unreadable: bool = True
) -> SourceSurvey:
    """Survey sources.

    Parameters
    ----------
    paths : sequence of str
        Stores, packs and datasets, in order.
    schema : mapping or None
        What is declared; None: what the sources were saved with, of contradicting declarations the first.
    skips_unreadable : bool
        Whether sources that cannot be read are only noted. Else SourceError or FormatError is raised.

    Raises
    ------
    MergeError
        If an array of pairs is not square, or a dataset's arrays cannot become what they mean beside other sources.
    """
    schemas = _Schemas(schema)
    while True:
        joined, problems = schema_union(schemas.stored)
        declared = joined or None if schema is None else schema
        found = SourceSurvey(Survey((declared or {}, *schemas.merged)), {}, declared, problems, {})
        learned = _enter_all(found, paths, schemas, skips_unreadable)
        if learned is schemas:
            found.survey.finish()
            return found
        schemas = learned


def _enter_all(found: SourceSurvey, paths: Sequence[str], schemas: _Schemas, skips_unreadable: bool) -> _Schemas:
    """Enter the sources; where one brings a schema that changes what others mean, give all schemas to begin anew."""
    for position, path in enumerate(paths):
        try:
            with DataFile(path) as source:
                learned = schemas.with_those_of(source)
                if learned is not schemas:
                    # Most often all have one. Where they have several, one look at all is better than many beginnings.
                    return _learn_all(learned, paths[position + 1 :]) if schemas.stored else learned
                if source.kind == "pack":
                    found.pack_members[len(found.survey.sources)] = [
                        member.name for member in member_descriptions(source)
                    ]
                found.survey.enter(source, path)
        except (FormatError, SourceError) as exc:
            if not skips_unreadable:
                raise
            found.unreadable[path] = str(exc)
    return schemas


def _learn_all(schemas: _Schemas, paths: Sequence[str]) -> _Schemas:
    for path in paths:
        try:
            with DataFile(path) as source:
                schemas = schemas.with_those_of(source)
        except (FormatError, SourceError):
            continue  # said when it is to be entered
    return schemas
