"""Compressed files: every frame to its end, and what follows."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import shutil
import subprocess
import zlib
from collections.abc import Callable

import pytest
import zstandard

from zarrpack.errors import MemberError
from zarrpack.processors.archives.compressed import COMPRESSIONS, Decompression, compression_of
from zarrpack.processors.limits import Limits

CONTENT = random.Random(3).randbytes(150_000) + b"again " * 30_000


def zstd(data: bytes) -> bytes:
    """Compress to a zstd frame with a checksum."""
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstd,
}
kinds = pytest.mark.parametrize("kind", COMPRESS)


def decompress(kind: str, data: bytes, limits: Limits | None = None) -> tuple[bytes, Decompression]:
    """Decompress a file in memory."""
    decompression = Decompression(io.BytesIO(data), len(data), COMPRESSIONS[kind], limits or Limits())
    return b"".join(decompression.blocks()), decompression


@kinds
def test_content_comes_back(kind: str) -> None:
    """One frame, and an empty one."""
    for content in (CONTENT, b""):
        packed = COMPRESS[kind](content)
        found, decompression = decompress(kind, packed)

        assert found == content
        assert decompression.trailing is None
        assert compression_of(packed) is COMPRESSIONS[kind]


@pytest.mark.parametrize(("kind", "command"), [("gz", "gzip"), ("bz2", "bzip2"), ("xz", "xz"), ("zst", "zstd")])
def test_files_of_others_come_back(kind: str, command: str) -> None:
    """What the usual tools write."""
    if shutil.which(command) is None:
        pytest.skip(f"{command} is not installed")
    packed = subprocess.run([command, "-c"], input=CONTENT, capture_output=True, check=True).stdout

    assert decompress(kind, packed)[0] == CONTENT


@kinds
def test_all_frames_are_read(kind: str) -> None:
    """Many frames, small and empty ones, with zeros between and behind them."""
    parts = [CONTENT[:10], b"", CONTENT[10:90_000], CONTENT[90_000:]]
    packed = b"".join(map(COMPRESS[kind], parts))
    assert decompress(kind, packed)[0] == CONTENT
    padded = bytes(8).join(map(COMPRESS[kind], parts)) + bytes(100_000)
    found, decompression = decompress(kind, padded)
    assert found == CONTENT
    assert decompression.trailing is None
    small = COMPRESS[kind](b"x") * 3000
    assert decompress(kind, small)[0] == b"x" * 3000


@kinds
def test_trailing_bytes_are_told(kind: str) -> None:
    """Bytes behind the last frame that begin no other, few or many, also behind zeros: content is given, length and place are told."""
    packed = COMPRESS[kind](CONTENT)
    for padding, junk in ((0, b"j"), (3, b"junk" * 50_000), (70_000, b"junk")):
        found, decompression = decompress(kind, packed + bytes(padding) + junk)

        assert found == CONTENT
        assert decompression.trailing is not None
        assert decompression.trailing.reason == "trailing_data"
        assert decompression.trailing.offset == len(packed) + padding
        assert f"{len(junk)} more bytes" in decompression.trailing.detail


@kinds
def test_every_cut_is_seen(kind: str) -> None:
    """Cut anywhere, in the first frame or in a later one; whole, nothing is wrong."""
    one = COMPRESS[kind](CONTENT[:5000])
    whole = one + COMPRESS[kind](CONTENT[:300])
    assert decompress(kind, whole)[0] == CONTENT[:5000] + CONTENT[:300]
    assert decompress(kind, one)[0] == CONTENT[:5000]
    for size in [*range(1, len(whole), 97), len(one) - 1, len(one) + 7, len(whole) - 1]:
        if size == len(one):
            continue
        with pytest.raises(MemberError, match="truncated"):
            decompress(kind, whole[:size])


@kinds
def test_damage_says_where(kind: str) -> None:
    """A frame behind others is named by its offset."""
    one, other = COMPRESS[kind](CONTENT[:5000]), bytearray(COMPRESS[kind](CONTENT[:3000]))
    other[len(other) // 2] ^= 1
    with pytest.raises(MemberError, match=rf"frame at offset {len(one)}") as caught:
        decompress(kind, one + bytes(other))

    assert caught.value.reason in ("crc_mismatch", "payload_damaged")


@kinds
def test_a_bomb_stops(kind: str) -> None:
    """Expansion beyond the limit ends the file; within the grace it does not."""
    packed = COMPRESS[kind](bytes(4 << 20))
    assert len(decompress(kind, packed)[0]) == 4 << 20
    with pytest.raises(MemberError, match="limit_ratio"):
        decompress(kind, packed, Limits(ratio_grace_bytes=1 << 20))


def window(log: int) -> bytes:
    """Make a zstd frame that asks for a window of so many bits."""
    made = bytearray(zstandard.ZstdCompressor(write_content_size=False).compress(CONTENT))
    made[5] = (log - 10) << 3  # the frame's descriptor says that a byte for the window follows
    return bytes(made)


def dictionary(size: int) -> bytes:
    """Make an xz stream that asks for a dictionary of so many bytes, without taking as many here."""
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 16}]
    made = bytearray(lzma.compress(CONTENT, filters=filters))
    # The block's header: filter 0x21 with one byte of properties, and a CRC behind its padding.
    assert made[14:16] == b"\x21\1"
    made[16] = 2 * (size.bit_length() - 13)
    made[20:24] = zlib.crc32(made[12:20]).to_bytes(4, "little")
    return bytes(made)


@pytest.mark.parametrize(
    ("kind", "fits", "beyond"), [("xz", dictionary(1 << 28), dictionary(1 << 30)), ("zst", window(27), window(28))]
)
def test_more_memory_than_the_limit_is_no_damage(kind: str, fits: bytes, beyond: bytes) -> None:
    """It has a reason of its own, and a limit that can be raised; what is within it is read."""
    assert decompress(kind, fits)[0] == CONTENT
    with pytest.raises(MemberError, match=r"limit_memory: in the .* raise the limit memory_bytes"):
        decompress(kind, beyond)
    assert decompress(kind, beyond, Limits(memory_bytes=16 << 30))[0] == CONTENT


def test_long_gzip_headers_have_a_limit() -> None:
    """A name beyond it is refused with the limit's name; a higher limit reads it."""
    packed = b"\x1f\x8b\x08\x08" + bytes(6) + b"n" * 200_000 + b"\0" + gzip.compress(CONTENT)[10:]
    assert decompress("gz", packed)[0] == CONTENT
    with pytest.raises(MemberError, match=r"limit_header_bytes: .* raise the limit special_header_bytes"):
        decompress("gz", packed, Limits(special_header_bytes=100_000))


