"""The checksum is HDF5's own."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zarrpack.storage.hdf5.fletcher32 import fletcher32


def by_hdf5(content: bytes) -> int:
    """Let HDF5 store a chunk with its checksum, and give the checksum."""
    with h5py.File("f", "w", driver="core", backing_store=False) as file:
        data = file.create_dataset("a", data=np.frombuffer(content, np.uint8), chunks=(len(content),), fletcher32=True)
        _, stored = data.id.read_direct_chunk((0,))
    return int.from_bytes(stored[-4:], "little")


@given(st.binary(min_size=1, max_size=3000))
@settings(max_examples=100, deadline=None)
def test_any_bytes(content: bytes) -> None:
    """Any content has the checksum that HDF5 gives it."""
    assert fletcher32(content) == by_hdf5(content)


@pytest.mark.parametrize("size", [1, 2, 511, 512, 513, 70_001, (1 << 20) + 7])
@pytest.mark.parametrize("byte", [0, 1, 255])
def test_sums_that_wrap(size: int, byte: int) -> None:
    """Sums that are a multiple of the modulus are told from zero, and large ones do not overflow."""
    content = bytes([byte]) * size

    assert fletcher32(content) == by_hdf5(content)


def test_a_changed_byte_changes_it() -> None:
    """It is a checksum."""
    content = bytearray(range(256))
    before = fletcher32(bytes(content))
    content[17] ^= 1

    assert fletcher32(bytes(content)) != before
