"""Gzip members whose headers have names, comments, extra fields and checksums, cut anywhere by the input."""

from __future__ import annotations

import gzip
import io
import itertools
import random
import zlib
from collections.abc import Callable
from itertools import repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zarrpack.errors import MemberError
from zarrpack.processors.archives import compressed, decoders
from zarrpack.processors.archives.compressed import COMPRESSIONS, Decompression
from zarrpack.processors.archives.decoders import Decoder, ZlibDecoder, decoded
from zarrpack.processors.archives.gzip_member import GzipDecoder, gzip_decoder, gzip_header_length
from zarrpack.processors.limits import Limits

CONTENT = random.Random(5).randbytes(300) + b"and again " * 40
CHECKSUM, EXTRA, NAME, COMMENT = 2, 4, 8, 16
FLAGS = [
    sum(chosen) for count in range(6) for chosen in itertools.combinations((1, CHECKSUM, EXTRA, NAME, COMMENT), count)
]
MAKERS: dict[str, Callable[[], Decoder]] = {"own header": gzip_decoder, "zlib": lambda: ZlibDecoder(31)}


def header(flags: int, extra: bytes = b"ab\4\0data", name: bytes = b"name", comment: bytes = b"said") -> bytes:
    """Make a header with the fields that the flags ask for."""
    head = b"\x1f\x8b\x08" + bytes([flags]) + bytes(5) + b"\3"
    head += len(extra).to_bytes(2, "little") + extra if flags & EXTRA else b""
    head += name + b"\0" if flags & NAME else b""
    head += comment + b"\0" if flags & COMMENT else b""
    return head + ((zlib.crc32(head) & 0xFFFF).to_bytes(2, "little") if flags & CHECKSUM else b"")


def frame(flags: int, content: bytes = CONTENT, **fields: bytes) -> bytes:
    """Make a gzip member."""
    return header(flags, **fields) + gzip.compress(content)[10:]


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("flags", FLAGS)
def test_headers_cut_anywhere_are_read(maker: str, flags: int) -> None:
    """All fields together with all others, the input cut in two at every byte of the header, and into single bytes."""
    whole = frame(flags)
    assert gzip.decompress(whole) == CONTENT
    cuts = [[whole[:at], whole[at:]] for at in range(1, len(header(flags)) + 3)]
    for pieces in [*cuts, [bytes([byte]) for byte in whole]]:
        decoder = MAKERS[maker]()

        assert b"".join(decoded(decoder, pieces, repeat(100))) == CONTENT
        assert decoder.eof


@pytest.mark.parametrize("flags", FLAGS)
def test_frames_at_every_border_are_read(flags: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many members, one behind the other, with reads of a few bytes that fall on every place of their headers."""
    whole = frame(flags) * 3
    for read_bytes in range(6, len(header(flags)) + 8):
        monkeypatch.setattr(compressed, "_READ_BYTES", read_bytes)
        decompression = Decompression(io.BytesIO(whole), len(whole), COMPRESSIONS["gz"], Limits())

        assert b"".join(decompression.blocks()) == CONTENT * 3
        assert decompression.trailing is None


@pytest.mark.parametrize("flags", [EXTRA | NAME, NAME | COMMENT, CHECKSUM, CHECKSUM | EXTRA])
def test_real_reads_end_in_headers(flags: int) -> None:
    """The second member's header lies across the end of the first read, at every place of it."""
    second = frame(flags)
    for inside in range(len(header(flags)) + 1):
        room = compressed._READ_BYTES - inside - len(frame(EXTRA, b"", extra=b""))
        whole = frame(EXTRA, b"", extra=bytes(room)) + second
        decompression = Decompression(io.BytesIO(whole), len(whole), COMPRESSIONS["gz"], Limits())

        assert b"".join(decompression.blocks()) == CONTENT


def test_long_fields_are_read() -> None:
    """An extra field as long as it can be, and a name and a comment longer than one read, in the first member."""
    whole = frame(31, extra=bytes(65_535), name=b"n" * 300_000, comment=b"c" * 300_000)
    decompression = Decompression(io.BytesIO(whole), len(whole), COMPRESSIONS["gz"], Limits())

    assert b"".join(decompression.blocks()) == CONTENT


def test_headers_without_end_are_refused() -> None:
    """A name that goes on for ever takes no memory beyond a bound, and is no damage; one within it is read."""
    within = frame(NAME, name=b"n" * 1_000_000)
    assert b"".join(decoded(gzip_decoder(), [within], repeat(1000))) == CONTENT
    with pytest.raises(MemberError, match=r"limit_header_bytes: expected at most 1048576 bytes"):
        list(decoded(gzip_decoder(), [b"\x1f\x8b\x08\x08", *([b"n" * 65_000] * 20)], repeat(1000)))


@pytest.mark.parametrize("maker", MAKERS)
def test_damaged_headers_are_refused(maker: str) -> None:
    """Its own checksum counts; a reserved flag and another method are no gzip. Undamaged, it is read."""
    whole = frame(CHECKSUM | NAME)
    assert b"".join(decoded(MAKERS[maker](), [whole], repeat(1000))) == CONTENT
    for at, bit, reason in ((12, 1, "crc_mismatch"), (3, 0x20, "payload_damaged"), (2, 1, "payload_damaged")):
        damaged = bytearray(whole)
        damaged[at] ^= bit
        with pytest.raises(MemberError, match=reason):
            list(decoded(MAKERS[maker](), [bytes(damaged)], repeat(1000)))


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("flags", [0, 31])
def test_every_cut_has_no_end(maker: str, flags: int) -> None:
    """Cut at any byte, in the header, too, the member does not claim to have ended."""
    whole = frame(flags)
    for size in range(len(whole)):
        decoder = MAKERS[maker]()

        assert CONTENT.startswith(b"".join(decoded(decoder, [whole[:size]] if size else [], repeat(1000))))
        assert not decoder.eof


@given(st.sampled_from(FLAGS), st.binary(max_size=40), st.binary(max_size=40))
def test_lengths_are_those_of_the_fields(flags: int, extra: bytes, text: bytes) -> None:
    """Whatever the fields hold, the header ends where it does, and is not complete before."""
    text = text.replace(b"\0", b"")
    head = header(flags, extra=extra, name=text, comment=text[::-1])

    assert gzip_header_length(head + b"body") == len(head)
    assert [gzip_header_length(head[:size]) for size in range(len(head))] == [None] * len(head)


@given(st.binary(max_size=60))
def test_any_bytes_are_a_header_or_none(data: bytes) -> None:
    """Arbitrary bytes behind the magic: a length within them, more is needed, or a MemberError."""
    try:
        length = gzip_header_length(b"\x1f\x8b\x08" + data)
    except MemberError:
        return
    assert length is None or 10 <= length <= len(data) + 3


def test_isa_l_decompresses_behind_any_header() -> None:
    """Members of pgzip and BGZF keep its speed."""
    if not decoders.HAS_ISAL:
        pytest.skip("isal is not installed")

    assert isinstance(gzip_decoder(), GzipDecoder)
