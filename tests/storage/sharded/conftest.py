"""Small stores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from zarrpack.storage.sharded import ShardedDatasetWriter


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Give a store of ten samples in shards of four; sample i has ``history`` of length i + 1 and, if even, ``target``."""
    root = tmp_path / "store"
    with ShardedDatasetWriter(root, samples_per_shard=4) as writer:
        writer.add_fields(["history", "target"])
        for number in range(10):
            arrays = {"history": np.arange(number + 1, dtype=np.float64)}
            if number % 2 == 0:
                arrays["target"] = np.full(2, number, np.float64)
            writer.add_sample(arrays, metadata={"length": number + 1, "parity": "odd" if number % 2 else "even"})
    return root
