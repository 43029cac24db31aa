"""Headers of a tar behind damage."""

from __future__ import annotations

import random
import tarfile

import pytest

from zarrpack.processors.archives.tar_scan import find_header, is_at_member
from zarrpack.processors.archives.tar_stream import BlockReader

HEADER = tarfile.TarInfo("a.txt").tobuf()


@pytest.mark.parametrize("before", [0, 1, 511, 512, 100_000, (1 << 20) - 100, (1 << 20) + 3])
@pytest.mark.parametrize("step", [700, 1 << 16])
def test_a_header_is_found_anywhere(before: int, step: int) -> None:
    """At every offset, however the blocks fall; the reader is left at its first byte."""
    data = random.Random(3).randbytes(before) + HEADER + b"payload"
    reader = BlockReader(iter([data[at : at + step] for at in range(0, len(data), step)]))

    assert find_header(reader) == before
    assert reader.position == before
    assert reader.read(512) == HEADER


@pytest.mark.parametrize(
    "data",
    [b"", HEADER[:511], bytes(5000), b"ustar\x0000" * 1000, HEADER[:100] + b"9" + HEADER[101:], b"000000\0 " * 500],
)
def test_what_only_looks_like_a_header_is_none(data: bytes) -> None:
    """Magic without a checksum, a checksum without the magic, a header that is cut or changed."""
    assert find_header(BlockReader(iter([data]))) is None


@pytest.mark.parametrize(
    ("data", "size", "expected"),
    [
        (HEADER, 1, True),
        (HEADER + b"more" * 500, 9000, True),
        (bytes(2000), 512, True),
        (bytes(2000), 513, False),
        (bytes(512) + HEADER, 512, False),
        (b"", 1, False),
        (b"x" * 9000, 9000, False),
    ],
)
@pytest.mark.parametrize("step", [100, 1 << 16])
def test_members_are_told_from_content(data: bytes, size: int, expected: bool, step: int) -> None:
    """A header or two zero blocks are next, or content, as which zeros count where they may be all of it; the reader stays."""
    reader = BlockReader(iter([data[at : at + step] for at in range(0, len(data), step)]))

    assert is_at_member(reader, size) is expected
    assert (reader.position, reader.read(10_000)) == (0, data)
