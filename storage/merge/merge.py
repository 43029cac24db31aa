"""Joins packs, stores and datasets into one dataset, in two passes.

Pass 1 reads the sources' metadata and code arrays and plans the whole output; pass 2 copies or encodes its chunks.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from zarrpack.errors import FormatError, MergeError
from zarrpack.storage.data_file import DataFile
from zarrpack.storage.merge.catalogue import Catalogue
from zarrpack.storage.merge.chunk_encoders import EncodersFactory, ThreadEncoders
from zarrpack.storage.merge.chunk_origins import ChunkOrigins
from zarrpack.storage.merge.decoded_chunks import DecodedChunks
from zarrpack.storage.merge.encoding_choice import common_compressions
from zarrpack.storage.merge.folder_writer import FolderWriter
from zarrpack.storage.merge.group_plan import GroupPlan, Planning
from zarrpack.storage.merge.open_files import OpenFiles
from zarrpack.storage.merge.part_reader import PartReader
from zarrpack.storage.merge.plan import plan_groups
from zarrpack.storage.merge.rules import FOLLOWING, MergeRules
from zarrpack.storage.merge.scan import scan_source
from zarrpack.storage.merge.views import SourceView
from zarrpack.storage.merge.writing import EntryWriter, write_chunks, write_documents
from zarrpack.storage.zip_writer import ZipSummary, ZipWriter

__all__ = ["MergeOptions", "MergeReport", "merge_arrays"]

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
    reencoded : dict
        ``"group/array"`` -> why whole chunks of a dataset among the sources could not be copied.
    padded : dict
        ``"group/array"`` -> rows that no source has, so that they were filled.
    origins : ChunkOrigins or None
        Where copied chunks came from.
    """

    groups: dict[str, dict[str, dict[str, Any]]]
    rows: dict[str, dict[str, int]]
    notes: tuple[str, ...]
    chunks_copied: int
    chunks_encoded: int
    summary: ZipSummary
    reencoded: dict[str, str] = field(default_factory=dict)
    padded: dict[str, int] = field(default_factory=dict)
    origins: ChunkOrigins | None = None


@dataclass(frozen=True, slots=True)
class MergeOptions:
    """What can be asked of a merge besides its sources.

    Parameters
    ----------
    view : callable or None
        What to take the sources' arrays for; None: what they say that they are.
    rules : MergeRules
        What does not depend on the sources.
    labels : ndarray of shape (count,), int64, or None
        The code that is written for each code that orders the rows; None: the same.
    present : ndarray of int64, or None
        The codes that are written, in the order of the rows; None: all that are counted.
    is_partial : bool
        Whether the output is a part of a larger dataset, whose codes it has.
    schema : mapping or None
        A declared schema, which goes into ``metadata.json`` completed.
    record : sequence or None
        What goes into ``metadata.json`` of the arrays of users' sources; see ``docs/formats.md``.
    is_folder : bool
        Whether `out` becomes a folder with a file for each entry.
    is_consolidated : bool
        Whether there is a ``.zmetadata``.
    cache_bytes : int
        How many bytes of decoded chunks are kept for the next output chunk.
    encoders : callable or None
        Gives who encodes; None: threads.
    trusted : frozenset of str
        Sources, by their paths, that were just written or checked: chunks of theirs are copied unread. All others are
        compared with their checksums first.
    """

    view: SourceView | None = None
    rules: MergeRules = FOLLOWING
    labels: npt.NDArray[np.int64] | None = None
    present: npt.NDArray[np.int64] | None = None
    is_partial: bool = False
    schema: Mapping[str, Any] | None = None
    record: Sequence[Mapping[str, Any]] | None = None
    is_folder: bool = False
    is_consolidated: bool = True
    cache_bytes: int = _CACHE_BYTES
    encoders: EncodersFactory | None = None
    trusted: frozenset[str] = frozenset()


def merge_arrays(
    sources: Sequence[str | os.PathLike[str]],
    codes: Callable[[int, DataFile], npt.NDArray[np.int64]],
    out: Path,
    *,
    count: int,
    threads: int | None = None,
    metadata: Mapping[str, Any] | None = None,
    progress: Callable[[int], None] | None = None,
    options: MergeOptions = MergeOptions(),
) -> MergeReport:
    """Merge the arrays of sources into one dataset.

    Equal sources, codes and metadata give equal bytes, whatever `threads` is. Memory grows by about 30 bytes for each
    stretch of rows of one member, and by some for each array and chunk of a source, not with the data.

    Parameters
    ----------
    sources : sequence of path-like
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
    options : MergeOptions
        What else can be asked of a merge.

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
        If `codes` does not fit a source, sources do not fit the rules, or `out` is one of them.

    Examples
    --------
    >>> report = merge_arrays(packs, lambda k, pack: np.arange(2) + 2 * k, Path("new.dataset"), count=4)  # doctest: +SKIP
    """
    if out.exists() and any(Path(path).exists() and out.samefile(path) for path in sources):
        raise MergeError(
            f"{out}: expected an output that is none of the sources, found one of them; choose another name"
        )
    catalogue = Catalogue()
    for number, path in enumerate(sources):
        with DataFile(path) as source:
            try:
                scan_source(catalogue, source, np.asarray(codes(number, source), np.int64), count, options.view)
            except FormatError as exc:
                raise _naming(exc, os.fspath(path)) from exc
        catalogue.paths[number] = os.fspath(path)  # the caller's own text, which is there anyway
    with OpenFiles(catalogue.paths, _OPEN_FILES) as files, contextlib.ExitStack() as stack:
        reader = PartReader(catalogue, files, DecodedChunks(options.cache_bytes))
        preferred = common_compressions(catalogue)
        groups = plan_groups(Planning(catalogue, reader, count, preferred, options.rules, options.labels))
        writer: EntryWriter = FolderWriter(out) if options.is_folder else ZipWriter(stack.enter_context(out.open("wb")))
        own = _codes_entry(count, options)
        first = write_documents(writer, groups, own, metadata or {}, options.schema, options.is_consolidated)
        arrays = [array for group in groups for array in group.arrays]
        factory = options.encoders or (lambda _: ThreadEncoders(threads or _default_threads()))
        encoders = stack.enter_context(factory(arrays))
        copied, encoded = write_chunks(writer, arrays, reader, encoders, progress, options.trusted)
        summary = writer.close(first)
    return MergeReport(
        groups={group.name: _described(group) for group in groups},
        rows={group.name: dict(group.rows) for group in groups},
        notes=tuple(note for group in groups for note in group.notes),
        chunks_copied=copied,
        chunks_encoded=encoded,
        summary=summary,
        padded={place: rows for group in groups for place, rows in group.padded.items()},
        reencoded={place: reason for group in groups for place, reason in group.reencoded.items()},
        origins=ChunkOrigins(catalogue, arrays),
    )


def _codes_entry(count: int, options: MergeOptions) -> dict[str, Any]:
    labels = options.labels
    entry: dict[str, Any] = {"codes": count if labels is None else int(labels.max(initial=-1)) + 1}
    present = options.present if options.present is not None else labels
    if present is not None and (options.is_partial or not np.array_equal(present, np.arange(entry["codes"]))):
        entry["order"] = present.tolist()
    if options.is_partial:
        entry["partial"] = True
    if options.record is not None:
        entry["arrays"] = list(options.record)
    return entry


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


def _naming(error: FormatError, path: str) -> FormatError:
    """Give an error that names the file, which an array's own errors may not."""
    return error if path in str(error) else FormatError(f"{path}: {error}")
