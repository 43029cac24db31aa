"""Where the files of a set are: as its ``.flow`` says, or beside it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from zarrpack.errors import FormatError

__all__ = ["SetPaths", "flow_paths", "paths_beside", "set_paths"]


@dataclass(frozen=True, slots=True)
class SetPaths:
    """The files of a set; None where there is no such file.

    Parameters
    ----------
    dataset, infoset, attribset, members : Path or None
        ``NAME.dataset``, ``NAME.infoset``, ``NAME.attribset``, ``NAME.members.parquet``.
    """

    dataset: Path | None
    infoset: Path | None = None
    attribset: Path | None = None
    members: Path | None = None


def flow_paths(path: str | os.PathLike[str]) -> SetPaths:
    """Read a ``.flow``. Where a path that it names is gone, the file of that name beside it is taken.

    Parameters
    ----------
    path : path-like
        The ``.flow``.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    FormatError
        If it is no such file.
    """
    flow = Path(path)
    if flow.suffix in (".dataset", ".data", ".infoset"):
        raise FormatError(
            f"{flow}: expected a .flow, found a {flow.suffix}; give it as merged_store_path or parquet_file_path"
        )
    try:
        document = json.loads(flow.read_text(encoding="utf-8"))
    except FileNotFoundError as exc:
        raise FileNotFoundError(exc.errno, "expected a .flow file, found none", str(flow)) from exc
    except (OSError, ValueError) as exc:
        raise FormatError(f"{flow}: expected the JSON summary of a run, found: {exc}") from exc
    if not isinstance(document, dict):
        raise FormatError(f"{flow}: expected a JSON object, found {type(document).__name__}")
    found = [_beside(flow, document.get(key)) for key in ("flow_data", "flow_info", "flow_attributes")]
    dataset = found[0]
    members = None if dataset is None else dataset.with_name(f"{dataset.stem}.members.parquet")
    return SetPaths(dataset, found[1], found[2], members if members is not None and members.is_file() else None)


def paths_beside(path: str | os.PathLike[str]) -> SetPaths:
    """Find the files that belong to a ``.flow`` or a ``.dataset``.

    Parameters
    ----------
    path : path-like
        A ``.flow``, a ``.dataset``, or another file that stands alone.
    """
    given = Path(path)
    if given.suffix == ".flow":
        return flow_paths(given)
    found = [given.with_name(f"{given.stem}{suffix}") for suffix in (".infoset", ".attribset", ".members.parquet")]
    return SetPaths(given, *(one if one.is_file() else None for one in found))


def set_paths(
    flow: str | os.PathLike[str] | None,
    dataset: str | os.PathLike[str] | None,
    infoset: str | os.PathLike[str] | None,
    attribset: str | os.PathLike[str] | None,
) -> SetPaths:
    """Find the files of a set; what is given is stronger than what the flow says, and that than what lies beside.

    Parameters
    ----------
    flow, dataset, infoset, attribset : path-like or None
        What is given.

    Raises
    ------
    ValueError
        If neither a flow nor a dataset is given.
    FileNotFoundError
        If the flow names no dataset.
    """
    if flow is None and dataset is None:
        raise ValueError("expected flow_output_file or merged_store_path, found neither")
    found = SetPaths(None) if flow is None else flow_paths(flow)
    main = Path(dataset) if dataset is not None else found.dataset
    if main is None:
        raise FileNotFoundError(2, "expected a .flow that names a dataset, found one that does not", str(flow))
    beside = [main.with_name(f"{main.stem}{suffix}") for suffix in (".infoset", ".attribset", ".members.parquet")]
    chosen = [infoset or found.infoset, attribset or found.attribset, found.members]
    paths = [
        Path(one) if one is not None else near if near.is_file() else None
        for one, near in zip(chosen, beside, strict=True)
    ]
    return SetPaths(main, *paths)


def _beside(flow: Path, named: object) -> Path | None:
    if not isinstance(named, str) or not named:
        return None
    path = Path(named)
    if path.exists():
        return path
    # The folder may have been moved, perhaps from a system with other separators.
    moved = flow.parent / named.replace("\\", "/").rpartition("/")[2]
    return moved if moved.exists() else path
