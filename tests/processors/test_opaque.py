"""Whatever else a member is."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zarrpack.errors import MemberError, UsageError
from zarrpack.processors.opaque import OpaqueProcessor
from zarrpack.processors.testing import ProcessorConformance, read_member, rows_of


class TestContract(ProcessorConformance):
    """The contract."""

    def processor(self) -> OpaqueProcessor:
        """Give the default."""
        return OpaqueProcessor()

    def members(self) -> Mapping[str, bytes]:
        """Give anything."""
        return {"a.pdf": b"%PDF-1.7", "": b"", "a.jpg": b"x" * 5000}


@given(st.binary(max_size=100), st.text(max_size=5))
def test_bytes_are_kept_as_they_are(content: bytes, name: str) -> None:
    """One row, whatever the content and the name."""
    assert OpaqueProcessor().accepts(content, name)
    blocks, _ = read_member(OpaqueProcessor(), name, content)

    assert rows_of(blocks, "encoded") == [content]


def test_the_type_is_told_where_it_is_known() -> None:
    """By the first bytes, not by the name."""
    types = [read_member(OpaqueProcessor(), "a.txt", one)[1].media_type for one in (b"%PDF-1.7", b"\x00")]

    assert types == ["application/pdf", "application/octet-stream"]


def test_by_policy_such_members_are_skipped() -> None:
    """They are accepted, so that they are accounted for, and then left out with the reason policy."""
    processor = OpaqueProcessor(policy="skip")
    assert processor.accepts(b"", "")
    with pytest.raises(MemberError) as caught:
        read_member(processor, "a", b"x")

    assert caught.value.reason == "policy"


def test_other_policies_are_refused() -> None:
    """The message names what is allowed."""
    with pytest.raises(UsageError, match="policy: expected keep or skip, found 'drop'"):
        OpaqueProcessor(policy="drop")  # type: ignore[arg-type]
