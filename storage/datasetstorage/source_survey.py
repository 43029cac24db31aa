"""Surveys a merge's sources under the schema that they bring, and without those that cannot be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from zarrpack.errors import FormatError, SourceError
from zarrpack.storage.data_file import DataFile
from zarrpack.storage.datasetstorage.file_names import unique_names
from zarrpack.storage.datasetstorage.survey import Survey, stored_schema
from zarrpack.storage.member_descriptions import member_descriptions

__all__ = ["SourceSurvey", "survey_sources"]

_Schemas = tuple[Mapping[str, Any] | None, tuple[Mapping[str, Any], ...]]


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
        The schema that was given, else the first that a source was saved with.
    pack_members : dict of int to list of str
        The members' names of sources that are packs, by the source's number.
    """

    survey: Survey
    unreadable: dict[str, str]
    schema: Mapping[str, Any] | None
    pack_members: dict[int, list[str]]

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
        What is declared; None: the first schema that a source was saved with.
    skips_unreadable : bool
        Whether sources that cannot be read are only noted. Else SourceError or FormatError is raised.

    Raises
    ------
    MergeError
        If an array of pairs is not square.
    """
    of_datasets: tuple[Mapping[str, Any], ...] = ()
    while True:
        found = SourceSurvey(Survey((schema or {}, *of_datasets)), {}, schema, {})
        learned = _enter_all(found, paths, of_datasets, skips_unreadable)
        if learned is None:
            found.survey.finish()
            return found
        schema, of_datasets = learned


def _enter_all(
    found: SourceSurvey, paths: Sequence[str], of_datasets: tuple[Mapping[str, Any], ...], skips_unreadable: bool
) -> _Schemas | None:
    """Enter the sources; where one brings a schema that changes what others mean, give all schemas to begin anew."""
    for path in paths:
        try:
            with DataFile(path) as source:
                schema = found.schema if found.schema is not None else stored_schema(source)
                merged = source.metadata.get("schema") if source.kind == "dataset" else None
                if isinstance(merged, Mapping) and merged not in of_datasets:
                    return schema, (*of_datasets, merged)
                if schema is not found.schema:
                    return schema, of_datasets
                if source.kind == "pack":
                    found.pack_members[len(found.survey.sources)] = [
                        member.name for member in member_descriptions(source)
                    ]
                found.survey.enter(source, path)
        except (FormatError, SourceError) as exc:
            if not skips_unreadable:
                raise
            found.unreadable[path] = str(exc)
    return None
