"""A dataset becomes a sharded store: a sample for each item, a field for each array, metadata from the infoset."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from zarrpack.converters.exports.item_source import ExportedItem, ItemSource
from zarrpack.converters.exports.output_folder import new_folder
from zarrpack.converters.stage_clock import StageClock
from zarrpack.storage.sharded.sample_names import member_name
from zarrpack.storage.sharded.writer import ShardedDatasetWriter

__all__ = ["ExportResult", "as_fields", "export_shards", "finite", "metadata_bytes", "result_of"]


@dataclass(frozen=True, slots=True)
class ExportResult:
    """What an export has written.

    Parameters
    ----------
    out : Path
        The folder, as an absolute path.
    samples : int
        Items written.
    shards : int
        Tar files.
    bytes : int
        Bytes of all files.
    seconds : float
        Time it took.
    """

    out: Path
    samples: int
    shards: int
    bytes: int
    seconds: float

    def to_mapping(self) -> dict[str, Any]:
        """Give the result as JSON values: what ``--json`` prints."""
        return {**asdict(self), "out": str(self.out), "seconds": round(self.seconds, 3)}


def export_shards(
    source: Path,
    out: Path,
    *,
    arrays: Sequence[str] = (),
    samples_per_shard: int = 1000,
    max_shard_bytes: int | None = None,
    overwrite: bool = False,
) -> ExportResult:
    """Write a ``.dataset`` as a sharded store.

    Parameters
    ----------
    source : Path
        The dataset; its ``.infoset`` is taken along.
    out : Path
        The store's folder.
    arrays : sequence of str
        ``"group/array"`` or ``"group"``; all if empty.
    samples_per_shard : int
        Samples in a tar file.
    max_shard_bytes : int or None
        Bytes in a tar file.
    overwrite : bool
        Whether a folder that is there may be replaced.

    Raises
    ------
    SourceError, UsageError, FormatError, OutputRefused
        If the source is no dataset, is damaged, or the store cannot be written.
    """
    clock = StageClock()
    samples = 0
    with (
        closing(ItemSource(source, arrays)) as items,
        new_folder(out, overwrite=overwrite) as work,
        ShardedDatasetWriter(work, samples_per_shard, max_shard_bytes=max_shard_bytes) as writer,
    ):
        known = list(items.arrays)
        writer.add_fields(known)
        for item in items:
            values = {key: one for name in item.arrays for key, one in as_fields(name, item).items()}
            new = [name for name in values if name not in known]
            if new:
                writer.add_fields(new)
                known += new
            writer.add_sample(values, _sample_id(item), finite(item.metadata))
            samples += 1
        writer.record_digests()
        # Before the folder gets its name.
        writer.close()
    return result_of(out, samples, clock)


def as_fields(name: str, item: ExportedItem) -> dict[str, npt.NDArray[Any]]:
    """Give an array of an item as arrays that a .npy file can hold.

    Parameters
    ----------
    name : str
        The array.
    item : ExportedItem
        The item.

    Returns
    -------
    dict of str to ndarray
        Text as fixed-width text. Bytes as uint8, of several rows with ``<name>_offsets``. Rows of different shapes as their
        values one after the other, with ``<name>_shape``.
    """
    values = item.arrays[name]
    if values.dtype != object:
        return {name: values}
    if isinstance(values.flat[0], str):
        return {name: values.astype(np.str_)}
    rows = list(values.flat)
    if isinstance(rows[0], np.ndarray):
        shapes = np.array([one.shape for one in rows], np.int64)
        return {name: np.concatenate([one.reshape(-1) for one in rows]), f"{name}_shape": shapes}
    payload = np.frombuffer(b"".join(rows), np.uint8)
    if len(rows) == 1:
        return {name: payload}
    return {name: payload, f"{name}_offsets": np.cumsum([0, *map(len, rows)])}


def finite(value: Any) -> Any:
    """Replace what JSON cannot hold: NaN and infinities are null, dates and bytes text.

    Examples
    --------
    >>> finite({"a": float("nan"), "b": [1, 2.5]})
    {'a': None, 'b': [1, 2.5]}
    """
    if isinstance(value, dict):
        return {key: finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [finite(one) for one in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value if isinstance(value, str | int | float | None) else str(value)


def result_of(out: Path, samples: int, clock: StageClock) -> ExportResult:
    """Count what lies in a folder that was written."""
    files = [path for path in out.rglob("*") if path.is_file()]
    shards = sum(path.suffix == ".tar" for path in files)
    size = sum(path.stat().st_size for path in files)
    return ExportResult(out.resolve(), samples, shards, size, clock.seconds()["total"])


def _sample_id(item: ExportedItem) -> str:
    """Give the item's name; where that cannot be an id, its code and what fits of the name."""
    try:
        member_name(item.name)
    except ValueError:
        return f"{item.code}-{re.sub('[^A-Za-z0-9]+', '_', item.name)[:80]}"
    return item.name


def metadata_bytes(item: ExportedItem) -> bytes:
    """Give an item's metadata as JSON text."""
    return json.dumps(finite(item.metadata), ensure_ascii=False).encode("utf-8", "backslashreplace")
