"""Zip archives, made by the standard library and by zip(1), bent, and read back."""

from __future__ import annotations

import bz2
import io
import os
import pickle
import random
import re
import shutil
import stat
import struct
import subprocess
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard

from zarrpack.errors import MemberError, SourceError
from zarrpack.processors.archives.zip import ZipSource
from zarrpack.processors.limits import Limits

MEMBERS = {
    "a.txt": b"hello",
    "folder/noise.bin": random.Random(0).randbytes(40_000),
    "folder/same.bin": b"same " * 50_000,
    "empty": b"",
    "größe.json": b"{}",
}
METHODS = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]


def write_zip(path: Path, members: dict[str, bytes] = MEMBERS, method: int = zipfile.ZIP_DEFLATED) -> Path:
    """Write a zip by the standard library."""
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


class Pipe(io.RawIOBase):
    """A file that cannot go back, so that sizes follow the payloads."""

    def __init__(self) -> None:
        self.data = b""

    def writable(self) -> bool:
        """Say that it can be written."""
        return True

    def write(self, data: Any) -> int:
        """Keep the bytes."""
        self.data += bytes(data)
        return len(data)


#: Where the fields are in a member's own header.
LOCAL_PLACES = {"flags": 6, "method": 8, "crc": 14, "packed": 18, "size": 22}


def header_of(data: bytearray, signature: bytes, size: int, name: bytes) -> int:
    """Find a member's header; by more than its name, for a time may have the same bytes."""
    found = re.finditer(re.escape(signature), data)
    return next(one.start() for one in found if data.startswith(name, one.start() + size))


def bend(path: Path, name: bytes, *, both: bool = False, **fields: int | bytes) -> Path:
    """Change fields of one member's directory entry, and of its own header if `both`."""
    places = {"flags": (8, 2), "method": (10, 2), "crc": (16, 4), "packed": (20, 4), "size": (24, 4)}
    places |= {"offset": (42, 4), "renamed": (46, len(name))}
    data = bytearray(path.read_bytes())
    start, own_start = header_of(data, b"PK\1\2", 46, name), header_of(data, b"PK\3\4", 30, name)
    for field, value in fields.items():
        offset, width = places[field]
        new = value if isinstance(value, bytes) else value.to_bytes(width, "little")
        data[start + offset : start + offset + width] = new
        if both and field in LOCAL_PLACES:
            own = own_start + LOCAL_PLACES[field]
            data[own : own + width] = new
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("method", METHODS)
def test_members_come_back(tmp_path: Path, method: int, read_source: Callable[..., Any]) -> None:
    """Whatever the method, content, order, sizes and checksums are those that were written."""
    outcome = read_source(write_zip(tmp_path / "a.zip", method=method))

    assert outcome.members == MEMBERS
    assert [entry.name for entry in outcome.entries] == list(MEMBERS)
    assert [entry.size for entry in outcome.entries] == [len(content) for content in MEMBERS.values()]
    assert [entry.crc32 for entry in outcome.entries] == [zlib.crc32(content) for content in MEMBERS.values()]
    assert outcome.findings == []