def with_check(kind: int, size: int, content: bytes) -> bytes:
    """Make an xz stream whose checksum is of another kind."""
    made = lzma.compress(content, check=lzma.CHECK_NONE)
    flags, footer_bytes = bytes([0, kind]), 12
    end = len(made) - footer_bytes - (int.from_bytes(made[-8:-4], "little") + 1) * 4
    # The index says how long each block is, its checksum included.
    lengths = bytearray(made[end:-16])
    assert lengths[:2] == b"\0\1"
    assert lengths[2] + size < 128
    lengths[2] += size
    body = made[:6] + flags + zlib.crc32(flags).to_bytes(4, "little") + made[12:end] + bytes(size)
    footer = made[-8:-4] + flags
    return (
        body
        + lengths
        + zlib.crc32(lengths).to_bytes(4, "little")
        + zlib.crc32(footer).to_bytes(4, "little")
        + footer
        + b"YZ"
    )


def test_unknown_checksums_are_told() -> None:
    """Content with a checksum of a kind that nobody knows is given, and the first such stream is named; known ones are no news."""
    known, unknown = lzma.compress(b"hello "), with_check(2, 4, b"world")
    found, decompression = decompress("xz", known + unknown + unknown)
    assert found == b"hello worldworld"
    (finding,) = decompression.findings
    assert (finding.reason, finding.offset) == ("unverified", len(known))
    for check in (lzma.CHECK_NONE, lzma.CHECK_CRC32, lzma.CHECK_CRC64, lzma.CHECK_SHA256):
        assert decompress("xz", lzma.compress(b"hello", check=check))[1].findings == []


def test_skippable_zstd_frames_are_passed_over() -> None:
    """As zstd tools write them, before, between and behind the others."""
    skippable = b"\x5e\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"12345"
    packed = skippable + zstd(b"one") + skippable + zstd(b"two") + skippable

    assert decompress("zst", packed)[0] == b"onetwo"
    assert compression_of(skippable) is COMPRESSIONS["zst"]


def test_other_first_bytes_are_no_compression() -> None:
    """Zips, text and nothing."""
    assert [compression_of(head) for head in (b"PK\3\4", b"text", b"", b"\x1f")] == [None] * 4
