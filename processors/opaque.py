"""Everything that no other processor reads: its bytes are kept, or it is skipped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from zarrpack.errors import MemberError, UsageError
from zarrpack.processors.base import Block, Member, Metadata, Processor
from zarrpack.processors.magic import media_type

__all__ = ["OpaqueProcessor"]


@dataclass(frozen=True, slots=True)
class OpaqueProcessor(Processor):
    """Keeps a member's bytes as they are. The last in the list: it accepts everything.

    Parameters
    ----------
    policy : {"keep", "skip"}
        Whether such members are stored, or skipped with the reason ``policy``.

    Raises
    ------
    UsageError
        If the policy is neither.

    Examples
    --------
    >>> block, metadata = OpaqueProcessor().read(Member("a.pdf", b"%PDF-1.7", b"%PDF-1.7"))
    >>> block.group, list(block.rows), metadata.media_type
    ('files', [b'%PDF-1.7'], 'application/pdf')
    """

    name: ClassVar[str] = "opaque"

    policy: Literal["keep", "skip"] = "keep"

    def __post_init__(self) -> None:
        if self.policy not in ("keep", "skip"):
            raise UsageError(f"policy: expected keep or skip, found {self.policy!r}")

    def accepts(self, head: bytes, name: str) -> bool:
        """True, whatever the member is."""
        return True

    def read(self, member: Member) -> Iterator[Block | Metadata]:
        """Give `encoded`, one row.

        Raises
        ------
        MemberError
            ``policy`` if such members are to be skipped.
        """
        if self.policy == "skip":
            raise MemberError("policy", "no processor reads this kind of content; set opaque.policy to keep its bytes")
        yield from self.read_as_file(member, member.read())

    def read_as_file(self, member: Member, payload: bytes, notes: tuple[str, ...] = ()) -> Iterator[Block | Metadata]:
        """Give `encoded`, one row, whatever the policy; for processors that find they cannot read a member."""
        yield Block("files", "encoded", ("file",), [payload])
        yield Metadata(media_type=media_type(member.head) or "application/octet-stream", notes=notes)