def test_zstd_members_come_back(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """Method 93, which the standard library does not write: a stored frame, renamed."""
    content = b"again and " * 5000
    path = write_zip(tmp_path / "a.zip", {"a": zstandard.compress(content)}, zipfile.ZIP_STORED)
    bend(path, b"a", both=True, method=93, size=len(content), crc=zlib.crc32(content))

    assert read_source(path).members == {"a": content}


def test_zstd_windows_have_a_limit_that_can_be_raised(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """A member whose frame asks for 256 MiB fails with the limit's reason; a higher limit reads it."""
    content = b"again and " * 5000
    frame = bytearray(zstandard.ZstdCompressor(write_content_size=False).compress(content))
    frame[5] = (28 - 10) << 3  # the frame's descriptor says that a byte for the window follows
    path = write_zip(tmp_path / "a.zip", {"a": bytes(frame)}, zipfile.ZIP_STORED)
    bend(path, b"a", both=True, method=93, size=len(content), crc=zlib.crc32(content))

    outcome = read_source(path)
    assert isinstance(outcome.contents[0], MemberError)
    assert outcome.contents[0].reason == "limit_memory"
    assert read_source(path, limits=Limits(memory_bytes=16 << 30)).members == {"a": content}


@pytest.mark.skipif(shutil.which("zip") is None, reason="zip(1) is not installed")
def test_zips_of_others_come_back(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """A zip that Info-ZIP has written, with folders and a symbolic link."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.bin").write_bytes(MEMBERS["folder/noise.bin"])
    (folder / "link").symlink_to("a.bin")
    subprocess.run(["zip", "-q", "-r", "-y", "a.zip", "folder"], cwd=tmp_path, check=True)
    outcome = read_source(tmp_path / "a.zip")

    assert {entry.name: entry.kind for entry in outcome.entries} == {
        "folder/": "directory",
        "folder/a.bin": "file",
        "folder/link": "link",
    }
    assert outcome.members == {"folder/": b"", "folder/a.bin": MEMBERS["folder/noise.bin"], "folder/link": b""}


def test_streamed_zips_come_back(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """Sizes that follow the payload, as in a zip that was written into a pipe."""

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in MEMBERS.items():
            archive.writestr(name, content)
    path = tmp_path / "a.zip"
    path.write_bytes(pipe.data)

    assert read_source(path).members == MEMBERS
    # Without its directory, too: the descriptors lead from one member to the next.
    path.write_bytes(pipe.data[: pipe.data.index(b"PK\1\2")])
    outcome = read_source(path)
    assert outcome.members == MEMBERS
    assert outcome.reasons == ["truncated"]


def test_entries_are_small_and_travel(tmp_path: Path) -> None:
    """Another process opens the same path and reads by the entry alone."""
    source = ZipSource(write_zip(tmp_path / "a.zip"))
    entries = pickle.loads(pickle.dumps(list(source.entries())))
    source.close()
    source.close()
    other = ZipSource(tmp_path / "a.zip")

    assert {entry.name: other.read_content(entry) for entry in reversed(entries)} == MEMBERS
    assert max(len(pickle.dumps(entry)) for entry in entries) < 400
    other.close()


@pytest.mark.parametrize("junk", [b"", b"x", random.Random(5).randbytes(300_000)])
@pytest.mark.parametrize("method", [8, 12, 93])
def test_bytes_behind_the_compressed_ones_are_noted(tmp_path: Path, method: int, junk: bytes) -> None:
    """Inside of what the headers say is the payload; the content is whole all the same."""
    content = random.Random(4).randbytes(50_000)
    packer = zlib.compressobj(wbits=-15)
    packed = {
        8: packer.compress(content) + packer.flush(),
        12: bz2.compress(content),
        93: zstandard.compress(content),
    }[method]
    path = write_zip(tmp_path / "a.zip", {"a": packed + junk, "b": b"1"}, zipfile.ZIP_STORED)
    bend(path, b"a", both=True, method=method, size=len(content), crc=zlib.crc32(content))
    source = ZipSource(path)
    first, second = source.entries()
    for _ in range(2):
        assert source.read_content(first) == content
        assert source.content_notes == (["unused_bytes"] if junk else [])
        with source.open(first) as stream:
            assert stream.read() == content
        assert source.content_notes == (["unused_bytes"] if junk else [])
        assert source.read_content(second) == b"1"
        assert source.content_notes == []
    source.close()


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"crc": 1}, "crc_mismatch"),
        ({"size": 50_000}, "size_mismatch"),
        ({"size": 30_000}, "size_mismatch"),
        ({"packed": 20_000}, "truncated"),
        ({"packed": 1 << 30}, "header_damaged"),
        ({"offset": 1}, "header_damaged"),
        ({"offset": 0xFFFFFFFF}, "header_damaged"),
        ({"renamed": b"folder/noise.bix"}, "header_damaged"),
        ({"flags": 1}, "encrypted"),
        ({"flags": 0x41}, "encrypted"),
        ({"method": 9}, "unsupported_method"),
        ({"method": 99}, "unsupported_method"),
        ({"method": 12}, "payload_damaged"),
        ({"method": 14}, "size_mismatch"),
        ({"method": 93}, "payload_damaged"),
        ({"method": 0}, "size_mismatch"),
    ],
)
def test_one_bad_member_costs_no_other(
    tmp_path: Path, fields: dict[str, Any], reason: str, read_source: Callable[..., Any]
) -> None:
    """Each lie of the headers is named, and the members beside it are read."""
    bad = "folder/noise.bin"
    outcome = read_source(bend(write_zip(tmp_path / "a.zip"), bad.encode(), both=True, **fields))

    assert list(outcome.failures.values()) == [reason]
    assert outcome.members == {name: content for name, content in MEMBERS.items() if name != bad}
    assert outcome.findings == []


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"crc": 1}, "crc_mismatch"),
        ({"size": 50_000}, "size_mismatch"),
        ({"packed": 20_000}, "size_mismatch"),
        ({"method": 12}, "header_damaged"),
        ({"method": 0}, "header_damaged"),
    ],
)
@pytest.mark.parametrize("is_streamed", [False, True])
def test_headers_that_disagree_are_named(
    tmp_path: Path, fields: dict[str, Any], reason: str, is_streamed: bool, read_source: Callable[..., Any]
) -> None:
    """What the directory says and what the member says of itself, before its payload or behind it, must be the same."""
    path = tmp_path / "a.zip"
    if is_streamed:
        pipe = Pipe()
        with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in MEMBERS.items():
                archive.writestr(name, content)
        path.write_bytes(pipe.data)
    else:
        write_zip(path)
    assert read_source(path).failures == {}
    outcome = read_source(bend(path, b"folder/noise.bin", **fields))

    (found,) = outcome.failures.values()
    # Where the payload is said to end earlier, the record behind it is not there.
    assert found in (reason, "truncated" if "packed" in fields and is_streamed else reason)
    assert len(outcome.members) == len(MEMBERS) - 1


def test_empty_fields_of_a_header_are_no_lie(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """Some writers leave them empty although nothing follows the payload."""
    path = write_zip(tmp_path / "a.zip")
    data = bytearray(path.read_bytes())
    data[14:26] = bytes(12)
    path.write_bytes(data)

    assert read_source(path).members == MEMBERS


def test_extra_fields_that_lead_too_far_are_named(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """A field of the directory that is longer than all of them; up to three bytes of padding are none."""
    for extra, failures in ((b"zz\4\0abcd", {}), (b"\0\0\0", {}), (b"zz\5\0abcd", {"a": "header_damaged"})):
        path = tmp_path / "a.zip"
        with zipfile.ZipFile(path, "w") as archive:
            info = zipfile.ZipInfo("a")
            info.extra = extra
            archive.writestr(info, b"1")

        assert read_source(path).failures == failures


@pytest.mark.parametrize("method", METHODS)
def test_extra_fields_of_a_header_that_lead_too_far_are_noted(tmp_path: Path, method: int) -> None:
    """Nothing is taken from them, so that the content is whole all the same."""
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        info = zipfile.ZipInfo("a")
        info.extra = b"zz\4\0abcd"
        info.compress_type = method
        archive.writestr(info, b"content")
        archive.writestr("b", b"1")
    data = path.read_bytes()
    for length, notes in ((4, []), (5, ["local_extra_damaged"]), (0, ["local_extra_damaged"])):
        path.write_bytes(data.replace(b"zz\4\0", b"zz" + length.to_bytes(2, "little"), 1))
        source = ZipSource(path)
        first, second = source.entries()
        assert source.read_content(first) == b"content"
        assert source.content_notes == notes
        with source.open(first) as stream:
            assert stream.read() == b"content"
        assert source.content_notes == notes
        assert (source.read_content(second), source.content_notes) == (b"1", [])
        source.close()


def test_all_members_together_have_a_limit(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """Those that would bring the sum of announced sizes beyond it are refused by name, the others are read."""
    path = write_zip(tmp_path / "a.zip", {"a": bytes(600), "b": bytes(500), "c": bytes(400)})

    assert read_source(path, Limits(archive_bytes=1500)).failures == {}
    outcome = read_source(path, Limits(archive_bytes=1100))
    assert outcome.failures == {"c": "limit_archive_bytes"}


def test_links_say_where_they_lead(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """The target is shown as data, and the link has no content."""
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo("link")
        info.create_system, info.external_attr = 3, 0o120777 << 16
        archive.writestr(info, b"/etc/pass\nwd")
    outcome = read_source(path)

    assert [(entry.kind, entry.target) for entry in outcome.entries] == [("link", "/etc/pass\nwd")]
    assert outcome.contents == [b""]


@pytest.mark.parametrize("method", METHODS)
def test_damaged_payloads_are_named(tmp_path: Path, method: int, read_source: Callable[..., Any]) -> None:
    """Bits flipped inside a member's payload never pass."""
    path = write_zip(tmp_path / "a.zip", method=method)
    start = path.read_bytes().index(b"folder/noise.bin") + 100
    for offset in range(start, start + 2000, 100):
        damaged = bytearray(path.read_bytes())
        damaged[offset] ^= 4
        (tmp_path / "b.zip").write_bytes(damaged)
        outcome = read_source(tmp_path / "b.zip")

        assert outcome.failures.keys() == {"folder/noise.bin"}
        assert set(outcome.failures.values()) <= {"crc_mismatch", "payload_damaged", "truncated", "size_mismatch"}


def test_limits_stop_inside_a_member(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """By announced bytes before it is opened, by real bytes if the announcement is a lie, by ratio."""
    path = write_zip(tmp_path / "a.zip", {"small": b"x", "zeros": bytes(1 << 20)})
    by_size = Limits(member_bytes=1000)
    assert read_source(path, by_size).failures == {"zeros": "limit_member_bytes"}
    by_ratio = Limits(ratio=100, ratio_grace_bytes=1000)
    assert read_source(path, by_ratio).failures == {"zeros": "limit_ratio"}
    assert read_source(path, Limits(ratio=100)).failures == {}
    bend(path, b"zeros", both=True, size=999)
    assert read_source(path, by_size).failures == {"zeros": "size_mismatch"}


def test_large_members_stream(tmp_path: Path) -> None:
    """A member beyond the size that is read in one go comes out whole, a first part before the rest is decompressed."""
    content = bytes(9 << 20)
    source = ZipSource(write_zip(tmp_path / "a.zip", {"zeros": content}))
    (entry,) = source.entries()
    with source.open(entry) as stream:
        assert stream.read(4096) == content[:4096]
    assert source.read_content(entry) == content
    source.close()


def test_overlapping_members_are_refused(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """Two entries of one payload, and an entry that contains others; those apart from them are read."""
    names = {name: bytes([number]) * 100 for number, name in enumerate("abcde")}
    twice = bend(write_zip(tmp_path / "a.zip", names, zipfile.ZIP_STORED), b"b", offset=0, renamed=b"a")
    outcome = read_source(twice)
    assert [entry.refusal and entry.refusal[0] for entry in outcome.entries] == ["overlap", "overlap", None, None, None]
    around = bend(write_zip(tmp_path / "b.zip", names, zipfile.ZIP_STORED), b"b", packed=250)
    data = bytearray(around.read_bytes())
    second = data.index(b"PK\3\4", 1)
    data[second + 18 : second + 22] = (250).to_bytes(4, "little")
    around.write_bytes(data)
    assert read_source(around).failures == {"b": "overlap", "c": "overlap", "d": "overlap"}


def repeated(data: bytes, times: int) -> bytes:
    """Let the directory tell its first entry several times more."""
    end = data.index(b"PK\5\6")
    first, second = data.index(b"PK\1\2"), data.index(b"PK\1\2", data.index(b"PK\1\2") + 1)
    entry = data[first:second]
    count, size = struct.unpack_from("<HI", data, end + 10)
    numbers = struct.pack("<HHI", count + times, count + times, size + times * len(entry))
    return data[:end] + entry * times + data[end : end + 8] + numbers + data[end + 16 :]


def test_entries_that_are_equal_are_read(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """Two, both noted; more than two would make many contents of one payload, and the others are refused."""
    names = {name: bytes([number]) * 100 for number, name in enumerate("abc")}
    path = write_zip(tmp_path / "a.zip", names, zipfile.ZIP_STORED)
    data = path.read_bytes()
    for times, refused in ((0, 0), (1, 0), (2, 1), (9, 8)):
        path.write_bytes(repeated(data, times))
        outcome = read_source(path)
        reasons = [entry.refusal[0] for entry in outcome.entries if entry.refusal]
        noted = [index for index, entry in enumerate(outcome.entries) if "duplicate_entry" in entry.notes]

        assert outcome.contents[:3] == list(names.values())
        assert outcome.contents[3:4] == ([names["a"]] if times else [])
        assert reasons == ["overlap"] * refused
        assert noted == ([0, 3] if times else [])
        assert outcome.findings == []


def test_equal_entries_that_overlap_others_are_refused(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """Being listed twice makes no member one that shares no bytes."""
    names = {name: bytes([number]) * 100 for number, name in enumerate("abc")}
    path = bend(write_zip(tmp_path / "a.zip", names, zipfile.ZIP_STORED), b"a", both=True, packed=150)
    path.write_bytes(repeated(path.read_bytes(), 1))
    outcome = read_source(path)

    assert [entry.refusal and entry.refusal[0] for entry in outcome.entries] == ["overlap", "overlap", None, "overlap"]


def test_an_entry_that_lies_takes_no_other_along(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """An extent that only the directory tells, and not the member's own header, refuses the liar alone."""
    names = {name: bytes([number]) * 100 for number, name in enumerate("abcde")}
    path = bend(write_zip(tmp_path / "a.zip", names, zipfile.ZIP_STORED), b"b", packed=250)

    assert read_source(path).failures == {"b": "size_mismatch"}


def test_members_in_another_order_do_not_overlap(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """A directory that is not in the order of the file is as good as any."""
    path = write_zip(tmp_path / "a.zip", {"a": b"1", "b": b"2"}, zipfile.ZIP_STORED)
    data = path.read_bytes()
    first, second, end = data.index(b"PK\1\2"), data.rindex(b"PK\1\2"), data.index(b"PK\5\6")
    path.write_bytes(data[:first] + data[second:end] + data[first:second] + data[end:])
    outcome = read_source(path)

    assert [entry.name for entry in outcome.entries] == ["b", "a"]
    assert outcome.members == {"a": b"1", "b": b"2"}


def test_duplicate_names_are_noted(tmp_path: Path) -> None:
    """Both members are given, and both say so."""
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (("a", b"1"), ("b", b"2"), ("a", b"3")):
            if name in archive.namelist():
                with pytest.warns(UserWarning, match="Duplicate"):
                    archive.writestr(name, content)
            else:
                archive.writestr(name, content)
    source = ZipSource(path)
    entries = list(source.entries())

    assert [source.read_content(entry) for entry in entries] == [b"1", b"2", b"3"]
    assert [entry.notes for entry in entries] == [("duplicate_name",), (), ("duplicate_name",)]
    source.close()


def test_names_are_decoded_and_noted(tmp_path: Path) -> None:
    """UTF-8 with or without its flag, else cp437; the unicode path field where it belongs to the name."""
    path = tmp_path / "a.zip"
    right = struct.pack("<2sHBI", b"up", 5 + 4, 1, zlib.crc32(b"x1")) + "☺1".encode()
    wrong = struct.pack("<2sHBI", b"up", 5 + 4, 1, zlib.crc32(b"other")) + "☺2".encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, extra in (("größe", b""), ("placeholder", b""), ("../up", b""), ("x1", right), ("x2", wrong)):
            info = zipfile.ZipInfo(name)
            info.extra = extra
            archive.writestr(info, b"")
    path.write_bytes(path.read_bytes().replace(b"placeholder", b"gr\x94\xe1e name!"[:11]))
    bend(path, "größe".encode(), flags=0)
    source = ZipSource(path)
    names = [(entry.name, entry.notes) for entry in source.entries()]
    source.close()

    assert names == [
        ("größe", ()),
        ("größe name!"[:11], ("name_cp437",)),
        ("../up", ("unsafe_name",)),
        ("☺1", ("name_unicode_path",)),
        ("x2", ()),
    ]


def test_kinds_are_told(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """Folders, links and devices by mode and name; what has content is a file all the same."""
    path = tmp_path / "a.zip"
    modes = {
        "folder/": stat.S_IFDIR,
        "also a folder": stat.S_IFDIR,
        "link": stat.S_IFLNK,
        "fifo": stat.S_IFIFO,
        "file": stat.S_IFREG,
        "no mode": 0,
        "file/": 0,
        "no link": stat.S_IFLNK,
    }
    contents = {"link": b"target", "file": b"1", "no mode": b"2", "file/": b"3", "no link": bytes(5000)}
    with zipfile.ZipFile(path, "w") as archive:
        for name, mode in modes.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            archive.writestr(info, contents.get(name, b""))
    outcome = read_source(path)

    assert [entry.kind for entry in outcome.entries] == [
        *("directory", "directory", "link", "special"),
        *("file", "file", "file", "file"),
    ]
    assert outcome.members == dict.fromkeys(modes, b"") | contents | {"link": b""}


def test_long_names_are_refused(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """A name beyond the limit keeps its bytes and loses its content."""
    outcome = read_source(write_zip(tmp_path / "a.zip", {"n" * 5000: b"1", "b": b"2"}))

    assert outcome.failures == {"n" * 5000: "name_too_long"}


def test_too_many_members_are_a_finding(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """The first ones are read, and the finding names the limit."""
    outcome = read_source(write_zip(tmp_path / "a.zip"), Limits(entries=3))

    assert list(outcome.members) == list(MEMBERS)[:3]
    assert outcome.reasons == ["limit_entries"]
    assert read_source(tmp_path / "a.zip", Limits(entries=5)).findings == []


def test_without_a_directory_members_are_found(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """A zip that is cut: the members before the cut are read, the one that is cut is named, the source says so."""
    data = write_zip(tmp_path / "a.zip").read_bytes()
    path = tmp_path / "cut.zip"
    path.write_bytes(data[: data.index(b"folder/same.bin") + 50])
    outcome = read_source(path)

    assert outcome.members == {name: MEMBERS[name] for name in ("a.txt", "folder/noise.bin")}
    assert outcome.failures == {"folder/same.bin": "header_damaged"}
    assert outcome.reasons == ["truncated"]


def test_behind_damage_of_the_directory_members_are_found(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """An entry that is destroyed does not take those behind it along."""
    path = write_zip(tmp_path / "a.zip")
    data = bytearray(path.read_bytes())
    data[data.rindex(b"PK\1\2", 0, data.rindex(b"folder/same.bin"))] ^= 1
    path.write_bytes(data)
    outcome = read_source(path)

    assert outcome.members == MEMBERS
    assert outcome.reasons == ["header_damaged"]


def test_what_follows_or_precedes_is_told(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """Appended bytes and a zip before the zip are findings; a program before it is not."""
    data = write_zip(tmp_path / "a.zip").read_bytes()
    path = tmp_path / "b.zip"
    for before, behind, reasons in (
        (b"", b"junk", ["trailing_data"]),
        (b"#!x", b"", []),
        (data, b"", ["trailing_data"]),
    ):
        path.write_bytes(before + data + behind)
        outcome = read_source(path)

        assert outcome.members == MEMBERS
        assert outcome.reasons == reasons


def test_a_comment_that_is_cut_is_told(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """All members are read, and the source is truncated."""
    path = write_zip(tmp_path / "a.zip")
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = b"a comment"
    path.write_bytes(path.read_bytes()[:-2])
    outcome = read_source(path)

    assert (outcome.members, outcome.reasons) == (MEMBERS, ["truncated"])


def test_long_local_fields_are_passed_over(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """Extra fields of a local header that are longer than most."""
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, size in (("a", 300), ("b", 60_000), ("c", 0)):
            info = zipfile.ZipInfo(name)
            info.extra = struct.pack("<HH", 0xD935, size) + bytes(size)
            archive.writestr(info, b"content of " + name.encode())

    assert read_source(path).members == {name: b"content of " + name.encode() for name in "abc"}


def test_what_is_no_zip_says_so(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """A text that is called a zip has no members and a finding."""
    path = tmp_path / "a.zip"
    path.write_text("this is no zip")
    outcome = read_source(path)

    assert (outcome.kind, outcome.entries, outcome.reasons) == ("zip", [], ["not_an_archive"])


def test_a_file_that_shrinks_is_truncated(tmp_path: Path) -> None:
    """Members that are gone since they were listed are named, the others are read."""
    path = write_zip(tmp_path / "a.zip", method=zipfile.ZIP_STORED)
    source = ZipSource(path)
    entries = list(source.entries())
    os.truncate(path, (entries[1].offset or 0) + 1000)

    assert source.read_content(entries[0]) == MEMBERS["a.txt"]
    for entry in entries[1:3]:
        with pytest.raises(MemberError, match="truncated"):
            source.read_content(entry)
        with pytest.raises(MemberError, match="truncated"):
            source.open(entry).read()
    source.close()


def test_a_missing_file_is_a_source_error(tmp_path: Path) -> None:
    """The message has the path and what to do."""
    with pytest.raises(SourceError, match=r"nothing\.zip: expected .* check the path"):
        ZipSource(tmp_path / "nothing.zip")
