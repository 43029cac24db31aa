"""The ``.flow`` file: a run's summary and options, and the commit of its set of files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zarrpack import __version__
from zarrpack.converters.options import ConvertOptions
from zarrpack.converters.output import OutputSet
from zarrpack.converters.result import ConvertResult

__all__ = ["file_digest", "write_flow"]

_READ_BYTES = 1 << 20


def write_flow(
    output: OutputSet, result: ConvertResult, options: ConvertOptions, sources: list[dict[str, Any]], directory: str
) -> None:
    """Write the set's ``.flow`` under its temporary name, with the digests of the other files.

    Parameters
    ----------
    output : OutputSet
        Its other files lie under their temporary names, complete.
    result : ConvertResult
        What is to be told.
    options : ConvertOptions
        How the run was configured.
    sources : list of dict
        Label and kind of each source.
    directory : str
        Digest of the dataset's central directory, which holds every chunk's CRC-32.
    """
    files: dict[str, Mapping[str, Any]] = {
        f"{output.name}.dataset": {
            "size": output.temporary(".dataset").stat().st_size,
            "directory_sha256": directory,
        }
    }
    for suffix in (".infoset", ".attribset", ".members.parquet"):
        path = output.temporary(suffix)
        files[f"{output.name}{suffix}"] = {"size": path.stat().st_size, "sha256": file_digest(path)}
    document = {
        "flow_name": output.name,
        "flow_data": str(result.dataset),
        "flow_info": str(result.infoset),
        "flow_attributes": str(result.attribset),
        "Duration [seconds]": {stage: round(value, 3) for stage, value in result.seconds.items()},
        "file_count": result.counts["items"],
        "error_distribution": dict(result.reasons),
        "zarrpack": {
            "format": 1,
            "version": __version__,
            "sources": sources,
            "options": options.to_mapping(),
            "counts": dict(result.counts),
            "findings": list(result.findings),
            "unmatched": dict(result.unmatched),
            "notes": list(result.notes),
            "files": files,
        },
    }
    text = json.dumps(document, indent=1)
    output.temporary(".flow").write_text(text + "\n", encoding="utf-8")


def file_digest(path: Path) -> str:
    """Give a file's SHA-256 as hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_READ_BYTES):
            digest.update(piece)
    return digest.hexdigest()
