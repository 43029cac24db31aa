"""What is written here is read by zarr-python and xarray; what zarr-python writes is read here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
import xarray
import zarr
from zarr.storage import ZipStore

from zarrpack.storage.array_metadata import ArrayMetadata
from zarrpack.storage.base import Codec
from zarrpack.storage.data_file import DataFile

WriteFile = Callable[[Mapping[str, Any]], Path]

NUMBERS = ["|b1", "|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8", "<f2", "<f4", "<f8", "<c8", "<c16"]
SHAPES: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
    ((), ()),
    ((0,), (1,)),
    ((0, 3), (1, 3)),
    ((7,), (7,)),
    ((7,), (3,)),
    ((5, 4, 3), (1, 4, 3)),
    ((5, 4, 3), (2, 3, 3)),
]


def values_of(dtype: str, shape: tuple[int, ...]) -> Any:
    """Give values with zeros and extremes among them."""
    random = np.random.default_rng(7)
    if dtype == "|O":
        words = np.array(
            [["", "a", "größe", "衬衫", "long " * 20][n] for n in random.integers(0, 5, shape).ravel()], object
        )
        return words.reshape(shape)
    if dtype == "bytes":
        items = np.empty(int(np.prod(shape)), object)
        items[:] = [bytes(random.integers(0, 256, n, dtype=np.uint8)) for n in random.integers(0, 9, items.size)]
        return items.reshape(shape)
    if dtype[1] == "S":
        return np.array([b"", b"ab", b"abc"], dtype)[random.integers(0, 3, shape)]
    if dtype[1] == "U":
        return values_of("|O", shape).astype(dtype)
    if dtype[1] in "iu":
        limits = np.iinfo(dtype)
        values = random.integers(limits.min, limits.max, shape, dtype[1:], endpoint=True)
        return np.where(random.random(shape) < 0.3, 0, values).astype(dtype)
    return (random.integers(-2, 3, shape) * 1.5).astype(dtype)


def cases() -> dict[str, tuple[ArrayMetadata, Any]]:
    """Give an array per type, shape, order and filter, in one group; every axis has a dimension of its own."""
    arrays = {}
    for dtype in [*NUMBERS, "|O", "bytes"]:
        for number, (shape, chunks) in enumerate(SHAPES):
            for order in ("C", "F") if dtype not in ("|O", "bytes") else ("C",):
                for level, delta in ((1, dtype[1] in "iu"), (12, False), (None, False)):
                    name = f"a_{dtype.strip('|<')}_{number}_{order}_{level}"
                    vlen = {"|O": "vlen-utf8", "bytes": "vlen-bytes"}.get(dtype)
                    codec = Codec(level, delta and shape != (), order, vlen)  # type: ignore[arg-type]
                    dims = tuple(f"{name}_{axis}" for axis in range(len(shape)))
                    stored = "|O" if vlen else dtype
                    metadata = ArrayMetadata(shape, chunks, stored, codec, dims, {"number": number})
                    arrays[f"g/{name}"] = metadata, values_of(dtype, shape)
    return arrays


def test_every_type_and_layout_is_read_by_all(write_file: WriteFile) -> None:
    """Each array of each type, shape, order and filter comes back equal here, in zarr-python and in xarray."""
    arrays = cases()
    path = write_file(arrays)
    with DataFile(path) as file, ZipStore(path, mode="r") as store, ZipStore(path, mode="r") as second:
        group = zarr.open_group(store, mode="r")["g"]
        dataset = xarray.open_zarr(second, group="g", consolidated=True, chunks=None, mask_and_scale=False)
        assert isinstance(group, zarr.Group)
        for name, (metadata, expected) in arrays.items():
            array = group[name.removeprefix("g/")]
            assert isinstance(array, zarr.Array)
            variable = dataset[name.removeprefix("g/")]
            own = file.arrays[name].read()

            assert own.tolist() == expected.tolist() == np.asarray(array[...]).tolist() == variable.values.tolist(), (
                name
            )
            assert own.shape == array.shape == variable.shape
            assert variable.dims == metadata.dims
            assert array.attrs["number"] == metadata.attributes["number"]
            if metadata.dtype != "|O":
                assert own.dtype == array.dtype == variable.dtype == np.dtype(metadata.dtype)


@pytest.mark.parametrize("dtype", [*NUMBERS, "<U7", "|S3", ">i4", ">f8"])
@pytest.mark.parametrize(("shape", "chunks"), SHAPES)
@pytest.mark.parametrize("order", ["C", "F"])
def test_what_zarr_python_writes_is_read_here(
    tmp_path: Path, dtype: str, shape: tuple[int, ...], chunks: tuple[int, ...], order: Any
) -> None:
    """Arrays of zarr-python's own, with and without compressor, Delta and consolidated metadata, come back equal."""
    values = values_of(dtype, shape)
    filters = [numcodecs.Delta(dtype)] if dtype[1] in "iu" and shape else None
    path = tmp_path / "zarr.zip"
    with ZipStore(path, mode="w") as store:
        group = zarr.create_group(store, zarr_format=2)
        for name, compressor in (("packed", numcodecs.Zstd(3)), ("plain", None)):
            array = group.create_array(
                f"inner/{name}",
                shape=shape,
                chunks=chunks,
                dtype=dtype,
                order=order,
                compressors=compressor,
                filters=filters,
                fill_value=None,
                config={"write_empty_chunks": True},
            )
            if 0 not in shape:
                array[...] = values

    with DataFile(path) as file:
        assert file.kind == ""
        assert list(file.groups) == ["inner"]
        for name in ("inner/packed", "inner/plain"):
            read = file.arrays[name].read()
            np.testing.assert_array_equal(read, values)
            assert read.dtype == np.dtype(dtype)


def test_strings_of_zarr_python_are_read_here(tmp_path: Path) -> None:
    """Its variable-length strings, written with consolidated metadata, come back as text."""
    words = ["", "größe", "衬衫", "a" * 300]
    path = tmp_path / "strings.zip"
    with ZipStore(path, mode="w") as store:
        group = zarr.create_group(store, zarr_format=2)
        array = group.create_array("words", shape=(4,), chunks=(3,), dtype=str, compressors=numcodecs.Zstd(1))
        array[:] = np.array(words, dtype=np.dtypes.StringDType())
        with pytest.warns(UserWarning, match="Duplicate name"):
            zarr.consolidate_metadata(store)

    with DataFile(path) as file:
        assert file.arrays["words"].read().tolist() == words
