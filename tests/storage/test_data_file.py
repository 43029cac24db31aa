"""Tests of the reader: what it finds, what it refuses."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zarrpack.errors import FormatError, SourceError
from zarrpack.storage.array_metadata import ArrayMetadata
from zarrpack.storage.base import Codec
from zarrpack.storage.data_file import DataFile
from zarrpack.storage.zip_writer import ZipWriter

TABLE = np.arange(70, dtype=np.int32).reshape(14, 5)
NAMES = np.array([f"name {number}" for number in range(14)], object)

ARRAYS = {
    "g/table": (ArrayMetadata((14, 5), (4, 5), "<i4", Codec(1, True), ("row", "column")), TABLE),
    "g/names": (ArrayMetadata((14,), (5,), "|O", Codec(1, object_codec="vlen-utf8"), ("row",)), NAMES),
    "g/scalar": (ArrayMetadata((), (), "<f8", Codec(None)), np.array(2.5)),
    "g/empty": (ArrayMetadata((0, 5), (1, 5), "<f4", Codec(1), ("none", "column")), np.zeros((0, 5), np.float32)),
    "h/tiles": (ArrayMetadata((14, 5), (4, 2), "<i4", Codec(1), ("row", "column"), {"a": 1}), TABLE),
}

WriteFile = Callable[[Mapping[str, Any]], Path]


@pytest.fixture
def path(write_file: WriteFile) -> Path:
    return write_file(ARRAYS)


def test_a_file_says_what_it_is(path: Path) -> None:
    """Kind, attributes, groups and arrays are those that were written, in their order."""
    with DataFile(path) as file:
        assert file.path == path
        assert file.kind == "store"
        assert file.attributes == {"zarrpack": {"format": 1, "kind": "store"}}
        assert file.groups == {"g": {}, "h": {}}
        assert file.metadata == {}
        assert list(file.arrays) == list(ARRAYS)
        assert {name: array.metadata for name, array in file.arrays.items()} == {
            name: metadata for name, (metadata, _) in ARRAYS.items()
        }


@pytest.mark.parametrize("name", ARRAYS)
def test_whole_arrays_come_back(path: Path, name: str) -> None:
    """Each array comes back with its type and shape, and may be changed by the caller."""
    with DataFile(path) as file:
        values = file.arrays[name].read()
        expected = ARRAYS[name][1]

        np.testing.assert_array_equal(values, expected)
        assert values.dtype == expected.dtype
        assert values.flags.writeable


@pytest.mark.parametrize("name", ["g/table", "g/names", "h/tiles"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(start=st.integers(-20, 20), stop=st.none() | st.integers(-20, 20))
def test_rows_are_those_of_a_slice(path: Path, name: str, start: int, stop: int | None) -> None:
    """Any range of rows, over any number of chunks, is that of a slice of the whole."""
    with DataFile(path) as file:
        np.testing.assert_array_equal(file.arrays[name].read(start, stop), ARRAYS[name][1][start:stop])


def test_chunks_are_given_in_full(path: Path) -> None:
    """An edge chunk comes with its padding; the raw bytes are those that the location says."""
    with DataFile(path) as file:
        table = file.arrays["g/table"]
        location = table.chunk_location((3, 0))
        assert location is not None

        np.testing.assert_array_equal(table.read_chunk((3, 0)), [*TABLE[12:], [0] * 5, [0] * 5])
        assert path.read_bytes()[location.offset :][: location.size] == table.raw_chunk((3, 0))
        assert location.offset % 64 == 0
        assert table.chunk_location((4, 0)) is None


def test_a_file_travels_by_its_path(path: Path) -> None:
    """A pickled file or array opens the file anew and reads the same."""
    with DataFile(path) as file:
        copies = pickle.loads(pickle.dumps((file, file.arrays["g/table"])))
    with copies[0] as other:
        assert other.directory_sha256 == file.directory_sha256
        np.testing.assert_array_equal(copies[1].read(), TABLE)


def test_threads_share_a_file(path: Path) -> None:
    """Reads of many threads at once give each its own rows."""
    with DataFile(path) as file, ThreadPoolExecutor(8) as pool:
        array = file.arrays["h/tiles"]
        rows = list(pool.map(lambda number: array.read(number % 14, number % 14 + 1), range(200)))

    assert [int(row[0, 0]) for row in rows] == [5 * (number % 14) for number in range(200)]


def test_a_missing_chunk_is_never_zeros(tmp_path: Path, path: Path) -> None:
    """A chunk that is not in the file is a FormatError that names array and chunk; others are read."""
    damaged = tmp_path / "damaged.data"
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(damaged, "w") as target:
        for name in source.namelist():
            if name != "g/table/1.0":
                target.writestr(name, source.read(name))
    with DataFile(damaged) as file:
        table = file.arrays["g/table"]

        np.testing.assert_array_equal(table.read(0, 4), TABLE[:4])
        with pytest.raises(FormatError, match=r"g/table: expected chunk 1\.0, found none"):
            table.read(0, 5)
        with pytest.raises(FormatError, match=r"expected an entry g/table/1\.0, found none"):
            table.read_chunk((1, 0))


def test_a_huge_announced_shape_costs_nothing(tmp_path: Path) -> None:
    """An array that announces 2**60 rows and has no chunks is refused before memory is asked for."""
    path = tmp_path / "huge.data"
    huge = ArrayMetadata((1 << 60,), (1,), "<f8", Codec(None), ("row",))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(".zgroup", '{"zarr_format": 2}')
        archive.writestr("a/.zarray", json.dumps(huge.to_zarray()))

    with DataFile(path) as file, pytest.raises(FormatError, match="expected chunk 0, found none"):
        file.arrays["a"].read()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(position=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_is_found_or_harmless(path: Path, position: float, bit: int) -> None:
    """A file with one bit flipped raises FormatError, or every array reads as it was written."""
    original = path.read_bytes()
    damaged = bytearray(original)
    damaged[int(position * len(original))] ^= 1 << bit
    other = path.with_name("flipped.data")
    other.write_bytes(damaged)
    try:
        with DataFile(other) as file:
            found = {name: array.read() for name, array in file.arrays.items()}
            names = list(file.groups)
    except FormatError:
        return

    assert names == ["g", "h"]
    for name, values in found.items():
        np.testing.assert_array_equal(values, ARRAYS[name][1])


def test_every_flipped_bit_of_a_chunk_is_found(path: Path) -> None:
    """The checksum finds any one changed bit of a chunk, and the file with none reads."""
    with DataFile(path) as file:
        location = file.arrays["g/table"].chunk_location((0, 0))
        assert location is not None
    original = path.read_bytes()
    for position in range(location.offset, location.offset + location.size):
        path.write_bytes(original[:position] + bytes([original[position] ^ 16]) + original[position + 1 :])
        with DataFile(path) as file:
            with pytest.raises(FormatError, match=r"expected g/table/0\.0 with the checksum"):
                file.arrays["g/table"].read()
            np.testing.assert_array_equal(file.arrays["g/table"].read(4), TABLE[4:])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(content=st.binary(max_size=300), is_zip=st.booleans())
def test_foreign_bytes_give_format_errors_only(tmp_path: Path, content: bytes, is_zip: bool) -> None:
    """Whatever a file holds, also as its documents in a zip, opening it raises FormatError and nothing else."""
    path = tmp_path / "foreign.data"
    path.write_bytes(content)
    if is_zip:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(".zgroup", "{}")
            archive.writestr("a/.zarray", content)

    with pytest.raises(FormatError), DataFile(path) as file:
        file.arrays  # noqa: B018 - reading the property is the test


@pytest.mark.parametrize(
    ("documents", "message"),
    [
        ({"a.txt": b"hi"}, "expected a Zarr hierarchy of format 2"),
        ({".zmetadata": b"{"}, "expected JSON in .zmetadata"),
        ({".zmetadata": b"[]"}, "expected a JSON object in .zmetadata"),
        ({".zmetadata": b"\xff"}, "expected JSON in .zmetadata"),
        ({".zmetadata": b"[" * 100_000}, "expected JSON in .zmetadata"),
        ({".zmetadata": b'{"metadata": []}'}, "expected .zmetadata to hold JSON objects"),
        ({".zmetadata": b'{"metadata": {".zgroup": 1}}'}, "expected .zmetadata to hold JSON objects"),
        ({".zgroup": b"{}", ".zattrs": b'{"zarrpack": {"format": 2}}'}, "expected format 1, found 2"),
    ],
)
def test_wrong_documents_are_refused(tmp_path: Path, documents: dict[str, bytes], message: str) -> None:
    """Each kind of wrong document is a FormatError that says what was expected."""
    path = tmp_path / "wrong.data"
    with path.open("wb") as file:
        writer = ZipWriter(file)
        for name, payload in documents.items():
            writer.add(name, payload)
        writer.close()

    with pytest.raises(FormatError, match=message):
        DataFile(path)


def test_compressed_entries_are_refused(tmp_path: Path) -> None:
    """A zip that compresses its entries is refused by name; the same one stored is read."""
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        path = tmp_path / f"{method}.zip"
        with zipfile.ZipFile(path, "w", method) as archive:
            archive.writestr(".zgroup", '{"zarr_format": 2}')
        if method == zipfile.ZIP_STORED:
            with DataFile(path) as file:
                assert file.kind == ""
        else:
            with pytest.raises(FormatError, match=r"expected \.zgroup stored as it is, found zip method 8"):
                DataFile(path)


def test_a_missing_file_is_a_source_error(tmp_path: Path) -> None:
    """A path that leads nowhere is named in a SourceError, which is an OSError."""
    with pytest.raises(SourceError, match=r"none\.data: expected a readable file, found: No such file"):
        DataFile(tmp_path / "none.data")


@pytest.mark.parametrize("cut", [1, 10, 100, 1000])
def test_a_cut_file_is_refused(path: Path, cut: int) -> None:
    """A file that ends early is a FormatError, wherever it ends."""
    with DataFile(path) as file:
        assert file.kind == "store"
    path.write_bytes(path.read_bytes()[:-cut])

    with pytest.raises(FormatError):
        DataFile(path)


def test_a_directory_that_lies_is_refused(tmp_path: Path) -> None:
    """A count or a size that does not fit the file is a FormatError, before anything so large is read."""
    file = io.BytesIO()
    writer = ZipWriter(file)
    writer.add(".zgroup", b"{}")
    writer.close()
    honest = file.getvalue()
    record, end = honest.index(b"PK\1\2"), honest.index(b"PK\5\6")
    size, huge = (record).to_bytes(4, "little"), (0xFFFFFFF0).to_bytes(4, "little")
    lies = {
        "expected 2 entries in 53 bytes": honest[: end + 8] + b"\2\0\2\0" + honest[end + 12 :],
        f"expected the {record} bytes of .zgroup before": honest[: record + 20] + size * 2 + honest[record + 28 :],
        "found 4294967280 announced; some share bytes": honest[: record + 20] + huge * 2 + honest[record + 28 :],
    }
    path = tmp_path / "lies.data"
    path.write_bytes(honest)
    with DataFile(path) as opened:
        assert opened.groups == {}
    for message, content in lies.items():
        path.write_bytes(content)
        with pytest.raises(FormatError, match=message):
            DataFile(path)


def test_the_digest_is_the_writers(tmp_path: Path) -> None:
    """The reader's digest is the one in the writer's summary, and tells files apart."""
    digests = set()
    for content in (b"{}", b'{"a": 1}'):
        file = io.BytesIO()
        writer = ZipWriter(file)
        writer.add(".zgroup", content)
        summary = writer.close()
        path = tmp_path / "a.data"
        path.write_bytes(file.getvalue())
        with DataFile(path) as opened:
            assert opened.directory_sha256 == summary.directory_sha256
        digests.add(summary.directory_sha256)

    assert len(digests) == 2


def test_the_last_of_equal_names_counts(tmp_path: Path) -> None:
    """Where a foreign writer has appended an entry again, the later one is read, as in zipfile."""
    path = tmp_path / "twice.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(".zgroup", '{"zarr_format": 2}')
        archive.writestr(".zattrs", '{"a": 1}')
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr(".zattrs", '{"a": 2}')

    with DataFile(path) as file:
        assert file.attributes == {"a": 2}
