"""A plain file as a source."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from zarrpack.errors import MemberError, SourceError
from zarrpack.processors.archives.single import SingleFileSource
from zarrpack.processors.limits import Limits


def test_the_file_is_the_member(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """Name, size and content; a link that the user gives is followed."""
    path = tmp_path / "a.txt"
    path.write_bytes(b"hello")
    (tmp_path / "link.txt").symlink_to(path)
    for given in (path, tmp_path / "link.txt"):
        outcome = read_source(given)

        assert outcome.kind == "file"
        assert outcome.members == {given.name: b"hello"}
        assert outcome.entries[0].size == 5


def test_limits_and_changes_are_named(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """Too large, or changed since it was listed."""
    path = tmp_path / "a.txt"
    path.write_bytes(b"hello")
    assert read_source(path, Limits(member_bytes=4)).failures == {"a.txt": "limit_member_bytes"}
    source = SingleFileSource(path)
    (entry,) = source.entries()
    path.write_bytes(b"hello and more")
    with pytest.raises(MemberError, match="size_mismatch"):
        source.read_content(entry)


def test_a_missing_file_is_a_source_error(tmp_path: Path) -> None:
    """A folder is none either."""
    for path in (tmp_path / "nothing", tmp_path):
        with pytest.raises(SourceError, match="expected a file"):
            SingleFileSource(path)
