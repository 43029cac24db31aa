"""What a store leaves beside itself when it is closed: its metadata, and pictures made for viewers."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

from zarrpack.storage.datastorage.metadata_file import temporary_name

__all__ = ["export_beside"]

#: Stores of a flow lie in a folder of this name, and what is exported beside that.
_FLOW_FOLDER = "encoded"


def export_beside(folder: Path, stem: str, metadata: dict[str, Any]) -> None:
    """Write ``files_summary/<stem>.json``, and copy the store's ``visu*`` files to ``stream_cache``.

    They go into the folder that the store is in; if that is called ``encoded``, into the one above it. ``visu.png``
    becomes ``stream_cache/png/<stem>.png``, and files of all other types go to ``stream_cache/scs``. Of several files of
    one type the later ones, by name, get ``_2``, ``_3``, ...

    Parameters
    ----------
    folder : Path
        The store.
    stem : str
        What the exported files are called.
    metadata : dict
        What is written.
    """
    beside = folder.parent.parent if folder.parent.name == _FLOW_FOLDER else folder.parent
    seen: Counter[str] = Counter()
    for source in sorted(folder.glob("visu*")):
        if source.is_symlink() or not source.is_file():
            continue
        suffix = source.suffix.lower()
        seen[suffix] += 1
        number = f"_{seen[suffix]}" if seen[suffix] > 1 else ""
        target = beside / "stream_cache" / ("png" if suffix == ".png" else "scs") / f"{stem}{number}{suffix}"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, temporary_name(target))
        temporary_name(target).replace(target)
    summary = beside / "files_summary" / f"{stem}.json"
    summary.parent.mkdir(exist_ok=True)
    temporary_name(summary).write_text(json.dumps(metadata), encoding="utf-8")
    temporary_name(summary).replace(summary)
