"""A folder of plain tars as one source, as webdataset keeps its shards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, ClassVar

from zarrpack.errors import MemberError, SourceError
from zarrpack.processors.archives.base import Entry, Finding, Source
from zarrpack.processors.archives.names import decode_name
from zarrpack.processors.archives.streams import forward_by_opening, too_many_entries
from zarrpack.processors.archives.tar import TarSource

__all__ = ["TarFolderSource", "is_tar_folder"]

#: What lies beside shards and is none.
_BESIDE = (".idx", ".index")
_MOST_OPEN = 64


def is_tar_folder(path: Path) -> bool:
    """Whether a folder holds tars (``.tar``) and nothing else but their indexes and hidden files.

    Examples
    --------
    >>> is_tar_folder(Path("no such folder"))
    False
    """
    try:
        shown = [one for one in path.iterdir() if not one.name.startswith(".")]
    except OSError:
        return False
    tars = [one for one in shown if one.name.lower().endswith(".tar")]
    return bool(tars) and all(one.is_file() and one.name.lower().endswith((".tar", *_BESIDE)) for one in shown)


@dataclass
class TarFolderSource(Source):
    """The members of all tars of a folder, tar by tar in the order of their names; ``<tar>/<member>`` are the names.

    A tar that cannot be opened is a finding.

    Examples
    --------
    >>> import io, tarfile, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for number in range(2):
    ...         with tarfile.open(Path(folder, f"s-{number}.tar"), "w") as archive:
    ...             archive.addfile(tarfile.TarInfo("a.cls"), io.BytesIO())
    ...     source = TarFolderSource(Path(folder))
    ...     names = [entry.name for entry in source.entries()]
    ...     source.close()
    >>> names
    ['s-0/a.cls', 's-1/a.cls']
    """

    random_access: ClassVar[bool] = True

    def __post_init__(self) -> None:
        self._tars = sorted(one for one in self.path.iterdir() if one.name.lower().endswith(".tar"))
        self._open: dict[int, TarSource] = {}

    @property
    def kind(self) -> str:
        """``"folder of tars"``."""
        return "folder of tars"

    def entries(self) -> Iterator[Entry]:
        """List the members; see `Source.entries`. Only headers are read."""
        self.findings.clear()
        index = 0
        for number, path in enumerate(self._tars):
            try:
                tar = self._tar(number)
            except SourceError as exc:
                self.findings.append(Finding("unreadable", str(exc)))
                continue
            prefix = path.name[: -len(".tar")].encode("utf-8", "backslashreplace") + b"/"
            for entry in tar.entries():
                if index == self.limits.entries:
                    self.findings.append(too_many_entries(self.limits))
                    return
                raw_name = prefix + entry.raw_name
                name, notes = decode_name(raw_name)
                yield replace(
                    entry, index=index, raw_name=raw_name, name=name, notes=notes, locator=(number, entry.locator)
                )
                index += 1
            self.findings += [replace(one, detail=f"{path.name}: {one.detail}") for one in tar.findings]

    def open(self, entry: Entry) -> BinaryIO:
        """Open a member's content as a stream; see `Source.open`.

        Raises
        ------
        MemberError
            The entry's refusal, if it has one; ``unreadable`` if its tar is gone.
        """
        number, locator = entry.locator
        try:
            tar = self._tar(number)
        except SourceError as exc:
            raise MemberError("unreadable", str(exc)) from exc
        return tar.open(replace(entry, locator=locator))

    def forward(self) -> Iterator[tuple[Entry, BinaryIO]]:
        """Go through all members; see `Source.forward`."""
        return forward_by_opening(self)

    def close(self) -> None:
        """Close all tars."""
        for tar in self._open.values():
            tar.close()
        self._open.clear()

    def _tar(self, number: int) -> TarSource:
        tar = self._open.get(number)
        if tar is None:
            if len(self._open) >= _MOST_OPEN:
                self._open.pop(next(iter(self._open))).close()
            tar = self._open[number] = TarSource(self._tars[number], self.limits)
        return tar
