"""Every fault of archives that docs/reliability-archives.md lists, in one run: each is named, and costs nothing else."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import zstandard

import zarrpack
from zarrpack.converters.retry import retry
from zarrpack.errors import UsageError

TEXT = b"good words"
# The text as an xz file whose checksum, four zeros, is of the kind 2, which is reserved.
UNKNOWN_CHECK = bytes.fromhex(
    "fd377a585a000002d373d7af0200210116000000742fe5a3010009676f6f6420776f7264730000000000000000011e0aea63"
    "12142a139094010000000002595a"
)
#: Lower than the defaults, so that the archives here may be small.
LIMITS = {
    "member_bytes": 8 << 20,
    "ratio_grace_bytes": 1 << 20,
    "special_header_bytes": 64 << 10,
    "archive_bytes": 12 << 20,
}


def zipped(members: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED, extra: bytes = b"") -> bytes:
    """Make a zip by the standard library; what follows a tab in a name is left out, so that names may repeat."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that repeat
        for name, content in members.items():
            info = zipfile.ZipInfo(name.partition("\t")[0])
            info.extra = extra
            archive.writestr(info, content, method)
    return file.getvalue()


def tarred(members: Mapping[str, bytes], form: int = tarfile.PAX_FORMAT, **fields: Any) -> bytes:
    """Make a tar by the standard library; `fields` go to all members."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name.partition("\t")[0])
            info.size = len(content)
            for key, value in fields.items():
                setattr(info, key, value)
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


def bent(data: bytes, mark: bytes, offset: int, new: bytes, *, last: bool = False) -> bytes:
    """Write other bytes at an offset from a mark."""
    place = (data.rindex(mark) if last else data.index(mark)) + offset
    return data[:place] + new + data[place + len(new) :]


def tar_header(name: bytes, size: bytes, type_flag: bytes = b"0", magic: bytes = b"ustar\x0000") -> bytes:
    """Make a tar header by hand, so that its fields may be what no writer writes."""
    block = bytearray(512)
    block[: len(name)] = name
    block[100:124] = b"0000644\0" * 3
    block[124 : 124 + len(size)] = size
    block[136:148] = b"00000000000\0"
    block[148:157] = b" " * 8 + type_flag
    block[257:265] = magic
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


@dataclass(frozen=True)
class Fault:
    """An archive with a fault, and what must be said of it.

    Parameters
    ----------
    data : bytes
        The archive.
    failed, skipped : mapping of str to str
        Member -> reason.
    notes : mapping of str to str
        Member -> a note that it must have.
    findings : tuple of str
        Reasons of findings about the archive.
    stored : tuple of str
        Members that must be stored all the same.
    """

    data: bytes
    failed: Mapping[str, str] = field(default_factory=dict)
    skipped: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[str, ...] = ()
    stored: tuple[str, ...] = ()


def _links() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, kind in (("soft", tarfile.SYMTYPE), ("hard", tarfile.LNKTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
        for name, kind in (("null", tarfile.CHRTYPE), ("disk", tarfile.BLKTYPE), ("pipe", tarfile.FIFOTYPE)):
            info = tarfile.TarInfo(name)
            info.type = kind
            archive.addfile(info)
        info = tarfile.TarInfo("good.txt")
        info.size = len(TEXT)
        archive.addfile(info, io.BytesIO(TEXT))
    return file.getvalue()


def _sparse() -> bytes:
    header = bytearray(tar_header(b"sparse", b"00000000000\0", b"S"))
    header[386:410] = b"00000000000\0" * 2
    header[483:495] = b"77777777777\0"
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + tarred({"good.txt": TEXT})


def _without(data: bytes, start: int, count: int) -> bytes:
    return data[:start] + data[start + count :]


def _with_zip64_record(data: bytes, entries: int) -> bytes:
    end = data.rindex(b"PK\5\6")
    size, offset = struct.unpack_from("<II", data, end + 12)
    record = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, entries, entries, size, offset)
    return data[:end] + record + struct.pack("<4sIQI", b"PK\6\7", 0, end, 1) + data[end:]


def _with_unused_bytes() -> bytes:
    packer = zlib.compressobj(wbits=-15)
    data = zipped({"a.txt": packer.compress(TEXT) + packer.flush() + b"junk"}, zipfile.ZIP_STORED)
    for mark, method, crc in ((b"PK\3\4", 8, 14), (b"PK\1\2", 10, 16)):
        data = bent(bent(data, mark, method, b"\x08"), mark, crc, struct.pack("<I", zlib.crc32(TEXT)))
        data = bent(data, mark, crc + 8, struct.pack("<I", len(TEXT)))
    return data


def _listed_twice() -> bytes:
    data = zipped({"a.txt": TEXT})
    first, end = data.index(b"PK\1\2"), data.index(b"PK\5\6")
    numbers = struct.pack("<HHI", 2, 2, 2 * (end - first))
    return data[:end] + data[first:end] + data[end : end + 8] + numbers + data[end + 16 :]


STORED = zipped({"a.txt": TEXT, "good.txt": TEXT * 20}, zipfile.ZIP_STORED)
TAR = tarred({"a.txt": TEXT, "b.txt": TEXT * 100, "c.txt": TEXT}, tarfile.USTAR_FORMAT)
PAIR = {"a.txt": TEXT, "good.txt": TEXT}

FAULTS: dict[str, Fault] = {
    "bomb.zip": Fault(
        zipped({"zeros": bytes(4 << 20), "good.txt": TEXT}), failed={"zeros": "limit_ratio"}, stored=("good.txt",)
    ),
    "bomb.tar.gz": Fault(
        gzip.compress(tarred({"good.txt": TEXT, "zeros": bytes(6 << 20)})),
        failed={"zeros": "limit_ratio"},
        findings=("limit_ratio",),
        stored=("good.txt",),
    ),
    "bomb.gz": Fault(gzip.compress(bytes(9 << 20)), failed={"bomb": "limit_ratio"}),
    "large.zip": Fault(
        zipped({"large": bytes(9 << 20), "good.txt": TEXT}, zipfile.ZIP_STORED),
        failed={"large": "limit_member_bytes"},
        stored=("good.txt",),
    ),
    "all-too-large.zip": Fault(
        zipped({f"{number}.txt": TEXT * 300_000 for number in range(5)}, zipfile.ZIP_STORED),
        failed={"4.txt": "limit_archive_bytes"},
    ),
    "size.zip": Fault(
        bent(bent(STORED, b"PK\3\4", 22, struct.pack("<I", 5)), b"PK\1\2", 24, struct.pack("<I", 5)),
        failed={"a.txt": "size_mismatch"},
        stored=("good.txt",),
    ),
    "header.zip": Fault(
        bent(STORED, b"PK\3\4", 22, struct.pack("<I", 5)), failed={"a.txt": "size_mismatch"}, stored=("good.txt",)
    ),
    "overlap.zip": Fault(
        bent(bent(STORED, b"PK\1\2", 20, struct.pack("<II", 60, 60)), b"PK\3\4", 18, struct.pack("<II", 60, 60)),
        failed={"a.txt": "overlap", "good.txt": "overlap"},
    ),
    "listed-twice.zip": Fault(_listed_twice(), notes={"a.txt": "duplicate_entry"}, stored=("a.txt",)),
    "nested.zip": Fault(zipped({"inner.zip": zipped(PAIR)}), stored=("inner.zip",)),
    "climbing.zip": Fault(
        zipped({"../up.txt": TEXT, "/root.txt": TEXT, "C:\\x.txt": TEXT}),
        notes={"../up.txt": "unsafe_name", "/root.txt": "unsafe_name", "C:\\x.txt": "unsafe_name"},
    ),
    "links.tar": Fault(
        _links(),
        skipped={"soft": "link", "hard": "link", "null": "special", "disk": "special", "pipe": "special"},
        stored=("good.txt",),
    ),
    "twice.zip": Fault(zipped({"a.txt": TEXT, "a.txt\t2": TEXT * 2}), notes={"a.txt": "duplicate_name"}),
    "twice.tar": Fault(tarred({"b.txt": TEXT, "b.txt\t2": TEXT * 2}), notes={"b.txt": "duplicate_name"}),
    "case.zip": Fault(zipped({"A.txt": TEXT, "a.txt": TEXT, "é": TEXT, "e\u0301": TEXT}), stored=("A.txt", "a.txt")),
    "control.tar": Fault(tarred({"a\x1b[31m\n.txt": TEXT, "good.txt": TEXT}), stored=("a\x1b[31m\n.txt", "good.txt")),
    "long.tar": Fault(
        tarred({"n" * 5000: TEXT, "good.txt": TEXT}), failed={"n" * 5000: "name_too_long"}, stored=("good.txt",)
    ),
    "bytes.tar": Fault(
        tarred({"gr\udcf6\udcdfe.txt": TEXT}, tarfile.GNU_FORMAT), notes={"gr\\xf6\\xdfe.txt": "name_undecodable"}
    ),
    "dos.zip": Fault(zipped({"gr__e.txt": TEXT}).replace(b"gr__e", b"gr\x94\xe1e"), notes={"größe.txt": "name_cp437"}),
    "encrypted.zip": Fault(bent(STORED, b"PK\1\2", 8, b"\1"), failed={"a.txt": "encrypted"}, stored=("good.txt",)),
    "method.zip": Fault(
        bent(STORED, b"PK\1\2", 10, b"\x09"), failed={"a.txt": "unsupported_method"}, stored=("good.txt",)
    ),
    "cut.tar": Fault(TAR[:1700], failed={"b.txt": "truncated"}, findings=("truncated",), stored=("a.txt",)),
    "cut-at-a-border.tar": Fault(TAR[:1024], findings=("truncated",), stored=("a.txt",)),
    "cut.tar.xz": Fault(lzma.compress(TAR)[:-60], findings=("truncated",)),
    "cut.zip": Fault(STORED[: STORED.index(b"PK\1\2")], notes={"good.txt": "recovered"}, findings=("truncated",)),
    "torn.zip": Fault(
        _without(STORED, STORED.index(TEXT), 1),
        failed={"a.txt": "overlap"},
        findings=("header_damaged",),
        stored=("good.txt",),
    ),
    "frontless.zip": Fault(
        _without(STORED, 0, 10), failed={"a.txt": "header_damaged"}, findings=("header_damaged",), stored=("good.txt",)
    ),
    "swollen.zip": Fault(
        STORED.replace(TEXT, b"x" + TEXT, 1),
        failed={"a.txt": "crc_mismatch"},
        findings=("header_damaged",),
        stored=("good.txt",),
    ),
    "ends.zip": Fault(
        _with_zip64_record(STORED, entries=1), findings=("header_damaged",), notes={"good.txt": "recovered"}
    ),
    "padded.zip": Fault(STORED + bytes(200_000), stored=("a.txt", "good.txt")),
    "unused.zip": Fault(_with_unused_bytes(), notes={"a.txt": "unused_bytes"}, stored=("a.txt",)),
    "crc.zip": Fault(bent(STORED, TEXT, 0, b"G"), failed={"a.txt": "crc_mismatch"}, stored=("good.txt",)),
    "crc.tar.gz": Fault(bent(gzip.compress(TAR), gzip.compress(TAR)[-8:], 0, b"\0\0\0\0"), findings=("crc_mismatch",)),
    "header.tar": Fault(bent(TAR, b"b.txt", 0, b"B"), findings=("header_checksum",), stored=("a.txt",)),
    "negative.tar": Fault(
        TAR[:1024] + tar_header(b"loop", b"\xff" * 11 + b"\x00") + TAR[1024:],
        findings=("header_damaged",),
        stored=("a.txt",),
    ),
    "huge.tar": Fault(
        TAR[:1024] + tar_header(b"huge", b"\x80" + b"\xff" * 11) + TAR[1024:],
        failed={"huge": "limit_member_bytes"},
        findings=("truncated",),
        stored=("a.txt",),
    ),
    "sized.tar": Fault(
        tar_header(b"bare/", b"00000000001\0", b"\0", bytes(8)) + tarred({"good.txt": TEXT}),
        skipped={"bare/": "directory"},
        notes={"bare/": "directory_size:1"},
        stored=("good.txt",),
    ),
    "access.tar": Fault(
        tar_header(b"good.txt", b"00000000014\0", b"A")
        + b"1\0user::rw-\0".ljust(512, b"\0")
        + tarred({"good.txt": TEXT}),
        stored=("good.txt",),
    ),
    "pax.tar": Fault(
        tarred({"a.txt": TEXT})[:1024] + tarred({"b.txt": TEXT}, pax_headers={"comment": "c" * 70_000}),
        findings=("limit_header_bytes",),
        stored=("a.txt",),
    ),
    "sparse.tar": Fault(_sparse(), failed={"sparse": "unsupported_tar_type"}, stored=("good.txt",)),
    "members.gz": Fault(gzip.compress(TEXT) + gzip.compress(TEXT), stored=("members",)),
    "trailing.gz": Fault(gzip.compress(TEXT) + b"junk", findings=("trailing_data",), stored=("trailing",)),
    "trailing.bz2": Fault(bz2.compress(TEXT) + b"junk", findings=("trailing_data",)),
    "trailing.xz": Fault(lzma.compress(TEXT) + b"junk", findings=("trailing_data",)),
    "trailing.zst": Fault(zstandard.compress(TEXT) + b"junk", findings=("trailing_data",)),
    "trailing.zip": Fault(STORED + b"junk", findings=("trailing_data",), stored=("a.txt", "good.txt")),
    "trailing.tar": Fault(TAR + b"junk", findings=("trailing_data",), stored=("c.txt",)),
    "cut.zst": Fault(zstandard.compress(TEXT * 50)[:-5], failed={"cut": "truncated"}),
    "window.zst": Fault(
        b"\x28\xb5\x2f\xfd\0\x90" + (1 | len(TEXT) << 3).to_bytes(3, "little") + TEXT, failed={"window": "limit_memory"}
    ),
    "check.xz": Fault(UNKNOWN_CHECK, findings=("unverified",), stored=("check",)),
    "empty.zip": Fault(b"", failed={"empty.zip": "not_an_archive"}),
    "empty.txt": Fault(b"", notes={"empty.txt": "empty"}),
    "empty-member.zip": Fault(zipped({"nothing.txt": b""}), notes={"nothing.txt": "empty"}),
    "archive.7z": Fault(b"7z\xbc\xaf\x27\x1c" + bytes(100), failed={"archive.7z": "unsupported_archive"}),
    "archive.tar.lz": Fault(b"LZIP\1\x0c" + bytes(100), failed={"archive.tar.lz": "unsupported_archive"}),
    "types.zip": Fault(zipped({"a.jpg": b"\x89PNG\r\n\x1a\nx", "b.pdf": TEXT}), notes={"b.pdf": "type_mismatch"}),
    "dates.zip": Fault(bent(STORED, b"PK\1\2", 12, b"\0\0\0\0"), stored=("a.txt", "good.txt")),
    "extra.zip": Fault(zipped({"a.txt": TEXT}, extra=b"zz\xff\0x"), failed={"a.txt": "header_damaged"}),
}


@dataclass(frozen=True)
class Outcome:
    """What came of the one run: the ledger, the findings as (archive, reason), and the result's counts."""

    members: pd.DataFrame
    findings: list[tuple[str, str]]
    counts: Mapping[str, int]
    status: int


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """Convert all archives together, with a control among them."""
    folder = tmp_path_factory.mktemp("faults")
    for name, fault in FAULTS.items():
        (folder / name).write_bytes(fault.data)
    (folder / "control.zip").write_bytes(zipped(PAIR))
    sources = [folder / name for name in (*FAULTS, "control.zip")]
    result = zarrpack.convert(sources, folder / "out", workers=2, limits=LIMITS)
    findings = [(one["archive"], one["reason"]) for one in result.findings]
    return Outcome(pd.read_parquet(result.members), findings, result.counts, result.exit_status)


