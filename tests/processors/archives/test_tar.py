"""Plain tars, made by the standard library and by tar(1), bent, and read back."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest

from zarrpack.errors import MemberError, SourceError
from zarrpack.processors.archives.tar import TarSource
from zarrpack.processors.limits import Limits

MEMBERS = {
    "a.txt": b"hello",
    "folder/block.bin": bytes(range(256)) * 2,
    "folder/large.bin": bytes(range(256)) * 1000,
    "empty": b"",
    "größe.json": b"{}",
    "n" * 90 + "/" + "m" * 200: b"long",
}
FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}
END = bytes(1024)


def member(name: str, content: bytes = b"", form: Literal[0, 1, 2] = tarfile.GNU_FORMAT, **fields: Any) -> bytes:
    """Make the bytes of one member: its headers, its content, its padding."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in fields.items():
        setattr(info, field, value)
    return info.tobuf(form) + content + bytes(-len(content) % 512)


def write(path: Path, *parts: bytes) -> Path:
    """Write a file of parts."""
    path.write_bytes(b"".join(parts))
    return path


@pytest.mark.parametrize("form", ["gnu", "pax"])
def test_members_come_back(tmp_path: Path, form: str, read_source: Callable[..., Any]) -> None:
    """Content, order and sizes, with names that need headers of their own."""
    with tarfile.open(tmp_path / "a.tar", "w", format=FORMATS[form]) as archive:
        for name, content in MEMBERS.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    outcome = read_source(tmp_path / "a.tar")

    assert outcome.kind == "tar"
    assert outcome.members == MEMBERS
    assert [entry.name for entry in outcome.entries] == list(MEMBERS)
    assert [entry.size for entry in outcome.entries] == [len(content) for content in MEMBERS.values()]
    assert outcome.findings == []


@pytest.mark.skipif(shutil.which("tar") is None, reason="tar(1) is not installed")
@pytest.mark.parametrize("form", ["v7", "ustar", "gnu", "posix"])
def test_tars_of_others_come_back(tmp_path: Path, form: str, read_source: Callable[..., Any]) -> None:
    """A tar that tar(1) has written, with folders, links, a FIFO and a sparse file."""
    folder = tmp_path / "f"
    folder.mkdir()
    (folder / "1.bin").write_bytes(MEMBERS["folder/large.bin"])
    (folder / "2.hard").hardlink_to(folder / "1.bin")
    (folder / "3.link").symlink_to("1.bin")
    (folder / "4.sparse").write_bytes(b"x")
    os.truncate(folder / "4.sparse", 1 << 20)
    (folder / "5.txt").write_bytes(b"last")
    if form != "v7":
        os.mkfifo(folder / "6.fifo")
    command = ["tar", f"--format={form}", "--sort=name", "-S", "-cf", "a.tar", "f"]
    sparse = form in ("gnu", "posix")
    subprocess.run(command if sparse else [one for one in command if one != "-S"], cwd=tmp_path, check=True)
    outcome = read_source(tmp_path / "a.tar")

    kinds = {entry.name: entry.kind for entry in outcome.entries}
    assert kinds.pop("f/6.fifo", "special") == "special"
    assert kinds == {"f/": "directory", "f/1.bin": "file"} | {
        "f/2.hard": "link",
        "f/3.link": "link",
        "f/4.sparse": "file",
        "f/5.txt": "file",
    }
    assert outcome.members["f/1.bin"] == MEMBERS["folder/large.bin"]
    assert outcome.members["f/5.txt"] == b"last"
    assert outcome.failures == ({"f/4.sparse": "unsupported_tar_type"} if sparse else {})
    assert outcome.findings == []


@pytest.mark.parametrize(
    ("end", "reasons"),
    [
        (END, []),
        (END + bytes(9000), []),
        (END + bytes(3), []),
        (b"", ["truncated"]),
        (bytes(100), ["truncated"]),
        (bytes(512), ["truncated"]),
        (bytes(512) + member("c", b"3") + END, ["trailing_data"]),
        (END + b"\0junk", ["trailing_data"]),
        (END + bytes(600_000) + b"x", ["trailing_data"]),
        (b"x" * 512 + END, ["header_checksum"]),
    ],
)
def test_a_tar_ends_with_zeros(tmp_path: Path, end: bytes, reasons: list[str], read_source: Callable[..., Any]) -> None:
    """Two zero blocks and then zeros; all else is a finding with its place, and costs no member before it."""
    start = member("a", b"1") + member("b", b"2" * 600)
    outcome = read_source(write(tmp_path / "a.tar", start, end))

    assert outcome.members == {"a": b"1", "b": b"2" * 600}
    assert outcome.reasons == reasons
    assert all(finding.offset >= len(start) for finding in outcome.findings)


