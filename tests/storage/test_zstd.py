"""Tests of Zstandard frames."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numcodecs
import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from zarrpack.errors import FormatError
from zarrpack.storage.zstd import _contexts, compress, decompress


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
    assert sum(one.memory_size() for one in _contexts.compressors.values()) < 32 << 20


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
