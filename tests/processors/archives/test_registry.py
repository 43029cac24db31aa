"""Which source a path is opened as."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zarrpack.errors import SourceError
from zarrpack.processors.archives.registry import open_source


def zip_bytes() -> bytes:
    """Make a zip of one member."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.txt", b"hello")
    return file.getvalue()


def tar_bytes(form: int = tarfile.PAX_FORMAT) -> bytes:
    """Make a tar of one member."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form) as archive:
        info = tarfile.TarInfo("BZh.txt")
        info.size = 5
        archive.addfile(info, io.BytesIO(b"hello"))
    return file.getvalue()


def v7_bytes() -> bytes:
    """Make a tar header without a magic."""
    block = bytearray(tar_bytes(tarfile.USTAR_FORMAT))
    block[257:265] = bytes(8)
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block[:512])
    return bytes(block)


def damaged(data: bytes, offset: int) -> bytes:
    """Flip a bit."""
    return data[:offset] + bytes([data[offset] ^ 1]) + data[offset + 1 :]


TEXT = b"just text, and more than one block of it. " * 20

CASES = {
    "zip": ("a.bin", zip_bytes(), "zip"),
    "empty zip": ("a.bin", b"PK\5\6" + bytes(18), "zip"),
    "zip by suffix": ("a.ZIP", damaged(zip_bytes(), 0), "zip"),
    "zip in a program": ("a.bin", b"#!/bin/sh\n" + zip_bytes(), "zip"),
    "zip in a picture": ("a.jpg", b"\xff\xd8\xff" + zip_bytes(), "file"),
    "script": ("a.sh", b"#!/bin/sh\necho PK", "file"),
    "npz": ("a.npz", zip_bytes(), "file"),
    "docx": ("a.docx", zip_bytes(), "zip"),
    "tar": ("a.bin", tar_bytes(), "tar"),
    "old tar": ("a.bin", v7_bytes(), "tar"),
    "damaged tar": ("a.bin", damaged(tar_bytes(), 0), "tar"),
    "tar by suffix": ("a.tar", bytes(10240), "tar"),
    "tar.gz": ("a.bin", gzip.compress(tar_bytes()), "tar.gz"),
    "tar.bz2": ("a.bin", bz2.compress(tar_bytes()), "tar.bz2"),
    "tar.xz": ("a.bin", lzma.compress(tar_bytes()), "tar.xz"),
    "tar.zst": ("a.bin", zstandard.compress(tar_bytes()), "tar.zst"),
    "old tar in gz": ("a.gz", gzip.compress(v7_bytes()), "tar.gz"),
    "empty tar in gz": ("a.tgz", gzip.compress(bytes(10240)), "tar.gz"),
    "gz": ("a.bin", gzip.compress(TEXT), "gz"),
    "gz that is called tgz": ("a.tgz", gzip.compress(TEXT), "tar.gz"),
    "gz of zeros": ("a.gz", gzip.compress(bytes(10240)), "gz"),
    "gz of nothing": ("a.gz", gzip.compress(b""), "gz"),
    "gz by suffix": ("a.txt.gz", damaged(gzip.compress(TEXT), 0), "gz"),
    "tar.gz by suffix": ("a.tar.gz", damaged(gzip.compress(tar_bytes()), 0), "tar.gz"),
    "tgz by suffix": ("a.TGZ", gzip.compress(tar_bytes())[:30], "tar.gz"),
    "bz2": ("a.bin", bz2.compress(TEXT), "bz2"),
    "xz": ("a.bin", lzma.compress(TEXT), "xz"),
    "zst": ("a.bin", zstandard.compress(TEXT), "zst"),
    "text": ("a.bin", TEXT, "file"),
    "one byte": ("a.bin", b"\x1f", "file"),
    "zeros": ("a.bin", bytes(10240), "file"),
}


@pytest.mark.parametrize("case", CASES)
def test_kinds_are_told_by_content_first(tmp_path: Path, case: str) -> None:
    """First bytes, then the suffix; a damaged archive is still the archive that its name says."""
    name, data, kind = CASES[case]
    path = tmp_path / name
    path.write_bytes(data)
    source = open_source(path)

    assert source.kind == kind
    source.close()


def test_folders_and_links_are_opened(tmp_path: Path) -> None:
    """A folder, and a link to a file."""
    (tmp_path / "a.zip").write_bytes(zip_bytes())
    (tmp_path / "link").symlink_to("a.zip")
    assert open_source(tmp_path).kind == "folder"
    source = open_source(str(tmp_path / "link"))
    assert source.kind == "zip"
    source.close()


def test_a_single_npz_is_a_member(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """An .npz is one thing, not an archive of arrays."""
    np.savez(tmp_path / "a.npz", x=np.arange(3))

    assert list(read_source(tmp_path / "a.npz").members) == ["a.npz"]


@pytest.mark.parametrize(
    ("name", "data", "reason", "words"),
    [
        ("a.zip", b"", "not_an_archive", "no bytes"),
        ("a.tar.gz", b"", "not_an_archive", "no bytes"),
        ("a.7z", b"7z\xbc\xaf\x27\x1c" + bytes(600), "unsupported_archive", "a 7-Zip archive; unpack it"),
        ("a.bin", b"Rar!\x1a\x07\0" + bytes(600), "unsupported_archive", "a RAR archive; unpack it"),
        ("a.bin", b"\x04\x22\x4d\x18" + bytes(600), "unsupported_archive", "LZ4"),
        ("a.tar.lzma", lzma.compress(b"1" * 600, lzma.FORMAT_ALONE), "unsupported_archive", "LZMA"),
        ("a.cpio", b"070701" + b"0" * 600, "unsupported_archive", "cpio"),
    ],
)
def test_what_cannot_be_read_says_what_to_do(
    tmp_path: Path, name: str, data: bytes, reason: str, words: str, read_source: Callable[..., Any]
) -> None:
    """Empty archives and archives of other kinds are one member that fails: they cost no other source."""
    path = tmp_path / name
    path.write_bytes(data)
    outcome = read_source(path)

    assert outcome.failures == {name: reason}
    assert words in outcome.contents[0].detail


def test_an_empty_file_is_data(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """Where the name promises no archive, no bytes are what the file holds."""
    path = tmp_path / "a.txt"
    path.write_bytes(b"")

    assert read_source(path).members == {"a.txt": b""}


def test_nothing_and_special_files_are_refused(tmp_path: Path) -> None:
    """Without waiting for a FIFO."""
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(SourceError, match="found nothing; check the path"):
        open_source(tmp_path / "nothing")
    with pytest.raises(SourceError, match="found something else"):
        open_source(tmp_path / "fifo")


SEEDS = [data for _, data, _ in CASES.values()]
NAMES = ["a", "a.zip", "a.tar", "a.tar.gz", "a.gz", "a.tar.xz", "a.bz2", "a.tar.zst"]


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.sampled_from(SEEDS),
    noise=st.binary(min_size=1, max_size=40),
    cut=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    name=st.sampled_from(NAMES),
)
def test_any_bytes_give_members_or_our_errors(
    tmp_path: Path,
    seed: bytes,
    noise: bytes,
    cut: tuple[float, float],
    name: str,
    read_source: Callable[..., Any],
) -> None:
    """Whatever is written into an archive, only errors of ours come out, and twice the same."""
    start, stop = (round(one * len(seed)) for one in cut)
    path = tmp_path / name
    path.write_bytes(seed[:start] + noise + seed[stop:])
    outcome = read_source(path)

    assert all(entry.name.encode() is not None for entry in outcome.entries)
    assert all(isinstance(finding.detail, str) for finding in outcome.findings)
