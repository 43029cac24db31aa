"""The merge itself: at once, or batch by batch through partial datasets, with the same bytes."""

from __future__ import annotations

import contextlib
import glob
import shutil
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from zarrpack.errors import FormatError, NothingUsable, OutputRefused, UsageError
from zarrpack.storage.datasetstorage.source_codes import SourceCodes
from zarrpack.storage.datastorage.metadata_file import read_json
from zarrpack.storage.durability import publish_file, sync_folder
from zarrpack.storage.hierarchy import kind_of
from zarrpack.storage.merge.damage import DamagedSource
from zarrpack.storage.merge.merge import MergeOptions, MergeReport, merge_arrays

__all__ = ["MergePlan", "check_folder", "check_partials", "merge_at_once", "merge_in_batches"]


@dataclass(frozen=True, slots=True)
class MergePlan:
    """A merge that only has to be done. Sources are known by their numbers.

    Parameters
    ----------
    sources : sequence of str
        All sources, in order.
    codes : SourceCodes
        The codes of their members, and their places.
    options : MergeOptions
        How arrays are merged.
    metadata : dict
        More keys for ``metadata.json``.
    damaged : dict of int to str
        Gets the sources that turn out to be damaged -> why; the merge goes on without them.
    """

    sources: Sequence[str]
    codes: SourceCodes
    options: MergeOptions
    metadata: dict[str, Any]
    damaged: dict[int, str] = field(default_factory=dict)


def merge_at_once(
    plan: MergePlan, out: Path, numbers: Sequence[int] | None = None, *, skips_damaged: bool = True
) -> MergeReport:
    """Merge sources; the output has its name only when it is whole and on disk.

    Parameters
    ----------
    plan : MergePlan
        What to do.
    out : Path
        A zip or a folder; what is there is replaced.
    numbers : sequence of int, optional
        Which sources; None: all.
    skips_damaged : bool
        Whether a damaged source is left out, and noted in the plan. Else it ends the merge.

    Raises
    ------
    NothingUsable
        If every source is damaged.
    DamagedSource
        If one is and must not be left out.
    """
    wanted = range(len(plan.sources)) if numbers is None else numbers
    with _draft(out) as draft:
        while True:
            left = [number for number in wanted if number not in plan.damaged] if plan.damaged else wanted
            if not left:
                raise NothingUsable(f"No encoded data files found to merge: all {len(wanted)} are damaged")
            try:
                report = _merged(plan, left, draft)
                break
            except DamagedSource as exc:
                number = next((number for number in left if plan.sources[number] == exc.path), None)
                if number is None or not skips_damaged:
                    raise
                plan.damaged[number] = str(exc)
                _remove(draft)
        _publish(draft, out)
    return report


def merge_in_batches(plan: MergePlan, out: Path, batch_size: int, deletable: Container[int]) -> MergeReport:
    """Merge sources in two steps.

    Parameters
    ----------
    plan : MergePlan
        What to do.
    out : Path
        As for `merge_at_once`. Partial datasets lie beside it until it is on disk.
    batch_size : int
        Sources of a partial dataset.
    deletable : container of int
        Sources that are deleted as soon as what they hold is in a partial dataset on disk.

    Raises
    ------
    NothingUsable
        If every source is damaged.
    DamagedSource
        If a partial dataset has been damaged meanwhile. All of them stay then.
    """
    first_part = _first_part(out)
    partial_plan = replace(plan, options=replace(plan.options, is_partial=True, is_folder=False, is_consolidated=True))
    partials: list[Path] = []
    done = 0
    try:
        for first in range(0, len(plan.sources), batch_size):
            batch = range(first, min(first + batch_size, len(plan.sources)))
            partial = _part_path(out, first_part + len(partials))
            with contextlib.suppress(NothingUsable):
                merge_at_once(partial_plan, partial, batch)
                partials.append(partial)
            for number in batch:
                if number in deletable and number not in plan.damaged:
                    Path(plan.sources[number]).unlink()
            done = batch.stop
        if not partials:
            raise NothingUsable(f"No encoded data files found to merge: all {len(plan.sources)} are damaged")
        merged = [number for number in range(len(plan.sources)) if number not in plan.damaged]
        report = merge_at_once(_final_plan(plan, partials, merged), out, skips_damaged=False)
    except BaseException as exc:
        if partials:
            exc.add_note(
                f"{len(partials)} partial datasets hold the first {done} files: {partials[0]} to {partials[-1].name}; "
                "to go on merge these, in order, and then the other files, with the same file_id_codes"
            )
        raise
    for partial in partials:
        partial.unlink()
    return report


