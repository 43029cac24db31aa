"""Saves figures of a dataset as PNG."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from zarrpack.errors import OutputRefused, SourceError, UsageError
from zarrpack.storage.durability import publish_file

__all__ = ["plot"]


def plot(
    path: Path,
    out: Path,
    *,
    key: str | None = None,
    group: str | None = None,
    bins: int | None = None,
    items: Sequence[str] = (),
    columns: int = 5,
    title: str | None = None,
    overwrite: bool = False,
) -> int:
    """Draw a distribution or a contact sheet; the same arguments give the same bytes.

    Parameters
    ----------
    path : Path
        A ``.flow`` or a ``.dataset``.
    out : Path
        The PNG; it is complete or not there.
    key, group, bins
        What to draw the distribution of, as in `DatasetExplorer.plot_distribution`; without `key` it is a contact sheet.
    items : sequence of str
        The sheet's items, by name; the first that have a picture if nothing is said.
    columns : int
        Pictures side by side.
    title : str or None
        Above the picture.
    overwrite : bool
        Whether to replace a file that exists.

    Returns
    -------
    int
        The file's bytes.

    Raises
    ------
    SourceError
        If the dataset or one of its tables is not there.
    UsageError
        If there is no such key or item, both are asked for, or matplotlib is not installed.
    OutputRefused
        If the file exists or cannot be written.
    """
    from zarrpack.dataset.explore.explorer import DatasetExplorer

    if key is not None and items:
        raise UsageError("expected a key or items, found both; draw them one by one")
    if os.path.lexists(out) and not overwrite:
        raise OutputRefused(errno.EEXIST, f"{out}: expected no such file, found one; give --overwrite to replace it")
    try:
        is_flow = path.suffix == ".flow"
        explorer = DatasetExplorer(path if is_flow else None, None if is_flow else path)
    except FileNotFoundError as error:
        raise SourceError(f"{error.filename or path}: {error.strerror}") from error
    try:
        if key is not None:
            figure = explorer.plot_distribution(key, bins, group, **({} if title is None else {"title": title}))
        else:
            figure = explorer.show_items(items or None, columns, title=title)
    except (KeyError, TypeError, ImportError) as error:
        raise UsageError(str(error.args[0])) from error
    with explorer:
        return _save(figure, out)


def _save(figure: object, out: Path) -> int:
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{out.name}.", suffix=".partial", dir=out.parent)
        os.close(descriptor)
        temporary = Path(name)
        try:
            # Without the library's version and the time, so that equal figures are equal files.
            figure.savefig(temporary, format="png", metadata={"Software": None})  # type: ignore[attr-defined]
            temporary.chmod(0o666 & ~_mask())
            publish_file(temporary, out)
        finally:
            temporary.unlink(missing_ok=True)
        return out.stat().st_size
    except OSError as error:
        raise OutputRefused(error.errno, f"{out}: the picture cannot be written: {error.strerror or error}") from error


def _mask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
