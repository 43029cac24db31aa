"""The ``.flow`` file: a run's summary and options, and the commit of its set of files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from isal.isal_zlib import crc32

from zarrpack.converters.options import ConvertOptions
from zarrpack.converters.output import OutputSet
from zarrpack.converters.result import ConvertResult
from zarrpack.converters.run_identity import check_identity, run_identity
from zarrpack.converters.sources import DescribedSource
from zarrpack.errors import FormatError
from zarrpack.storage.verification.tables import table_digest

__all__ = [
    "file_crc32",
    "file_digest",
    "finished_result",
    "flow_is_whole",
    "output_paths",
    "published_result",
    "read_flow",
    "write_flow",
]

_READ_BYTES = 1 << 20
#: Stands for the digest of the ``.flow`` in the text that the digest is of.
_NO_DIGEST = "0" * 64
#: What the summary of a conversion has.
_KEYS = (
    *("version", "sources", "options", "processors", "python", "counts", "reasons"),
    *("failures", "findings", "unmatched", "notes", "files"),
)


def write_flow(
    output: OutputSet,
    result: ConvertResult,
    options: ConvertOptions,
    sources: Sequence[DescribedSource],
    directory: str,
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
    sources : sequence of DescribedSource
        What was converted.
    directory : str
        Digest of the dataset's central directory, which holds every chunk's CRC-32.
    """
    files: dict[str, Mapping[str, Any]] = {
        f"{output.name}.dataset": {
            "size": output.temporary(".dataset").stat().st_size,
            "directory_sha256": directory,
        }
    }
    for suffix in output.suffixes[1:-1]:
        path = output.temporary(suffix)
        # A mirror can be as large as all pixels; a checksum of it costs a tenth of a digest.
        said = {"crc32": file_crc32(path)} if suffix == ".h5" else {"sha256": file_digest(path)}
        files[f"{output.name}{suffix}"] = {"size": path.stat().st_size, **said}
    infoset = files[f"{output.name}.infoset"]
    # Which subset an item is in may be decided later; all else in the table stays as it is.
    files[f"{output.name}.infoset"] = {
        **infoset,
        "values_sha256": table_digest(output.temporary(".infoset")),
        "content_sha256": table_digest(output.temporary(".infoset"), ("subset",)),
    }
    if output.journal_to_keep.exists():
        files[output.kept_journal.name] = {
            "size": output.journal_to_keep.stat().st_size,
            "sha256": file_digest(output.journal_to_keep),
        }
    identity = run_identity(sources, options)
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
            "version": identity["zarrpack"],
            "sources": identity["sources"],
            "options": options.to_mapping(),
            "processors": identity["processors"],
            "python": identity["python"],
            "reasons": dict(result.reasons),
            "failures": list(result.failures),
            "counts": dict(result.counts),
            "findings": list(result.findings),
            "unmatched": dict(result.unmatched),
            "notes": list(result.notes),
            "files": files,
            "sha256": _NO_DIGEST,
        },
    }
    text = json.dumps(document, indent=1) + "\n"
    text = text.replace(_NO_DIGEST, hashlib.sha256(text.encode()).hexdigest())
    output.temporary(".flow").write_text(text, encoding="utf-8")


def flow_is_whole(output: OutputSet, document: Mapping[str, Any]) -> bool:
    """Whether a set's summary has the text that its digest is of."""
    said = str(document["zarrpack"].get("sha256", ""))
    text = output.path(".flow").read_text(encoding="utf-8")
    return bool(said) and hashlib.sha256(text.replace(said, _NO_DIGEST).encode()).hexdigest() == said


def output_paths(output: OutputSet) -> dict[str, Any]:
    """Give the files of a conversion as absolute paths, by the names that ConvertResult has for them."""
    folder = output.folder.resolve()
    suffixes = {
        "members": ".members.parquet",
        **{one: f".{one}" for one in ("dataset", "infoset", "attribset", "flow")},
    }
    paths: dict[str, Any] = {key: folder / f"{output.name}{suffix}" for key, suffix in suffixes.items()}
    return {**paths, "hdf5": folder / f"{output.name}.h5" if ".h5" in output.suffixes else None}


def read_flow(output: OutputSet) -> dict[str, Any]:
    """Read the summary of a set that has been published.

    Raises
    ------
    FormatError
        If it cannot be read or is none of a conversion.
    """
    path = output.path(".flow")
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        run = document["zarrpack"]
        missing = [key for key in _KEYS if key not in run]
    except (OSError, LookupError, TypeError, ValueError, RecursionError) as error:
        raise FormatError(f"{path}: expected the summary of a conversion, found: {error}; convert again") from error
    if missing:
        raise FormatError(f"{path}: expected the summary of a conversion, found none of {missing[0]}; convert again")
    return document


def published_result(output: OutputSet, document: Mapping[str, Any]) -> ConvertResult:
    """Give the result that a set's summary tells of."""
    run = document["zarrpack"]
    return ConvertResult(
        name=output.name,
        **output_paths(output),
        counts=run["counts"],
        seconds=document["Duration [seconds]"],
        **{key: run[key] for key in ("failures", "findings", "reasons", "unmatched", "notes")},
    )


def finished_result(output: OutputSet, identity: Mapping[str, Any]) -> ConvertResult:
    """Give the result of a run that has been published already.

    Parameters
    ----------
    output : OutputSet
        The set, complete.
    identity : mapping
        The run that was asked for; see :func:`zarrpack.converters.run_identity.run_identity`.

    Raises
    ------
    UsageError
        If that run had other sources, options or versions.
    FormatError
        If its summary cannot be read.
    """
    document = read_flow(output)
    run = document["zarrpack"]
    options = {key: run["options"].get(key) for key in identity["options"]}
    recorded = {"zarrpack": run["version"], "options": options}
    check_identity(
        recorded | {key: run[key] for key in ("python", "processors", "sources")}, identity, str(output.folder)
    )
    return published_result(output, document)


def file_digest(path: Path) -> str:
    """Give a file's SHA-256 as hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_READ_BYTES):
            digest.update(piece)
    return digest.hexdigest()


def file_crc32(path: Path) -> str:
    """Give a file's CRC-32 as eight hexadecimal digits."""
    checksum = 0
    piece = bytearray(_READ_BYTES)
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(piece):
            checksum = crc32(memoryview(piece)[:count], checksum)
    return f"{checksum:08x}"