def check_partials(out: Path, sources: Sequence[str]) -> None:
    """Refuse partial datasets of a merge that failed, unless they are among the sources.

    Parameters
    ----------
    out : Path
        The output, beside which they lie.
    sources : sequence of str
        What is merged.

    Raises
    ------
    UsageError
        If there are any. They may be all that is left of the files that they hold.
    """
    own = {Path(source).resolve() for source in sources}
    left = [path for path in _partials(out) if path.resolve() not in own]
    if left:
        raise UsageError(
            f"{left[0]}: expected no partial dataset of an earlier merge beside the output, found {len(left)}; merge them "
            "first, in order, and then the other files, with the same file_id_codes; or move them away"
        )


def check_folder(out: Path, sources: Sequence[str]) -> None:
    """Refuse an output that is a folder, unless it is empty or a dataset, and no source lies in it.

    Parameters
    ----------
    out : Path
        The output, which replaces what is there.
    sources : sequence of str
        What is merged.

    Raises
    ------
    OutputRefused
        If something else would be lost.
    """
    if not out.is_dir():
        return
    own = out.resolve()
    inside = next((source for source in sources if own in Path(source).resolve().parents), None)
    if inside is not None:
        raise OutputRefused(
            f"{out}: expected an output that holds no source, found {inside} in it; choose another path"
        )
    if any(out.iterdir()) and not _is_dataset(out):
        raise OutputRefused(
            f"{out}: expected a dataset, an empty folder or nothing, found other files; choose another path"
        )


def _is_dataset(folder: Path) -> bool:
    try:
        return kind_of(read_json(folder / ".zattrs")) == "dataset"
    except (OSError, FormatError):
        return False


def _partials(out: Path) -> list[Path]:
    return sorted(out.parent.glob(f"{glob.escape(out.stem)}.part[0-9][0-9][0-9][0-9][0-9].dataset"))


def _part_path(out: Path, number: int) -> Path:
    return out.with_name(f"{out.stem}.part{number:05d}.dataset")


def _first_part(out: Path) -> int:
    """Give the number of the first partial dataset: behind those of an earlier merge, which may be sources."""
    taken = _partials(out)
    return int(taken[-1].name.removesuffix(".dataset")[-5:]) + 1 if taken else 1


def _merged(plan: MergePlan, numbers: Sequence[int], draft: Path) -> MergeReport:
    return merge_arrays(
        [plan.sources[number] for number in numbers],
        lambda position, _source: plan.codes.of(numbers[position]),
        draft,
        count=plan.codes.count,
        metadata=plan.metadata,
        options=replace(plan.options, present=plan.codes.present(numbers)),
    )


def _final_plan(plan: MergePlan, partials: Sequence[Path], merged: Sequence[int]) -> MergePlan:
    """Give the plan under which the partial datasets' members are their codes."""
    codes = plan.codes
    merged_places = np.concatenate([codes.of(number) for number in merged])
    merged_places = merged_places[merged_places >= 0]
    labels = merged_places if codes.labels is None else codes.labels[merged_places]
    places = np.full(int(labels.max(initial=-1)) + 1, -1, np.int64)
    places[labels] = merged_places
    first = len(places) * np.arange(len(partials) + 1)
    of_partials = SourceCodes(np.tile(places, len(partials)), first, codes.count, codes.labels)
    return MergePlan(
        [str(partial) for partial in partials], of_partials, replace(plan.options, view=None), plan.metadata
    )


@contextlib.contextmanager
def _draft(out: Path) -> Iterator[Path]:
    draft = out.with_name(f".{out.name}.draft")
    out.parent.mkdir(parents=True, exist_ok=True)
    _remove(draft)
    try:
        yield draft
    finally:
        _remove(draft)


def _publish(draft: Path, out: Path) -> None:
    """Give a finished output its name; what has it is gone only then."""
    if draft.is_file() and not out.is_dir():
        publish_file(draft, out)
        return
    old = out.with_name(f".{out.name}.old")
    _remove(old)
    if out.exists():
        out.rename(old)
    draft.rename(out)
    sync_folder(out.parent)
    _remove(old)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
