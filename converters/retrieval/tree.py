"""What files of all kinds have in common: groups, and datasets in them, by path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy.typing as npt

__all__ = ["DatasetEntry", "FileTree", "MemberEntry"]


@dataclass(frozen=True, slots=True)
class DatasetEntry:
    """A dataset of a file.

    Parameters
    ----------
    path : str
        From the root, without a slash at the start.
    shape : tuple of int
        Its shape; empty for one value.
    dtype : str
        As numpy names it; ``string`` and ``bytes`` for texts and bytes.
    dims : tuple of str
        A name per axis; empty texts where there are none.
    """

    path: str
    shape: tuple[int, ...]
    dtype: str
    dims: tuple[str, ...] = ()

    @property
    def group(self) -> str:
        """The path of its group; empty for the root."""
        return self.path.rpartition("/")[0]

    @property
    def name(self) -> str:
        """Its name in the group."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class MemberEntry:
    """An archive member that a file holds.

    Parameters
    ----------
    archive, member : str
        Label of the source, and its name there.
    code : int
        Of the item that it belongs to: its rows have this ``file_id``.
    sha256 : str
        Digest of its content; empty if it is not known.
    datasets : tuple of str
        In files of one dataset for each member, its datasets' paths.
    """

    archive: str
    member: str
    code: int
    sha256: str = ""
    datasets: tuple[str, ...] = field(default=())


class FileTree(Protocol):
    """A file, open for reading."""

    def groups(self) -> list[str]:
        """Give the paths of all groups but the root, parents first."""

    def datasets(self) -> Mapping[str, DatasetEntry]:
        """Give all datasets by path."""

    def attributes(self, path: str) -> dict[str, Any]:
        """Give the attributes of a group or dataset as JSON values; the root's path is empty."""

    def read(self, path: str, start: int, stop: int | None) -> npt.NDArray[Any]:
        """Give rows of a dataset; all there is of one value."""

    def members(self) -> Iterator[MemberEntry]:
        """Give the archive members, where the file or the table beside it tells them."""

    def kept(self, entry: MemberEntry) -> Iterator[bytes]:
        """Give the files' own bytes that are kept of a member's item."""

    def close(self) -> None:
        """Close the file. Idempotent."""
