"""The parser of central directories, against the standard library's and against damage."""

from __future__ import annotations

import gzip
import io
import os
import struct
import zipfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from zarrpack.errors import FormatError, ZarrpackError
from zarrpack.storage.zip_directory import (
    DirectoryEntry,
    find_directory,
    payload_offset,
    read_at,
    read_directory,
    zip64_numbers,
)


def make_zip(count: int = 3, comment: bytes = b"", prefix: bytes = b"") -> io.BytesIO:
    """Make a zip of deflated members by the standard library."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(count):
            archive.writestr(f"folder/größe-{number}.txt", b"content " * number)
        archive.comment = comment
    return io.BytesIO(prefix + file.getvalue())


def read_all(file: io.BytesIO) -> list[DirectoryEntry]:
    """Read a zip's entries."""
    return list(read_directory(file, find_directory(file)))


def directory_only(names: list[bytes]) -> io.BytesIO:
    """Make a file that is nothing but a directory; the count is kept modulo 65,536, as old writers do."""
    entries = b"".join(
        struct.pack("<I4xHHIIIIHHH4xII", 0x02014B50, 0, 0, 0, 0, 0, 0, len(name), 0, 0, 0, 0) + name for name in names
    )
    count = len(names) & 0xFFFF
    return io.BytesIO(entries + struct.pack("<4s4xHHIIH", b"PK\5\6", count, count, len(entries), 0, 0))


def test_entries_are_those_of_the_standard_library() -> None:
    """Names, checksums, sizes, offsets, methods, flags, dates and attributes are read as zipfile reads them."""
    file = make_zip(50, comment=b"a comment")
    expected = zipfile.ZipFile(file).infolist()
    entries = read_all(file)

    assert [entry.raw_name.decode() for entry in entries] == [info.filename for info in expected]
    for entry, info in zip(entries, expected, strict=True):
        assert (entry.crc32, entry.compressed_size, entry.size) == (info.CRC, info.compress_size, info.file_size)
        assert (entry.header_offset, entry.method, entry.flags) == (
            info.header_offset,
            info.compress_type,
            info.flag_bits,
        )
        assert entry.external_attributes == info.external_attr
        year, month, day, hour, minute, second = info.date_time
        date = (year - 1980) << 9 | month << 5 | day
        assert entry.date_time == date << 16 | hour << 11 | minute << 5 | second // 2


def test_location_says_what_lies_where() -> None:
    """Offset, size, count, comment and prefix are those of the file."""
    file = make_zip(4, comment=b"hello", prefix=b"#!/bin/sh\n")
    location = find_directory(file)

    assert (location.entries, location.base, location.comment, location.trailing) == (4, 10, b"hello", 0)
    assert file.getvalue()[location.offset :].startswith(b"PK\1\2")
    assert file.getvalue()[location.offset + location.size :].startswith(b"PK\5\6")


def test_payloads_are_found_by_the_local_lengths() -> None:
    """With a prefix, and with local extra fields that the directory does not have."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        info = zipfile.ZipInfo("a.txt")
        info.extra = struct.pack("<HH6x", 0xD935, 6)
        archive.writestr(info, b"payload")
    file = io.BytesIO(b"prefix" + file.getvalue())
    location = find_directory(file)
    (entry,) = read_directory(file, location)
    start = payload_offset(file, entry._replace(extra=b""), location.base)

    assert read_at(file, start, entry.compressed_size) == b"payload"


def test_descriptors_will_do(tmp_path: Path) -> None:
    """A payload is found through a plain descriptor, whose position stays where it was."""
    path = tmp_path / "a.zip"
    path.write_bytes(make_zip().getvalue())
    with path.open("rb") as file:
        entries = list(read_directory(file, find_directory(file)))
        file.seek(5)
        starts = [payload_offset(file.fileno(), entry, 0) for entry in entries]

        assert file.tell() == 5
    assert starts == [entry.header_offset + 30 + len(entry.raw_name) for entry in entries]


def test_files_that_decompress_are_not_read_by_their_descriptor(tmp_path: Path) -> None:
    """A zip inside a gzip file is read as the zip, although the gzip file has a descriptor."""
    path = tmp_path / "a.zip.gz"
    path.write_bytes(gzip.compress(make_zip().getvalue()))
    with gzip.open(path) as file:
        assert read_at(file, 0, 4) == b"PK\3\4"  # type: ignore[arg-type]


def test_zip64_numbers_are_read(tmp_path: Path) -> None:
    """Sizes in zip64 fields, and a zip64 end record, as the standard library writes them when it is made to."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive, archive.open(zipfile.ZipInfo("a"), "w", force_zip64=True) as member:
        member.write(b"abc")
    data = file.getvalue()
    at = data.index(b"PK\5\6")
    _, _, _, _, _, size, offset, _ = struct.unpack_from("<4sHHHHIIH", data, at)
    record = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, size, offset)
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, at, 1)
    end = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    for prefix in (b"", b"prefix"):
        (entry,) = read_all(io.BytesIO(prefix + data[:at] + record + locator + end))

        assert (entry.raw_name, entry.size) == (b"a", 3)


