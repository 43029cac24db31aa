"""Zips whose directory lies elsewhere than their end record says: bytes missing or added, prefixes, padding."""

from __future__ import annotations

import io
import itertools
import random
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

MEMBERS = {f"{number}.bin": random.Random(number).randbytes(700) + b"same " * 100 for number in range(10)}


def zipped(members: dict[str, bytes] | None = None, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Make a zip by the standard library."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in (MEMBERS if members is None else members).items():
            archive.writestr(name, content)
    return file.getvalue()


def with_zip64_records(data: bytes, *, entries: int | None = None) -> bytes:
    """Put zip64 records beside an end record that says everything itself, as Info-ZIP does when it reads a pipe."""
    end = data.rindex(b"PK\5\6")
    count, size, offset = struct.unpack_from("<HII", data, end + 10)
    count = count if entries is None else entries
    record = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, offset)
    return data[:end] + record + struct.pack("<4sIQI", b"PK\6\7", 0, end, 1) + data[end:]


def listed_three_times(data: bytes) -> bytes:
    """Let the directory tell each member three times."""
    end = data.rindex(b"PK\5\6")
    count, size, offset = struct.unpack_from("<HII", data, end + 10)
    numbers = struct.pack("<HHII", 3 * count, 3 * count, 3 * size, offset)
    return data[:end] + data[offset:end] * 2 + data[end : end + 8] + numbers + data[end + 20 :]


def payload_of(data: bytes, number: int) -> int:
    """A place inside a member's payload."""
    return data.index(f"{number}.bin".encode()) + 100


def whole_but(*numbers: int) -> dict[str, bytes]:
    """All members but some."""
    return {name: content for name, content in MEMBERS.items() if name not in {f"{number}.bin" for number in numbers}}


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("missing", [1, 27, 200])
@pytest.mark.parametrize("salvage", [False, True])
def test_missing_bytes_cost_one_member(
    tmp_path: Path, method: int, missing: int, salvage: bool, read_source: Callable[..., Any]
) -> None:
    """Each member has a row, those before the gap and those behind it are read, and the source says so."""
    data = zipped(method=method)
    path = tmp_path / "a.zip"
    path.write_bytes(data)
    assert read_source(path, salvage=salvage).findings == []
    place = payload_of(data, 2)
    path.write_bytes(data[:place] + data[place + missing :])
    outcome = read_source(path, salvage=salvage)

    assert [entry.name for entry in outcome.entries] == list(MEMBERS)
    assert outcome.members == whole_but(2)
    assert outcome.reasons == ["header_damaged"]


