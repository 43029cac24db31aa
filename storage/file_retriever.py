"""Lists the files that a flow starts with: those of a folder, or those that a text file names."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

from zarrpack.errors import SourceError, UsageError

__all__ = ["CADFileRetriever", "LocalStorageProvider", "StorageProvider"]


class StorageProvider(Protocol):
    """What names files: a folder, a list, or a store of one's own."""

    def list_files(self, extensions: Sequence[str] | None = None) -> list[str]:
        """Name the files that have one of some extensions, in an order that does not change; None: all files."""
        ...


class LocalStorageProvider:
    """Names files of this machine.

    Parameters
    ----------
    directory_path : path-like
        A folder, which is searched with all folders in it (links to folders aside), or a text file that names one file in
        each line, if not by absolute paths then as seen from the text file's folder.

    Examples
    --------
    >>> _ = Path("parts").mkdir(), Path("parts/b.STEP").touch(), Path("parts/a.step").touch(), Path("parts/c.txt").touch()
    >>> [Path(path).name for path in LocalStorageProvider("parts").list_files([".step"])]
    ['a.step', 'b.STEP']
    """

    def __init__(self, directory_path: str | os.PathLike[str]) -> None:
        self._path = Path(directory_path)

    def list_files(self, extensions: Sequence[str] | None = None) -> list[str]:
        """Name the files.

        Parameters
        ----------
        extensions : sequence of str or None
            Ends of names, such as ``".step"``, in any case and with or without the dot; None: every file.

        Returns
        -------
        list of str
            Paths: of a folder sorted, of a text file in its order.

        Raises
        ------
        SourceError
            If there is neither a folder nor a file that can be read as text.
        """
        suffixes = None if extensions is None else tuple(_suffix(one) for one in extensions)
        if self._path.is_dir():
            found = sorted(os.path.join(top, name) for top, _, names in os.walk(self._path) for name in names)  # noqa: PTH118
        else:
            found = self._lines()
        return [path for path in found if suffixes is None or path.lower().endswith(suffixes)]

    def _lines(self) -> list[str]:
        try:
            text = self._path.read_text(encoding="utf-8-sig")
        except OSError as exc:
            raise SourceError(f"{self._path}: expected a folder or a list of files, found: {exc.strerror}") from exc
        except UnicodeDecodeError as exc:
            raise SourceError(f"{self._path}: expected a list of files as UTF-8 text, found: {exc}") from exc
        return [str(self._path.parent / line.strip()) for line in text.splitlines() if line.strip()]


class CADFileRetriever:
    """Lists files of some formats, perhaps of some names.

    Parameters
    ----------
    storage_provider : StorageProvider
        What names the files.
    formats : iterable of str or None
        Extensions such as ``".stp"``; None: every file.
    filter_pattern : str or None
        Which names are taken, the folders they are in aside: those that match it, where ``*`` and ``?`` stand for
        anything, or without such a sign those that contain it. None: all.
    use_regex : bool
        Whether the pattern is a regular expression, to be found anywhere in the name.

    Raises
    ------
    UsageError
        If the pattern is no regular expression, but should be one.

    Examples
    --------
    >>> class Parts:
    ...     def list_files(self, extensions=None):
    ...         return ["box/gear_1.step", "box/gear_12.step", "box/rod_1.step"]
    >>> CADFileRetriever(Parts(), formats=[".step"], filter_pattern="gear_?.*").get_file_list()
    ['box/gear_1.step']
    """

    def __init__(
        self,
        storage_provider: StorageProvider,
        formats: Iterable[str] | None = None,
        filter_pattern: str | None = None,
        use_regex: bool = False,
    ) -> None:
        self._provider = storage_provider
        self._formats = None if formats is None else [formats] if isinstance(formats, str) else list(formats)
        self._pattern = None
        if filter_pattern is not None:
            try:
                self._pattern = re.compile(filter_pattern if use_regex else _as_expression(filter_pattern))
            except re.error as exc:
                raise UsageError(f"filter_pattern {filter_pattern!r}: expected a regular expression: {exc}") from exc

    def get_file_list(self) -> list[str]:
        """Give the files' paths, in the provider's order."""
        paths = self._provider.list_files(self._formats)
        return [path for path in paths if self._pattern is None or self._pattern.search(Path(path).name)]


def _suffix(extension: str) -> str:
    return "." + extension.lower().lstrip(".")


def _as_expression(pattern: str) -> str:
    return rf"\A{fnmatch.translate(pattern)}" if set("*?") & set(pattern) else re.escape(pattern)
