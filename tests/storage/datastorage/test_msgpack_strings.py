"""Strings in MsgPack give their values or one clear error, and never hide what lies beside them."""

from __future__ import annotations

import json
import pickle
import sys
import types
import zlib
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zarrpack.errors import FormatError
from zarrpack.storage.datastorage import OptStorage
from zarrpack.storage.datastorage.msgpack_strings import read_msgpack
from zarrpack.storage.hierarchy import FIRST_NAMES
from zarrpack.storage.stored_array import ChunkLocation
from zarrpack.storage.zip_writer import ZipWriter

#: ["ab", "", "c"] in three elements of two chunks, the second padded with 0, as zarr-python 2 writes it.
CHUNKS = {
    "0": b"\x94\xa2ab\xa0\xa2|O\x91\x02",
    "1": b"\x94\xa1c\x00\xa2|O\x91\x02",
}


def zarray(shape: list[int], chunks: list[int], compressor: Any = None, dtype: str = "|O") -> dict[str, Any]:
    """Give the document of an array of strings in MsgPack."""
    filters = [{"id": "msgpack2", "raw": False}] if dtype == "|O" else None
    document = {"zarr_format": 2, "shape": shape, "chunks": chunks, "dtype": dtype, "order": "C", "fill_value": None}
    return {**document, "compressor": compressor, "filters": filters}


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """An archive with two arrays of strings in MsgPack, one of numbers, and consolidated metadata."""
    documents: dict[str, Any] = {".zgroup": {"zarr_format": 2}}
    documents["text/plain/.zarray"] = zarray([3], [2])
    documents["text/zstd/.zarray"] = zarray([3], [2], {"id": "zstd", "level": 12})
    documents["numbers/.zarray"] = zarray([2], [2], None, "<i4")
    entries = {name: json.dumps(document).encode() for name, document in documents.items()}
    entries[".zmetadata"] = json.dumps({"zarr_consolidated_format": 1, "metadata": documents}).encode()
    entries["metadata.json"] = b"{}"
    entries[".zattrs"] = b"{}"
    for key, chunk in CHUNKS.items():
        entries[f"text/plain/{key}"] = chunk
        entries[f"text/zstd/{key}"] = bytes(numcodecs.Zstd(12).encode(chunk))
    entries["numbers/0"] = np.array([1, 0], "<i4").tobytes()
    path = tmp_path / "foreign.zarr.data"
    with path.open("wb") as file:
        writer = ZipWriter(file)
        for name, payload in entries.items():
            writer.add(name, payload)
        writer.close(FIRST_NAMES)
    return path


