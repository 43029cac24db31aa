"""Archives inside archives: opened on request only, to a depth, under one budget."""

from __future__ import annotations

import bz2
import gzip
import io
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from zarrpack.processors.archives.nested import NestedSource
from zarrpack.processors.archives.registry import open_source
from zarrpack.processors.limits import Limits


def zipped(members: Mapping[str, bytes]) -> bytes:
    """Make a zip by the standard library."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def tarred(members: Mapping[str, bytes]) -> bytes:
    """Make a tar by the standard library."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


INNER = {"a.txt": b"hello", "b.bin": bytes(range(256)) * 400}
OUTER = {
    "first.txt": b"1",
    "in.zip": zipped(INNER),
    "in.tar": tarred(INNER),
    "in.tar.gz": gzip.compress(tarred(INNER)),
    "table.csv.bz2": bz2.compress(b"1,2"),
    "document.docx": zipped({"word.xml": b"<a/>"}),
    "bare": gzip.compress(b"bare content"),
    "last.txt": b"2",
}
EXPECTED = {
    "first.txt": b"1",
    **{
        f"{archive}/{name}": content for archive in ("in.zip", "in.tar", "in.tar.gz") for name, content in INNER.items()
    },
    "table.csv.bz2/table.csv": b"1,2",
    "document.docx": OUTER["document.docx"],
    "bare/bare": b"bare content",
    "last.txt": b"2",
}
ARCHIVES = ["in.zip", "in.tar", "in.tar.gz", "table.csv.bz2", "bare"]