def test_trailing_bytes_are_placed(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """The offset is that of the first byte that is not zero."""
    (finding,) = read_source(write(tmp_path / "a.tar", member("a"), END, bytes(700), b"x")).findings

    assert finding.offset == 512 + 1024 + 700


def test_damage_is_no_end(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """A header with a wrong checksum behind the first member is a finding with its offset, not the end."""
    damaged = bytearray(member("b", b"2"))
    damaged[3] ^= 1
    outcome = read_source(write(tmp_path / "a.tar", member("a", b"1"), bytes(damaged), END))

    assert outcome.members == {"a": b"1"}
    assert [(finding.reason, finding.offset) for finding in outcome.findings] == [("header_checksum", 1024)]


def test_a_member_that_is_cut_is_named(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """It is listed, fails, and the source is truncated; no part of it is given."""
    whole = member("a", b"1") + member("b", b"2" * 5000)
    outcome = read_source(write(tmp_path / "a.tar", whole[:3000]))

    assert outcome.members == {"a": b"1"}
    assert outcome.failures == {"b": "truncated"}
    assert outcome.reasons == ["truncated"]


def test_pax_headers_rule(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """Path and size of a pax header go before those of the member's own; an empty value takes a record back."""
    global_header = tarfile.TarInfo.create_pax_global_header({"path": "all"})
    with_size = member("x", b"12345", tarfile.PAX_FORMAT, pax_headers={"path": "one", "size": "5"})
    at = with_size.rindex(b"00000000005")
    own = bytearray(with_size[at - 124 : at - 124 + 512])
    own[124:136] = b"00000000000\0"
    own[148:156] = b" " * 8
    own[148:156] = b"%06o\0 " % sum(own)
    lied = with_size[: at - 124] + bytes(own) + with_size[at - 124 + 512 :]
    emptied = member("y", b"2", tarfile.PAX_FORMAT, pax_headers={"path": ""})
    outcome = read_source(write(tmp_path / "a.tar", lied, global_header, member("z", b"3"), emptied, END))

    assert list(outcome.members.items()) == [("one", b"12345"), ("all", b"3"), ("y", b"2")]


def test_damaged_pax_headers_are_named(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """What a header that cannot be read may have said is not guessed: its member fails, the others do not."""
    damaged = member("x" * 200, b"1", tarfile.PAX_FORMAT).replace(b" path=", b" path:")
    outcome = read_source(write(tmp_path / "a.tar", damaged, member("b", b"2"), END))

    assert list(outcome.failures.values()) == ["header_damaged"]
    assert outcome.members == {"b": b"2"}
    assert outcome.reasons == ["header_damaged"]


def test_special_headers_without_a_member_are_told(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """A pax or long-name header at the tar's end has lost its member; a global one says nothing of any."""
    long_name = member("n" * 200, b"", tarfile.GNU_FORMAT)[:-512]
    pax = member("n" * 200, b"", tarfile.PAX_FORMAT)[:-512]
    common = tarfile.TarInfo.create_pax_global_header({"path": "all"})
    for headers, reasons in ((long_name, ["header_damaged"]), (pax, ["header_damaged"]), (common, []), (b"", [])):
        outcome = read_source(write(tmp_path / "a.tar", member("a", b"1"), headers, END))

        assert outcome.members == {"a": b"1"}
        assert outcome.reasons == reasons


def test_pax_sizes_that_are_no_numbers_end_the_source(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """Where the next header lies is not guessed; a number with leading zeros is one."""
    for size, members in (("1x", {}), ("-1", {}), ("0" * 30 + "1", {"a": b"1", "b": b"2"})):
        bent = member("a", b"1", tarfile.PAX_FORMAT, pax_headers={"size": size})
        outcome = read_source(write(tmp_path / "a.tar", bent, member("b", b"2"), END))

        assert outcome.members == members
        assert outcome.reasons == ([] if members else ["header_damaged"])


def test_sparse_headers_that_go_on_are_passed_over(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """Old GNU sparse files may have more header blocks; cut among them, the source is truncated."""
    first = bytearray(member("sparse", type=b"S"))
    first[482] = 1
    first[148:156] = b" " * 8
    first[148:156] = b"%06o\0 " % sum(first)
    more = bytes(504) + b"\1" + bytes(7)
    path = write(tmp_path / "a.tar", bytes(first), more, bytes(512), member("next", b"2"), END)
    outcome = read_source(path)
    assert outcome.failures == {"sparse": "unsupported_tar_type"}
    assert outcome.members == {"next": b"2"}
    assert outcome.findings == []
    assert read_source(write(path, bytes(first), more)).reasons == ["truncated"]


def test_large_special_headers_are_refused(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """A pax header beyond the limit is not read into memory."""
    large = member("a", b"1", tarfile.PAX_FORMAT, pax_headers={"comment": "c" * 5000})
    path = write(tmp_path / "a.tar", large, END)

    assert read_source(path).members == {"a": b"1"}
    outcome = read_source(path, Limits(special_header_bytes=4000))
    assert (outcome.members, outcome.reasons) == ({}, ["limit_header_bytes"])


def test_announced_sizes_are_not_believed(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """A header of 2^80 bytes ends the source by name and takes neither memory nor time."""
    header = tarfile.TarInfo("a")
    header.size = 2**80
    outcome = read_source(write(tmp_path / "a.tar", header.tobuf(tarfile.GNU_FORMAT), END))

    assert outcome.failures == {"a": "limit_member_bytes"}
    assert outcome.reasons == ["truncated"]


@pytest.mark.parametrize(
    ("type_flag", "kind", "reason"),
    [
        (b"\0", "file", None),
        (b"7", "file", None),
        (b"1", "link", None),
        (b"2", "link", None),
        (b"3", "special", None),
        (b"4", "special", None),
        (b"6", "special", None),
        (b"5", "directory", None),
        (b"D", "directory", None),
        (b"V", "special", None),
        (b"M", "file", "unsupported_tar_type"),
        (b"S", "file", "unsupported_tar_type"),
        (b"Z", "file", "unsupported_tar_type"),
    ],
)
def test_types_are_told(
    tmp_path: Path, type_flag: bytes, kind: str, reason: str | None, read_source: Callable[..., Any]
) -> None:
    """Each type is listed as what it is, and the member behind it is read, whatever bytes lie between."""
    content = b"" if type_flag in b"123456" else b"1" * 700
    odd = member("odd", content, type=type_flag)
    outcome = read_source(write(tmp_path / "a.tar", odd, member("next", b"2"), END))

    assert outcome.entries[0].kind == kind
    assert outcome.failures == ({"odd": reason} if reason else {})
    assert outcome.members["next"] == b"2"
    assert outcome.findings == []


def without_magic(info: tarfile.TarInfo, size: int) -> bytes:
    """Make a header as before ustar."""
    info.type, info.size = b"\0", size
    block = bytearray(info.tobuf(tarfile.USTAR_FORMAT))
    block[257:265] = bytes(8)
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


@pytest.mark.parametrize("is_old", [False, True])
def test_zeros_and_headers_may_be_content(tmp_path: Path, is_old: bool, read_source: Callable[..., Any]) -> None:
    """What follows a header with a slash and a size is its content, where the format has a type for directories."""
    zeros = without_magic(tarfile.TarInfo("z/"), 2048) if is_old else member("z/", bytes(2048), type=b"\0")[:512]
    inside = member("evil", b"x")
    shown = b"" if is_old else member("x/", inside, type=b"0")
    outcome = read_source(write(tmp_path / "a.tar", zeros + bytes(2048), shown, member("after", b"1"), END))

    expected = {"z/": bytes(2048), "after": b"1"}
    assert outcome.members == (expected if is_old else {**expected, "x/": inside})
    assert (outcome.findings, outcome.failures) == ([], {})


@pytest.mark.parametrize("suffix", ["tar", "tar.gz"])
def test_directories_with_a_size_swallow_nothing(tmp_path: Path, suffix: str, read_source: Callable[..., Any]) -> None:
    """In an old tar a name with a slash and a size, but a header or the end behind it, is a directory with a note; with content it is a file."""
    header = without_magic(tarfile.TarInfo("bare/"), 1)
    filled = member("filled/", b"content", type=b"\0")
    whole = header + member("next", b"2") + filled + member("plain/", type=b"\0") + header + END
    path = tmp_path / f"a.{suffix}"
    outcome = read_source(write(path, gzip.compress(whole) if suffix == "tar.gz" else whole))

    kinds = ["directory", "file", "file", "directory", "directory"]
    assert [entry.kind for entry in outcome.entries] == kinds
    assert [entry.notes[:1] for entry in outcome.entries] == [("directory_size:1",), (), (), (), ("directory_size:1",)]
    assert [content for content in outcome.members.values() if content] == [b"2", b"content"]
    assert outcome.findings == []


def test_solaris_access_lists_are_no_members(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """They have the name of the member that they belong to, and that alone is listed; behind the last member they are told."""
    access = member("a", b"1000007\0user::rw-,group::r--\0", tarfile.USTAR_FORMAT, type=b"A")
    path = write(tmp_path / "a.tar", access, member("a", b"1"), member("b", b"2"), END)
    outcome = read_source(path)
    assert (outcome.members, outcome.failures, outcome.findings) == ({"a": b"1", "b": b"2"}, {}, [])
    assert [entry.notes for entry in outcome.entries] == [(), ()]
    assert read_source(write(path, member("a", b"1"), access, END)).reasons == ["header_damaged"]


def test_links_have_no_bytes_whatever_they_announce(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """Old writers put the size of the file that is linked to into a hard link's header."""
    link = tarfile.TarInfo("link")
    link.type, link.size = tarfile.LNKTYPE, 100_000
    outcome = read_source(write(tmp_path / "a.tar", link.tobuf(), member("next", b"2"), END))

    assert outcome.members == {"link": b"", "next": b"2"}


def test_names_are_data(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """Unsafe, undecodable and overlong names are read, noted, and refused by length alone."""
    bad = bytearray(member("gr__e", b"1", tarfile.USTAR_FORMAT))
    bad[2:4] = b"\xf6\xdf"
    bad[148:156] = b" " * 8
    bad[148:156] = b"%06o\0 " % sum(bad[:512])
    parts = [bytes(bad), member("../up", b"2"), member("n" * 5000, b"3"), END]
    outcome = read_source(write(tmp_path / "a.tar", *parts))

    assert [entry.notes for entry in outcome.entries] == [("name_undecodable",), ("unsafe_name",), ()]
    assert outcome.entries[0].raw_name == b"gr\xf6\xdfe"
    assert list(outcome.members) == ["gr\\xf6\\xdfe", "../up"]
    assert list(outcome.failures.values()) == ["name_too_long"]


def test_too_many_members_are_a_finding(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """The first ones are read, and the finding names the limit."""
    path = write(tmp_path / "a.tar", member("a", b"1"), member("b", b"2"), END)

    assert read_source(path, Limits(entries=2)).findings == []
    outcome = read_source(path, Limits(entries=1))
    assert (list(outcome.members), outcome.reasons) == (["a"], ["limit_entries"])


def test_listing_reads_headers_only(tmp_path: Path) -> None:
    """A tar with a hole of 1 TiB is listed at once; the entry leads to its content."""
    path = tmp_path / "a.tar"
    header = tarfile.TarInfo("large")
    header.size = 1 << 40
    with path.open("wb") as file:
        file.write(header.tobuf(tarfile.GNU_FORMAT))
        file.seek(1 << 40, os.SEEK_CUR)
        file.write(member("next", b"2") + END)
    source = TarSource(path, Limits(member_bytes=1 << 41))
    entries = list(source.entries())

    assert [(entry.name, entry.size) for entry in entries] == [("large", 1 << 40), ("next", 1)]
    assert source.read_content(entries[1]) == b"2"
    with source.open(entries[0]) as stream:
        assert stream.read(10) == bytes(10)
    assert source.findings == []
    source.close()


def test_a_file_that_shrinks_is_truncated(tmp_path: Path) -> None:
    """A member that is gone since it was listed fails by name."""
    path = write(tmp_path / "a.tar", member("a", b"1" * 2000), END)
    source = TarSource(path)
    (entry,) = source.entries()
    os.truncate(path, 1000)
    with pytest.raises(MemberError, match="truncated"):
        source.read_content(entry)
    source.close()
    source.close()


def test_a_missing_file_is_a_source_error(tmp_path: Path) -> None:
    """The message has the path and what to do."""
    with pytest.raises(SourceError, match=r"nothing\.tar: expected .* check the path"):
        TarSource(tmp_path / "nothing.tar")


def test_any_number_of_faults_takes_little_memory(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """A thousand findings are kept; each member has its own row in any case."""
    damaged = member("x" * 200, b"1", tarfile.PAX_FORMAT).replace(b" path=", b" path:")
    outcome = read_source(write(tmp_path / "a.tar", *([damaged] * 1100), END))

    assert len(outcome.entries) == 1100
    assert len(outcome.findings) == 1000
    assert outcome.findings[-1].detail.endswith("more findings were left out")


def test_global_headers_keep_what_matters_only(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """Records that nobody reads are dropped at once, however many headers bring them; a path still counts."""
    headers = [
        tarfile.TarInfo.create_pax_global_header({f"own.{number}": "v" * 1000, "path": f"n{number}"})
        for number in range(50)
    ]
    outcome = read_source(write(tmp_path / "a.tar", *headers, member("z", b"3"), END))

    assert outcome.members == {"n49": b"3"}


def test_links_say_where_they_lead(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """Short targets from the header, long ones from pax and GNU headers before it."""
    for form in (tarfile.USTAR_FORMAT, tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        targets = ["/etc/passwd", "t/" * (30 if form == tarfile.USTAR_FORMAT else 90)]
        parts = [member(f"l{n}", b"", form, type=b"2", linkname=target) for n, target in enumerate(targets)]
        outcome = read_source(write(tmp_path / "a.tar", *parts, END))

        assert [entry.target for entry in outcome.entries] == targets