def test_zip64_fields_take_the_place_of_unknown_numbers() -> None:
    """Only numbers that are 0xFFFFFFFF are looked up, in their order; a field that is missing leaves them."""
    unknown = 0xFFFFFFFF
    field = struct.pack("<HH2x", 0x7075, 2) + struct.pack("<HHQQ", 1, 16, 5 << 32, 6 << 32)

    assert zip64_numbers(field, unknown, 7, unknown) == (5 << 32, 7, 6 << 32)
    assert zip64_numbers(field, unknown, unknown, unknown) == (5 << 32, 6 << 32, unknown)
    assert zip64_numbers(b"\1\0\x08\0\0", unknown) == (unknown,)
    assert zip64_numbers(b"", unknown, 1) == (unknown, 1)


def test_many_entries_are_read_in_blocks() -> None:
    """70,000 entries come out whole, although none of the reads is longer than a block."""
    names = [b"%06d" % number * 3 for number in range(70_000)]

    class Watched(io.BytesIO):
        longest = 0

        def read(self, size: int | None = -1, /) -> bytes:
            self.longest = max(self.longest, size or 0)
            return super().read(size)

    file = Watched(directory_only(names).getvalue())

    assert [entry.raw_name for entry in read_directory(file, find_directory(file))] == names
    assert 0 < file.longest <= 256 << 10


def test_longest_entries_cross_blocks() -> None:
    """Entries with names of 65,535 bytes come out whole."""
    names = [bytes([65 + number]) * 65_535 for number in range(20)]

    assert [entry.raw_name for entry in read_all(directory_only(names))] == names


def test_comments_do_not_hide_the_end_record() -> None:
    """The longest comment is found, and one that holds an end record of its own is not believed."""
    assert find_directory(make_zip(2, comment=b"x" * 65_535)).entries == 2
    for size in (0, 77):
        fake = struct.pack("<4s4xHHIIH", b"PK\5\6", 0, 0, size, 0, 0)
        location = find_directory(make_zip(2, comment=b"fake: " + fake))

        assert (location.entries, location.trailing) == (2, 0)


@pytest.mark.parametrize("trailing", [1, 500, 60_000])
def test_bytes_behind_the_end_are_counted(trailing: int) -> None:
    """Appended bytes are told, and the members are found all the same."""
    location = find_directory(io.BytesIO(make_zip(2).getvalue() + b"j" * trailing))

    assert (location.entries, location.trailing) == (2, trailing)


def test_missing_bytes_of_the_comment_are_counted() -> None:
    """A comment that is cut off is told by a negative number."""
    location = find_directory(io.BytesIO(make_zip(2, comment=b"comment").getvalue()[:-3]))

    assert (location.entries, location.trailing, location.comment) == (2, -3, b"comm")


def test_a_gap_behind_the_directory_is_no_prefix() -> None:
    """Bytes between the directory and the end record do not move the members."""
    data = make_zip(2).getvalue()
    at = data.index(b"PK\5\6")
    location = find_directory(io.BytesIO(data[:at] + b"signature" + data[at:]))

    assert (location.entries, location.base) == (2, 0)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no zip at all",
        make_zip().getvalue()[:-22],
        make_zip().getvalue().replace(b"PK\5\6\0\0", b"PK\5\6\1\0"),
        b"PK\5\6" + bytes(8) + struct.pack("<II", 500, 500) + bytes(2),
        struct.pack("<4sIQI", b"PK\6\7", 0, 0, 1) + b"PK\5\6" + b"\xff" * 16 + bytes(2),
    ],
    ids=["empty", "text", "no end record", "several parts", "beyond the file", "no zip64 record"],
)
def test_what_is_no_zip_is_refused(data: bytes) -> None:
    """A FormatError says what was expected."""
    with pytest.raises(FormatError, match="expected"):
        find_directory(io.BytesIO(data))


