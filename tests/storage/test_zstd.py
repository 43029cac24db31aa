"""Tests of Zstandard frames."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numcodecs
import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from zarrpack.errors import FormatError
from zarrpack.storage.zstd import _contexts, compress, compress_pieces, decompress

_RANDOM = np.random.default_rng(1).integers(0, 90, 600 << 10, dtype=np.uint8).tobytes()


@given(st.binary(max_size=2000), st.sampled_from([1, 3, 12]))
def test_frames_go_both_ways_with_numcodecs(content: bytes, level: int) -> None:
    """Each side decodes what the other encodes (numcodecs cannot decode an empty frame)."""
    frame = compress(content, level)

    assert decompress(frame, most=len(content)) == content
    assert decompress(bytes(numcodecs.Zstd(level).encode(content)), most=len(content)) == content
    assert not content or bytes(numcodecs.Zstd().decode(frame)) == content


@pytest.mark.parametrize("size", [512 << 10, (512 << 10) + 1, 3 << 20])
def test_large_inputs_need_no_large_tables(size: int) -> None:
    """At the highest level that is used the context stays small, and numcodecs decodes the frame."""
    content = np.random.default_rng(size).integers(0, 50, size, dtype=np.uint8).tobytes()

    frame = compress(content, 12)

    assert bytes(numcodecs.Zstd().decode(frame)) == content
    assert sum(one.memory_size() for one in _contexts.compressors.values()) < 24 << 20
    assert zstandard.get_frame_parameters(frame).window_size <= 1 << 20


@settings(max_examples=20)
@given(
    content=st.sampled_from([b"", b"abc", bytes(100_000), _RANDOM[: 256 << 10], _RANDOM[: (256 << 10) + 1], _RANDOM]),
    level=st.sampled_from([1, 12]),
    cuts=st.lists(st.floats(0, 1), max_size=6),
)
def test_pieces_make_the_frame_of_the_whole(content: bytes, level: int, cuts: list[float]) -> None:
    """Wherever it is cut, nothing between two cuts included, on both sides of the size from which streams are used."""
    borders = [0, *sorted(round(cut * len(content)) for cut in cuts), len(content)]
    pieces = [content[start:stop] for start, stop in pairwise(borders)]

    frame = compress_pieces(iter(pieces), len(content), level)

    assert frame == compress(content, level)
    assert decompress(frame, most=len(content)) == content


@pytest.mark.parametrize("size", [10, 1 << 20])
@pytest.mark.parametrize("off", [-1, 1])
def test_pieces_of_another_size_are_refused(size: int, off: int) -> None:
    """The header has said how much comes; the next frame is not harmed."""
    with pytest.raises(ValueError, match=f"expected {size} bytes together, found {size + off}"):
        compress_pieces([bytes(size // 2), bytes(size // 2 + off)], size, 1)

    assert decompress(compress_pieces([bytes(size)], size, 1), most=size) == bytes(size)


def test_a_bomb_is_refused_by_its_header() -> None:
    """A frame that announces more than is allowed is refused before memory is asked for."""
    bomb = compress(bytes(10_000_000), 1)
    assert len(bomb) < 2000

    with pytest.raises(FormatError, match="at most 9999999 bytes, found 10000000 announced"):
        decompress(bomb, most=9_999_999)


def test_a_frame_without_a_size_is_bounded() -> None:
    """A stream's frame, which does not say its size, is read up to the limit and refused beyond."""
    content = bytes(range(256)) * 1000
    frame = zstandard.ZstdCompressor(write_content_size=False).compress(content)
    assert zstandard.frame_content_size(frame) == -1

    assert decompress(frame, most=len(content)) == content
    with pytest.raises(FormatError, match="found more"):
        decompress(frame, most=len(content) - 1)


@given(st.binary(max_size=80))
def test_foreign_bytes_give_format_errors_only(payload: bytes) -> None:
    """Whatever the bytes, decompressing gives content within the limit or FormatError."""
    try:
        content = decompress(payload, most=100)
    except FormatError:
        content = b""

    assert len(content) <= 100


def test_a_cut_frame_is_refused() -> None:
    """A frame that ends early is a FormatError; the whole one is read."""
    frame = compress(bytes(range(200)), 1)
    assert decompress(frame, most=200) == bytes(range(200))

    with pytest.raises(FormatError, match="damaged frame"):
        decompress(frame[:-3], most=200)


def test_threads_have_their_own_contexts() -> None:
    """Many threads at once give the bytes that one gives."""
    contents = [bytes([number]) * 5000 + bytes(range(256)) * 40 for number in range(64)]
    expected = [compress(content, 3) for content in contents]

    with ThreadPoolExecutor(8) as pool:
        frames = list(pool.map(lambda content: compress(content, 3), contents))
        decoded = list(pool.map(lambda frame: decompress(frame, 1 << 20), frames))

    assert frames == expected
    assert decoded == contents
