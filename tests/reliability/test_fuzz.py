"""Mutations of everything foreign that is read: an error of ours, or what was promised. Found cases stay as examples.

Takes seconds; ``ZARRPACK_FUZZ=200000`` makes it hours (docs/reliability-archives.md).
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zstandard
from archives import jpeg, png
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutations import KINDS, PIECES, mutated
from PIL import Image

from zarrpack.converters.configuration import read_batch, read_options
from zarrpack.errors import FormatError, MemberError, UsageError
from zarrpack.processors.archives.registry import open_source
from zarrpack.processors.base import Block, Member, Metadata
from zarrpack.processors.limits import Limits
from zarrpack.processors.registry import choose, processors
from zarrpack.storage.data_file import DataFile

EXAMPLES = int(os.environ.get("ZARRPACK_FUZZ", "40"))
fuzzed = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize="ZARRPACK_FUZZ" not in os.environ,
    database=None,
)
LIMITS = Limits(
    member_bytes=4 << 20, archive_bytes=8 << 20, ratio_grace_bytes=1 << 20, pixels=1 << 20, entries=200, nesting=2
)
MEMBERS = {"a.txt": b"words", "b/b.bin": bytes(range(256)) * 3, "c.json": b'{"a": [1, 2.5, "x"]}'}


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED, *, streamed: bool = False) -> bytes:
    """Make a zip by the standard library; `streamed`: with sizes behind the payloads."""
    file = io.BytesIO()
    if streamed:
        file.seekable = lambda: False  # type: ignore[method-assign]
        file.tell = _no_position  # type: ignore[method-assign]
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def _no_position() -> int:
    raise OSError("no position")


def tarred(form: int) -> bytes:
    """Make a tar by the standard library, with long names and a link."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form) as archive:
        for name, content in {**MEMBERS, "long/" + "n" * 120: b"1", "in.zip": zipped(MEMBERS)}.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        info = tarfile.TarInfo("link")
        info.type, info.linkname = tarfile.SYMTYPE, "a.txt"
        archive.addfile(info)
    return file.getvalue()


ARCHIVES = {
    "deflated.zip": zipped({**MEMBERS, "in.zip": zipped(MEMBERS)}),
    "stored.zip": zipped(MEMBERS, zipfile.ZIP_STORED),
    "bzip2.zip": zipped(MEMBERS, zipfile.ZIP_BZIP2),
    "lzma.zip": zipped(MEMBERS, zipfile.ZIP_LZMA),
    "streamed.zip": zipped(MEMBERS, streamed=True),
    "gnu.tar": tarred(tarfile.GNU_FORMAT),
    "pax.tar": tarred(tarfile.PAX_FORMAT),
    "a.tar.gz": gzip.compress(tarred(tarfile.PAX_FORMAT)),
    "a.tar.bz2": bz2.compress(tarred(tarfile.GNU_FORMAT)),
    "a.tar.xz": lzma.compress(tarred(tarfile.GNU_FORMAT)),
    "a.tar.zst": zstandard.compress(tarred(tarfile.GNU_FORMAT)),
    "a.gz": gzip.compress(b"words " * 100) * 2,
}


def _picture(format: str, mode: str = "RGB") -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.arange(12 * 9 * 3, dtype=np.uint8).reshape(12, 9, 3)).convert(mode).save(file, format)
    return file.getvalue()


def _array_file(save: Callable[..., Any], *values: Any) -> bytes:
    file = io.BytesIO()
    save(file, *values)
    return file.getvalue()


CONTENTS = {
    "a.jpg": jpeg(1),
    "a.png": png(1),
    **{f"a.{one.lower()}": _picture(one) for one in ("GIF", "BMP", "TIFF", "WEBP", "PPM")},
    "a.jp2": _picture("JPEG2000"),
    "cmyk.jpg": _picture("JPEG", "CMYK"),
    "a.json": b'{"id": 7, "tags": ["a", {"b": null}], "price": 1.5e3, "text": "\\ud83d\\ude00"}',
    "a.jsonl": b'{"a": 1}\n{"a": 2}\n[1, "x"]\n',
    "a.csv": b'id,name,price\n1,"a, b",2.5\n2,"two\nlines",\n3,c,4\n',
    "a.tsv": b"id\tname\n1\ta\n",
    "a.txt": "words, Wörter, 言葉".encode(),
    "utf16.txt": "words".encode("utf-16"),
    "a.npy": _array_file(np.save, np.arange(12.0).reshape(3, 4)),
    "text.npy": _array_file(np.save, np.array(["a", "bc"])),
    "structured.npy": _array_file(np.save, np.zeros(3, [("a", "i4"), ("b", "f8", 2)])),
    "a.npz": _array_file(np.savez_compressed, np.eye(3), np.arange(5)),
    "a.bin": bytes(range(256)),
}
_MUTATIONS = st.lists(
    st.tuples(
        st.sampled_from(KINDS), st.floats(0, 1), st.floats(0, 1), st.binary(max_size=12) | st.sampled_from(PIECES)
    ),
    min_size=1,
    max_size=5,
)


