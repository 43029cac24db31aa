"""A sharded store as a source: each sample is a .npz of its arrays, and a .json of its metadata if it has some."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, ClassVar

from zarrpack.errors import FormatError, MemberError
from zarrpack.processors.archives.base import Entry, Finding, Source
from zarrpack.processors.archives.names import decode_name
from zarrpack.processors.archives.refusals import refuse_announced
from zarrpack.processors.archives.streams import forward_by_opening, too_many_entries
from zarrpack.storage.sharded.raw_samples import read_payloads, sample_sizes
from zarrpack.storage.sharded.reader import ShardedDatasetReader

__all__ = ["ShardedStoreSource"]

_AT_ONCE = 1000


@dataclass
class ShardedStoreSource(Source):
    """The samples of a store, in the order in which they were added: ``<id>.npz`` and ``<id>.json``.

    With ``--pair stem`` the metadata become those of the sample's item.

    Raises
    ------
    SourceError
        If the store cannot be read.
    FormatError
        If it is none.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from zarrpack.storage.sharded.writer import ShardedDatasetWriter
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with ShardedDatasetWriter(folder) as writer:
    ...         writer.add_field("history")
    ...         _ = writer.add_sample({"history": [1, 2]}, "a", {"length": 2})
    ...     source = ShardedStoreSource(Path(folder))
    ...     names = [entry.name for entry in source.entries()]
    ...     source.close()
    >>> names
    ['a.npz', 'a.json']
    """

    random_access: ClassVar[bool] = True

    def __post_init__(self) -> None:
        self._reader = ShardedDatasetReader(self.path)

    @property
    def kind(self) -> str:
        """``"sharded store"``."""
        return "sharded store"

    def entries(self) -> Iterator[Entry]:
        """List the members; see `Source.entries`. Only the index is read."""
        self.findings.clear()
        index = 0
        for number, sample_id, metadata_bytes, array_bytes in self._rows():
            members = [("npz", array_bytes)] if array_bytes else []
            members += [("json", metadata_bytes)] if metadata_bytes > 2 else []
            for suffix, size in members:
                if index == self.limits.entries:
                    self.findings.append(too_many_entries(self.limits))
                    return
                raw_name = f"{sample_id}.{suffix}".encode()
                name, notes = decode_name(raw_name)
                refusal = refuse_announced(raw_name, size, self.limits)
                # Of a .npz the bytes of its arrays: what lies around them is made when it is asked for.
                yield Entry(
                    index, raw_name, name, size, refusal=refusal, notes=notes, locator=(number, suffix == "json")
                )
                index += 1

    def open(self, entry: Entry) -> BinaryIO:
        """Open a member's content as a stream; see `Source.open`.

        Raises
        ------
        MemberError
            The entry's refusal, if it has one; ``crc_mismatch`` or ``unreadable`` if the store is damaged there.
        """
        return io.BytesIO(self.read_content(entry))

    def read_content(self, entry: Entry) -> bytes:
        """Read a member's whole content; see `Source.read_content`.

        Raises
        ------
        MemberError
            As `open`.
        """
        if entry.refusal is not None:
            raise MemberError(*entry.refusal)
        number, is_metadata = entry.locator
        try:
            text, payloads = read_payloads(self._reader, number, with_arrays=not is_metadata)
        except FormatError as exc:
            reason = "crc_mismatch" if "other bytes" in str(exc) else "unreadable"
            raise MemberError(reason, str(exc)) from exc
        if is_metadata:
            return text.encode()
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            for field, payload in payloads.items():
                # Written by date and name alone, so that equal samples give equal bytes.
                archive.writestr(zipfile.ZipInfo(f"{field}.npy"), payload.tobytes())
        return content.getvalue()

    def forward(self) -> Iterator[tuple[Entry, BinaryIO]]:
        """Go through all members; see `Source.forward`."""
        return forward_by_opening(self)

    def close(self) -> None:
        """Close the store."""
        self._reader.close()

    def _rows(self) -> Iterator[tuple[int, str, int, int]]:
        """Give number, id, bytes of the metadata and of the arrays of every sample."""
        last = -1
        while True:
            try:
                rows = sample_sizes(self._reader, last, _AT_ONCE)
            except FormatError as exc:
                self.findings.append(Finding("unreadable", str(exc)))
                return
            yield from rows
            if len(rows) < _AT_ONCE:
                return
            last = rows[-1][0]
