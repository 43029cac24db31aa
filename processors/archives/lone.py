"""A file that is compressed and no tar: one member."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, ClassVar

from zarrpack.errors import MemberError
from zarrpack.processors.archives.base import Entry, Finding, Source
from zarrpack.processors.archives.compressed import COMPRESSIONS, Compression, Decompression
from zarrpack.processors.archives.files import open_file
from zarrpack.processors.archives.names import decode_name
from zarrpack.processors.archives.streams import checked, open_blocks

__all__ = ["LoneCompressedSource"]

_SUFFIXES = frozenset(
    {".gz", ".gzip", ".bz2", ".bzip2", ".xz", ".zst", ".zstd", ".tgz", ".tbz", ".tbz2", ".txz", ".tzst"}
)


@dataclass
class LoneCompressedSource(Source):
    """One compressed file; its member has the file's name without the suffix.

    Parameters
    ----------
    compression : Compression
        What it is compressed with.

    Raises
    ------
    SourceError
        If the file cannot be opened.

    Examples
    --------
    >>> import gzip, tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "a.csv.gz")
    ...     _ = path.write_bytes(gzip.compress(b"1,2"))
    ...     source = LoneCompressedSource(path)
    ...     contents = [(entry.name, stream.read()) for entry, stream in source.forward()]
    ...     source.close()
    >>> contents
    [('a.csv', b'1,2')]
    """

    random_access: ClassVar[bool] = False

    compression: Compression = COMPRESSIONS["gz"]

    def __post_init__(self) -> None:
        self._file, self._length = open_file(self.path, self.file)

    @property
    def kind(self) -> str:
        """Such as ``"gz"``."""
        return self.compression.name

    def entries(self) -> Iterator[Entry]:
        """Not for this kind of source; use `forward`.

        Raises
        ------
        TypeError
            Always.
        """
        raise TypeError(f"{self.path}: a {self.kind} file cannot be read at random; use forward()")

    def open(self, entry: Entry) -> BinaryIO:
        """Not for this kind of source; use `forward`.

        Raises
        ------
        TypeError
            Always.
        """
        raise TypeError(f"{self.path}: a {self.kind} file cannot be read at random; use forward()")

    def forward(self) -> Iterator[tuple[Entry, BinaryIO]]:
        """Give the one member; see `Source.forward`."""
        self.findings.clear()
        path = self.path
        raw_name = os.fsencode(path.stem if path.suffix.lower() in _SUFFIXES else path.name)
        name, notes = decode_name(raw_name)
        decompression = Decompression(self._file, self._length, self.compression, self.limits)
        blocks = checked(decompression.blocks(), self.limits)
        # The stream must not close the blocks: what it leaves is still to be checked.
        with open_blocks(block for block in blocks) as stream:
            yield Entry(0, raw_name, name, offset=0, notes=notes), stream
        try:
            for _ in blocks:
                pass
        except MemberError as error:
            self.findings.append(Finding(error.reason, error.detail))
        self.findings.extend(decompression.findings)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
