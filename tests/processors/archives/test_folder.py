"""Folders as sources."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from zarrpack.errors import MemberError, SourceError
from zarrpack.processors.archives.folder import FolderSource
from zarrpack.processors.limits import Limits

MEMBERS = {"a/1.bin": bytes(200_000), "a/2.txt": b"", "a.txt": b"hello", "b/c/größe.txt": b"3"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder of files."""
    root = tmp_path / "root"
    for name, content in MEMBERS.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def test_files_come_back(folder: Path, read_source: Callable[..., Any]) -> None:
    """Names relative with slashes, contents and sizes; empty folders are no members."""
    (folder / "empty").mkdir()
    outcome = read_source(folder)

    assert outcome.kind == "folder"
    assert outcome.members == MEMBERS
    assert {entry.name: entry.size for entry in outcome.entries} == {name: len(MEMBERS[name]) for name in MEMBERS}
    assert outcome.findings == []


def test_order_is_that_of_raw_paths(folder: Path) -> None:
    """By the bytes of the whole path, whatever order the system lists them in."""
    for name in ("a-b", "a/z", "a0", "B", "ä", "b/c.txt", "b/c0"):
        (folder / name).write_bytes(b"")
    found = [entry.raw_name for entry in FolderSource(folder).entries()]

    assert found == sorted(found)
    assert found[1:4] == [b"a-b", b"a.txt", b"a/1.bin"]


def test_links_and_special_files_are_not_opened(folder: Path, read_source: Callable[..., Any]) -> None:
    """Links to files, to folders, to themselves and to nothing; a FIFO that nobody writes to."""
    (folder / "l1").symlink_to("a.txt")
    (folder / "l2").symlink_to("..")
    (folder / "l3").symlink_to("l3")
    (folder / "l4").symlink_to("nothing")
    os.mkfifo(folder / "fifo")
    outcome = read_source(folder)
    kinds = {entry.name: entry.kind for entry in outcome.entries if entry.name not in MEMBERS}

    assert kinds == {"l1": "link", "l2": "link", "l3": "link", "l4": "link", "fifo": "special"}
    assert outcome.members["l1"] == outcome.members["fifo"] == b""


def test_what_has_changed_since_is_named(folder: Path) -> None:
    """Grown, shrunk, gone, or another thing now: the stream fails, also when read to the announced size only."""
    source = FolderSource(folder)
    entries = {entry.name: entry for entry in source.entries()}
    (folder / "a.txt").write_bytes(b"hello and more")
    (folder / "a/1.bin").write_bytes(b"less")
    (folder / "a/2.txt").unlink()
    os.mkfifo(folder / "a/2.txt")
    (folder / "b/c/größe.txt").unlink()
    for name, reason in {
        "a.txt": "size_mismatch",
        "a/1.bin": "size_mismatch",
        "a/2.txt": "unreadable",
        "b/c/größe.txt": "unreadable",
    }.items():
        with pytest.raises(MemberError, match=reason):
            source.open(entries[name]).read(max(1, entries[name].size or 0))
    (folder / "b/c/größe.txt").symlink_to("/etc/passwd")
    with pytest.raises(MemberError, match="unreadable"):
        source.read_content(entries["b/c/größe.txt"])


def test_names_are_data(folder: Path, read_source: Callable[..., Any]) -> None:
    """Bytes that are no UTF-8, control characters and backslashes are read and noted."""
    for raw_name in (b"gr\xf6\xdfe", b"new\nline", b"back\\slash"):
        Path(os.fsdecode(os.path.join(os.fsencode(folder), raw_name))).write_bytes(raw_name)  # noqa: PTH118 - bytes
    outcome = read_source(folder)
    notes = {entry.raw_name: entry.notes for entry in outcome.entries if entry.notes}

    assert notes == {b"gr\xf6\xdfe": ("name_undecodable",), b"back\\slash": ("unsafe_name",)}
    assert outcome.members["gr\\xf6\\xdfe"] == b"gr\xf6\xdfe"
    assert outcome.members["new\nline"] == b"new\nline"


def test_limits_are_looked_at(folder: Path, read_source: Callable[..., Any]) -> None:
    """Size, length of the name, number of files."""
    outcome = read_source(folder, Limits(member_bytes=1000, name_bytes=8))
    assert outcome.failures == {"a/1.bin": "limit_member_bytes", "b/c/größe.txt": "name_too_long"}
    outcome = read_source(folder, Limits(entries=2))
    assert (len(outcome.entries), outcome.reasons) == (2, ["limit_entries"])


def test_a_folder_that_cannot_be_read_is_a_finding(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are listed, and the finding names the folder."""
    scandir = os.scandir

    def refuse(path: str) -> Any:
        if os.fspath(path).rstrip("/").endswith("/c"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    source = FolderSource(folder)
    names = [entry.name for entry in source.entries()]

    assert names == ["a.txt", "a/1.bin", "a/2.txt"]
    assert [finding.reason for finding in source.findings] == ["unreadable"]
    assert "'b/c/'" in source.findings[0].detail


def test_entries_travel(folder: Path) -> None:
    """Another process reads by the entry alone."""
    entries = pickle.loads(pickle.dumps(list(FolderSource(folder).entries())))
    other = FolderSource(folder)

    assert {entry.name: other.read_content(entry) for entry in entries} == MEMBERS


def test_a_missing_folder_is_a_source_error(tmp_path: Path) -> None:
    """The message has the path and what to do."""
    with pytest.raises(SourceError, match=r"nothing: expected a folder.* check the path"):
        FolderSource(tmp_path / "nothing")
