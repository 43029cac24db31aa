"""How a Parquet dataset is recognised, and which files it has, without loading pyarrow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from zarrpack.errors import FormatError

__all__ = ["is_parquet_dataset", "listed_files"]

_HEAD = "_manifest.json"
_ATTEMPTS = 100


def is_parquet_dataset(root: Path) -> bool:
    """Whether a folder is a dataset with a manifest.

    Examples
    --------
    >>> is_parquet_dataset(Path("no such folder"))
    False
    """
    return _head(root) is not None


def listed_files(root: Path) -> list[str]:
    """Name the files of a dataset, relative to it, in the order of its rows.

    Parameters
    ----------
    root : Path
        The dataset's folder.

    Raises
    ------
    FormatError
        If the manifest is damaged.
    """
    for _ in range(_ATTEMPTS):
        head = _head(root)
        if head is None:
            break
        try:
            text = (root / "_zarrpack" / f"files-{head['token']}.json").read_text(encoding="utf-8")
            return [str(one["path"]) for one in json.loads(text)["files"]]
        except FileNotFoundError:
            if _head(root) == head:
                break  # it was not replaced meanwhile
        except (OSError, ValueError, KeyError, TypeError) as exc:
            raise FormatError(f"{root}: expected the list of the dataset's files, found: {exc}") from exc
    raise FormatError(f"{root}: expected the list of the dataset's files, found none; its manifest can be made anew")


def _head(root: Path) -> dict[str, Any] | None:
    try:
        head = json.loads((root / _HEAD).read_text(encoding="utf-8"))
        own = head["zarrpack"]
        return head if own["kind"] == "parquet_dataset" and own["format"] == 1 else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
