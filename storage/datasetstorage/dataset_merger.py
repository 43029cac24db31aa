"""Joins many per-file stores into one dataset."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

from zarrpack.errors import NothingUsable, UsageError
from zarrpack.storage.datasetstorage.batch_merge import (
    MergePlan,
    check_folder,
    check_partials,
    merge_at_once,
    merge_in_batches,
)
from zarrpack.storage.datasetstorage.dask_merge import DaskClient
from zarrpack.storage.datasetstorage.merge_layout import MergeLayout
from zarrpack.storage.datasetstorage.source_codes import assign_codes
from zarrpack.storage.datasetstorage.source_survey import SourceSurvey, survey_sources
from zarrpack.storage.datasetstorage.surveyed import SurveyedSource
from zarrpack.storage.datastorage.keys import file_stem
from zarrpack.storage.merge.merge import MergeOptions, MergeReport
from zarrpack.storage.merge.rules import MergeRules

__all__ = ["DatasetMerger"]

_OTHER_ROWS = 500_000
_CACHE_BYTES = 32 << 20
_STORED_SCHEMA = "_storage_schema"
_NOTHING = "No encoded data files found to merge"


class DatasetMerger:
    """Joins the arrays of ``.data`` files, group by group, into one ``.dataset``, with the file of each row beside them.

    Rows are in the order of the files. An array's group is what its key says (``faces/face_areas``), else what the schema
    says, else what its name suggests. Arrays that some files lack are padded. Packs count as so many files, and a
    ``.dataset`` that comes first is added to: its codes stay, and its chunks are copied where they can be.

    Not safe for threads.

    Parameters
    ----------
    zip_files : iterable of path-like
        ``.data`` files, in the order of their rows.
    merged_store_path : path-like
        The dataset; a file or a dataset that is there is replaced when the new one is whole.
    file_id_codes : mapping of str to int, or None
        A file's stem -> its code; None: counted from 0 in the order of the stems.
    dask_client_params : mapping or None
        Where chunks are encoded. ``{"address": ...}``: on the Dask cluster of that scheduler, which must be able to read
        the files by their paths; other keywords are those of a ``LocalCluster``; None or ``{"disable": True}``: in threads of
        this process. The bytes are the same.
    delete_source_files : bool
        Whether the files are deleted when the dataset is on disk.

    Attributes
    ----------
    skipped_files : dict of str to str
        Files that could not be read -> why.
    report : MergeReport or None
        What the last merge has made: what was padded, and what of a dataset among the sources was encoded anew.

    Raises
    ------
    TypeError
        If `zip_files` is a single path.

    Examples
    --------
    >>> from zarrpack.storage import OptStorage
    >>> from zarrpack.storage.data_file import DataFile
    >>> for number, areas in enumerate([[1.5, 2.3, 4.1], [3.7, 5.2]]):
    ...     with OptStorage(f"part_{number}.zarr") as storage:
    ...         storage.save_data("faces/face_areas", areas)
    ...         size = storage.compress_store()
    >>> merger = DatasetMerger(["part_0.zarr.data", "part_1.zarr.data"], "parts.dataset")
    >>> path = merger.merge_data()
    >>> with DataFile("parts.dataset") as merged:
    ...     merged.arrays["faces/face_areas"].read(), merged.arrays["faces/file_id"].read()
    (array([1.5, 2.3, 4.1, 3.7, 5.2]), array([0, 0, 0, 1, 1]))
    """

    def __init__(
        self,
        zip_files: Iterable[str | os.PathLike[str]] | None = None,
        merged_store_path: str | os.PathLike[str] | None = None,
        file_id_codes: Mapping[str, int] | None = None,
        dask_client_params: Mapping[str, Any] | None = None,
        delete_source_files: bool = True,
    ) -> None:
        if isinstance(zip_files, str | os.PathLike):
            raise TypeError(f"zip_files: expected a list of paths, found one, {os.fspath(zip_files)!r}")
        self._paths = [os.fspath(path) for path in zip_files or ()]
        self._out = None if merged_store_path is None else Path(merged_store_path)
        self._codes = None if file_id_codes is None else dict(file_id_codes)
        self._dask = DaskClient(dask_client_params)
        self._delete_source_files = delete_source_files
        self._schema: dict[str, Any] | None = None
        self._discovered: dict[str, dict[str, list[str]]] | None = None
        self.skipped_files: dict[str, str] = {}
        self.report: MergeReport | None = None

    def discover_groups_from_files(self, max_files_to_scan: int = 5) -> dict[str, dict[str, list[str]]]:
        """Find the groups and arrays of the first files. A merge looks at all of them itself.

        Parameters
        ----------
        max_files_to_scan : int
            How many.

        Returns
        -------
        dict
            Group -> ``{"arrays": [names]}``.

        Raises
        ------
        UsageError
            If it is not a positive number.
        NothingUsable
            If none of them can be read.
        """
        if max_files_to_scan < 1:
            raise UsageError(f"max_files_to_scan: expected at least 1, found {max_files_to_scan}")
        found = survey_sources(self._paths[:max_files_to_scan], self._schema)
        if not found.survey.sources:
            raise NothingUsable(_NOTHING)
        self._discovered = MergeLayout(found.survey).names()
        return deepcopy(self._discovered)

    def get_discovered_groups(self) -> dict[str, dict[str, list[str]]] | None:
        """Give what was discovered last, or None."""
        return deepcopy(self._discovered)

    def print_discovered_structure(self) -> None:
        """Print what was discovered; discovers it if nothing was."""
        groups = self._discovered if self._discovered is not None else self.discover_groups_from_files()
        lines = ["Discovered Data Structure:", "=" * 50]
        for name, group in groups.items():
            lines += [f"Group: {name}", f"  Arrays: {group['arrays']}"]
        print("\n".join(lines))  # noqa: T201 - that is what it is asked for

    def set_schema(self, schema: Mapping[str, Any]) -> None:
        """Say which arrays there are; stronger than what files say and what names suggest.

        Parameters
        ----------
        schema : mapping
            As `SchemaBuilder.build` gives it, possibly in part. Copied.

        Raises
        ------
        TypeError
            If it is no mapping.
        """
        if not isinstance(schema, Mapping):
            raise TypeError(f"schema: expected a dict, found {type(schema).__name__}; call build() on a builder")
        self._schema = deepcopy(dict(schema))

    def merge_data(
        self,
        face_chunk: int = 500_000,
        edge_chunk: int = 500_000,
        faceface_flat_chunk: int = 100_000,
        batch_size: int | None = None,
        consolidate_metadata: bool = True,
        force_compression: bool = True,
        use_streaming: bool = True,
        *,
        strict: bool = False,
        promote: bool = False,
    ) -> str:
        """Merge the files.

        Parameters
        ----------
        face_chunk, edge_chunk, faceface_flat_chunk : int
            The most rows of faces, of edges and of pairs in a chunk; less if they have more than about a million values.
        batch_size : int or None
            How many files become one partial dataset, after which they may be deleted; the partial datasets are merged at the
            end. None: all at once. The result is the same.
        consolidate_metadata : bool
            Whether there is a ``.zmetadata``, which readers open faster.
        force_compression : bool
            Whether the dataset is one zip; else it is a folder with the same entries.
        use_streaming : bool
            Whether memory is bounded; else every chunk that is decoded is kept until the end.
        strict : bool
            Whether arrays that some files lack are refused, not padded.
        promote : bool
            Whether numbers and booleans of different kinds become one dtype, such as float64.

        Returns
        -------
        str
            The dataset's path.

        Raises
        ------
        UsageError
            If there is no output path, it is one of the files, a number is not positive, two files have one stem, or partial
            datasets of a merge that failed lie beside the output and are not among the files.
        NothingUsable
            If no file can be read.
        OutputRefused
            If the output is a folder that is no dataset, or holds a source.
        NotFound
            If a file has no code; a KeyError.
        MergeError
            If the files do not fit together; nothing has been deleted then.
        """
        limits = {"face_chunk": face_chunk, "edge_chunk": edge_chunk, "faceface_flat_chunk": faceface_flat_chunk}
        out = self._checked_output({**limits, **({} if batch_size is None else {"batch_size": batch_size})})
        found = survey_sources(self._paths, self._schema)
        self.skipped_files = dict(found.unreadable)
        for path, reason in self.skipped_files.items():
            warnings.warn(f"{path}: left out: {reason}", stacklevel=2)
        for (group, name), keys in found.survey.clashes.items():
            warnings.warn(
                f"{group.family}/{name}: files have {sorted(keys)} for it; the longest key was taken", stacklevel=2
            )
        for problem in (*found.problems, *found.notes):
            warnings.warn(problem, stacklevel=2)
        if not found.survey.sources:
            raise NothingUsable(_NOTHING)
        plan = self._planned(
            found,
            MergeRules(
                has_own_chunks=True,
                most_rows={"face": face_chunk, "edge": edge_chunk, "facepair": faceface_flat_chunk},
                other_most_rows=_OTHER_ROWS,
                compression="spec",
                is_strict=strict,
            ),
            promote,
        )
        options = replace(
            plan.options,
            is_folder=not force_compression,
            is_consolidated=consolidate_metadata,
            cache_bytes=_CACHE_BYTES if use_streaming else sys.maxsize,
            encoders=self._dask.encoders(),
        )
        self._merge(replace(plan, options=options), found.survey.sources, out, batch_size)
        return str(out)

    def close_dask_resources(self, close_global: bool = False) -> None:
        """Close the Dask client and the cluster that merges have started.

        Parameters
        ----------
        close_global : bool
            Whether also the client that Dask itself knows as the current one is closed, whoever has made it.
        """
        self._dask.close(close_global=close_global)

    def _checked_output(self, numbers: Mapping[str, int]) -> Path:
        for name, number in numbers.items():
            if number < 1:
                raise UsageError(f"{name}: expected at least 1, found {number}")
        if self._out is None:
            raise UsageError("merged_store_path: expected the path of the dataset, found none")
        if not self._paths:
            raise NothingUsable(_NOTHING)
        if self._out.exists() and any(Path(path).exists() and self._out.samefile(path) for path in self._paths):
            raise UsageError(f"{self._out}: expected an output that is none of the files, found one of them")
        check_folder(self._out, self._paths)
        check_partials(self._out, self._paths)
        return self._out

    def _planned(self, found: SourceSurvey, rules: MergeRules, promote: bool) -> MergePlan:
        """Plan a merge; whatever speaks against it is raised here."""
        layout = MergeLayout(found.survey)
        self._discovered = layout.names()
        layout.check_rows(is_strict=rules.is_strict)
        for contradiction in layout.contradictions():
            warnings.warn(contradiction, stacklevel=3)
        codes = assign_codes(found.survey.sources, found.names, self._codes, [*map(file_stem, found.unreadable)])
        rules = replace(
            rules, dtypes=layout.dtypes(promote=promote), first_dimensions=layout.primary, order=layout.order
        )
        schema = found.schema or {}
        record = layout.record(codes)
        options = MergeOptions(view=layout.view, rules=rules, labels=codes.labels, schema=schema, record=record)
        found.survey.forget_rows()
        paths = [source.path for source in found.survey.sources]
        return MergePlan(paths, codes, options, {_STORED_SCHEMA: schema} if schema else {})

    def _merge(self, plan: MergePlan, found: Sequence[SurveyedSource], out: Path, batch_size: int | None) -> None:
        deletable = self._deletable(found)
        if batch_size is None:
            self.report = merge_at_once(plan, out)
        else:
            self.report = merge_in_batches(plan, out, batch_size, deletable)
        for number, reason in plan.damaged.items():
            self.skipped_files[plan.sources[number]] = reason
            warnings.warn(f"{plan.sources[number]}: left out: {reason}", stacklevel=3)
        for place, rows in self.report.padded.items():
            warnings.warn(f"{place}: {rows} rows were padded, because files lack them", stacklevel=3)
        for number in deletable - plan.damaged.keys():
            Path(plan.sources[number]).unlink(missing_ok=True)

    def _deletable(self, found: Sequence[SurveyedSource]) -> frozenset[int]:
        """Give the files that go when what they hold is elsewhere: not finished datasets, which have tables beside them."""
        if not self._delete_source_files:
            return frozenset()
        return frozenset(n for n, source in enumerate(found) if source.kind != "dataset" or source.is_partial)
