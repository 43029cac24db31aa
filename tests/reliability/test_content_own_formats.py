"""Hostile .data and .dataset files: refused with a reason, in no time and no memory, and nothing in them is run."""

from __future__ import annotations

import json
import os
import pickle
import struct
import tracemalloc
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zstandard

import zarrpack
from zarrpack.errors import FormatError
from zarrpack.storage.data_file import DataFile

ARRAY: dict[str, Any] = {
    "zarr_format": 2,
    "shape": [4],
    "chunks": [4],
    "dtype": "<i4",
    "order": "C",
    "compressor": {"id": "zstd", "level": 1},
    "filters": None,
    "fill_value": None,
    "dimension_separator": ".",
}
CHUNK = zstandard.compress(np.arange(4, dtype="<i4").tobytes())
MOST_BYTES = 64 << 20


class Canary:
    """Whoever unpickles it leaves a file behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, (str(self.path),))


def write(
    path: Path, array: Mapping[str, Any] = ARRAY, chunk: bytes | None = CHUNK, *, consolidated: bool = True
) -> Path:
    """Write a file of one group and one array."""
    documents = {".zgroup": {"zarr_format": 2}, "g/.zgroup": {"zarr_format": 2}, "g/a/.zarray": dict(array)}
    documents["g/a/.zattrs"] = {"_ARRAY_DIMENSIONS": [f"d{axis}" for axis in range(len(array["shape"]))]}
    with zipfile.ZipFile(path, "w") as archive:
        if consolidated:
            text = json.dumps({"zarr_consolidated_format": 1, "metadata": documents})
            archive.writestr(".zmetadata", text)
        for name, document in documents.items():
            archive.writestr(name, json.dumps(document))
        if chunk is not None:
            archive.writestr("g/a/" + ".".join("0" for _ in array["shape"]), chunk)
    return path


def read_arrays(path: Path) -> None:
    """Read every array with the reader of our own."""
    with DataFile(path) as file:
        for array in file.arrays.values():
            array.read()


def read_group(path: Path) -> None:
    """Read the group with zarr and xarray."""
    with zarrpack.open_dataset(path, "g") as dataset:
        dataset.load()


def check_refused(path: Path) -> None:
    """Both ways refuse the file with an error of ours, and neither asks for much memory."""
    tracemalloc.start()
    try:
        with pytest.raises(FormatError):
            read_arrays(path)
        with pytest.raises(FormatError):
            read_group(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < MOST_BYTES


@pytest.mark.parametrize("consolidated", [True, False])
def test_a_sound_file_is_read(tmp_path: Path, consolidated: bool) -> None:
    """The control: with and without consolidated metadata."""
    path = write(tmp_path / "a.data", consolidated=consolidated)
    read_arrays(path)
    read_group(path)

    with DataFile(path) as file:
        assert file.arrays["g/a"].read().tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "fields",
    [
        {"shape": [10**15], "chunks": [10**13]},
        {"shape": [10**15], "chunks": [4]},
        {"shape": [2**62, 2**62], "chunks": [1, 4]},
        {"shape": [2**70]},
        {"shape": [-1]},
        {"shape": [4.0]},
        {"shape": [True]},
        {"shape": "4"},
        {"chunks": [0]},
        {"chunks": [-4]},
        {"chunks": [4, 4]},
        {"shape": [1] * 40, "chunks": [1] * 40},
        {"dtype": "|O"},
        {"dtype": "|O", "filters": [{"id": "pickle"}]},
        {"dtype": "|O", "filters": [{"id": "msgpack2"}]},
        {"dtype": "|O", "filters": [{"id": "json2"}]},
        {"filters": [{"id": "pickle"}]},
        {"compressor": {"id": "pickle"}},
        {"compressor": {"id": "blosc"}},
        {"compressor": {"id": "lzma", "format": 1}},
        {"filters": [{"id": "delta", "dtype": "<i8", "astype": "|O"}]},
        {"dtype": "<V8"},
        {"dtype": [["a", "<i4"]]},
        {"dtype": "<f16"},
        {"dtype": "<U4000000000"},
        {"zarr_format": 3},
        {"order": "K"},
        {"fill_value": {"a": 1}},
        {"dimension_separator": "/"},
    ],
    ids=str,
)
def test_metadata_that_asks_for_the_absurd_is_refused(tmp_path: Path, fields: dict[str, Any]) -> None:
    """Shapes, chunks, types and codecs that no file of ours has."""
    check_refused(write(tmp_path / "a.data", {**ARRAY, **fields}))


@pytest.mark.parametrize(
    "chunk",
    [
        None,
        b"",
        b"no frame",
        CHUNK[:-3],
        zstandard.compress(bytes(12)),
        zstandard.compress(bytes(20)),
        zstandard.compress(bytes(256 << 20)),
    ],
    ids=["missing", "empty", "noise", "cut", "short", "long", "bomb"],
)
def test_chunks_that_are_not_what_they_should_be_are_refused(tmp_path: Path, chunk: bytes | None) -> None:
    """A chunk that is missing is never zeros; one that is a bomb is not unpacked."""
    path = write(tmp_path / "a.data", chunk=chunk)

    tracemalloc.start()
    try:
        with pytest.raises(FormatError):
            read_arrays(path)
        assert tracemalloc.get_traced_memory()[1] < MOST_BYTES
    finally:
        tracemalloc.stop()


def test_a_missing_chunk_is_no_zeros_in_xarray(tmp_path: Path) -> None:
    """Opening says so, before zarr could fill it in."""
    with pytest.raises(FormatError, match="expected chunk 0, found none"):
        zarrpack.open_dataset(write(tmp_path / "a.data", chunk=None), "g")


@pytest.mark.parametrize(
    "fields",
    [
        {"compressor": {"id": "pickle"}},
        {"filters": [{"id": "pickle"}], "compressor": None},
        {"dtype": "|O", "filters": [{"id": "pickle"}], "compressor": None},
    ],
    ids=str,
)
def test_nothing_in_a_file_is_unpickled(tmp_path: Path, fields: dict[str, Any]) -> None:
    """A pickle as a chunk, of codecs that would load it: the canary stays alive."""
    canary = tmp_path / "canary"
    path = write(tmp_path / "a.data", {**ARRAY, **fields}, pickle.dumps(Canary(canary)))
    check_refused(path)
    assert not canary.exists()

    pickle.loads(pickle.dumps(Canary(canary)))
    assert canary.exists()


def test_entries_that_share_bytes_are_refused(tmp_path: Path) -> None:
    """A directory that leads many chunks to the bytes of one."""
    path = write(tmp_path / "a.data", {**ARRAY, "shape": [400_000], "chunks": [100_000]})
    payload = zstandard.compress(bytes(400_000)) + bytes(5000)
    with zipfile.ZipFile(path, "a") as archive:
        for number in range(1, 4):
            archive.writestr(f"g/a/{number}", payload)
    with DataFile(path) as file:
        assert len(file.arrays) == 1  # the control

    data = bytearray(path.read_bytes())
    first = data.index(b"PK\1\2", data.rindex(payload))
    records = [place for place in range(first, len(data)) if data.startswith(b"PK\1\2", place)]
    for record in records[-3:]:
        data[record + 20 : record + 28] = struct.pack("<II", len(data), len(data))
    path.write_bytes(data)
    with pytest.raises(FormatError, match="share bytes"):
        DataFile(path)


@pytest.mark.parametrize("name", [".zmetadata", ".zgroup", "metadata.json"])
def test_deep_and_odd_json_is_refused(tmp_path: Path, name: str) -> None:
    """Nesting without end, numbers without end, and what is no JSON."""
    accepted: list[str] = []
    for text in ("[" * 200_000, '{"a":' * 100_000, "9" * 5000, "{", "\x00", "[]", '{"metadata": 5}'):
        path = tmp_path / "a.data"
        with zipfile.ZipFile(path, "w") as archive:
            if name != ".zgroup":
                archive.writestr(".zgroup", '{"zarr_format": 2}')
            archive.writestr(name, text)
        with suppress(FormatError), DataFile(path) as file:
            assert isinstance(file.metadata, dict)
            accepted.append(text)
    # The last one is the only object among them, and asks for nothing.
    assert set(accepted) <= {'{"metadata": 5}'}
