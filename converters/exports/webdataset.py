"""A dataset becomes webdataset shards: plain tars in which the files of a sample lie together and share their key."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from zarrpack.converters.exports.item_source import ExportedItem, ItemSource
from zarrpack.converters.exports.output_folder import new_folder
from zarrpack.converters.exports.shards import ExportResult, as_fields, metadata_bytes, result_of
from zarrpack.converters.stage_clock import StageClock
from zarrpack.errors import UsageError
from zarrpack.storage.sharded.open_shard import OpenShard

__all__ = ["export_webdataset", "sample_key"]

#: First bytes of what browsers and decoders of webdataset know by its suffix.
_SUFFIXES = (
    (b"\xff\xd8\xff", "jpg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF8", "gif"),
    (b"RIFF", "webp"),
    (b"II*\0", "tif"),
    (b"MM\0*", "tif"),
)


def export_webdataset(
    source: Path,
    out: Path,
    *,
    arrays: Sequence[str] = (),
    samples_per_shard: int = 10_000,
    max_shard_bytes: int | None = 1_000_000_000,
    overwrite: bool = False,
) -> ExportResult:
    """Write a ``.dataset`` as tars for webdataset.

    Parameters
    ----------
    source : Path
        The dataset; its ``.infoset`` is taken along as ``<key>.json``.
    out : Path
        The folder of ``<NAME>-000000.tar``, ...
    arrays : sequence of str
        ``"group/array"`` or ``"group"``; all if empty.
    samples_per_shard : int
        Samples in a tar.
    max_shard_bytes : int or None
        Bytes in a tar; one sample may be larger.
    overwrite : bool
        Whether a folder that is there may be replaced.

    Raises
    ------
    UsageError
        If a number is less than 1, or the source is no dataset.
    SourceError, FormatError, OutputRefused
        If the source cannot be read, or the tars cannot be written.
    """
    for name, value in (("samples_per_shard", samples_per_shard), ("max_shard_bytes", max_shard_bytes)):
        if value is not None and value < 1:
            raise UsageError(f"{name}: expected at least 1, found {value}")
    clock = StageClock()
    samples = number = held = 0
    with closing(ItemSource(source, arrays)) as items, new_folder(out, overwrite=overwrite) as work:
        shard = _open(work, source.stem, number)
        try:
            for item in items:
                files = list(_files(item))
                size = sum(len(data) for _, data in files)
                is_full = max_shard_bytes is not None and held and shard.end + size > max_shard_bytes
                if held >= samples_per_shard or is_full:
                    shard.finish()
                    shard.close()
                    number, held = number + 1, 0
                    shard = _open(work, source.stem, number)
                for name, data in files:
                    shard.append(name, len(data), (data,))
                samples, held = samples + 1, held + 1
            shard.finish()
        finally:
            shard.close()
    return result_of(out, samples, clock)


def _open(folder: Path, stem: str, number: int) -> OpenShard:
    return OpenShard(folder / f"{stem}-{number:06d}.tar", number, 0, 0)


def _files(item: ExportedItem) -> Iterator[tuple[str, bytes]]:
    """Give an item's files: names with its key, and content."""
    key = sample_key(item)
    yield f"{key}.json", metadata_bytes(item)
    has_picture = False
    for name in item.arrays:
        for field, values in as_fields(name, item).items():
            short = field.replace("/", ".").lower()
            if field == name and name.endswith("/encoded") and len(item.arrays[name]) == 1:
                suffix = _suffix(values[:16].tobytes())
                # The first picture has the bare suffix, by which webdataset's own decoders find it.
                yield f"{key}.{suffix if suffix and not has_picture else short}", values.tobytes()
                has_picture = has_picture or suffix is not None
            else:
                content = io.BytesIO()
                np.save(content, values, allow_pickle=False)
                yield f"{key}.{short}.npy", content.getvalue()


def sample_key(item: ExportedItem) -> str:
    """Give the key of an item: its code, and what is plain of its name.

    webdataset takes everything up to the first dot of a name as the key, folders included, so a key has neither.

    Examples
    --------
    >>> sample_key(ExportedItem(7, "a/1.5 kg"))
    '000000007_a_1_5_kg'
    """
    name = re.sub("[^A-Za-z0-9-]+", "_", item.name)[:60].strip("_")
    return f"{item.code:09d}_{name}" if name and name != str(item.code) else f"{item.code:09d}"


def _suffix(head: bytes) -> str | None:
    return next((suffix for magic, suffix in _SUFFIXES if head.startswith(magic)), None)
