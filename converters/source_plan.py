"""``zarrpack plan``: what a conversion would make, and what looks dangerous, from headers alone."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, cast

from zarrpack.converters.options import ConvertOptions
from zarrpack.converters.pipeline.selection import Selection
from zarrpack.converters.sources import describe_sources
from zarrpack.errors import MemberError, ZarrpackError
from zarrpack.processors.archives.base import Entry, Source
from zarrpack.processors.archives.registry import open_source
from zarrpack.processors.base import HEAD_BYTES, Member, Processor, SupportsShape
from zarrpack.processors.registry import choose, processors
from zarrpack.processors.replay import ReplayStream

__all__ = ["plan_conversion"]

_NAMES = 10
_NESTED = (".zip", ".tar", ".tgz", ".tbz2", ".txz", ".gz", ".bz2", ".xz", ".zst", ".7z", ".rar")
#: Measured on photographs: bytes of pixels per byte stored.
_PIXEL_RATIO = 2.3


@dataclass(slots=True)
class _Danger:
    """Something that the user may want to know of before hours are spent."""

    detail: str
    count: int = 0
    first: list[str] = field(default_factory=list)

    def add(self, name: str) -> None:
        self.count += 1
        if len(self.first) < _NAMES:
            self.first.append(name)


@dataclass(slots=True)
class _Plan:
    """What has been seen of one source."""

    options: ConvertOptions
    selection: Selection
    chosen: Sequence[Processor]
    members: Counter[str] = field(default_factory=Counter)
    processors: dict[str, Counter[str]] = field(default_factory=dict)
    sizes: Counter[str] = field(default_factory=Counter)
    dangers: dict[str, _Danger] = field(default_factory=dict)
    pixel_values: int = 0
    bytes: int = 0

    def look_at(self, entry: Entry, stream: BinaryIO | None, source: Source) -> None:
        self.members["found"] += 1
        for note in entry.notes:
            self._warn(note, "noted by the archive layer; the member is stored all the same", entry.name)
        verdict = self.selection.verdict(entry)
        if verdict is not None:
            state, reason, detail = verdict
            self.members[state] += 1
            if state == "failed":
                self._warn(reason, detail, entry.name)
            return
        self.members["to read"] += 1
        self.bytes += entry.size or 0
        if entry.name.lower().endswith(_NESTED):
            self._warn("nested_archive", "an archive in the archive; it is kept as a plain file", entry.name)
        try:
            self._look_into(entry, source.open(entry) if stream is None else stream)
        except (ZarrpackError, OSError) as error:
            reason, detail = (
                (error.reason, error.detail) if isinstance(error, MemberError) else ("unreadable", str(error))
            )
            self._warn(reason, detail, entry.name)

    def _look_into(self, entry: Entry, stream: BinaryIO) -> None:
        head = stream.read(HEAD_BYTES)
        processor: Any = choose(self.chosen, head, entry.name)
        counts = self.processors.setdefault(processor.name if processor else "none", Counter())
        counts["members"] += 1
        counts["bytes"] += entry.size or 0
        if isinstance(processor, SupportsShape):
            content = cast(BinaryIO, ReplayStream(head, stream))
            shape = processor.shape(Member(entry.name, head, content, self.options.chosen_limits()))
            if shape is not None:
                self.pixel_values += math.prod(shape)
                self.sizes["x".join(map(str, (shape[1], shape[0])))] += 1

    def warn_of_expansion(self, packed: int) -> None:
        """Say so if the members claim far more bytes than the source has."""
        limits = self.options.chosen_limits()
        if packed and self.bytes > limits.ratio_grace_bytes and self.bytes > limits.ratio * packed:
            detail = f"its members claim {self.bytes} bytes, {self.bytes // packed} times its size"
            self._warn("expansion", detail, "the whole archive")

    def _warn(self, reason: str, detail: str, name: str) -> None:
        self.dangers.setdefault(reason, _Danger(detail)).add(name)


def plan_conversion(sources: Sequence[Path], options: ConvertOptions) -> dict[str, Any]:
    """Tell what a conversion would find and make. Nothing is decoded and nothing is written.

    A compressed tar must be decompressed for that, for its headers lie between the contents.

    Parameters
    ----------
    sources : sequence of Path
        As for a conversion.
    options : ConvertOptions
        As for a conversion.

    Returns
    -------
    dict
        JSON values: ``sources``, a mapping for each with ``label``, ``kind``, ``members``, ``processors``, ``picture_sizes``,
        ``bytes``, ``dangers``; and ``disk``: bytes needed at the least, and estimated.

    Raises
    ------
    SourceError
        If a source does not exist or cannot be read at all.
    """
    image = {"images": options.images, "size": options.size, "fit": options.fit}
    values = {name: dict(one) for name, one in options.processors.items()}
    values["image"] = {**image, **values.get("image", {})}
    chosen = processors(values)
    found = []
    disk = 0
    for path, described in zip(sources, describe_sources(sources, options.chosen_limits()), strict=True):
        plan = _Plan(options, Selection(options.include, options.exclude), chosen)
        with closing(open_source(path, options.chosen_limits(), salvage=options.salvage)) as source:
            for entry, stream in _entries(source, options.limit):
                plan.look_at(entry, stream, source)
            findings = [{"reason": one.reason, "detail": one.detail} for one in source.findings]
        plan.warn_of_expansion(described.bytes)
        disk += _disk(plan, options)
        found.append(_told(plan, described.label, described.kind, findings))
    return {"sources": found, "disk_bytes": disk}


def _entries(source: Source, limit: int | None) -> Iterator[tuple[Entry, BinaryIO | None]]:
    entries: Iterator[tuple[Entry, BinaryIO | None]]
    if source.random_access:
        entries = ((entry, None) for entry in source.entries())
    else:
        entries = iter(source.forward())
    for number, pair in enumerate(entries):
        if limit is not None and number >= limit:
            return
        yield pair


def _disk(plan: _Plan, options: ConvertOptions) -> int:
    """Estimate the bytes of packs and dataset together, for they exist side by side until the end."""
    pictures = plan.processors.get("image", Counter())
    others = plan.bytes - pictures["bytes"]
    if options.size is not None:
        pixels = pictures["members"] * options.size[0] * options.size[1] * 3
    else:
        pixels = plan.pixel_values
    stored = 0 if options.images == "encoded" else int(pixels / (1 if options.compression == "none" else _PIXEL_RATIO))
    kept = pictures["bytes"] if options.images != "decoded" else 0
    return 2 * (stored + kept + others)


def _told(plan: _Plan, label: str, kind: str, findings: list[dict[str, str]]) -> dict[str, Any]:
    return {
        "label": label,
        "kind": kind,
        "members": dict(plan.members),
        "processors": {name: dict(counts) for name, counts in plan.processors.items()},
        "picture_sizes": dict(plan.sizes.most_common(_NAMES)),
        "bytes": plan.bytes,
        "findings": findings,
        "dangers": {
            reason: {"count": one.count, "detail": one.detail, "first": one.first}
            for reason, one in plan.dangers.items()
        },
    }
