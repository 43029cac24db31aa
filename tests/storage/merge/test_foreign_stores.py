"""Per-file stores that other programs have written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import numpy.typing as npt
import pytest
import zarr
from zarr.storage import ZipStore


def write_store(path: Path, arrays: dict[str, npt.NDArray[Any]], dims: dict[str, list[str]], **options: Any) -> Path:
    """Write arrays with zarr-python; a name with a slash goes into a group."""
    store = ZipStore(path, mode="w")
    with zarr.config.set({"array.write_empty_chunks": True}):
        root = zarr.create_group(store, zarr_format=2)
        for name, values in arrays.items():
            group, _, leaf = name.rpartition("/")
            parent = root.require_group(group) if group else root
            attributes: dict[str, Any] = {"_ARRAY_DIMENSIONS": dims[name]} if name in dims else {}
            array = parent.create_array(
                leaf,
                shape=values.shape,
                dtype=values.dtype,
                chunks=options.get("chunks", {}).get(name, "auto"),
                compressors=numcodecs.Zstd(3),
                order=options.get("order", "C"),
                fill_value=None,
                attributes=attributes,
            )
            array[...] = values
    store.close()
    return path


@pytest.mark.parametrize("order", ["C", "F"])
def test_zarr_pythons_arrays_are_joined(workshop: Any, order: str) -> None:
    """Other byte orders, other chunks along every axis, and other codecs are read."""
    rng = np.random.default_rng(0)
    sources, expected = [], []
    for number in range(3):
        values = rng.integers(0, 999, (5 + number, 7, 4)).astype(">i4")
        expected.append(values)
        sources.append(
            write_store(
                workshop.path(),
                {"faces/uv": values},
                {"faces/uv": ["face", "u", "v"]},
                chunks={"faces/uv": (2, 3, 4)},
                order=order,
            )
        )

    out = workshop.merge(sources, [[2], [0], [1]])

    assert out.arrays["faces"]["uv"].dtype == np.dtype("<i4")
    np.testing.assert_array_equal(out.arrays["faces"]["uv"], np.concatenate([expected[n] for n in (1, 2, 0)]))
    assert out.codes("faces", "face") == [0] * 6 + [1] * 7 + [2] * 5


def test_arrays_without_a_group_or_dimensions(workshop: Any) -> None:
    """Arrays in the root become a group, and each one without dimension names has rows of its own."""
    sources = [
        write_store(workshop.path(), {"areas": np.arange(n, dtype="f4"), "types": np.arange(2 * n)}, {}) for n in (3, 1)
    ]

    out = workshop.merge(sources)

    assert out.arrays["arrays"]["areas"].tolist() == [0, 1, 2, 0]
    assert out.arrays["arrays"]["types"].tolist() == [0, 1, 2, 3, 4, 5, 0, 1]
    assert out.codes("arrays", "areas_dim_0") == [0, 0, 0, 1]
    assert out.codes("arrays", "types_dim_0") == [0] * 6 + [1] * 2


def test_scalars_become_a_row_for_each_file(workshop: Any) -> None:
    """An array without axes is one row of its file."""
    sources = [write_store(workshop.path(), {"g/volume": np.array(value)}, {"g/volume": []}) for value in (2.5, 4.5)]

    out = workshop.merge(sources, [[1], [0]])

    assert out.arrays["g"]["volume"].tolist() == [4.5, 2.5]
    assert out.codes("g", "file") == [0, 1]


def test_fixed_length_text_is_joined(workshop: Any) -> None:
    """Fixed-length strings take the longest length; beside strings of any length they become such."""
    short, long = (
        write_store(workshop.path(), {"g/name": np.array(values)}, {"g/name": ["row"]})
        for values in (["a", "b"], ["größer"])
    )

    fixed = workshop.merge([short, long]).arrays["g"]["name"]

    assert fixed.dtype == np.dtype("<U6")
    assert fixed.tolist() == ["a", "b", "größer"]


def test_nested_groups_get_one_name(workshop: Any) -> None:
    """A group in a group has no slash in its name in the output."""
    source = write_store(workshop.path(), {"graph/edges/source": np.arange(3)}, {"graph/edges/source": ["edge"]})

    assert workshop.merge([source]).arrays["graph_edges"]["source"].tolist() == [0, 1, 2]


def test_divided_rows_of_different_shape_go_flat(workshop: Any) -> None:
    """Rows that lie in several chunks are put together before they are laid in one axis."""
    arrays = [np.random.default_rng(seed).random((3, 5 + seed, 4)) for seed in range(2)]
    sources = [
        write_store(workshop.path(), {"g/x": values}, {"g/x": ["row", "a", "b"]}, chunks={"g/x": (2, 3, 4)})
        for values in arrays
    ]

    out = workshop.merge(sources)

    for thing, values in zip(out.rows("g", "x"), arrays, strict=True):
        np.testing.assert_array_equal(thing, values)