def test_whole_members_may_be_missing(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """A gap from the midst of one member to that of another costs these and all between them, each with a row."""
    data = zipped()
    path = tmp_path / "a.zip"
    path.write_bytes(data[: payload_of(data, 2)] + data[payload_of(data, 5) :])
    outcome = read_source(path)

    assert outcome.members == whole_but(2, 3, 4, 5)
    assert outcome.failures.keys() == {f"{number}.bin" for number in (2, 3, 4, 5)}
    assert outcome.reasons == ["header_damaged"]


def test_a_missing_front_costs_its_members(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """What lay before the file's start is a failed row without a place."""
    data = zipped()
    path = tmp_path / "a.zip"
    for missing, lost in ((100, {0}), (payload_of(data, 3), {0, 1, 2, 3})):
        path.write_bytes(data[missing:])
        outcome = read_source(path)

        assert outcome.members == whole_but(*lost)
        assert outcome.failures == {f"{number}.bin": "header_damaged" for number in lost}
        assert outcome.entries[0].offset is None
        assert outcome.reasons == ["header_damaged"]


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_salvage_finds_members_between_two_gaps(tmp_path: Path, method: int, read_source: Callable[..., Any]) -> None:
    """They are neither where the directory says nor moved as it is: failed rows, and with --salvage found by themselves."""
    data = zipped(method=method)
    first, second = payload_of(data, 2), payload_of(data, 6)
    path = tmp_path / "a.zip"
    path.write_bytes(data[:first] + data[first + 1 : second] + data[second + 30 :])
    plain = read_source(path)
    assert plain.members == whole_but(2, 3, 4, 5, 6)
    assert plain.failures.keys() == {f"{number}.bin" for number in (2, 3, 4, 5, 6)}
    outcome = read_source(path, salvage=True)

    assert outcome.members == whole_but(2, 6)
    assert [entry.name for entry in outcome.entries[:10]] == list(MEMBERS)
    found = [entry for entry in outcome.entries[10:] if "salvaged" in entry.notes]
    assert [entry.name for entry in found] == ["3.bin", "4.bin", "5.bin", "6.bin"]
    assert outcome.reasons == ["header_damaged"]


def test_a_prefix_that_nothing_tells_is_salvaged_from(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """An end record that leaves the place to a zip64 record which is not there: members by their own headers."""
    data = zipped()
    end = data.rindex(b"PK\5\6")
    data = b"prefix" + data[: end + 16] + b"\xff" * 4 + data[end + 20 :]
    path = tmp_path / "a.zip"
    path.write_bytes(data)

    assert read_source(path).reasons == ["header_damaged"]
    assert read_source(path, salvage=True).members == MEMBERS
    path.write_bytes(data[6:])
    assert read_source(path).members == MEMBERS


@pytest.mark.parametrize("added", [1, 300])
def test_added_bytes_cost_one_member(tmp_path: Path, added: int, read_source: Callable[..., Any]) -> None:
    """Members before them are where the directory says, and there is no other zip to be split off."""
    data = zipped()
    place = payload_of(data, 2)
    path = tmp_path / "a.zip"
    path.write_bytes(data[:place] + b"x" * added + data[place:])
    outcome = read_source(path)

    assert outcome.members == whole_but(2)
    assert outcome.failures.keys() == {"2.bin"}
    assert outcome.reasons == ["header_damaged"]
    assert "bytes before it were added" in outcome.findings[0].detail


def test_bytes_added_before_the_directory_cost_nothing(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """All members are where the directory says."""
    data = zipped()
    place = data.index(b"PK\1\2")
    path = tmp_path / "a.zip"
    path.write_bytes(data[:place] + b"x" * 16 + data[place:])
    outcome = read_source(path)

    assert (outcome.members, outcome.reasons) == (MEMBERS, ["header_damaged"])


def test_members_that_share_bytes_are_refused_all_the_same(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """A directory that seems to have lost a byte opens no way to many contents of one payload."""
    members = {"a": b"1" * 100, "b": zipped({"inner": b"2" * 100}, zipfile.ZIP_STORED), "c": b"3"}
    data = bytearray(zipped(members, zipfile.ZIP_STORED))
    # The first member's payload is all up to the last one, in its header as in the directory.
    end = data.rindex(b"PK\5\6")
    (first,) = struct.unpack_from("<I", data, end + 16)
    last = data.rindex(b"PK\3\4")
    for start in (18, 22, first + 20, first + 24):
        data[start : start + 4] = (last - 31).to_bytes(4, "little")
    path = tmp_path / "a.zip"
    for shift in (0, 1, 1000):
        bent = data[: end + 16] + (first + shift).to_bytes(4, "little") + data[end + 20 :]
        path.write_bytes(bent)
        outcome = read_source(path)

        assert outcome.failures == {"a": "overlap", "b": "overlap"}
        assert outcome.members == {"c": b"3"}


def damaged(data: bytes, chosen: random.Random) -> bytes:
    """Leave out, put in and repeat bytes at random places, mostly near the end."""
    bent = bytearray(data)
    for _ in range(chosen.randrange(1, 5)):
        near_end = max(0, len(bent) - chosen.randrange(1, 700))
        place = chosen.choice((chosen.randrange(len(bent)), near_end))
        size = chosen.choice((1, 2, 4, 30, 300))
        marks = (b"\xff" * 4, b"PK\5\6", b"PK\3\4", b"PK\1\2", b"PK\6\7", bytes(size), chosen.randbytes(size))
        added = chosen.choice((b"", *marks, bytes(bent[place : place + size])))
        bent[place : place + chosen.choice((0, len(added), size))] = added
    return bytes(bent)


@pytest.mark.parametrize("salvage", [False, True])
def test_no_damage_makes_two_contents_of_the_same_bytes(
    tmp_path: Path, salvage: bool, read_source: Callable[..., Any]
) -> None:
    """Whatever is missing or added: members that are read share no bytes, but for two equal entries."""
    chosen = random.Random(23)
    inner = {"in.zip": zipped(method=zipfile.ZIP_STORED), "x": b"1" * 50, "empty": b""}
    stored = zipped(method=zipfile.ZIP_STORED)
    whole = [stored, with_zip64_records(zipped()), zipped(inner, zipfile.ZIP_STORED), listed_three_times(stored)]
    path = tmp_path / "a.zip"
    read = 0
    for number in range(400):
        path.write_bytes(damaged(whole[number % 4], chosen))
        outcome = read_source(path, salvage=salvage)
        extents = sorted(
            (entry.offset, entry.offset + 30 + len(entry.raw_name) + entry.locator[1], "duplicate_entry" in entry.notes)
            for entry, content in zip(outcome.entries, outcome.contents, strict=True)
            if entry.kind == "file" and isinstance(content, bytes) and outcome.kind == "zip"
        )
        read += len(extents)

        for first, second in itertools.pairwise(extents):
            assert first[1] <= second[0] or (first == second and first[2])
    assert read > 1000


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("missing", [1, 27, 200])
def test_salvage_finds_the_member_behind_missing_bytes(
    tmp_path: Path, method: int, missing: int, read_source: Callable[..., Any]
) -> None:
    """Without a directory the next header lies inside what the damaged member announces."""
    data = zipped(method=method)
    data = data[: data.index(b"PK\1\2")]
    path = tmp_path / "a.zip"
    path.write_bytes(data)
    assert read_source(path, salvage=True).members == MEMBERS
    place = payload_of(data, 2)
    path.write_bytes(data[:place] + data[place + missing :])
    outcome = read_source(path, salvage=True)

    assert outcome.members == whole_but(2)
    assert outcome.failures.keys() == {"2.bin"}
    assert [entry.notes for entry in outcome.entries] == [("recovered",)] * 3 + [("salvaged",)] * 7


def test_salvage_leaves_whole_zips_inside_whole(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """A zip that is a stored member is one member, also where the header behind it is damaged."""
    members = {"a.zip": zipped(MEMBERS, zipfile.ZIP_STORED), "bent": b"1", "last": random.Random(0).randbytes(200_000)}
    data = bytearray(zipped(members, zipfile.ZIP_STORED))
    data = data[: data.rindex(b"PK\1\2", 0, data.rindex(b"a.zip"))]
    start = data.index(b"bent") - 30
    data[start : start + 4] = b"PK\3\5"
    path = tmp_path / "a.zip"
    path.write_bytes(data)

    assert read_source(path, salvage=True).members == {name: members[name] for name in ("a.zip", "last")}


@pytest.mark.parametrize("name", ["a.zip", "a.exe"])
def test_prefixes_before_zip64_records_are_none_of_the_zip(
    tmp_path: Path, name: str, read_source: Callable[..., Any]
) -> None:
    """Zip64 records beside an end record that would not need them, behind a program and without."""
    path = tmp_path / name
    data = with_zip64_records(zipped())
    for prefix in (b"MZ" + bytes(2998), b"") if name == "a.exe" else (b"some text", b""):
        path.write_bytes(prefix + data)
        assert zipfile.ZipFile(path).namelist() == list(MEMBERS)
        outcome = read_source(path)

        assert (outcome.kind, outcome.members, outcome.findings) == ("zip", MEMBERS, [])


def test_a_zip64_zip_in_a_comment_is_the_one_that_others_read(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """The last end record counts, and the zip before is told."""
    inner = with_zip64_records(zipped({"inner": b"1"}))
    file = io.BytesIO(zipped({"outer": b"2"}))
    with zipfile.ZipFile(file, "a") as archive:
        archive.comment = inner
    path = tmp_path / "a.zip"
    path.write_bytes(file.getvalue())
    assert zipfile.ZipFile(path).namelist() == ["inner"]
    outcome = read_source(path)

    assert (outcome.members, outcome.reasons) == ({"inner": b"1"}, ["trailing_data"])


def test_end_records_that_contradict_each_other_are_told(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """Readers that believe the one and readers that believe the other would give different members."""
    path = tmp_path / "a.zip"
    path.write_bytes(with_zip64_records(zipped(), entries=9))
    outcome = read_source(path)

    assert (outcome.members, outcome.reasons) == (MEMBERS, ["header_damaged"])


@pytest.mark.parametrize("zeros", ["a block", 512, 10_000, 200_000, 3 << 20])
@pytest.mark.parametrize("comment", [b"", b"comment", bytes(40)])
def test_zeros_behind_the_end_are_padding(
    tmp_path: Path, zeros: int | str, comment: bytes, read_source: Callable[..., Any]
) -> None:
    """However many, if they fill a block; anything else before them is told with its place."""
    file = io.BytesIO(zipped())
    with zipfile.ZipFile(file, "a") as archive:
        archive.comment = comment
    path = tmp_path / "a.zip"

    def padding(content: bytes) -> bytes:
        return content + bytes(-len(content) % 512 if isinstance(zeros, str) else zeros)

    path.write_bytes(padding(file.getvalue()))
    outcome = read_source(path)
    assert (outcome.members, outcome.findings) == (MEMBERS, [])
    assert outcome.entries[0].notes == ()
    path.write_bytes(padding(file.getvalue() + b"junk"))
    outcome = read_source(path)

    assert (outcome.members, outcome.reasons) == (MEMBERS, ["trailing_data"])
    assert outcome.findings[0].offset == len(file.getvalue())
    assert "found 4 more bytes" in outcome.findings[0].detail


@pytest.mark.parametrize("zeros", [1, 3])
def test_a_few_zeros_behind_the_end_are_told(tmp_path: Path, zeros: int, read_source: Callable[..., Any]) -> None:
    """They fill no block: the length is wrong, as other readers say as well."""
    path = tmp_path / "a.zip"
    path.write_bytes(zipped() + bytes(zeros))
    assert path.stat().st_size % 512
    outcome = read_source(path)

    assert (outcome.members, outcome.reasons) == (MEMBERS, ["trailing_data"])


def test_zeros_in_the_place_of_the_end_are_no_padding(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """A copy that was never finished: the members are found, and the source says what is missing."""
    data = zipped()
    path = tmp_path / "a.zip"
    path.write_bytes(data[: data.index(b"PK\1\2") + 20] + bytes(200_000))
    outcome = read_source(path)

    assert (outcome.members, outcome.reasons) == (MEMBERS, ["truncated"])


def test_an_empty_zip_with_padding_is_empty(tmp_path: Path, read_source: Callable[..., Any]) -> None:
    """Its end record is zeros but for the signature."""
    path = tmp_path / "a.zip"
    path.write_bytes(zipped({}) + bytes(10_000))
    outcome = read_source(path)

    assert (outcome.kind, outcome.entries, outcome.findings) == ("zip", [], [])


def zip64_field(*numbers: int) -> bytes:
    """Make the extra field that tells numbers which 32 bits do not hold."""
    return struct.pack("<HH", 1, 8 * len(numbers)) + struct.pack(f"<{len(numbers)}Q", *numbers)


@pytest.mark.parametrize("offset", [0, (1 << 63) - 1, 1 << 63, (1 << 64) - 1])
@pytest.mark.parametrize("before", [b"", b"a program"])
@pytest.mark.parametrize("missing", [0, 1])
def test_a_member_beyond_every_file_costs_no_other(
    tmp_path: Path, offset: int, before: bytes, missing: int, read_source: Callable[..., Any]
) -> None:
    """Its offset is larger than that of any byte; it has a row, and the other is read."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("far", b"away")
        archive.writestr("near", b"content")
    data = bytearray(file.getvalue())
    entry = data.index(b"PK\1\2")
    if offset:
        field = zip64_field(offset)
        data[entry + 42 : entry + 46] = b"\xff" * 4
        data[entry + 30 : entry + 32] = len(field).to_bytes(2, "little")
        data[entry + 49 : entry + 49] = field
        end = data.rindex(b"PK\5\6")
        size = int.from_bytes(data[end + 12 : end + 16], "little") + len(field)
        data[end + 12 : end + 16] = size.to_bytes(4, "little")
    path = tmp_path / "a.zip"
    path.write_bytes(before + bytes(data[:35]) + bytes(data[35 + missing :]))  # what is missing is of the first member
    outcome = read_source(path)

    assert [entry.name for entry in outcome.entries] == ["far", "near"]
    assert outcome.members == ({"near": b"content"} if offset or missing else {"far": b"away", "near": b"content"})


@pytest.mark.parametrize("salvage", [False, True])
@pytest.mark.parametrize("size", [4, (1 << 63) - 1, (1 << 64) - 1])
def test_a_header_that_leads_beyond_every_file(
    tmp_path: Path, size: int, salvage: bool, read_source: Callable[..., Any]
) -> None:
    """Without a directory the members are found by their headers; one that announces too much fails alone."""
    data = zipped({"near": b"content"}, zipfile.ZIP_STORED)
    field = zip64_field(size, size)
    header = (
        struct.pack("<4sHHHIIIIHH", b"PK\3\4", 45, 0, 0, 0, 0, 0xFFFFFFFF, 0xFFFFFFFF, 3, len(field)) + b"far" + field
    )
    path = tmp_path / "a.zip"
    path.write_bytes(data[: data.index(b"PK\1\2")] + header + b"away")
    outcome = read_source(path, salvage=salvage)

    assert outcome.members["near"] == b"content"
    assert [entry.name for entry in outcome.entries] == ["near", "far"]
    assert set(outcome.failures) == {"far"}  # its checksum is wrong in any case
