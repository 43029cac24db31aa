"""What special headers of a tar say."""

from __future__ import annotations

import pytest

from zarrpack.processors.archives.tar_extensions import TarExtensions


def record(keyword: str, value: str) -> bytes:
    """Write a pax record with its own length."""
    length = len(keyword) + len(value) + 3
    while len(str(length)) + len(keyword) + len(value) + 3 != length:
        length += 1
    return f"{length} {keyword}={value}\n".encode()


def test_the_nearest_header_counts() -> None:
    """A member's own records go before common ones, pax before GNU, any of them before the member's own header."""
    common: dict[bytes, bytes] = {}
    first = TarExtensions(common)
    assert (first.name(b"own"), first.target(b"to"), first.size()) == (b"own", b"to", None)
    first.add(b"L", b"gnu\0rest")
    first.add(b"K", b"link\0")
    assert (first.name(b"own"), first.target(b"to")) == (b"gnu", b"link")
    first.add(b"g", record("path", "common") + record("size", "7"))
    assert (first.name(b"own"), first.size()) == (b"common", b"7")
    first.add(b"x", record("path", "pax") + record("linkpath", "far"))
    assert (first.name(b"own"), first.target(b"to")) == (b"pax", b"far")

    second = TarExtensions(common)
    assert second.name(b"own") == b"common"
    second.add(b"x", record("path", ""))
    assert second.name(b"own") == b"own"


def test_other_records_are_dropped() -> None:
    """Any number of them takes no memory."""
    common: dict[bytes, bytes] = {}
    extensions = TarExtensions(common)
    for number in range(100):
        extensions.add(b"g", record(f"vendor.{number}", "v" * 50))

    assert common == {}


def test_sparse_files_are_told() -> None:
    """By any record of the family; its name goes before all others."""
    extensions = TarExtensions({})
    before = extensions.is_sparse
    extensions.add(b"x", record("GNU.sparse.major", "1") + record("GNU.sparse.name", "true") + record("path", "false"))

    assert (before, extensions.is_sparse) == (False, True)
    assert extensions.name(b"own") == b"true"


def test_what_are_no_records_is_refused() -> None:
    """The error is the caller's to name."""
    with pytest.raises(ValueError, match="pax record"):
        TarExtensions({}).add(b"x", b"no records")


def test_access_lists_are_passed_over() -> None:
    """What Solaris says of a member's access names nothing else of it, but a member must follow."""
    extensions = TarExtensions({})
    extensions.add(b"A", b"1000007\0user::rw-")

    assert (extensions.name(b"own"), extensions.size(), extensions.is_pending) == (b"own", None, True)