def rows_of(outcome: Outcome, archive: str) -> pd.DataFrame:
    """Give the rows of one archive, by member."""
    rows = outcome.members[outcome.members["archive"] == archive]
    return rows.assign(notes=rows["notes"].fillna("")).set_index("member")


@pytest.mark.parametrize("archive", FAULTS)
def test_the_fault_is_named_and_costs_nothing_else(outcome: Outcome, archive: str) -> None:
    """Reasons, notes and findings are those of the table, and no more; other members are stored."""
    fault, rows = FAULTS[archive], rows_of(outcome, archive)

    assert rows.loc[rows["state"] == "failed", "reason"].to_dict() == dict(fault.failed) | _also_failed(archive)
    assert rows.loc[rows["state"] == "skipped", "reason"].to_dict() == dict(fault.skipped)
    assert [reason for one, reason in outcome.findings if one == archive] == list(fault.findings)
    for name, note in fault.notes.items():
        assert rows.loc[[name], "notes"].str.contains(note).any()
    for name in fault.stored:
        assert (rows.loc[[name], "state"] == "stored").all()


def _also_failed(archive: str) -> dict[str, str]:
    return {"a.jpg": "truncated_image"} if archive == "types.zip" else {}


def test_the_control_is_whole(outcome: Outcome) -> None:
    """An archive without fault in the same run is stored without a word."""
    rows = rows_of(outcome, "control.zip")

    assert (rows["state"] == "stored").all()
    assert (rows["notes"] == "").all()
    assert [one for one, _ in outcome.findings if one == "control.zip"] == []


