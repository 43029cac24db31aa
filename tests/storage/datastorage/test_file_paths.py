"""Where keys lie: what is no key is refused by every store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from zarrpack.storage import JsonStorageHandler, MemoryStorage, OptStorage
from zarrpack.storage.datastorage import DataStorage


@pytest.mark.parametrize("kind", ["memory", "json", "zarr"])
@pytest.mark.parametrize("key", [None, 5])
def test_a_path_is_of_a_text(tmp_path: Path, kind: str, key: Any) -> None:
    """Numbers and None are no keys, not even that of the whole store, which is the empty one."""
    stores: dict[str, DataStorage] = {
        "memory": MemoryStorage(),
        "json": JsonStorageHandler(tmp_path / "json"),
        "zarr": OptStorage(tmp_path / "a.zarr"),
    }
    with stores[kind] as storage:
        with pytest.raises(TypeError):
            storage.get_file_path(key)
        assert isinstance(storage.get_file_path(""), str)
