"""Tests of the zips that are written: read by zipfile, unzip, and the directory's own reader."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import random
import shutil
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zarrpack.errors import FormatError
from zarrpack.storage import zip_records, zip_writer
from zarrpack.storage.zip_directory import find_directory, payload_offset, read_directory
from zarrpack.storage.zip_writer import ZipWriter

names = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\\/"), min_size=1, max_size=40)
entries = st.dictionaries(names, st.binary(max_size=300), max_size=12)

CHUNKS = {".zgroup": b"{}", "a/0": bytes(1000), "a/1": b"", "é/ü": b"x" * 63, "a/.zarray": b"{}"}


def write(content: dict[str, bytes], first: tuple[str, ...] = ()) -> bytes:
    file = io.BytesIO()
    writer = ZipWriter(file)
    for name, payload in content.items():
        writer.add(name, payload)
    writer.close(first)
    return file.getvalue()


@given(entries)
def test_zipfile_reads_what_is_written(content: dict[str, bytes]) -> None:
    """Any entries come back by name and in order, stored, with right checksums and the fixed date."""
    with zipfile.ZipFile(io.BytesIO(write(content))) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == content
        assert archive.namelist() == list(content)
        assert {info.compress_type for info in archive.infolist()} <= {zipfile.ZIP_STORED}
        assert {info.date_time for info in archive.infolist()} <= {(1980, 1, 1, 0, 0, 0)}


@given(entries)
def test_payloads_are_aligned(content: dict[str, bytes]) -> None:
    """Every payload starts at a multiple of 64 bytes, where the directory's reader finds it."""
    archive = write(content)
    file = io.BytesIO(archive)
    location = find_directory(file)
    for entry in read_directory(file, location):
        offset = payload_offset(file, entry, location.base)

        assert offset % 64 == 0
        assert archive[offset : offset + entry.size] == content[entry.raw_name.decode()]


