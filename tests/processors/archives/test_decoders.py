"""Decoders: each against the standard library's encoder, with little output at a time, cut, and damaged."""

from __future__ import annotations

import bz2
import gzip
import lzma
import random
import zlib
from collections.abc import Callable
from itertools import repeat

import pytest
import zstandard

from zarrpack.errors import MemberError
from zarrpack.processors.archives import decoders
from zarrpack.processors.archives.decoders import (
    Decoder,
    ZlibDecoder,
    ZstdDecoder,
    crc32,
    decoded,
    deflate_decoder,
    lzma_decoder,
    xz_decoder,
)
from zarrpack.processors.archives.gzip_member import gzip_decoder

CONTENT = random.Random(1).randbytes(3000) + b"again and " * 20_000


def deflate(data: bytes) -> bytes:
    """Compress to a raw deflate stream."""
    encoder = zlib.compressobj(wbits=-15)
    return encoder.compress(data) + encoder.flush()


def zstd(data: bytes) -> bytes:
    """Compress to a zstd frame with a checksum."""
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


KINDS: dict[str, tuple[Callable[[], Decoder], Callable[[bytes], bytes]]] = {
    "deflate": (deflate_decoder, deflate),
    "deflate, zlib": (lambda: ZlibDecoder(-15), deflate),
    "gzip": (gzip_decoder, gzip.compress),
    "gzip, zlib": (lambda: ZlibDecoder(31), gzip.compress),
    "bz2": (bz2.BZ2Decompressor, bz2.compress),
    "xz": (xz_decoder, lzma.compress),
    "zstd": (ZstdDecoder, zstd),
}


def pieces(data: bytes, size: int) -> list[bytes]:
    """Cut bytes into pieces."""
    return [data[start : start + size] for start in range(0, len(data), size)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("piece_size", "block_size"), [(1 << 20, 1 << 20), (7, 1000), (1 << 20, 100), (1, 1 << 20)])
def test_content_comes_back(kind: str, piece_size: int, block_size: int) -> None:
    """However the input is cut and however little output is taken at a time; the frame's end is seen."""
    make, encode = KINDS[kind]
    content = CONTENT[: 20_000 if min(piece_size, block_size) < 1000 else None]
    decoder = make()
    blocks = list(decoded(decoder, pieces(encode(content), piece_size), repeat(block_size)))

    assert b"".join(blocks) == content
    assert decoder.eof
    if kind != "zstd":
        assert max(map(len, blocks)) <= block_size


@pytest.mark.parametrize("kind", KINDS)
def test_what_follows_the_frame_is_left(kind: str) -> None:
    """Bytes behind the end are unused, not read."""
    make, encode = KINDS[kind]
    decoder = make()

    assert b"".join(decoded(decoder, [encode(CONTENT) + b"behind"], repeat(10_000))) == CONTENT
    assert decoder.unused_data == b"behind"


@pytest.mark.parametrize("kind", KINDS)
def test_a_cut_frame_has_no_end(kind: str) -> None:
    """Cut anywhere, the decoder does not claim to have seen the end; whole, it does."""
    make, encode = KINDS[kind]
    whole = encode(CONTENT)
    for size in (1, len(whole) // 2, len(whole) - 1):
        decoder = make()
        content = b"".join(decoded(decoder, [whole[:size]], repeat(1 << 20)))

        assert not decoder.eof
        assert CONTENT.startswith(content)


@pytest.mark.parametrize("kind", ["gzip", "gzip, zlib", "bz2", "xz", "zstd"])
def test_flipped_bits_are_seen(kind: str) -> None:
    """Formats with a checksum never give other bytes without an error."""
    make, encode = KINDS[kind]
    whole = encode(CONTENT)
    chosen = random.Random(2)
    seen = 0
    for _ in range(40):
        damaged = bytearray(whole)
        damaged[chosen.randrange(len(whole))] ^= 1 << chosen.randrange(8)
        decoder = make()
        try:
            content = b"".join(decoded(decoder, [bytes(damaged)], repeat(1 << 20)))
        except MemberError as error:
            seen += error.reason in ("crc_mismatch", "payload_damaged")
            continue
        assert not decoder.eof or content == CONTENT

    assert seen > 20


@pytest.mark.parametrize("kind", ["gzip", "gzip, zlib", "zstd"])
def test_a_wrong_checksum_is_named(kind: str) -> None:
    """Where the decoder can tell a wrong checksum from other damage, so does the reason."""
    make, encode = KINDS[kind]
    damaged = bytearray(encode(CONTENT))
    damaged[-1 if kind == "zstd" else -5] ^= 1
    with pytest.raises(MemberError) as caught:
        list(decoded(make(), [bytes(damaged)], repeat(1 << 20)))

    assert caught.value.reason == "crc_mismatch"


def test_raw_lzma_needs_its_properties() -> None:
    """The five bytes of a zip's LZMA header make a decoder; others are refused."""
    filters = [{"id": lzma.FILTER_LZMA1, "lc": 2, "lp": 1, "pb": 0, "dict_size": 1 << 20}]
    encoder = lzma.LZMACompressor(lzma.FORMAT_RAW, filters=filters)
    packed = encoder.compress(CONTENT) + encoder.flush()
    decoder = lzma_decoder(bytes([2 + 9 * 1]) + (1 << 20).to_bytes(4, "little"), len(CONTENT))

    assert b"".join(decoded(decoder, [packed], repeat(1 << 16))) == CONTENT
    for properties in (b"", b"\xff\xff\xff\xff\xff"):
        with pytest.raises(MemberError, match="payload_damaged"):
            lzma_decoder(properties, 10)


def test_dictionaries_are_no_larger_than_the_content() -> None:
    """An announced dictionary of 4 GiB does not take 4 GiB."""
    assert lzma_decoder(b"\x5d\xff\xff\xff\xff", 10).decompress(b"") == b""


def test_a_zstd_bomb_comes_in_parts() -> None:
    """A frame that expands without bound is given a bounded part at a time."""
    packed = zstandard.compress(bytes(300 << 20))
    decoder = ZstdDecoder()
    part = decoder.decompress(packed, 1 << 20)

    assert 0 < len(part) <= 64 << 20
    assert not decoder.eof


def test_zlib_stands_in_for_isal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where isal is not installed, zlib gives the same."""
    monkeypatch.setattr(decoders, "HAS_ISAL", False)

    assert isinstance(deflate_decoder(), ZlibDecoder)
    assert gzip_decoder().decompress(gzip.compress(CONTENT)) == CONTENT


def test_crc32_is_the_common_one() -> None:
    """It continues from a first part, as zlib's does."""
    assert crc32(CONTENT[10:], crc32(CONTENT[:10], 0)) == zlib.crc32(CONTENT)
