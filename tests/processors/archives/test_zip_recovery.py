"""Members of zips found by their own headers."""

from __future__ import annotations

import io
import random
import zipfile
from typing import Any

import pytest

from zarrpack.processors.archives.zip_recovery import recover_members
from zarrpack.storage.zip_directory import find_directory, read_directory

MEMBERS = {
    "a": b"1" * 100,
    "large": random.Random(1).randbytes((2 << 20) + 7),
    "signatures": b"PK\7\x08PK\3\4" * 100,
    "empty": b"",
}


class Pipe(io.BytesIO):
    """A file that cannot go back, so that sizes follow the payloads."""

    def seekable(self) -> bool:
        """Say that it cannot."""
        return False

    def tell(self) -> int:
        """Refuse."""
        raise OSError("a pipe has no position")


def make(file: io.BytesIO, method: int, force_zip64: bool = False) -> io.BytesIO:
    """Write a zip by the standard library."""
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in MEMBERS.items():
            with archive.open(zipfile.ZipInfo(name), "w", force_zip64=force_zip64) as member:
                member.write(content)
    return io.BytesIO(file.getvalue())


@pytest.mark.parametrize("kind", [io.BytesIO, Pipe])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("force_zip64", [False, True])
def test_what_is_found_is_what_the_directory_says(kind: Any, method: int, force_zip64: bool) -> None:
    """Sizes before or behind the payload, 32 or 64 bits, and content that looks like headers."""
    file = make(kind(), method, force_zip64)
    expected = list(read_directory(file, find_directory(file)))
    found = [one.member for one in recover_members(file, 0, {})]

    assert [(one.raw_name, one.crc32, one.size, one.compressed_size, one.header_offset) for one in found] == [
        (one.raw_name, one.crc32, one.size, one.compressed_size, one.header_offset) for one in expected
    ]


def test_known_members_are_passed_over() -> None:
    """With a prefix, and by the size that the directory tells."""
    file = make(Pipe(), zipfile.ZIP_DEFLATED)
    entries = list(read_directory(file, find_directory(file)))
    known = {entry.header_offset + 6: (entry.compressed_size, False) for entry in entries[:2]}
    prefixed = io.BytesIO(b"prefix" + file.getvalue())

    assert [one.member.raw_name for one in recover_members(prefixed, 6, known)] == [b"signatures", b"empty"]


def test_nothing_is_found_where_there_is_nothing() -> None:
    """Other bytes, a header that is cut, a payload without its record."""
    streamed = make(Pipe(), zipfile.ZIP_DEFLATED).getvalue()
    for data in (b"", b"text", b"PK\3\4", streamed[:29], streamed[:40]):
        assert list(recover_members(io.BytesIO(data), 0, {})) == []
