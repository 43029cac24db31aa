"""Every cut and every flipped byte of small archives: no member is lost or changed without a word."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard

from zarrpack.errors import MemberError, SourceError
from zarrpack.processors.archives.registry import open_source
from zarrpack.processors.limits import Limits

MEMBERS = {"a.txt": b"first words", "b.bin": bytes(range(256)) + b"same " * 60, "c.txt": b"last words"}
LIMITS = Limits(member_bytes=1 << 20)


def _zip(method: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in MEMBERS.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return file.getvalue()


def _tar() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in MEMBERS.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    # Without the padding to 10 KiB, which nobody would miss.
    data = file.getvalue().rstrip(b"\0")
    return data + bytes(-len(data) % 512 + 1024)


ARCHIVES = {
    "stored.zip": _zip(zipfile.ZIP_STORED),
    "deflated.zip": _zip(zipfile.ZIP_DEFLATED),
    "bzip2.zip": _zip(zipfile.ZIP_BZIP2),
    "lzma.zip": _zip(zipfile.ZIP_LZMA),
    "a.tar": _tar(),
    "a.tar.gz": gzip.compress(_tar()),
    "a.tar.bz2": bz2.compress(_tar()),
    "a.tar.xz": lzma.compress(_tar()),
    "a.tar.zst": zstandard.ZstdCompressor(write_checksum=True).compress(_tar()),
}
archives = pytest.mark.parametrize("name", ARCHIVES)


def read(path: Path, *, salvage: bool = False) -> tuple[list[tuple[str, bytes | str]], list[str]]:
    """Give each member's name with its content, or the reason that it has none; and the findings."""
    found: list[tuple[str, bytes | str]] = []
    source = open_source(path, LIMITS, salvage=salvage)
    try:
        for entry, stream in source.forward():
            try:
                found.append((entry.name, stream.read() if entry.kind == "file" else entry.kind))
            except MemberError as error:
                found.append((entry.name, error.reason))
        return found, [finding.reason for finding in source.findings]
    finally:
        source.close()


def is_silent(path: Path, *, salvage: bool = False) -> bool:
    """Whether a damaged archive is read as if it were whole, with something missing or changed."""
    try:
        found, findings = read(path, salvage=salvage)
    except SourceError:
        return False
    if findings or any(isinstance(content, str) for _, content in found):
        return False
    return found != list(MEMBERS.items())


def flipped(data: bytes, bits: range) -> Iterator[tuple[int, bytes]]:
    """Flip one bit of each byte in turn."""
    for place in range(len(data)):
        for bit in bits:
            yield place, data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :]


def unprotected(name: str) -> set[int]:
    """Give the places of which nothing says what they should hold: the payloads of a plain tar."""
    if name != "a.tar":
        return set()
    with tarfile.open(fileobj=io.BytesIO(ARCHIVES[name])) as archive:
        return {place for one in archive for place in range(one.offset_data, one.offset_data + one.size)}


@archives
def test_the_undamaged_archive_is_whole(tmp_path: Path, name: str) -> None:
    """The control, with and without salvage."""
    path = tmp_path / name
    path.write_bytes(ARCHIVES[name])

    assert read(path) == read(path, salvage=True) == (list(MEMBERS.items()), [])


@archives
def test_every_cut_is_told(tmp_path: Path, name: str) -> None:
    """The file cut behind each of its bytes."""
    path = tmp_path / name
    data = ARCHIVES[name]
    silent = []
    for place in range(1, len(data)):
        path.write_bytes(data[:place])
        silent += [place] if is_silent(path) else []

    assert silent == []


@archives
@pytest.mark.parametrize("bits", [range(2, 3), pytest.param(range(8), marks=pytest.mark.slow)], ids=["one", "all"])
def test_every_flipped_bit_is_told(tmp_path: Path, name: str, bits: range) -> None:
    """A bit of each byte (all eight in the slow run), but for the payload of a plain tar, which has no checksum."""
    path = tmp_path / name
    allowed = unprotected(name)
    silent = []
    for place, damaged in flipped(ARCHIVES[name], bits):
        path.write_bytes(damaged)
        silent += [place] if is_silent(path) else []

    assert sorted(set(silent) - allowed) == []


@archives
@pytest.mark.slow
def test_salvage_is_no_more_silent(tmp_path: Path, name: str) -> None:
    """With salvage, too, whatever is missing or changed is told."""
    path = tmp_path / name
    allowed = unprotected(name)
    silent = []
    for place, damaged in flipped(ARCHIVES[name], range(5, 6)):
        path.write_bytes(damaged)
        silent += [place] if is_silent(path, salvage=True) else []

    assert sorted(set(silent) - allowed) == []


def test_the_check_sees_silence(tmp_path: Path) -> None:
    """An archive that lacks a member, and one with other content, are silent losses."""
    path = tmp_path / "a.tar"
    with tarfile.open(fileobj=io.BytesIO(ARCHIVES["a.tar"])) as archive:
        second = archive.getmembers()[1]
    path.write_bytes(ARCHIVES["a.tar"][second.offset :])
    assert is_silent(path)
    path.write_bytes(ARCHIVES["a.tar"].replace(b"first words", b"worst words"))
    assert is_silent(path)