def test_everything_adds_up(outcome: Outcome) -> None:
    """Found is stored and skipped and failed, and the status says that something was wrong."""
    counts = outcome.counts

    assert counts["members"] == counts["stored"] + counts["skipped"] + counts["failed"] == len(outcome.members)
    assert outcome.status == 3


def test_both_of_one_name_are_kept(outcome: Outcome) -> None:
    """Members are told apart by their place, not by their name."""
    for archive, name in (("twice.zip", "a.txt"), ("twice.tar", "b.txt")):
        rows = rows_of(outcome, archive).loc[[name]]
        assert rows["size"].tolist() == [len(TEXT), 2 * len(TEXT)]
        assert (rows["state"] == "stored").all()


def test_links_say_where_they_would_lead(outcome: Outcome) -> None:
    """The target is in the detail, and was not opened."""
    rows = rows_of(outcome, "links.tar")

    assert "'/etc/passwd'" in str(rows.loc["soft", "detail"])
    assert "'/etc/passwd'" in str(rows.loc["hard", "detail"])


def test_raw_names_are_kept(outcome: Outcome) -> None:
    """The bytes of the archive beside the text that was made of them."""
    assert rows_of(outcome, "bytes.tar")["raw_name"].tolist() == [b"gr\xf6\xdfe.txt"]
    assert rows_of(outcome, "dos.zip")["raw_name"].tolist() == [b"gr\x94\xe1e.txt"]