@pytest.fixture
def unpacker(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for the package msgpack that knows short texts, small numbers and short lists."""

    def unpack(buffer: bytes, start: int = 0) -> tuple[Any, int]:
        kind = buffer[start]
        if kind < 0x80:
            return kind, start + 1
        if 0xA0 <= kind < 0xC0:
            end = start + 1 + kind - 0xA0
            return buffer[start + 1 : end].decode(), end
        values, end = [], start + 1
        for _ in range(kind - 0x90):
            value, end = unpack(buffer, end)
            values.append(value)
        return values, end

    module = types.ModuleType("msgpack")
    module.unpackb = lambda buffer, raw, strict_map_key: unpack(buffer)[0]  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "msgpack", module)


@pytest.mark.usefixtures("unpacker")
def test_values_are_given(archive: Path) -> None:
    """With the package the strings are those that were written, over all chunks and without the padding."""
    with OptStorage(archive) as storage:
        assert sorted(storage.get_keys()) == ["numbers", "text"]
        for key in ("text/plain", "text/zstd"):
            assert storage.load_data(key).tolist() == ["ab", "", "c"]
        assert storage.load_data("text")["plain"].dtype == object


def test_without_the_package_the_array_is_named(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package the array that cannot be read is named, with what to install; all others are read."""
    monkeypatch.setitem(sys.modules, "msgpack", None)
    with OptStorage(archive) as storage:
        assert storage.load_data("numbers").tolist() == [1, 0]
        assert sorted(storage.get_keys()) == ["numbers", "text"]
        with pytest.raises(FormatError, match=r"text/plain: .*install the package msgpack"):
            storage.load_data("text/plain")


def test_bytes_of_the_library_are_read(tmp_path: Path) -> None:
    """What numcodecs' own codec writes is read with the package msgpack, also in two dimensions."""
    pytest.importorskip("msgpack", reason="the package msgpack is not installed")
    values = np.array([["ab", ""], ["größe", "x" * 300]], object)
    chunk = bytes(numcodecs.get_codec({"id": "msgpack2"}).encode(values))

    found = read_msgpack(Entries({"a/0.0": chunk}), "a", zarray([2, 2], [2, 2]))

    assert found.tolist() == values.tolist()


class Entries:
    """Entries in memory."""

    def __init__(self, entries: dict[str, bytes]) -> None:
        self.entries = entries

    def has_entry(self, name: str) -> bool:
        """Whether it is there."""
        return name in self.entries

    def locate(self, name: str) -> ChunkLocation | None:
        """Nowhere in a file."""
        return None

    def payload(self, name: str) -> bytes:
        """Its bytes."""
        return self.entries[name]


@pytest.mark.usefixtures("unpacker")
@pytest.mark.parametrize("compressor", [numcodecs.Blosc(), numcodecs.Zlib(1), numcodecs.LZ4(), numcodecs.GZip(1)])
def test_compressors_of_zarr_2(compressor: Any) -> None:
    """Chunks come through the compressors that were usual."""
    entries = Entries({f"a/{key}": bytes(compressor.encode(chunk)) for key, chunk in CHUNKS.items()})

    assert read_msgpack(entries, "a", zarray([3], [2], compressor.get_config())).tolist() == ["ab", "", "c"]


@pytest.mark.usefixtures("unpacker")
@pytest.mark.parametrize(
    ("document", "chunks"),
    [
        (zarray([3], [2]), {"0": CHUNKS["0"]}),
        (zarray([3], [2]), {**CHUNKS, "1": b"\x93\xa1c\xa2|O\x91\x02"}),
        (zarray([3], [2]), {**CHUNKS, "1": b"\x94\xa1c\xa0\xa2|O\x91\x03"}),
        (zarray([3], [2]), {**CHUNKS, "1": b""}),
        (zarray([3], [2]), {**CHUNKS, "1": b"\x05"}),
        (zarray([3], [2], {"id": "zlib"}), CHUNKS),
        (zarray([3], [2], {"id": "zstd"}), CHUNKS),
        (zarray([3], [2], "zlib"), CHUNKS),
        (zarray([2**60], [1]), {}),
        (zarray([3], [0]), CHUNKS),
    ],
)
def test_damage_is_named(document: dict[str, Any], chunks: dict[str, bytes]) -> None:
    """A missing chunk, one that holds something else, and codecs that could run code are refused with the array's name."""
    entries = Entries({f"a/{key}": chunk for key, chunk in chunks.items()})

    with pytest.raises(FormatError, match=r"^a|Zstd"):
        read_msgpack(entries, "a", document)


@pytest.mark.usefixtures("unpacker")
def test_pickles_are_never_opened(tmp_path: Path) -> None:
    """A codec that would run what is in the file is refused by name, and nothing is run."""

    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "sprung",)

    entries = Entries({"a/0": pickle.dumps(Trap())})

    with pytest.raises(FormatError, match="expected a compressor"):
        read_msgpack(entries, "a", zarray([2], [2], {"id": "pickle"}))
    assert not (tmp_path / "sprung").exists()


@settings(deadline=None)
@given(st.lists(st.text(max_size=3) | st.integers(0, 9) | st.lists(st.integers(0, 3), max_size=3), max_size=6))
def test_any_content_is_read_or_refused(items: list[Any]) -> None:
    """Whatever a chunk unpacks to, it gives two values or FormatError."""
    module = types.ModuleType("msgpack")
    module.unpackb = lambda buffer, raw, strict_map_key: items  # type: ignore[attr-defined]
    payload = zlib.compress(b"")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "msgpack", module)
        try:
            found = read_msgpack(Entries({"a/0": payload}), "a", zarray([2], [2], {"id": "zlib", "level": 1}))
        except FormatError:
            assert len(items) != 4 or items[-1] != [2]
            return

    assert found.tolist() == items[:2]
