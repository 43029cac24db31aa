"""Chunks encoded here are what HDF5's own filters read."""

from __future__ import annotations

import threading
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from zarrpack.storage.hdf5.file import create_file, make_chunked
from zarrpack.storage.hdf5.filters import encode_piece
from zarrpack.storage.hdf5.options import Hdf5Compression

ARRAYS = npst.arrays(
    st.sampled_from([np.uint8, np.int16, np.float32, np.float64, np.complex128]),
    npst.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=20),
)


@pytest.mark.parametrize("compression", ["gzip", "lzf", "none"])
@given(values=ARRAYS)
@settings(max_examples=25, deadline=None)
def test_hdf5_reads_pieces(
    compression: Hdf5Compression, values: np.ndarray, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Through HDF5's filter pipeline the values come back, bit for bit."""
    path = tmp_path_factory.mktemp("h5") / "a.h5"
    with create_file(path) as file:
        data = make_chunked(file, "a", values.shape, values.dtype, values.shape, compression)
        payload, mask = encode_piece(values, compression)
        data.id.write_direct_chunk((0,) * values.ndim, payload, mask)
    with h5py.File(path) as file:
        assert file["a"][...].tobytes() == values.tobytes()
        assert file["a"].fletcher32


def test_every_thread_gives_the_same_bytes() -> None:
    """The address of a thread's stack does not matter. It did, once in 128 threads, in this chunk."""
    values = np.array([16, 16, *[900] * 9], np.int32)
    payloads = []
    started, end = threading.Barrier(801), threading.Event()

    def encode() -> None:
        payloads.append(bytes(encode_piece(values, "gzip").payload))
        started.wait()
        end.wait()  # so that every thread has a stack of its own

    before = threading.stack_size(1 << 18)
    threads = [threading.Thread(target=encode) for _ in range(800)]
    for thread in threads:
        thread.start()
    threading.stack_size(before)
    started.wait()
    end.set()
    for thread in threads:
        thread.join()

    assert len(payloads) == 800
    assert len(set(payloads)) == 1


def test_a_damaged_piece_is_noticed(tmp_path: Path) -> None:
    """Of an uncompressed chunk a changed byte is refused by HDF5; the undamaged one is read."""
    values = np.arange(1000, dtype=np.int32)
    payload = bytearray(encode_piece(values, "none").payload)
    with create_file(tmp_path / "a.h5") as file:
        for name in ("whole", "damaged"):
            data = make_chunked(file, name, (1000,), values.dtype, (1000,), "none")
            data.id.write_direct_chunk((0,), bytes(payload))
            payload[100] ^= 1
    with h5py.File(tmp_path / "a.h5") as file:
        assert (file["whole"][...] == values).all()
        with pytest.raises(OSError, match=r"checksum|read"):
            file["damaged"][...]


def test_zstd_is_the_registered_filter() -> None:
    """A Zstd chunk is a plain frame, shuffled before."""
    import zstandard

    values = np.arange(4, dtype="<i2")
    payload, mask = encode_piece(values, "zstd")

    assert mask == 0
    assert zstandard.ZstdDecompressor().decompress(bytes(payload[:-4])) == bytes([0, 1, 2, 3, 0, 0, 0, 0])
