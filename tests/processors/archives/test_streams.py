"""Streams that count and check."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator

import pytest

from zarrpack.errors import MemberError
from zarrpack.processors.archives.streams import check_limits, check_ratio, checked, failing_stream, open_blocks
from zarrpack.processors.limits import Limits

BLOCKS = [b"first line\n", b"second ", b"line\n", b"third"]
CONTENT = b"".join(BLOCKS)


def then_fail(blocks: list[bytes]) -> Iterator[bytes]:
    """Give blocks, then an error."""
    yield from blocks
    raise MemberError("truncated", "expected more")


def test_streams_are_binary_files() -> None:
    """They can be read in parts, by lines, through a text wrapper; they cannot be sought."""
    assert open_blocks(iter(BLOCKS)).read() == CONTENT
    assert list(open_blocks(iter(BLOCKS))) == [b"first line\n", b"second line\n", b"third"]
    assert io.TextIOWrapper(open_blocks(iter(BLOCKS))).read() == CONTENT.decode()
    stream = open_blocks(iter([b"", *BLOCKS, b""]))
    assert [stream.read(4), stream.read(0), stream.read(100), stream.read(1)] == [CONTENT[:4], b"", CONTENT[4:], b""]
    assert not stream.seekable()


def test_an_error_stays() -> None:
    """What has failed once does not look like an end the next time."""
    stream = open_blocks(then_fail([b"abc"]))

    assert stream.read(3) == b"abc"
    for _ in range(2):
        with pytest.raises(MemberError, match="truncated"):
            stream.read(1)


def test_failing_streams_fail_at_once() -> None:
    """The first read raises, of any length."""
    for size in (1, -1):
        with pytest.raises(MemberError, match="encrypted"):
            failing_stream(MemberError("encrypted", "expected content")).read(size)


def test_closing_ends_the_blocks() -> None:
    """A stream that is closed early closes what it reads from."""
    ended = []

    def blocks() -> Iterator[bytes]:
        try:
            yield from BLOCKS
        finally:
            ended.append(True)

    with open_blocks(blocks()) as stream:
        assert stream.read(1) == b"f"
    with pytest.raises(ValueError, match="closed"):
        stream.read(1)

    assert ended == [True]


def test_whole_content_passes() -> None:
    """Size and CRC as announced, or not announced at all."""
    crc = zlib.crc32(CONTENT)

    assert b"".join(checked(iter(BLOCKS), Limits(), size=len(CONTENT), crc=crc, packed_size=1)) == CONTENT
    assert b"".join(checked(iter(BLOCKS), Limits())) == CONTENT
    assert b"".join(checked(iter([]), Limits(), size=0, crc=0)) == b""


@pytest.mark.parametrize(
    ("size", "crc", "reason"),
    [
        (len(CONTENT) + 1, None, "size_mismatch"),
        (len(CONTENT) - 1, None, "size_mismatch"),
        (0, None, "size_mismatch"),
        (len(CONTENT), 1, "crc_mismatch"),
        (None, 1, "crc_mismatch"),
    ],
)
def test_other_content_does_not_pass(size: int | None, crc: int | None, reason: str) -> None:
    """The error comes before the last block is given."""
    given: list[bytes] = []
    with pytest.raises(MemberError, match=reason):
        given.extend(checked(iter(BLOCKS), Limits(), size=size, crc=crc))

    assert len(b"".join(given)) < (size or len(CONTENT))


@pytest.mark.parametrize("crc", [1, None])
def test_reading_to_the_announced_size_is_enough(crc: int | None) -> None:
    """Whoever reads no further than announced still sees a wrong checksum or bytes that are too many."""
    blocks = iter(BLOCKS if crc else [*BLOCKS, b"more"])
    stream = open_blocks(checked(blocks, Limits(), size=len(CONTENT), crc=crc))
    with pytest.raises(MemberError):
        stream.read(len(CONTENT))


def test_limits_count_real_bytes() -> None:
    """Bytes of a member, and its ratio beyond the grace, whatever was announced."""
    limits = Limits(member_bytes=1000, ratio=10, ratio_grace_bytes=100)
    check_limits(1000, 100, limits)
    check_ratio(100, 1, limits)
    with pytest.raises(MemberError, match="limit_member_bytes"):
        check_limits(1001, None, limits)
    with pytest.raises(MemberError, match="limit_ratio"):
        check_limits(101, 10, limits)
    with pytest.raises(MemberError, match="limit_member_bytes"):
        list(checked(iter([bytes(600), bytes(600)]), limits))
