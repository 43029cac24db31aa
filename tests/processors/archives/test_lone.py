"""A compressed file that is no tar."""

from __future__ import annotations

import bz2
import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from zarrpack.processors.archives.lone import LoneCompressedSource
from zarrpack.processors.limits import Limits


@pytest.mark.parametrize(
    ("name", "member"),
    [("data.csv.gz", "data.csv"), ("DATA.CSV.GZ", "DATA.CSV"), ("data.gz", "data"), ("data.bin", "data.bin")],
)
def test_the_member_is_named_without_the_suffix(
    tmp_path: Path, name: str, member: str, read_source: Callable[..., Any]
) -> None:
    """The suffix of the compression goes, any other stays; the size is not known before."""
    path = tmp_path / name
    path.write_bytes(gzip.compress(b"1,2\n") + gzip.compress(b"3,4\n"))
    outcome = read_source(path)

    assert outcome.kind == "gz"
    assert outcome.members == {member: b"1,2\n3,4\n"}
    assert outcome.entries[0].size is None
    assert outcome.findings == []


def test_damage_is_the_members(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """The stream raises; there is no finding beside it."""
    path = tmp_path / "a.txt.bz2"
    path.write_bytes(bz2.compress(b"text " * 1000)[:-1])
    outcome = read_source(path)

    assert outcome.failures == {"a.txt": "truncated"}
    assert outcome.findings == []


def test_the_last_bytes_are_held_back_until_the_checksum_is_right(tmp_path: Path) -> None:
    """Whoever reads as much as there is sees the wrong checksum."""
    packed = bytearray(gzip.compress(b"text"))
    packed[-5] ^= 1
    path = tmp_path / "a.txt.gz"
    path.write_bytes(packed)
    source = LoneCompressedSource(path)
    for _, stream in source.forward():
        with pytest.raises(ValueError, match="crc_mismatch"):
            stream.read(4)
    source.close()


def test_what_is_not_read_is_checked_all_the_same(tmp_path: Path) -> None:
    """Damage and trailing bytes behind the part that was read are findings."""
    path = tmp_path / "a.txt.gz"
    packed = gzip.compress(b"text" * 100_000)
    for data, reasons in ((packed, []), (packed[:-3], ["truncated"]), (packed + b"x", ["trailing_data"])):
        path.write_bytes(data)
        source = LoneCompressedSource(path)
        for _, stream in source.forward():
            assert stream.read(4) == b"text"

        assert [finding.reason for finding in source.findings] == reasons
        source.close()


def test_limits_count_real_bytes(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """A member beyond the limit fails; nothing beyond the limit is decompressed for the sake of its end."""
    path = tmp_path / "zeros.gz"
    path.write_bytes(gzip.compress(bytes(3 << 20)))
    outcome = read_source(path, Limits(member_bytes=1 << 20))

    assert outcome.failures == {"zeros": "limit_member_bytes"}
    assert outcome.findings == []


def test_it_cannot_be_read_at_random(tmp_path: Path) -> None:
    """entries() and open() say what to use instead."""
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b""))
    source = LoneCompressedSource(path)
    ((entry, _),) = source.forward()
    for call in (source.entries, lambda: source.open(entry)):
        with pytest.raises(TypeError, match=r"forward\(\)"):
            call()
    source.close()