@pytest.mark.parametrize("place", [0, 40])
def test_missing_bytes_are_refused_but_where_asked_for(place: int) -> None:
    """Files of our own must be whole; of others a directory further to the front is taken, with a negative base."""
    data = make_zip(3).getvalue()
    cut = io.BytesIO(data[:place] + data[place + 1 :])
    assert find_directory(io.BytesIO(data), lenient=True) == find_directory(io.BytesIO(data))
    with pytest.raises(FormatError, match="expected the zip's directory"):
        find_directory(cut)
    location = find_directory(cut, lenient=True)

    assert (location.base, len(list(read_directory(cut, location)))) == (-1, 3)


def test_padding_is_counted_where_asked_for() -> None:
    """Zeros are bytes behind the end as any others, but for archives of others."""
    data = make_zip(3).getvalue()
    padded, mixed = io.BytesIO(data + bytes(600)), io.BytesIO(data + b"junk" + bytes(600))

    assert [(one.trailing, one.padding) for one in map(find_directory, (padded, mixed))] == [(600, 0), (604, 0)]
    lenient = [find_directory(one, lenient=True) for one in (padded, mixed)]
    assert [(one.trailing, one.padding) for one in lenient] == [(0, 600), (4, 600)]


def test_damage_in_the_directory_is_placed() -> None:
    """Entries before the damaged one are given, and the message has its offset."""
    file = make_zip(5)
    data = bytearray(file.getvalue())
    location = find_directory(file)
    third = location.offset + 2 * location.size // 5
    assert data[third : third + 4] == b"PK\1\2"
    data[third] ^= 1
    entries = read_directory(io.BytesIO(data), location)

    assert [next(entries).header_offset, next(entries).header_offset > 0] == [0, True]
    with pytest.raises(FormatError, match=f"entry 2 of 5 .* offset {third}"):
        next(entries)


def test_directories_that_end_early_are_refused() -> None:
    """A file cut inside its directory, and a directory that is shorter or longer than announced."""
    file = make_zip(5)
    location = find_directory(file)
    cut = io.BytesIO(file.getvalue()[: location.offset + 10])
    with pytest.raises(FormatError):
        list(read_directory(cut, location))
    data = file.getvalue()
    at = data.index(b"PK\5\6")
    for count in (4, 6):
        counted = io.BytesIO(data[: at + 10] + struct.pack("<H", count) + data[at + 12 :])
        with pytest.raises(FormatError, match=f"expected {count} entries .* found 5"):
            read_all(counted)


def test_a_wrong_local_header_is_refused() -> None:
    """Where the directory points at something else, the message says what is there."""
    file = make_zip()
    entry = read_all(file)[0]
    with pytest.raises(FormatError, match="local header"):
        payload_offset(file, entry._replace(header_offset=1), 0)
    with pytest.raises(FormatError, match="local header"):
        payload_offset(file, entry._replace(header_offset=1 << 40), 0)


def test_reading_at_an_offset_is_whole(tmp_path: Path) -> None:
    """Fewer bytes than asked for come only at the end, from any kind of file."""
    path = tmp_path / "bytes"
    path.write_bytes(bytes(range(256)))
    with path.open("rb") as buffered, path.open("rb", buffering=0) as raw:
        for file in (buffered, raw, io.BytesIO(bytes(range(256))), raw.fileno()):
            assert read_at(file, 250, 4) == bytes([250, 251, 252, 253])
            assert read_at(file, 250, 40) == bytes(range(250, 256))
            assert read_at(file, 300, 4) == b""


def test_reading_works_without_pread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system has no pread, seek and read give the same."""
    path = tmp_path / "bytes"
    path.write_bytes(bytes(range(256)))
    monkeypatch.delattr(os, "pread")
    with path.open("rb", buffering=0) as raw:
        assert read_at(raw, 250, 4) == read_at(raw.fileno(), 250, 4) == bytes([250, 251, 252, 253])


def entries_or_error(file: io.BytesIO) -> list[DirectoryEntry] | ZarrpackError:
    """Read everything that the parser reads; other errors come out."""
    try:
        location = find_directory(file)
        entries = list(read_directory(file, location))
        for entry in entries:
            payload_offset(file, entry, location.base)
    except ZarrpackError as error:
        return error
    return entries


_ZIP = make_zip(3, comment=b"c").getvalue()


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60), st.integers(0, len(_ZIP)), st.integers(0, len(_ZIP)))
@example(b"", 0, 0)
def test_any_bytes_give_entries_or_our_error(noise: bytes, start: int, stop: int) -> None:
    """Whatever is written into a zip, nothing but a ZarrpackError comes out of it."""
    assert isinstance(entries_or_error(io.BytesIO(_ZIP[:start] + noise + _ZIP[stop:])), list | FormatError)
