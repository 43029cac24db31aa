"""Members behind damaged places: found on request, marked, and never taken for whole without a word."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard

from zarrpack.processors.limits import Limits

MEMBERS = {f"{number}.bin": random.Random(number).randbytes(700 * number + 5) for number in range(8)}
COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstandard.ZstdCompressor(write_checksum=True).compress,
}


def tarred(form: int = tarfile.USTAR_FORMAT) -> tuple[bytes, list[int]]:
    """Make a tar; give where the members' headers are, too."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form) as archive:
        for name, content in MEMBERS.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    with tarfile.open(fileobj=io.BytesIO(file.getvalue())) as archive:
        offsets = [one.offset for one in archive]
    return file.getvalue(), offsets


def zipped() -> bytes:
    """Make a zip by the standard library."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in MEMBERS.items():
            archive.writestr(name, content)
    return file.getvalue()


def salvaged(outcome: Any) -> list[str]:
    """Give the names of the members that have the note."""
    return [entry.name for entry in outcome.entries if "salvaged" in entry.notes]


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("kind", ["tar", "tar.gz"])
def test_members_behind_a_damaged_tar_header_are_read(
    tmp_path: Path, form: int, kind: str, read_source: Callable[..., Any]
) -> None:
    """All but the one whose header is damaged come back; without the option those before it do, and nobody is silent."""
    data, offsets = tarred(form)
    bent = bytearray(data)
    bent[offsets[3] + 5] ^= 1
    path = tmp_path / f"a.{kind}"
    path.write_bytes(gzip.compress(bent) if kind == "tar.gz" else bytes(bent))
    plain = read_source(path)
    assert list(plain.members) == list(MEMBERS)[:3]
    assert plain.reasons == ["header_checksum"]
    assert "--salvage" in plain.findings[0].detail

    outcome = read_source(path, salvage=True)
    assert outcome.members == {name: content for name, content in MEMBERS.items() if name != "3.bin"}
    assert salvaged(outcome) == list(MEMBERS)[4:]
    assert outcome.reasons == ["header_checksum"]
    assert f"offset {offsets[4]}" in outcome.findings[0].detail


def test_an_undamaged_archive_has_nothing_to_salvage(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """The control: with the option as without it, and no note."""
    for name, data in (("a.tar", tarred()[0]), ("a.tgz", gzip.compress(tarred()[0])), ("a.zip", zipped())):
        path = tmp_path / name
        path.write_bytes(data)
        outcome = read_source(path, salvage=True)

        assert (outcome.members, outcome.findings, salvaged(outcome)) == (MEMBERS, [], [])


@pytest.mark.parametrize("missing", [1, 300, 512, 700])
def test_missing_bytes_do_not_hide_what_follows(tmp_path: Path, missing: int, read_source: Callable[..., Any]) -> None:
    """Headers are found where they are, not where they should be."""
    data, offsets = tarred()
    place = offsets[3] + 100
    path = tmp_path / "a.tar"
    path.write_bytes(data[:place] + data[place + missing :])
    outcome = read_source(path, salvage=True)

    assert list(MEMBERS)[4:] == salvaged(outcome)
    assert {name: MEMBERS[name] for name in salvaged(outcome)}.items() <= outcome.members.items()
    assert outcome.findings


def test_zeros_in_the_midst_are_no_end(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """A header that has been wiped looks like the end: what lies behind it is told, and read on request."""
    data, offsets = tarred()
    wiped = data[: offsets[3]] + bytes(512) + data[offsets[3] + 512 :]
    joined = data + data
    for damaged, expected in ((wiped, list(MEMBERS)[4:]), (joined, list(MEMBERS))):
        path = tmp_path / "a.tar"
        path.write_bytes(damaged)
        assert read_source(path).reasons == ["trailing_data"]
        outcome = read_source(path, salvage=True)

        assert salvaged(outcome) == expected
        assert outcome.reasons == ["trailing_data"]


@pytest.mark.parametrize("kind", COMPRESS)
def test_frames_behind_a_damaged_one_are_read(tmp_path: Path, kind: str, read_source: Callable[..., Any]) -> None:
    """Where a tar is compressed in several frames, the damage ends with its frame."""
    data, offsets = tarred()
    parts = [data[: offsets[4]], data[offsets[4] : offsets[6]], data[offsets[6] :]]
    frames = [COMPRESS[kind](part) for part in parts]
    frames[1] = frames[1][:60] + bytes(40) + frames[1][100:]
    path = tmp_path / f"a.tar.{kind}"
    path.write_bytes(b"".join(frames))
    plain = read_source(path)
    assert list(plain.members) == list(MEMBERS)[:4]
    assert plain.findings

    outcome = read_source(path, salvage=True)
    names = salvaged(outcome)
    assert names[-2:] == ["6.bin", "7.bin"]
    assert {name: MEMBERS[name] for name in [*list(MEMBERS)[:4], *names[-2:]]}.items() <= outcome.members.items()
    assert outcome.findings[0].reason in ("payload_damaged", "crc_mismatch")


def test_a_limit_is_no_damage(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """What stops a bomb is not salvaged from."""
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(tarred()[0]) * 2)
    outcome = read_source(path, Limits(archive_bytes=4000), salvage=True)

    assert outcome.reasons == ["limit_archive_bytes"]
    assert salvaged(outcome) == []


@pytest.mark.parametrize("keep_directory", [False, True])
def test_zip_members_behind_a_damaged_header_are_found(
    tmp_path: Path, keep_directory: bool, read_source: Callable[..., Any]
) -> None:
    """Without a directory, members behind a header that is damaged; with one, it costs that member only."""
    data = bytearray(zipped())
    start = data.index(b"3.bin") - 30
    data[start : start + 4] = b"PK\3\5"
    path = tmp_path / "a.zip"
    path.write_bytes(data if keep_directory else data[: data.index(b"PK\1\2")])
    plain = read_source(path)
    outcome = read_source(path, salvage=True)

    whole = {name: content for name, content in MEMBERS.items() if name != "3.bin"}
    assert outcome.members == whole
    if keep_directory:
        assert plain.members == whole
        assert plain.failures == {"3.bin": "header_damaged"}
        return
    assert list(plain.members) == list(MEMBERS)[:3]
    assert {note for entry in plain.entries for note in entry.notes} == {"recovered"}
    assert salvaged(outcome) == list(MEMBERS)[4:]
    assert outcome.reasons == ["truncated"]
