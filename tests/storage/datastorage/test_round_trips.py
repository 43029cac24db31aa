"""Trees of anything that a store takes come back from all three stores."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from zarrpack.storage.datastorage import DataStorage, JsonStorageHandler, MemoryStorage, OptStorage
from zarrpack.storage.datastorage.testing import assert_same

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
NAMES = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="/"), min_size=1, max_size=6
) | st.sampled_from(
    ["a", "A", "metadata", "metadata.json", "file_id", "a_dim_0", "_json_index", "zarrpack", ".zarray", "0"]
)
KEYS = NAMES.filter(lambda name: name not in (".", ".."))
DTYPES = (
    hnp.boolean_dtypes()
    | hnp.integer_dtypes(endianness="?")
    | hnp.floating_dtypes(sizes=(16, 32, 64))
    | hnp.complex_number_dtypes(sizes=(64, 128))
    | hnp.unicode_string_dtypes(max_len=4)
    | hnp.datetime64_dtypes(min_period="D")
)
ARRAYS = hnp.arrays(DTYPES, hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=3))
OBJECTS = st.lists(TEXT, max_size=4).map(lambda texts: np.array(texts, object))
SCALARS = (
    st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.complex_numbers(allow_nan=False)
    | TEXT
    | st.binary()
)


def without_nan(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Put a number in the place of each NaN."""
    return np.where(np.isnan(values), values.dtype.type(1), values) if values.dtype.kind in "fc" else values


TREES = st.recursive(
    SCALARS | OBJECTS | ARRAYS.map(without_nan),
    lambda children: st.dictionaries(KEYS, children, max_size=4),
    max_leaves=8,
)


def assert_holds(storage: DataStorage, data: dict[str, Any]) -> None:
    """Assert that a store holds exactly this."""
    assert sorted(storage.get_keys()) == sorted(data)
    for key, value in data.items():
        assert_same(storage.load_data(key), value)
        if isinstance(value, dict):
            for name, member in value.items():
                assert_same(storage.load_data(f"{key}/{name}"), member)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(KEYS, TREES, max_size=3), st.data())
def test_trees_come_back(data: dict[str, Any], draw: st.DataObject) -> None:
    """What was saved is loaded: at once, after another value was saved over one, and after reopening."""
    replaced = {key: draw.draw(TREES, label=key) for key in data if draw.draw(st.booleans(), label=f"replace {key}")}
    with tempfile.TemporaryDirectory() as folder:
        stores: list[DataStorage] = [
            MemoryStorage(),
            JsonStorageHandler(f"{folder}/json"),
            OptStorage(f"{folder}/a.zarr", compression="fast"),
        ]
        for storage in stores:
            for key, value in [*data.items(), *replaced.items()]:
                storage.save_data(key, value)
            assert_holds(storage, {**data, **replaced})
            storage.compress_store()
        stores[2].close()
        assert not Path(f"{folder}/a.zarr").exists()
        assert_holds(JsonStorageHandler(f"{folder}/json"), {**data, **replaced})
        with OptStorage(f"{folder}/a.zarr") as archive:
            assert archive.is_read_only
            assert_holds(archive, {**data, **replaced})


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.lists(st.sampled_from(["a", "b", "Ä"]), min_size=1, max_size=3), st.integers(0, 9)), max_size=8
    )
)
def test_stores_agree_on_the_tree(changes: list[tuple[list[str], int]]) -> None:
    """In whatever order keys are saved above, below and over one another, all stores hold the same or refuse alike."""
    with tempfile.TemporaryDirectory() as folder:
        stores: list[DataStorage] = [
            MemoryStorage(),
            JsonStorageHandler(f"{folder}/json"),
            OptStorage(f"{folder}/a.zarr", compression="none"),
        ]
        contents = []
        for storage in stores:
            refused = []
            for segments, value in changes:
                try:
                    storage.save_data("/".join(segments), {"x": value} if value == 9 else value)
                except ValueError:
                    refused.append(segments)
            contents.append((refused, {key: storage.load_data(key) for key in sorted(storage.get_keys())}))
            storage.close()

    assert contents[0] == contents[1] == contents[2]
