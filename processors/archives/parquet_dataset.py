"""A partitioned Parquet dataset as a source: the files that its manifest lists."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from zarrpack.errors import FormatError, SourceError
from zarrpack.processors.archives.folder import FolderSource
from zarrpack.storage.parquet.dataset_mark import listed_files

__all__ = ["ParquetDatasetSource"]


@dataclass
class ParquetDatasetSource(FolderSource):
    """The files of a dataset, in the order of its rows; what else lies in its folder is no part of it.

    Raises
    ------
    SourceError
        If it is no folder, or its manifest is damaged.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import pyarrow as pa
    >>> from zarrpack.storage.parquet import ParquetDatasetManager
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     rows = pa.table({"symbol": ["001"], "close": [1.5]})
    ...     ParquetDatasetManager().write_partitioned_dataset(rows, folder, ["symbol"])
    ...     source = ParquetDatasetSource(Path(folder))
    ...     [entry.name.partition("/")[0] for entry in source.entries()]
    ['symbol=001']
    """

    @property
    def kind(self) -> str:
        """``"parquet dataset"``."""
        return "parquet dataset"

    def _walk(self) -> Iterator[bytes]:
        try:
            names = listed_files(self.path)
        except FormatError as exc:
            raise SourceError(str(exc)) from exc
        return (name.encode() for name in names)