def check_archive(name: str, data: bytes) -> None:
    """Read everything that a source gives: entries, contents within the limits, findings; errors of ours only."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(data)
        for nesting, salvage in ((0, False), (2, True)):
            limits = Limits(**{**{one: getattr(LIMITS, one) for one in LIMITS.__slots__}, "nesting": nesting})
            source = open_source(path, limits, salvage=salvage)
            produced = 0
            for index, (entry, stream) in enumerate(source.forward()):
                assert entry.index == index
                assert entry.name.encode() is not None
                with suppress(MemberError):
                    produced += len(stream.read())
            source.close()
            assert produced <= limits.archive_bytes + limits.member_bytes
            assert all(finding.detail for finding in source.findings)


def check_content(name: str, data: bytes) -> None:
    """Give the content to the processor that accepts it: blocks that fit together and one Metadata, or MemberError."""
    processor = choose(_PROCESSORS, data[:4096], name)
    assert processor is not None
    for content in (data, io.BytesIO(data)):
        try:
            pieces = list(processor.read(Member(name, data[:4096], content, LIMITS)))
        except MemberError as error:
            assert error.detail  # noqa: PT017 - either outcome is right
            continue
        assert isinstance(pieces[-1], Metadata)
        for block in pieces[:-1]:
            assert isinstance(block, Block)
            assert len(block.dims) == (block.rows.ndim if isinstance(block.rows, np.ndarray) else 1)


_PROCESSORS = processors()


def check_data_file(data: bytes) -> None:
    """Open a file and read its arrays, or FormatError."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.data")
        path.write_bytes(data)
        with suppress(FormatError), DataFile(path) as file:
            assert isinstance(file.metadata, dict)
            for array in file.arrays.values():
                with suppress(FormatError):
                    array.read(0, 1000)


def data_file() -> bytes:
    """Make a file with numbers, strings and a 0-d array."""
    common = {"zarr_format": 2, "fill_value": None, "order": "C", "dimension_separator": "."}
    zstd = {"id": "zstd", "level": 1}
    arrays: dict[str, tuple[dict[str, Any], bytes]] = {
        "n": ({"shape": [5], "chunks": [3], "dtype": "<i4", "filters": [{"id": "delta", "dtype": "<i4"}]}, bytes(12)),
        "s": ({"shape": [2], "chunks": [2], "dtype": "|O", "filters": [{"id": "vlen-utf8"}]}, _STRINGS),
        "z": ({"shape": [], "chunks": [], "dtype": "<f8", "filters": None}, bytes(8)),
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        documents: dict[str, Any] = {".zgroup": {"zarr_format": 2}, "g/.zgroup": {"zarr_format": 2}}
        for name, (own, _) in arrays.items():
            documents[f"g/{name}/.zarray"] = {**common, **own, "compressor": zstd}
        archive.writestr(".zmetadata", json.dumps({"zarr_consolidated_format": 1, "metadata": documents}))
        archive.writestr("metadata.json", json.dumps({"members": []}))
        for name, (_, chunk) in arrays.items():
            for key in ("0", "1"):
                archive.writestr(f"g/{name}/{key}", zstandard.compress(chunk))
    return file.getvalue()


_STRINGS = b"\2\0\0\0\1\0\0\0a\2\0\0\0bc"
CONFIGURATIONS = [
    b'{"images": "both", "size": "32x24", "include": ["*.jpg"], "limits": {"pixels": 5000}}',
    b'{"out": "o", "defaults": {"pair": "stem"}, "conversions": [{"sources": ["a.zip"], "name": "x"}]}',
    b'{"processors": {"csv": {"columns": "text"}}, "pair": "(?P<item>a+)", "workers": 2, "nested": 1}',
]


@pytest.mark.parametrize("name", ARCHIVES)
@fuzzed
@given(mutations=_MUTATIONS)
def test_archives(name: str, mutations: list[tuple[str, float, float, bytes]]) -> None:
    """Zips, tars and compressed files, with archives inside them opened and with salvage."""
    check_archive(name, mutated(ARCHIVES[name], mutations))


@pytest.mark.parametrize("name", CONTENTS)
@fuzzed
@given(mutations=_MUTATIONS)
def test_contents(name: str, mutations: list[tuple[str, float, float, bytes]]) -> None:
    """Every processor, from bytes and from a stream."""
    check_content(name, mutated(CONTENTS[name], mutations))


@fuzzed
@given(mutations=_MUTATIONS)
def test_data_files(mutations: list[tuple[str, float, float, bytes]]) -> None:
    """The reader of zipped Zarr."""
    check_data_file(mutated(data_file(), mutations))


@fuzzed
@given(seed=st.sampled_from(CONFIGURATIONS), mutations=_MUTATIONS)
def test_configurations(seed: bytes, mutations: list[tuple[str, float, float, bytes]]) -> None:
    """Both forms of configuration: options, or a usage error that names the file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.json")
        path.write_bytes(mutated(seed, mutations))
        for read in (read_options, read_batch):
            try:
                read(path)
            except UsageError as error:
                assert "a.json" in str(error)  # noqa: PT017 - either outcome is right


@pytest.mark.parametrize("name", ARCHIVES)
def test_seeds_of_archives_are_sound(name: str) -> None:
    """The control: what is mutated is whole before, so that mutations reach beyond the first check."""
    check_archive(name, ARCHIVES[name])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(ARCHIVES[name])
        source = open_source(path, LIMITS)
        contents = [stream.read() for _, stream in source.forward()]
        source.close()

    assert any(contents)
    assert source.findings == []


def test_seeds_of_the_others_are_sound() -> None:
    """Every content is read, and the file and the configurations are right."""
    for name, content in CONTENTS.items():
        processor = choose(_PROCESSORS, content[:4096], name)
        assert processor is not None
        assert isinstance(list(processor.read(Member(name, content[:4096], content, LIMITS)))[-1], Metadata)
    check_data_file(data_file())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.data")
        path.write_bytes(data_file())
        with DataFile(path) as file:
            assert file.arrays["g/s"].read().tolist() == ["a", "bc"]
            assert file.arrays["g/n"].read().tolist() == [0] * 5
        path = Path(folder, "a.json")
        path.write_bytes(CONFIGURATIONS[0])
        assert read_options(path)["images"] == "both"
