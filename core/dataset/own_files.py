"""Items that have a file of their own each, instead of rows in a dataset."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zarrpack.dataset.item_table import ItemTable

__all__ = ["OwnFiles"]


class OwnFiles:
    """A file and a label for each item, by its code. It survives pickling.

    Parameters
    ----------
    files : sequence of path-like
        One per item. That some are missing is a warning.
    labels : sequence or None
        One per file.
    first_code : int
        The code of the first.

    Raises
    ------
    ValueError
        If there are not as many labels as files.
    """

    def __init__(self, files: Sequence[str | os.PathLike[str]], labels: Sequence[Any] | None, first_code: int) -> None:
        self.files = [os.fspath(path) for path in files]
        self.labels = None if labels is None else list(labels)
        self.first_code = first_code
        if self.labels is not None and len(self.labels) != len(self.files):
            raise ValueError(f"expected one label for each of {len(self.files)} graph_files, found {len(self.labels)}")
        missing = [path for path in self.files if not Path(path).exists()]
        if missing:
            warnings.warn(
                f"{len(missing)} of {len(self.files)} graph_files are missing, such as {missing[0]}", stacklevel=3
            )

    def of(self, code: int) -> tuple[str, Any]:
        """Give an item's file and label.

        Raises
        ------
        FileNotFoundError
            If no file was given for the code.
        """
        number = code - self.first_code
        if not 0 <= number < len(self.files):
            raise FileNotFoundError(2, f"expected a file for item {code}, found none in graph_files")
        return self.files[number], None if self.labels is None else self.labels[number]

    def table(self) -> ItemTable:
        """Give the items, called by their files' stems where these are unique, else by their paths."""
        numbered = ItemTable.numbered(len(self.files), self.first_code)
        stems = [Path(path).stem for path in self.files]
        return ItemTable(numbered.codes, stems if len(set(stems)) == len(stems) else self.files)
