"""Random cuts and flipped bits: no member is lost or changed without somebody saying so."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import random
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard

from zarrpack.errors import SourceError

#: Random cuts, and random flips; docs/reliability-archives.md says which counts were run.
ROUNDS = int(os.environ.get("ZARRPACK_DAMAGE", "300"))


def _members() -> dict[str, bytes]:
    chosen = random.Random(7)
    return {
        f"folder/{number:02d}.bin": chosen.randbytes(chosen.randrange(600)) + b"same " * chosen.randrange(100)
        for number in range(12)
    }


MEMBERS = _members()


def _zip(method: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in MEMBERS.items():
            archive.writestr(name, content)
    return file.getvalue()


def _tar(form: int = tarfile.USTAR_FORMAT) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form) as archive:
        for name, content in MEMBERS.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


ARCHIVES = {
    "stored.zip": _zip(zipfile.ZIP_STORED),
    "deflated.zip": _zip(zipfile.ZIP_DEFLATED),
    "a.tar": _tar(),
    "a.tar.gz": gzip.compress(_tar()),
    "a.tar.bz2": bz2.compress(_tar()),
    "a.tar.xz": lzma.compress(_tar()),
    "a.tar.zst": zstandard.ZstdCompressor(write_checksum=True).compress(_tar()),
}
archives = pytest.mark.parametrize("name", ARCHIVES)


def cuts(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Cut off the end at random places."""
    chosen = random.Random(11)
    for _ in range(ROUNDS):
        place = chosen.randrange(1, len(data))
        yield place, data[:place]


def flips(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Flip single bits at random places."""
    chosen = random.Random(13)
    for _ in range(ROUNDS):
        place = chosen.randrange(len(data))
        yield place, data[:place] + bytes([data[place] ^ 1 << chosen.randrange(8)]) + data[place + 1 :]


def silent_loss(path: Path, read_source: Callable[..., Any]) -> str | None:
    """Say what is lost without a word; None if nothing is."""
    try:
        outcome = read_source(path)
    except SourceError:
        return None
    if outcome.findings:
        return None
    if len(outcome.entries) != len(MEMBERS):
        return f"{len(outcome.entries)} members"
    for entry, content, (name, original) in zip(outcome.entries, outcome.contents, MEMBERS.items(), strict=True):
        # A member that fails, or is skipped because it is no file, has a row that says so.
        if isinstance(content, bytes) and entry.kind == "file" and (entry.name, content) != (name, original):
            return f"{entry.name}: other content"
    return None


@archives
def test_undamaged_archives_are_whole(tmp_path: Path, name: str, read_source: Callable[..., Any]) -> None:
    """The control: every member comes back, and nothing is said."""
    path = tmp_path / name
    path.write_bytes(ARCHIVES[name])
    outcome = read_source(path)

    assert outcome.members == MEMBERS
    assert outcome.findings == []


@archives
def test_no_cut_goes_unnoticed(tmp_path: Path, name: str, read_source: Callable[..., Any]) -> None:
    """Wherever the end is cut off."""
    path = tmp_path / name
    lost = []
    for place, damaged in cuts(ARCHIVES[name]):
        path.write_bytes(damaged)
        lost += [(place, what)] if (what := silent_loss(path, read_source)) else []

    assert lost == []


@archives
def test_no_flipped_bit_goes_unnoticed(tmp_path: Path, name: str, read_source: Callable[..., Any]) -> None:
    """Wherever it is; but for the payload of a plain tar, which has no checksum."""
    path = tmp_path / name
    data = ARCHIVES[name]
    unprotected: set[int] = set()
    if name == "a.tar":
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            unprotected.update(*(range(one.offset_data, one.offset_data + one.size) for one in archive))
    lost = []
    for place, damaged in flips(data):
        path.write_bytes(damaged)
        if place not in unprotected and (what := silent_loss(path, read_source)):
            lost.append((place, what))

    assert lost == []


def tears(data: bytes, directory: int) -> Iterator[tuple[int, int, bytes]]:
    """Leave out bytes at random places before a zip's directory, or put some in; say which bytes were concerned."""
    chosen = random.Random(17)
    for number in range(ROUNDS):
        place, size = chosen.randrange(1, directory), chosen.choice((1, 2, 30, 500))
        if number % 2:
            yield place, place, data[:place] + chosen.randbytes(size) + data[place:]
        else:
            end = min(place + size, directory)
            yield place, end, data[:place] + data[end:]


@pytest.mark.parametrize("name", ["stored.zip", "deflated.zip"])
def test_zips_that_are_torn_keep_their_rows(tmp_path: Path, name: str, read_source: Callable[..., Any]) -> None:
    """Bytes that are missing or added cost the members that they belong to; no other, no row, and not without a word."""
    path = tmp_path / name
    data = ARCHIVES[name]
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        starts = [info.header_offset for info in archive.infolist()]
        directory = archive.start_dir
    extents = list(zip(MEMBERS, starts, [*starts[1:], directory], strict=True))
    for place, end, damaged in tears(data, directory):
        path.write_bytes(damaged)
        outcome = read_source(path)
        untouched = {name for name, start, stop in extents if end <= start or stop <= place}

        # What is added within the first four bytes may pass for a prefix.
        assert outcome.reasons == ["header_damaged"] or (place < 4 and outcome.failures)
        assert [entry.name for entry in outcome.entries] == list(MEMBERS)
        assert outcome.members.items() <= MEMBERS.items()
        assert outcome.members.keys() >= untouched


@pytest.mark.parametrize(("name", "share"), [("stored.zip", 0.9), ("deflated.zip", 0.9), ("a.tar", 0.6)])
def test_damage_costs_no_more_than_it_must(
    tmp_path: Path, name: str, share: float, read_source: Callable[..., Any]
) -> None:
    """Of zips all other members survive a flipped bit, of plain tars those before it."""
    path = tmp_path / name
    kept = 0
    for _, damaged in flips(ARCHIVES[name]):
        path.write_bytes(damaged)
        kept += len(read_source(path).members.items() & MEMBERS.items())

    assert kept > share * ROUNDS * len(MEMBERS)


def test_the_check_sees_losses(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """A tar that lacks a member, and one whose member has other content, do not pass for whole."""
    data = ARCHIVES["a.tar"]
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        first, second = archive.getmembers()[:2]
    path = tmp_path / "a.tar"
    path.write_bytes(data[second.offset :])
    assert silent_loss(path, read_source) == "11 members"
    path.write_bytes(data[: first.offset_data] + b"?" + data[first.offset_data + 1 :])
    assert silent_loss(path, read_source) == f"{first.name}: other content"
