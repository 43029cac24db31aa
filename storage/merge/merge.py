"""Joins packs, stores and datasets into one dataset, in two passes.

Pass 1 reads the sources' metadata and code arrays and plans the whole output; pass 2 copies or encodes its chunks.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from zarrpack.errors import FormatError, MergeError
from zarrpack.storage.data_file import DataFile
from zarrpack.storage.merge.catalogue import Catalogue
from zarrpack.storage.merge.encoding_choice import common_compressions
from zarrpack.storage.merge.group_plan import GroupPlan, Planning
from zarrpack.storage.merge.open_files import OpenFiles
from zarrpack.storage.merge.part_reader import DecodedChunks, PartReader
from zarrpack.storage.merge.plan import plan_groups
from zarrpack.storage.merge.scan import scan_source
from zarrpack.storage.merge.writing import write_chunks, write_documents
from zarrpack.storage.zip_writer import ZipSummary, ZipWriter

__all__ = ["MergeReport", "merge_arrays"]

# How many sources are open at once.
_OPEN_FILES = 128
# How many bytes of decoded chunks are kept for the next output chunk.
_CACHE_BYTES = 8 << 20
# Each thread holds a chunk of about a million values before and after encoding.
_MOST_THREADS = 8


@dataclass(frozen=True, slots=True)
class MergeReport:
    """What a merge has made.

    Parameters
    ----------
    groups : dict
        Group -> array -> ``{"shape", "dtype", "chunks"}``, as stored.
    rows : dict
        Group -> row dimension -> rows; the group's first dimension comes first.
    notes : tuple of str
        Promotions, arrays kept apart (``name__dtype``), padding, arrays that went flat.
    chunks_copied, chunks_encoded : int
        How many chunks were taken over as bytes, and how many were encoded.
    summary : ZipSummary
        The file.
    """

    groups: dict[str, dict[str, dict[str, Any]]]
    rows: dict[str, dict[str, int]]
    notes: tuple[str, ...]
    chunks_copied: int
    chunks_encoded: int
    summary: ZipSummary


def merge_arrays(
    sources: Sequence[Path],
    codes: Callable[[int, DataFile], npt.NDArray[np.int64]],
    out: Path,
    *,
    count: int,
    threads: int | None = None,
    metadata: Mapping[str, Any] | None = None,
    progress: Callable[[int], None] | None = None,
) -> MergeReport:
    """Merge the arrays of sources into one dataset.

    Equal sources, codes and metadata give equal bytes, whatever `threads` is. Memory grows by about 30 bytes for each
    stretch of rows of one member, and by some for each array and chunk of a source, not with the data.

    Parameters
    ----------
    sources : sequence of Path
        Packs, stores and datasets. Their order is the order of rows with equal codes.
    codes : callable
        Called once for each source with its position and the open file; gives int64 of shape (members,): the item code of
        each member, or -1: its rows are left out. A dataset's members are its own codes; a store has one.
    out : Path
        Written directly and neither synced nor renamed; must be none of the sources.
    count : int
        Number of item codes.
    threads : int, optional
        How many chunks are encoded at once. None: one for each processor, 8 at most.
    metadata : mapping, optional
        More keys for the output's ``metadata.json``.
    progress : callable, optional
        Called with the number of bytes of each chunk that was written, in this thread.

    Returns
    -------
    MergeReport
        What was made.

    Raises
    ------
    SourceError
        If a source cannot be opened.
    FormatError
        If a source is damaged; the message names file and array.
    MergeError
        If `codes` does not fit a source, or `out` is one.

    Examples
    --------
    >>> report = merge_arrays(packs, lambda k, pack: np.arange(2) + 2 * k, Path("new.dataset"), count=4)  # doctest: +SKIP
    """
    if out.exists() and any(path.exists() and path.samefile(out) for path in sources):
        raise MergeError(
            f"{out}: expected an output that is none of the sources, found one of them; choose another name"
        )
    catalogue = Catalogue()
    for number, path in enumerate(sources):
        with DataFile(path) as source:
            try:
                scan_source(catalogue, source, np.asarray(codes(number, source), np.int64), count)
            except FormatError as exc:
                raise _naming(exc, path) from exc
    with OpenFiles(catalogue.paths, _OPEN_FILES) as files, out.open("wb") as file:
        reader = PartReader(catalogue, files, DecodedChunks(_CACHE_BYTES))
        groups = plan_groups(Planning(catalogue, reader, count, common_compressions(catalogue)))
        writer = ZipWriter(file)
        first = write_documents(writer, groups, count, metadata or {})
        arrays = [array for group in groups for array in group.arrays]
        copied, encoded = write_chunks(writer, arrays, reader, threads or _default_threads(), progress)
        summary = writer.close(first)
    return MergeReport(
        groups={group.name: _described(group) for group in groups},
        rows={group.name: dict(group.rows) for group in groups},
        notes=tuple(note for group in groups for note in group.notes),
        chunks_copied=copied,
        chunks_encoded=encoded,
        summary=summary,
    )


def _default_threads() -> int:
    return min(_MOST_THREADS, os.cpu_count() or 1)


def _described(group: GroupPlan) -> dict[str, dict[str, Any]]:
    return {
        array.place.partition("/")[2]: {
            "shape": array.metadata.shape,
            "dtype": array.metadata.dtype,
            "chunks": array.metadata.chunks,
        }
        for array in group.arrays
    }


def _naming(error: FormatError, path: Path) -> FormatError:
    """Give an error that names the file, which an array's own errors may not."""
    return error if str(path) in str(error) else FormatError(f"{path}: {error}")
