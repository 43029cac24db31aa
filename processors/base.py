"""The contract of a processor: what turns one member's bytes into blocks of named rows.

A processor is a small frozen dataclass whose fields are its options. It is made in the parent,
pickled, and used in the worker processes. It knows no codec and no chunk size.
"""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, ClassVar, Protocol, runtime_checkable

from zarrpack.errors import MemberError
from zarrpack.processors.limits import Limits
from zarrpack.storage.blocks import Block, Metadata

__all__ = ["HEAD_BYTES", "Block", "Member", "Metadata", "Processor", "SupportsShape"]

#: How many of a member's first bytes `Processor.accepts` sees.
HEAD_BYTES = 4096

_PIECE_BYTES = 1 << 20


@dataclass(slots=True)
class Member:
    """One member's content, for a processor to read.

    Parameters
    ----------
    name : str
        The member's name in its source; data, never a path to open.
    head : bytes
        The first bytes of the content, at most `HEAD_BYTES`.
    content : bytes or binary stream
        The whole content, or a stream of it from the first byte on.
    limits : Limits
        What the member may cost.

    Examples
    --------
    >>> Member("a.txt", b"hi", b"hi").read()
    b'hi'
    """

    name: str
    head: bytes
    content: bytes | BinaryIO
    limits: Limits = field(default_factory=Limits)

    def read(self) -> bytes:
        """Give the whole content.

        Raises
        ------
        MemberError
            ``limit_member_bytes`` if there is more than the limit allows.
        """
        if isinstance(self.content, bytes):
            return self.content
        limit = self.limits.member_bytes
        # Grows in place, and gives its own buffer away: joined pieces would need twice the memory.
        buffer = io.BytesIO()
        while piece := self.content.read(_PIECE_BYTES):
            buffer.write(piece)
            if buffer.tell() > limit:
                raise MemberError("limit_member_bytes", f"more than {limit} bytes; raise the limit member_bytes")
        return buffer.getvalue()

    def open(self) -> BinaryIO:
        """Give the content as a stream from its first byte; call it once per member."""
        return io.BytesIO(self.content) if isinstance(self.content, bytes) else self.content


class Processor(ABC):
    """Turns the members of one kind of content into blocks. Safe to pickle; used by one thread at a time.

    Attributes
    ----------
    name : str
        The registry's name for it, such as ``"image"``; it is written to the ledger.
    is_record : bool
        Whether its members are metadata of the item they are paired with (JSON records), not arrays of it.
    """

    name: ClassVar[str]
    is_record: ClassVar[bool] = False

    @abstractmethod
    def accepts(self, head: bytes, name: str) -> bool:
        """Whether this processor reads such a member: by its first bytes, and by its name second.

        Must not raise, whatever the bytes. `head` is empty for an empty member, and for one whose content
        cannot be read (then only the name tells).
        """

    @abstractmethod
    def read(self, member: Member) -> Iterator[Block | Metadata]:
        """Give the member's blocks, then one Metadata.

        Raises
        ------
        MemberError
            If the content cannot be stored; the reason says why.
        """


@runtime_checkable
class SupportsShape(Protocol):
    """An optional ability: tell a picture's shape from its header, before anything is decoded.

    The pipeline asks for it in order to choose the form that pixels take (all of one size, or flat).
    """

    def shape(self, member: Member) -> tuple[int, ...] | None:
        """Give (height, width, channels) of the picture that `read` would give; None if it gives none.

        Reads no more of the member's stream than the header needs.

        Raises
        ------
        MemberError
            If the header cannot be read.
        """
