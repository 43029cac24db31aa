"""Compressed tars: the tar and its compression are both read to their ends."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard

from zarrpack.processors.archives.compressed import COMPRESSIONS
from zarrpack.processors.archives.tar_stream import TarStreamSource
from zarrpack.processors.limits import Limits

MEMBERS = {
    "a.txt": b"hello",
    "large.bin": random.Random(5).randbytes(300_000),
    "folder/same.bin": b"same " * 80_000,
    "empty": b"",
    "n" * 200: b"last",
}
COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstandard.ZstdCompressor(write_checksum=True).compress,
}
kinds = pytest.mark.parametrize("kind", COMPRESS)


def tar(members: dict[str, bytes] = MEMBERS) -> bytes:
    """Make a tar by the standard library."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


@kinds
def test_members_come_back(tmp_path: Path, kind: str, read_source: Callable[..., Any]) -> None:
    """Content, order and sizes, however the blocks fall."""
    path = tmp_path / f"a.tar.{kind}"
    path.write_bytes(COMPRESS[kind](tar()))
    outcome = read_source(path)

    assert outcome.kind == f"tar.{kind}"
    assert outcome.members == MEMBERS
    assert [entry.name for entry in outcome.entries] == list(MEMBERS)
    assert [entry.index for entry in outcome.entries] == [0, 1, 2, 3, 4]
    assert outcome.findings == []


def test_tars_of_others_come_back(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """A tar.gz that tar(1) has written."""
    (tmp_path / "large.bin").write_bytes(MEMBERS["large.bin"])
    subprocess.run(["tar", "-czf", "a.tgz", "large.bin"], cwd=tmp_path, check=True)

    assert read_source(tmp_path / "a.tgz").members == {"large.bin": MEMBERS["large.bin"]}


def test_what_is_not_read_is_skipped(tmp_path: Path) -> None:
    """Streams that are read in part, or not at all, do not disturb the next member; a stream ends with its turn."""
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(tar()))
    source = TarStreamSource(path)
    found = {}
    previous = None
    for entry, stream in source.forward():
        if previous is not None:
            with pytest.raises(ValueError, match="closed"):
                previous.read()
        found[entry.name] = stream.read(3) if entry.index % 2 else b""
        previous = stream

    assert found == {name: content[:3] if n % 2 else b"" for n, (name, content) in enumerate(MEMBERS.items())}
    assert source.findings == []
    assert [entry.name for entry, _ in source.forward()] == list(MEMBERS)
    source.close()
    source.close()


@kinds
def test_a_wrong_checksum_behind_the_tar_is_found(tmp_path: Path, kind: str, read_source: Callable[..., Any]) -> None:
    """The compression is read to its end although the tar ended before: its last bytes count."""
    packed = bytearray(COMPRESS[kind](tar()))
    packed[-6 if kind == "gz" else -2] ^= 1
    path = tmp_path / f"a.tar.{kind}"
    path.write_bytes(packed)
    outcome = read_source(path)

    assert outcome.members.items() <= MEMBERS.items()
    assert len(outcome.findings) == 1
    assert outcome.reasons[0] in ("crc_mismatch", "payload_damaged")


def test_the_compression_is_read_beyond_the_tar(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """A tar that ends in damage long before its compression does: both are told."""
    packed = bytearray(gzip.compress(tar({"a": b"1"})[:1024] + b"x" * 512 + random.Random(0).randbytes(500_000)))
    packed[-5] ^= 1
    path = tmp_path / "a.tar.gz"
    path.write_bytes(packed)
    outcome = read_source(path)

    assert outcome.members == {"a": b"1"}
    assert outcome.reasons == ["header_checksum", "crc_mismatch"]


@kinds
def test_damage_is_told_once_and_by_the_member_in_hand(
    tmp_path: Path, kind: str, read_source: Callable[..., Any]
) -> None:
    """A cut inside a member: its stream raises, the source has one finding, the members before are whole."""
    packed = COMPRESS[kind](tar({"a": b"1" * 100, "b": random.Random(1).randbytes(200_000), "c": b"3"}))
    path = tmp_path / f"a.tar.{kind}"
    path.write_bytes(packed[:100_000])
    outcome = read_source(path)

    assert outcome.members in ({"a": b"1" * 100}, {})
    assert outcome.failures == ({"b": "truncated"} if outcome.members else {})
    assert outcome.reasons == ["truncated"]


def test_a_member_that_is_cut_in_the_tar_is_named(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """The compression is whole, the tar in it is not."""
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(tar()[:100_000]))
    outcome = read_source(path)

    assert outcome.members == {"a.txt": b"hello"}
    assert outcome.failures == {"large.bin": "truncated"}
    assert outcome.reasons == ["truncated"]


def test_bytes_behind_tar_and_compression_are_found(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """Both layers say so, each for itself."""
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(tar() + b"in the tar") + b"behind the gz")
    outcome = read_source(path)

    assert outcome.members == MEMBERS
    assert outcome.reasons == ["trailing_data", "trailing_data"]


def test_refused_members_are_passed_over(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """A member beyond the limit fails by name; links and folders are empty; the rest is read."""
    path = tmp_path / "a.tar.gz"
    link = tarfile.TarInfo("link")
    link.type = tarfile.SYMTYPE
    path.write_bytes(gzip.compress(link.tobuf() + tar()))
    outcome = read_source(path, Limits(member_bytes=100_000))

    assert outcome.failures == {"large.bin": "limit_member_bytes", "folder/same.bin": "limit_member_bytes"}
    assert outcome.members == {"link": b"", "a.txt": b"hello", "empty": b"", "n" * 200: b"last"}


def test_a_bomb_stops(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """Expansion beyond the limit ends the source with a finding."""
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(tar({"a": b"1", "zeros": bytes(5 << 20), "c": b"3"})))
    outcome = read_source(path, Limits(ratio_grace_bytes=1 << 20))

    assert outcome.failures == {"zeros": "limit_ratio"}
    assert outcome.reasons == ["limit_ratio"]
    assert outcome.members == {"a": b"1"}


def test_it_cannot_be_read_at_random(tmp_path: Path) -> None:
    """entries() and open() say what to use instead."""
    path = tmp_path / "a.tar.xz"
    path.write_bytes(lzma.compress(tar()))
    source = TarStreamSource(path, compression=COMPRESSIONS["xz"])
    entry = next(entry for entry, _ in source.forward())

    assert not source.random_access
    for call in (source.entries, lambda: source.open(entry), lambda: source.read_content(entry)):
        with pytest.raises(TypeError, match=r"forward\(\)"):
            call()
    source.close()


def test_stopping_early_is_allowed(tmp_path: Path) -> None:
    """Whoever has seen enough closes the source."""
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(tar()))
    source = TarStreamSource(path)
    members = source.forward()
    entry, stream = next(members)

    assert (entry.name, stream.read()) == ("a.txt", b"hello")
    members.close()  # type: ignore[attr-defined]
    source.close()