def test_refusals_at_a_limit_name_it(outcome: Outcome) -> None:
    """Whoever is refused learns which limit to raise."""
    refused = outcome.members[outcome.members["reason"].fillna("").str.startswith("limit_")]

    assert len(refused) >= 5
    for reason, detail in zip(refused["reason"], refused["detail"], strict=True):
        assert f"raise the limit {reason.removeprefix('limit_')}" in detail


def test_every_member_of_a_gzip_is_read(tmp_path: Path) -> None:
    """Both of two gzip members, as one content."""
    path = tmp_path / "two.gz"
    path.write_bytes(FAULTS["members.gz"].data)
    result = zarrpack.convert(path, tmp_path / "out", workers=1)

    assert pd.read_parquet(result.members)["size"].tolist() == [2 * len(TEXT)]


FORMS: dict[str, Callable[[Path], object]] = {
    "nested": lambda out: zarrpack.convert(out / "nested.zip", out / "out", workers=1, nested=1),
    "plain": lambda out: zarrpack.convert(out / "nested.zip", out / "out", workers=1),
}


@pytest.mark.parametrize("form", FORMS)
def test_archives_in_archives_are_opened_on_request(tmp_path: Path, form: str) -> None:
    """With the option their members have rows, and the archive is skipped as one; without it, it is a file."""
    (tmp_path / "nested.zip").write_bytes(FAULTS["nested.zip"].data)
    result: Any = FORMS[form](tmp_path)
    rows = pd.read_parquet(result.members).set_index("member")

    if form == "plain":
        assert rows["state"].to_dict() == {"inner.zip": "stored"}
        return
    assert rows["state"].to_dict() == {
        "inner.zip": "skipped",
        "inner.zip/a.txt": "stored",
        "inner.zip/good.txt": "stored",
    }
    assert rows.loc["inner.zip", "reason"] == "archive"


