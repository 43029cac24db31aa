"""The contract of a source: what an archive, a folder or a lone file offers to the pipeline.

A source lists its members as :class:`Entry` objects. Where it can be read at random (`random_access`), the
worker processes open the same path again and read members on their own; otherwise one process
goes through the members in order and hands out their bytes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Literal

from zarrpack.processors.limits import Limits

__all__ = ["Entry", "Finding", "Source", "add_finding"]

# More are not kept: an archive may have any number of faults, and each is told by its member's row as well.
_MOST_FINDINGS = 1000


@dataclass(frozen=True, slots=True)
class Entry:
    """One member as the source announces it; its content has not been read.

    Parameters
    ----------
    index : int
        Position in the source, from 0.
    raw_name : bytes
        The name as it lies in the source.
    name : str
        The name as text, always encodable as UTF-8: undecodable bytes are written as ``\\xNN``.
    size : int or None
        Bytes after decompression as announced; None where it is not known before reading.
    crc32 : int or None
        Announced checksum; None where the format has none.
    offset : int or None
        Where the member's header starts in the source file, in bytes; of a compressed tar: in the tar inside it.
    kind : {"file", "directory", "link", "special", "archive"}
        What the entry is. Only files have content. An ``"archive"`` is one inside another that has been opened: its
        members follow.
    refusal : tuple of (reason, detail), or None
        Why the content cannot be read, known from the headers alone (encrypted, unsupported method, ...).
    notes : tuple of str
        Findings that cost nothing, such as ``"duplicate_name"`` or ``"unsafe_name"``.
    locator : picklable
        What :meth:`Source.open` needs to find the content. Meaningful to its own source class only.
    target : str or None
        Of a link: where it leads, as text like `name`; None where that is not known. Never followed.
    """

    index: int
    raw_name: bytes
    name: str
    size: int | None = None
    crc32: int | None = None
    offset: int | None = None
    kind: Literal["file", "directory", "link", "special", "archive"] = "file"
    refusal: tuple[str, str] | None = None
    notes: tuple[str, ...] = ()
    locator: Any = None
    target: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong with a source as a whole, such as a missing end marker.

    Parameters
    ----------
    reason : str
        A code out of :data:`zarrpack.reasons.REASONS`.
    detail : str
        What was expected, what was found, and what to do.
    offset : int or None
        Where in the source file, in bytes; of a compressed tar it may be where in the tar inside it.
    """

    reason: str
    detail: str
    offset: int | None = None


def add_finding(findings: list[Finding], finding: Finding) -> None:
    """Add to a source's findings; beyond a thousand only the last of them says that there were more.

    Examples
    --------
    >>> found: list[Finding] = []
    >>> for number in range(1005):
    ...     add_finding(found, Finding("truncated", str(number)))
    >>> len(found), found[-1].detail
    (1000, '999; more findings were left out')
    """
    if len(findings) < _MOST_FINDINGS:
        findings.append(finding)
    elif not (last := findings[-1]).detail.endswith(_LEFT_OUT):
        findings[-1] = replace(last, detail=last.detail + _LEFT_OUT)


_LEFT_OUT = "; more findings were left out"


@dataclass
class Source(ABC):
    """An open source of members. Not safe for threads; every process opens its own.

    Parameters
    ----------
    path : Path
        The file or folder.
    limits : Limits
        What the members may cost.
    file : binary file or None
        The archive, open for reads at offsets; None: `path` is opened. Closed with the source.
    salvage : bool
        Whether members behind a damaged place are looked for; they get the note ``"salvaged"``.

    Attributes
    ----------
    random_access : bool
        Whether :meth:`entries` costs no decompression and :meth:`open` takes members in any order, from
        any process that has opened the same path with the same class.
    kind : str
        Such as ``"zip"``, ``"tar"``, ``"tar.gz"``, ``"folder"``, ``"gz"``, ``"file"``.
    findings : list of Finding
        What is wrong with the source as a whole. Complete once :meth:`entries` or :meth:`forward` has ended.
    content_notes : list of str
        Notes on the content that was asked for last, of `random_access` sources. Complete once it was read to its end.
    """

    random_access: ClassVar[bool]

    path: Path
    limits: Limits = field(default_factory=Limits)
    findings: list[Finding] = field(default_factory=list, init=False)
    content_notes: list[str] = field(default_factory=list, init=False)
    file: BinaryIO | None = field(default=None, kw_only=True)
    salvage: bool = field(default=False, kw_only=True)

    @property
    @abstractmethod
    def kind(self) -> str:
        """The kind of source, such as ``"zip"`` or ``"tar.gz"``."""

    @abstractmethod
    def entries(self) -> Iterator[Entry]:
        """List the members in the source's order, without their content.

        Only for `random_access` sources; the others raise TypeError.
        """

    @abstractmethod
    def open(self, entry: Entry) -> BinaryIO:
        """Open one member's content as a binary stream.

        The stream counts and checks what it gives: at its end it raises MemberError
        (``crc_mismatch``, ``size_mismatch``, ``truncated``) if the content is not what was announced, and
        while it is read it raises at a limit. Only for `random_access` sources.
        """

    def read_content(self, entry: Entry) -> bytes:
        """Read one member's whole content, checked; faster than :meth:`open` for small members.

        Only for `random_access` sources.

        Raises
        ------
        MemberError
            As the stream of :meth:`open`.
        """
        with self.open(entry) as stream:
            return stream.read()

    @abstractmethod
    def forward(self) -> Iterator[tuple[Entry, BinaryIO]]:
        """Go through all members once, in order, each with its stream.

        A stream is valid until the next member is asked for; what was not read of it is skipped (and
        still checked). Damage that ends the source early is put in `findings`, not raised; the
        member that it cuts raises from its stream.
        """

    @abstractmethod
    def close(self) -> None:
        """Close the underlying file. Idempotent."""
