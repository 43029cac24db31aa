"""Decoded chunks and open files are kept within their bounds."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from zarrpack.errors import FormatError
from zarrpack.storage.merge.columns import Columns
from zarrpack.storage.merge.decoded_chunks import DecodedChunks
from zarrpack.storage.merge.open_files import OpenFiles


def chunk(size: int) -> npt.NDArray[np.uint8]:
    """Give a chunk of some bytes."""
    return np.zeros(size, np.uint8)


def test_chunks_used_last_are_kept() -> None:
    """Beyond the bound the chunk unused for longest goes; the newest stays however large it is."""
    cache = DecodedChunks(100)
    first = cache.get(1, lambda: chunk(60))
    cache.get(2, lambda: chunk(40))

    assert cache.get(1, lambda: chunk(60)) is first
    cache.get(3, lambda: chunk(30))
    assert cache.get(1, lambda: chunk(60)) is first
    large = cache.get(4, lambda: chunk(500))
    assert cache.get(4, lambda: chunk(500)) is large
    assert cache.get(1, lambda: chunk(60)) is not first


def test_a_chunk_is_decoded_once_for_all_threads() -> None:
    """Threads that want the chunk that another one decodes wait for it."""
    cache = DecodedChunks(1 << 20)
    started, release = threading.Event(), threading.Event()
    calls: list[int] = []

    def decode() -> npt.NDArray[np.uint8]:
        calls.append(1)
        started.set()
        release.wait(10)
        return chunk(4)

    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(cache.get, 1, decode) for _ in range(4)]
        assert started.wait(10)
        release.set()
        found = [future.result() for future in futures]

    assert len(calls) == 1
    assert all(one is found[0] for one in found)


def test_what_decoding_raises_is_raised_each_time() -> None:
    """A chunk that does not decode is not kept."""
    cache = DecodedChunks(100)

    def fail() -> npt.NDArray[np.uint8]:
        raise FormatError("damaged")

    for _ in range(2):
        with pytest.raises(FormatError, match="damaged"):
            cache.get(1, fail)
    assert len(cache.get(1, lambda: chunk(4))) == 4


def test_few_files_are_open_at_once(tmp_path: Path) -> None:
    """Files are closed when too many are open, but none that is being used; at the end all are."""
    paths = [str(tmp_path / f"{number}") for number in range(6)]
    for path in map(Path, paths):
        path.write_bytes(path.name.encode() * 3)

    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - there is nothing to list lazily
    with OpenFiles(paths, most=2) as files, files.descriptor(0) as used:
        assert [files.read(number, 1, 2) for number in range(6)] == [f"{number}".encode() * 2 for number in range(6)]
        assert len(os.listdir("/proc/self/fd")) - before == 2  # noqa: PTH208
        assert os.pread(used, 3, 0) == b"000"
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def test_columns_keep_what_was_appended() -> None:
    """Rows come back in order, added one by one or many at a time."""
    columns = Columns(small="i", large="q")
    columns.append(-1, 1 << 40)
    first = columns.extend(np.array([7, 8]), np.array([1, 2]))

    assert first == 1
    assert columns["small"].tolist() == [-1, 7, 8]
    assert columns["large"].tolist() == [1 << 40, 1, 2]
