"""The sources of a run: what each is called, and how to tell later whether it is still the same."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from zarrpack.errors import SourceError, UsageError
from zarrpack.processors.archives.registry import open_source
from zarrpack.processors.limits import Limits

__all__ = ["DescribedSource", "describe_sources", "refuse_output_inside"]

#: Bytes at a file's start and end that its fingerprint covers. A zip's directory lies at its end.
_HEAD_BYTES = 64 << 10
_TAIL_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class DescribedSource:
    """One source of a run.

    Parameters
    ----------
    label : str
        What it is called, unique in the run.
    kind : str
        Such as ``"zip"``.
    bytes : int
        Length of the file; 0 for a folder.
    fingerprint : str
        Digest of the file's first 64 KiB and last 1 MiB, hexadecimal; empty for a folder.
    """

    label: str
    kind: str
    bytes: int
    fingerprint: str

    def to_mapping(self) -> dict[str, Any]:
        """Give it as JSON values."""
        return asdict(self)


def describe_sources(sources: Sequence[Path], limits: Limits) -> list[DescribedSource]:
    """Describe every source; one that is missing ends the run before anything is written.

    Raises
    ------
    SourceError
        If a source does not exist or cannot be read.
    """
    described: list[DescribedSource] = []
    labels: set[str] = set()
    for path in sources:
        try:
            with closing(open_source(path, limits)) as source:
                kind = source.kind
            size, fingerprint = _fingerprint(path) if path.is_file() else (0, "")
        except PermissionError as error:
            raise SourceError(f"{path}: expected a source that can be read, found: {error.strerror}") from error
        # A name that is not UTF-8 goes into tables and JSON, which hold no other text.
        label = base = os.fsencode(path.resolve().name or "root").decode("utf-8", "backslashreplace")
        count = 1
        while label in labels:
            count += 1
            label = f"{base} ({count})"
        labels.add(label)
        described.append(DescribedSource(label, kind, size, fingerprint))
    return described


def refuse_output_inside(sources: Sequence[Path], out: Path) -> None:
    """Refuse to write into a folder that is being read: the run would store its own files.

    Raises
    ------
    UsageError
        If `out` is a source or lies inside one.
    """
    target = out.resolve()
    for source in sources:
        if source.is_dir() and (target == source.resolve() or source.resolve() in target.parents):
            raise UsageError(
                f"{out}: expected an output folder outside the source {source}, found one inside it; choose another"
            )


def _fingerprint(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        digest = hashlib.sha256(file.read(_HEAD_BYTES))
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _TAIL_BYTES))
        digest.update(file.read(_TAIL_BYTES))
    return size, digest.hexdigest()