def test_salvage_reads_behind_the_damage(tmp_path: Path) -> None:
    """What follows a damaged header has rows with a note; without the option the finding says how to get it."""
    path = tmp_path / "header.tar"
    path.write_bytes(FAULTS["header.tar"].data)
    plain = zarrpack.convert(path, tmp_path / "plain", workers=1)
    result = zarrpack.convert(path, tmp_path / "out", workers=1, salvage=True)
    rows = pd.read_parquet(result.members).set_index("member")

    assert "--salvage" in plain.findings[0]["detail"]
    assert plain.counts["stored"] == 1
    assert rows["notes"].fillna("").to_dict() == {"a.txt": "", "c.txt": "salvaged"}
    assert result.exit_status == 3


def test_a_retry_cannot_change_what_members_there_are(tmp_path: Path) -> None:
    """Opening archives deeper would renumber all that follow: it is refused, and the set stays as it was."""
    path = tmp_path / "a.zip"
    path.write_bytes(zipped({"1.zip": zipped({"2.zip": zipped(PAIR), "b.txt": TEXT}), "last.txt": TEXT}))
    before = zarrpack.convert(path, tmp_path / "out", workers=1, nested=1)
    assert before.reasons == {"archive": 1, "limit_nesting": 1}

    with pytest.raises(UsageError, match="convert the sources again"):
        retry(tmp_path / "out", limits={"nesting": 2})
    again = retry(tmp_path / "out")
    assert again.counts == before.counts