def test_archives_are_data_by_default(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """Without the limit raised, each is one member, whole."""
    path = tmp_path / "a.zip"
    path.write_bytes(zipped(OUTER))

    assert read_source(path).members == OUTER


@pytest.mark.parametrize("form", ["zip", "tar", "tar.gz", "folder"])
def test_archives_are_opened_on_request(tmp_path: Path, form: str, read_source: Callable[..., Any]) -> None:
    """Their members follow them in order, with numbers of their own, whatever the outer archive is."""
    path = tmp_path / f"a.{form}"
    if form == "folder":
        path.mkdir()
        for name, content in OUTER.items():
            (path / name).write_bytes(content)
    else:
        data = zipped(OUTER) if form == "zip" else tarred(OUTER)
        path.write_bytes(gzip.compress(data) if form == "tar.gz" else data)
    outcome = read_source(path, Limits(nesting=1))

    files = {entry.name: outcome.members[entry.name] for entry in outcome.entries if entry.kind == "file"}
    assert files == EXPECTED
    assert {entry.name for entry in outcome.entries if entry.kind == "archive"} == set(ARCHIVES)
    assert [entry.index for entry in outcome.entries] == list(range(len(EXPECTED) + len(ARCHIVES)))
    assert outcome.findings == []
    names = [entry.name for entry in outcome.entries]
    assert names.index("in.zip/a.txt") == names.index("in.zip") + 1


def test_deeper_archives_are_refused_by_the_limit(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """Two levels are opened, the third is named; with three, all are read."""
    deep = {"1.zip": zipped({"2.zip": zipped({"3.zip": zipped({"a": b"1"}), "b": b"2"})})}
    path = tmp_path / "a.zip"
    path.write_bytes(zipped(deep))

    outcome = read_source(path, Limits(nesting=2))
    assert outcome.failures == {"1.zip/2.zip/3.zip": "limit_nesting"}
    assert outcome.members["1.zip/2.zip/b"] == b"2"
    assert read_source(path, Limits(nesting=3)).members["1.zip/2.zip/3.zip/a"] == b"1"


def test_a_file_compressed_many_times_ends(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """However often, the depth ends it."""
    data = b"core"
    for _ in range(50):
        data = gzip.compress(data)
    path = tmp_path / "a.gz"
    path.write_bytes(data)
    outcome = read_source(path, Limits(nesting=3))

    assert list(outcome.failures.values()) == ["limit_nesting"]
    assert len(outcome.entries) == 4


def test_all_levels_share_one_budget(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """Bombs that are small each, and large together, end the source by name; undisturbed they are read."""
    inner = zipped({f"{number}.bin": bytes(100_000) for number in range(10)})
    path = tmp_path / "a.zip"
    path.write_bytes(zipped({f"{number}.zip": inner for number in range(10)}))
    assert read_source(path, Limits(nesting=1)).findings == []

    for limits in (Limits(nesting=1, archive_bytes=2_500_000), Limits(nesting=1, ratio_grace_bytes=2_500_000)):
        outcome = read_source(path, limits)
        (finding,) = outcome.findings
        assert finding.reason in ("limit_archive_bytes", "limit_ratio")
        assert list(outcome.failures.values()) == [finding.reason]
        assert sum(map(len, outcome.members.values())) <= 2_500_000


def test_damage_inside_is_named_with_its_archive(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """An inner archive that is cut costs its own rest; one whose bytes are damaged is not opened; others are read."""
    inner = tarred(INNER)
    damaged = bytearray(zipped({"bad.zip": zipped(INNER), "cut.tar": inner[:1600], "good.zip": zipped(INNER)}))
    damaged[damaged.index(b"bad.zip") + 200] ^= 1
    path = tmp_path / "a.zip"
    path.write_bytes(damaged)
    outcome = read_source(path, Limits(nesting=1))

    assert outcome.failures.keys() == {"bad.zip", "cut.tar/b.bin"}
    assert outcome.members["cut.tar/a.txt"] == b"hello"
    assert outcome.members["good.zip/b.bin"] == INNER["b.bin"]
    assert [(one.reason, one.detail.startswith("'cut.tar': ")) for one in outcome.findings] == [("truncated", True)]


def test_what_only_looks_like_an_archive_is_data(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """Kept whole; what has the name of an archive, and is none, has a note that says so."""
    path = tmp_path / "a.zip"
    members = {"a.txt": b"\x1f\x8b no", "b.zip": b"no zip at all", "c.tar": b"no tar", "d.tgz": b"", "e.zip": b""}
    path.write_bytes(zipped(members))
    assert {entry.notes for entry in read_source(path).entries} == {()}
    for limits in (Limits(nesting=1), Limits(nesting=2)):
        outcome = read_source(path, limits)

        assert (outcome.members, outcome.findings) == (members, [])
        assert [entry.notes for entry in outcome.entries] == [()] + [("not_an_archive",)] * 4


def test_zips_behind_other_bytes_are_opened(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """As sources are: by the suffix and the end record; not deeper than the limit, and no program."""
    prefixed = {
        "a.zip": b"#!/bin/sh" + zipped(INNER),
        "b.zip": bytes(100) + zipped(INNER),
        "c.exe": b"MZ" + zipped(INNER),
    }
    path = tmp_path / "a.zip"
    path.write_bytes(zipped({**prefixed, "deep.zip": zipped(prefixed)}))
    outcome = read_source(path, Limits(nesting=1))

    assert outcome.failures == {"deep.zip/a.zip": "limit_nesting", "deep.zip/b.zip": "limit_nesting"}
    assert outcome.findings == []
    assert {name: content for name, content in outcome.members.items() if name.startswith(("a.zip/", "b.zip/"))} == {
        f"{archive}/{name}": content for archive in ("a.zip", "b.zip") for name, content in INNER.items()
    }
    assert outcome.members["c.exe"] == prefixed["c.exe"]
    assert read_source(path, Limits(nesting=2)).members["deep.zip/b.zip/a.txt"] == b"hello"


def test_torn_zips_inside_are_told(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """One that has lost its first byte is opened, and its finding names it."""
    path = tmp_path / "a.zip"
    path.write_bytes(zipped({"torn.zip": zipped(INNER)[1:]}))
    outcome = read_source(path, Limits(nesting=1))

    assert outcome.failures == {"torn.zip/a.txt": "header_damaged"}
    assert outcome.members["torn.zip/b.bin"] == INNER["b.bin"]
    assert [(one.reason, one.detail.startswith("'torn.zip': ")) for one in outcome.findings] == [
        ("header_damaged", True)
    ]


def test_it_cannot_be_read_at_random(tmp_path: Path) -> None:
    """entries() and open() say what to use instead."""
    path = tmp_path / "a.zip"
    path.write_bytes(zipped(INNER))
    source = open_source(path, Limits(nesting=1))
    assert isinstance(source, NestedSource)
    with pytest.raises(TypeError, match="use forward"):
        source.entries()
    with pytest.raises(TypeError, match="use forward"):
        source.open(next(source.outer.entries()))
    source.close()