@pytest.mark.skipif(shutil.which("unzip") is None, reason="needs unzip")
@pytest.mark.parametrize("is_large", [False, True])
def test_unzip_finds_no_fault(is_large: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Info-ZIP tests the file without a complaint, also with zip64 fields."""
    if is_large:
        monkeypatch.setattr(zip_records, "_LIMIT_32", 500)
    path = tmp_path / "a.zip"
    path.write_bytes(write(CHUNKS, (".zgroup",)))

    result = subprocess.run(["unzip", "-t", path], capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stdout + result.stderr
    assert "No errors detected" in result.stdout


def test_first_names_lead_the_directory() -> None:
    """The names asked for come first in their order, the others as they were added; the payloads stay."""
    file = io.BytesIO(write(CHUNKS, ("a/.zarray", ".zgroup")))

    with zipfile.ZipFile(file) as archive:
        assert archive.namelist() == ["a/.zarray", ".zgroup", "a/0", "a/1", "é/ü"]
        offsets = {info.filename: info.header_offset for info in archive.infolist()}
        assert sorted(offsets, key=lambda name: offsets[name]) == list(CHUNKS)


def test_the_summary_describes_the_file() -> None:
    """Entries, length and the digest of the central directory are those of the file."""
    file = io.BytesIO()
    writer = ZipWriter(file)
    writer.add("a", b"1")
    writer.add("b", b"2")
    summary = writer.close(["b"])
    location = find_directory(file)
    directory = file.getvalue()[location.offset : location.offset + location.size]

    assert (summary.entries, summary.size) == (2, len(file.getvalue()))
    assert summary.directory_sha256 == hashlib.sha256(directory).hexdigest()


def test_the_same_input_gives_the_same_bytes() -> None:
    """Two zips of equal entries are equal, whether checksums are given or computed."""
    file = io.BytesIO()
    writer = ZipWriter(file)
    for name, payload in CHUNKS.items():
        writer.add(name, memoryview(payload), zlib.crc32(payload))
    writer.close()

    assert file.getvalue() == write(CHUNKS)


def test_a_name_is_taken_once() -> None:
    """A second entry of a name, an unknown first name, and one given twice are ValueErrors."""
    writer = ZipWriter(io.BytesIO())
    writer.add("a", b"")

    with pytest.raises(ValueError, match="a: expected each entry once"):
        writer.add("a", b"")
    with pytest.raises(ValueError, match=r"found \['b'\]"):
        writer.close(["b"])
    with pytest.raises(ValueError, match="expected different names"):
        writer.close(["a", "a"])


@pytest.mark.parametrize("limit_32", [100, 700, 1 << 20])
@settings(max_examples=20)
@given(content=entries)
def test_zip64_fields_are_read_by_zipfile(limit_32: int, content: dict[str, bytes]) -> None:
    """With the limits moved down, sizes, offsets and counts go to zip64 fields, and all readers agree."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zip_records, "_LIMIT_32", limit_32)
        patch.setattr(zip_records, "_LIMIT_16", 3)
        archive = write(content)
    file = io.BytesIO(archive)

    location = find_directory(file)
    is_large = len(content) >= 3 or max(location.offset, location.size) >= limit_32
    assert archive[-42:].startswith(b"PK\6\7") == is_large
    with zipfile.ZipFile(file) as opened:
        assert opened.testzip() is None
        assert {name: opened.read(name) for name in opened.namelist()} == content
    found = {entry.raw_name.decode(): entry for entry in read_directory(file, location)}
    assert {name: entry.size for name, entry in found.items()} == {name: len(data) for name, data in content.items()}


def test_more_entries_than_16_bits_count() -> None:
    """65,535 entries and more are counted in the zip64 record."""
    file = io.BytesIO()
    writer = ZipWriter(file)
    for number in range(65_536):
        writer.add(str(number), b"")
    writer.close(["65535"])

    with zipfile.ZipFile(file) as archive:
        assert len(archive.namelist()) == 65_536
        assert archive.namelist()[:2] == ["65535", "0"]


class TestPayloadsOfOtherFiles:
    """`add_from`: copied by the kernel, by pread, or refused."""

    payload = random.Random(3).randbytes(3_000_000)

    def copy(self, tmp_path: Path, buffering: int = -1) -> Path:
        source, target = tmp_path / "source", tmp_path / "target.zip"
        source.write_bytes(b"before" + self.payload + b"after")
        with source.open("rb") as reading, target.open("wb", buffering=buffering) as writing:
            writer = ZipWriter(writing)
            writer.add("first", b"1" * 100)
            writer.add_from("small", reading.fileno(), 6, 10, zlib.crc32(self.payload[:10]))
            writer.add_from("large", reading.fileno(), 6, len(self.payload), zlib.crc32(self.payload))
            writer.add("last", b"2" * 100)
            assert reading.tell() == 0
            assert writer.close().size == writing.tell() == target.stat().st_size
        return target

    def expect(self, path: Path) -> None:
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None
            assert archive.read("small") == self.payload[:10]
            assert archive.read("large") == self.payload
            assert archive.read("last") == b"2" * 100

    @pytest.mark.parametrize("buffering", [-1, 0])
    def test_the_bytes_arrive(self, tmp_path: Path, buffering: int) -> None:
        """Small and large payloads arrive between others, whether the file is buffered or not."""
        self.expect(self.copy(tmp_path, buffering))

    @pytest.mark.skipif(sys.platform != "linux", reason="copy_file_range is Linux's")
    def test_the_kernel_copies_large_payloads(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Only the large payload goes through copy_file_range, also in pieces."""
        asked: list[int] = []
        copy_file_range = os.copy_file_range

        def in_pieces(source: int, target: int, count: int, offset: int) -> int:
            asked.append(count)
            return copy_file_range(source, target, min(count, 1_000_000), offset)

        monkeypatch.setattr(os, "copy_file_range", in_pieces)
        self.expect(self.copy(tmp_path))

        assert asked == [3_000_000, 2_000_000, 1_000_000]

    @pytest.mark.parametrize("code", [errno.EXDEV, errno.ENOSYS, errno.EOPNOTSUPP, None])
    def test_a_kernel_that_cannot_is_replaced(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int | None
    ) -> None:
        """Where the call refuses or does not exist the bytes arrive all the same."""

        def refuse(*_: Any) -> int:
            raise OSError(code, "refused")

        if code is None:
            monkeypatch.delattr(os, "copy_file_range", raising=False)
        else:
            monkeypatch.setattr(os, "copy_file_range", refuse, raising=False)

        self.expect(self.copy(tmp_path))

    def test_a_full_disk_is_not_hidden(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Errors that another way of copying would meet too are raised."""

        def refuse(*_: Any) -> int:
            raise OSError(errno.ENOSPC, "disk full")

        monkeypatch.setattr(os, "copy_file_range", refuse, raising=False)

        with pytest.raises(OSError, match="disk full"):
            self.copy(tmp_path)

    def test_a_short_source_is_refused(self, tmp_path: Path) -> None:
        """A source that ends before the payload does is a FormatError."""
        source = tmp_path / "source"
        source.write_bytes(b"x" * 500_000)
        with source.open("rb") as reading, (tmp_path / "target").open("wb") as writing:
            for size in (600_000, 500_100):
                writer = ZipWriter(writing)
                with pytest.raises(FormatError, match=f"expected {size} bytes at offset 0 of its source, found 500000"):
                    writer.add_from("a", reading.fileno(), 0, size, 0)

    @pytest.mark.parametrize("size", [10, 400_000])
    def test_a_source_that_has_changed_is_refused(self, tmp_path: Path, size: int) -> None:
        """Bytes with another checksum are not written, and the writer can go on."""
        source = tmp_path / "source"
        source.write_bytes(b"x" * size)
        target = tmp_path / "target.zip"
        with source.open("rb") as reading, target.open("wb") as writing:
            writer = ZipWriter(writing)
            with pytest.raises(FormatError, match=f"a: expected {size} bytes with the checksum 00000000 .* damaged"):
                writer.add_from("a", reading.fileno(), 0, size, 0)
            writer.add_from("a", reading.fileno(), 0, size, zlib.crc32(b"x" * size))
            writer.add_from("b", reading.fileno(), 0, size, 0, is_trusted=True)
            writer.close()

        with zipfile.ZipFile(target) as archive:
            assert len(archive.read("a")) == size
            assert archive.testzip() == "b"  # it was believed


def test_partial_writes_are_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    """A raw file that takes only a part of each write gets all the bytes in the end."""

    class Slow(io.BytesIO):
        def write(self, payload: Any) -> int:
            return super().write(memoryview(payload)[:1000])

    monkeypatch.setattr(zip_writer, "_BUFFER_BYTES", 5000)
    file = Slow()
    writer = ZipWriter(file)
    writer.add("a", bytes(range(256)) * 10)
    writer.add("b", bytes(range(256)) * 40)
    writer.close()

    with zipfile.ZipFile(io.BytesIO(file.getvalue())) as archive:
        assert archive.testzip() is None
        assert archive.read("b") == bytes(range(256)) * 40
