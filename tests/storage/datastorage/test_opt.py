"""The store for data sets: opening, packing, closing, and what happens in between."""

from __future__ import annotations

import io
import json
import os
import pickle
import threading
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zarrpack.storage.datastorage import OptStorage, store_writing
from zarrpack.storage.datastorage.metadata_file import MetadataFile
from zarrpack.storage.datastorage.testing import assert_same

AREAS = np.array([1.5, 2.3, 4.1], np.float32)


def pack(path: Path) -> Path:
    """Make an archive with one array and one number, and give its path."""
    with OptStorage(path) as storage:
        storage.save_data("face_areas", AREAS)
        storage.save_data("graph", {"num_nodes": 4})
        storage.save_metadata("size_cadfile", 1024)
        storage.compress_store()
    return path.with_name(path.name + ".data")


def files(folder: Path) -> dict[str, bytes]:
    """Read every file of a folder, by its name there."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_archive_appears_whole_and_the_folder_goes(tmp_path: Path) -> None:
    """compress_store gives the archive's size and leaves the folder; close removes it and exports the metadata."""
    folder = tmp_path / "part_001.zarr"
    storage = OptStorage(folder)
    storage.save_data("face_areas", AREAS)
    size = storage.compress_store()

    assert size == (tmp_path / "part_001.zarr.data").stat().st_size > 0
    assert folder.is_dir()

    storage.close()

    assert not folder.exists()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["files_summary", "part_001.zarr.data"]
    summary = json.loads((tmp_path / "files_summary" / "part_001.json").read_text())
    assert list(summary) == ["file_sizes_KB"]


def test_an_archive_is_read_only(tmp_path: Path) -> None:
    """Where only the archive is, everything can be read and nothing written."""
    archive = pack(tmp_path / "part_001.zarr")
    before = files(tmp_path)
    with OptStorage(tmp_path / "part_001.zarr") as storage:
        assert storage.is_read_only
        assert storage.get_keys() == ["face_areas", "graph"]
        assert_same(storage.load_data("face_areas"), AREAS)
        assert_same(storage.load_data("graph"), {"num_nodes": 4})
        assert storage.load_metadata("size_cadfile") == 1024
        assert storage.load_metadata("file_sizes_KB/graph/num_nodes") > 0
        writes: list[Callable[[], object]] = [
            lambda: storage.save_data("a", 1),
            lambda: storage.save_metadata("a", 1),
            lambda: storage.set_schema({}),
            storage.compress_store,
        ]
        for write in writes:
            with pytest.raises(PermissionError, match="read-only"):
                write()

    assert files(tmp_path) == before
    assert archive.is_file()


@pytest.mark.parametrize("extension", [".data", ".pack"])
def test_the_path_may_be_the_archives(tmp_path: Path, extension: str) -> None:
    """A path with the extension names the archive; the folder is called the same without it."""
    path = tmp_path / f"part_001{extension}"
    with OptStorage(path, extension) as storage:
        storage.save_data("face_areas", AREAS)
        storage.compress_store()

        assert storage.get_file_path("") == str(tmp_path / "part_001")
        assert (tmp_path / "part_001").is_dir()

    assert path.is_file()
    assert (tmp_path / "files_summary" / "part_001.json").is_file()
    with OptStorage(path, extension) as storage:
        assert storage.is_read_only
        assert_same(storage.load_data("face_areas"), AREAS)


def test_the_folder_counts_unless_the_archive_is_named(tmp_path: Path) -> None:
    """Where both are there, the folder is opened to go on writing, and the archive, if it is named, to read."""
    with OptStorage(tmp_path / "part.zarr") as storage:
        storage.save_data("a", 1)
        storage.compress_store()
        storage.save_data("a", 2)

        with OptStorage(tmp_path / "part.zarr.data") as archive, OptStorage(tmp_path / "part.zarr") as folder:
            assert archive.is_read_only
            assert archive.load_data("a") == 1
            assert not folder.is_read_only
            assert folder.load_data("a") == 2


def test_paths(tmp_path: Path) -> None:
    """Paths are those that were given, with the key below; a name that is not safe is kept under a safe one."""
    with OptStorage(f"{tmp_path}/part_001.zarr/") as storage:
        storage.save_data("größe", 1)
        storage.save_data("gr__e", 2)
        storage.save_data("graph/edges", [1])

        assert storage.get_file_path("") == storage.store_path == f"{tmp_path}/part_001.zarr"
        assert storage.get_file_path("graph/edges") == f"{tmp_path}/part_001.zarr/graph/edges"
        assert storage.get_file_path("not/yet") == f"{tmp_path}/part_001.zarr/not/yet"
        places = [Path(storage.get_file_path(key)) for key in ("größe", "gr__e", "graph/edges")]
        assert all((place / ".zarray").is_file() for place in places)
        assert len(set(places)) == 3

    assert storage.get_file_path("gr__e") == str(places[1])


def test_loading_after_close_comes_from_the_archive(tmp_path: Path) -> None:
    """A closed store reads what was packed, and refuses to write; without an archive RuntimeError is raised."""
    with OptStorage(tmp_path / "a.zarr") as storage:
        storage.save_data("face_areas", AREAS)
        storage.save_metadata("size", 3)
        storage.compress_store()
    with OptStorage(tmp_path / "b.zarr") as unpacked:
        unpacked.save_data("face_areas", AREAS)

    assert_same(storage.load_data("face_areas"), AREAS)
    assert storage.load_metadata("size") == 3
    assert storage.get_keys() == ["face_areas"]
    with pytest.raises(KeyError):
        storage.load_data("missing")
    with pytest.raises(RuntimeError, match="closed"):
        storage.save_data("a", 1)
    for read in (lambda: unpacked.load_data("face_areas"), unpacked.get_keys, lambda: unpacked.load_metadata("a")):
        with pytest.raises(RuntimeError, match="closed"):
            read()
    assert (tmp_path / "b.zarr").is_dir()


def test_what_changes_after_packing_is_packed_again(tmp_path: Path) -> None:
    """Neither data nor metadata that came after compress_store are lost with the folder; no entry comes twice."""
    with OptStorage(tmp_path / "a.zarr") as storage:
        storage.save_data("old", 1)
        storage.compress_store()
        storage.save_data("old", 2)
        storage.compress_store()
        storage.save_data("new", 3)
        storage.save_metadata("late", "x")

    assert (storage.load_data("old"), storage.load_data("new"), storage.load_metadata("late")) == (2, 3, "x")
    names = zipfile.ZipFile(tmp_path / "a.zarr.data").namelist()
    assert len(names) == len(set(names))


def test_equal_stores_are_equal_bytes(tmp_path: Path) -> None:
    """The archive depends on what was saved, not on when, where, or in how many sessions."""
    values = {"z": AREAS, "a": [1, 2], "größe": "x", "graph": {"m": 1, "n": np.arange(5)}}
    archives = []
    for folder, is_reopened in [("one", False), ("two", True)]:
        path = tmp_path / folder / "part.zarr"
        storage = OptStorage(path)
        for key, value in values.items():
            storage.save_data(key, value)
            if is_reopened:
                storage.close()
                storage = OptStorage(path)
        storage.compress_store()
        storage.close()
        archives.append((tmp_path / folder / "part.zarr.data").read_bytes())

    assert archives[0] == archives[1]


@pytest.mark.parametrize(
    ("compression", "codec"),
    [("spec", {"id": "zstd", "level": 12}), ("fast", {"id": "zstd", "level": 1}), ("none", None)],
)
def test_codecs(tmp_path: Path, compression: str, codec: object) -> None:
    """The named set of codecs is used: Delta on integers with axes alone, never on booleans; chunks fit the array."""
    with OptStorage(tmp_path / "a.zarr", compression=compression) as storage:  # type: ignore[arg-type]
        storage.save_data("integers", np.arange(10, dtype=np.int16))
        storage.save_data("booleans", np.array([True, False]))
        storage.save_data("number", 7)
        storage.save_data("floats", np.ones((1000, 3000), np.float32))
        storage.save_data("no_columns", np.ones((5, 0), np.int8))
        documents = {
            key: json.loads((Path(storage.get_file_path(key)) / ".zarray").read_text()) for key in storage.get_keys()
        }

    delta = [{"id": "delta", "dtype": "<i2", "astype": "<i2"}] if codec else None
    assert {key: document["filters"] for key, document in documents.items()} == {
        **dict.fromkeys(documents),
        "integers": delta,
        "no_columns": [{"id": "delta", "dtype": "|i1", "astype": "|i1"}] if codec else None,
    }
    assert all(document["compressor"] == codec and document["fill_value"] is None for document in documents.values())
    assert documents["floats"]["chunks"] == [349, 3000]
    assert documents["integers"]["chunks"] == [10]
    assert documents["number"]["chunks"] == []
    assert documents["no_columns"]["chunks"] == [5, 1]


def test_large_arrays_come_back(tmp_path: Path) -> None:
    """Arrays of several chunks, the last one padded, come back from the folder and from the archive."""
    values = {
        "numbers": np.arange(2_500_000, dtype=np.int32).reshape(-1, 5),
        "texts": np.array([str(n) for n in range(70_000)], object),
    }
    with OptStorage(tmp_path / "a.zarr", compression="fast") as storage:
        for key, value in values.items():
            storage.save_data(key, value)
            assert_same(storage.load_data(key), value)
        assert storage.load_metadata("file_sizes_KB/numbers") > 1
        storage.compress_store()
    for key, value in values.items():
        assert_same(storage.load_data(key), value)


def test_missing_sizes_are_measured(tmp_path: Path) -> None:
    """Sizes that were not written, because the process died, are those of the chunk files."""
    storage = OptStorage(tmp_path / "a.zarr")
    storage.save_data("graph/edges", np.arange(1000))
    size = storage.load_metadata("file_sizes_KB/graph/edges")
    with OptStorage(tmp_path / "a.zarr") as other:
        assert other.load_metadata("file_sizes_KB/graph/edges") == size
        assert size == (tmp_path / "a.zarr" / "graph" / "edges" / "0").stat().st_size / 1024
    storage.close()


@pytest.mark.parametrize("failing", ["encode_chunk", "_write"])
def test_a_failed_save_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str) -> None:
    """An error while a group is written leaves the old one, its size and the folder as they were."""
    with OptStorage(tmp_path / "a.zarr") as storage:
        storage.save_data("graph", {"edges": AREAS})
        sizes = storage.load_metadata("file_sizes_KB")
        before = files(tmp_path)
        calls = []

        def fail(*arguments: object) -> object:
            calls.append(arguments)
            if len(calls) > 1:
                raise OSError("disk full")
            return original(*arguments)

        original = getattr(store_writing, failing)
        monkeypatch.setattr(store_writing, failing, fail)
        with pytest.raises(OSError, match="disk full"):
            storage.save_data("graph", {"edges": [1], "more": [2]})
        with pytest.raises(OSError, match="disk full"):
            storage.save_data("new/deep", {"edges": [1], "more": [2]})
        monkeypatch.undo()

        assert files(tmp_path) == before
        assert_same(storage.load_data("graph"), {"edges": AREAS})
        assert storage.load_metadata("file_sizes_KB") == sizes
        assert storage.get_keys() == ["graph"]


def test_a_failed_rename_puts_the_old_one_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the new folder cannot take its place, the old one is there again."""
    with OptStorage(tmp_path / "a.zarr") as storage:
        storage.save_data("graph", {"edges": AREAS})
        before = files(tmp_path)
        rename = os.rename

        def fail(source: str, target: str) -> None:
            if "/.new-" in source:
                raise OSError("no")
            rename(source, target)

        monkeypatch.setattr(os, "rename", fail)
        with pytest.raises(OSError, match="no"):
            storage.save_data("graph", 1)
        monkeypatch.undo()

        assert files(tmp_path) == before
        assert_same(storage.load_data("graph/edges"), AREAS)


def test_a_failed_packing_leaves_the_old_archive(tmp_path: Path) -> None:
    """A damaged chunk, a missing one, or NaN by another program raise, with the name; the archive stays as it was."""
    with OptStorage(tmp_path / "a.zarr", compression="none") as storage:
        storage.save_data("group/areas", AREAS)
        storage.compress_store()
        before = (tmp_path / "a.zarr.data").read_bytes()
        chunk = Path(storage.get_file_path("group/areas")) / "0"
        good = chunk.read_bytes()
        for bad in (np.array([1, np.nan, 2], np.float32).tobytes(), good[:-1], None):
            if bad is None:
                chunk.unlink()
            else:
                chunk.write_bytes(bad)
            with pytest.raises(ValueError, match="group/areas"):
                storage.compress_store()
            assert (tmp_path / "a.zarr.data").read_bytes() == before
            assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a.zarr", "a.zarr.data"]
        chunk.write_bytes(good)

        assert storage.compress_store() == len(before)


def test_what_a_dead_process_left_is_undone(tmp_path: Path) -> None:
    """Of a save that did not end, the old value is back or the new one is there, whichever was last in place."""
    path = tmp_path / "a.zarr"
    with OptStorage(path) as storage:
        storage.save_data("kept", {"deep": 1})
        storage.save_data("replaced", 2)
    (path / "kept" / "deep").rename(path / "kept" / ".old-deep")
    (path / "kept" / ".new-deep").mkdir()
    (path / ".old-replaced").mkdir()

    with OptStorage(path) as storage:
        assert storage.load_data("kept/deep") == 1
        assert storage.load_data("replaced") == 2
    assert not [entry for entry in path.rglob("*") if entry.name.startswith((".old-", ".new-"))]


def test_folders_of_others_are_left_alone(tmp_path: Path) -> None:
    """A folder that holds anything but a store is refused, and so is a file; an empty one is taken."""
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "1.jpg").write_bytes(b"jpeg")
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "empty").mkdir()

    for name in ("photos", "file"):
        with pytest.raises(OSError, match="choose another"):
            OptStorage(tmp_path / name)
    OptStorage(tmp_path / "empty").close()

    assert files(tmp_path / "photos") == {"1.jpg": b"jpeg"}


def test_files_beside_the_keys_are_left(tmp_path: Path) -> None:
    """A key that is called like a file or a folder that somebody has put into the store is kept beside it."""
    path = tmp_path / "a.zarr"
    with OptStorage(path) as storage:
        (path / "visu.png").write_bytes(b"png")
        (path / "notes").mkdir()
        (path / "notes" / "text").write_text("note")
        for _ in range(2):
            storage.save_data("visu.png", 1)
            storage.save_data("notes", {"a": 2})
        storage.compress_store()

        assert (path / "visu.png").read_bytes() == b"png"
        assert (path / "notes" / "text").read_text() == "note"
        assert Path(storage.get_file_path("notes")).name == "notes_"
    assert storage.load_data("visu.png") == 1
    assert storage.load_data("notes") == {"a": 2}


@pytest.mark.parametrize("document", ["a/.zarray", "a/.zattrs", "metadata.json"])
@pytest.mark.parametrize("content", [b"{", b"[]"])
def test_damaged_documents_are_named(tmp_path: Path, document: str, content: bytes) -> None:
    """A document that is no JSON object raises ValueError with its name."""
    path = tmp_path / "a.zarr"
    with OptStorage(path) as storage:
        storage.save_data("a", [1])
    OptStorage(path).close()
    (path / document).write_bytes(content)

    with pytest.raises(ValueError, match=document.rpartition("/")[2]):
        OptStorage(path)


def test_damaged_archives_are_refused(tmp_path: Path) -> None:
    """An archive that is cut short, or is none, raises ValueError when it is opened; the whole one does not."""
    archive = pack(tmp_path / "a.zarr")
    whole = archive.read_bytes()
    for content in (whole[:-30], whole[: len(whole) // 2], b"", b"no zip at all"):
        archive.write_bytes(content)
        with pytest.raises(ValueError, match=r"a\.zarr\.data"):
            OptStorage(tmp_path / "a.zarr")
    archive.write_bytes(whole)

    with OptStorage(tmp_path / "a.zarr") as storage:
        assert_same(storage.load_data("face_areas"), AREAS)


@pytest.mark.parametrize(
    "options", [{"compression": "zip"}, {"compress_extension": ""}, {"compress_extension": "a/b"}, {"store_path": "/"}]
)
def test_wrong_options_are_refused(tmp_path: Path, options: dict[str, str]) -> None:
    """Options that mean nothing raise ValueError before anything is made."""
    with pytest.raises(ValueError, match=next(iter(options))):
        OptStorage(**{"store_path": tmp_path / "a.zarr", **options})  # type: ignore[arg-type]
    assert not (tmp_path / "a.zarr").exists()


def test_closing_at_once_in_many_threads(tmp_path: Path) -> None:
    """However many threads close a store, it is exported and packed once, and none of them fails."""
    for number in range(5):
        storage = OptStorage(tmp_path / f"{number}.zarr")
        storage.save_data("face_areas", AREAS)
        storage.compress_store()
        storage.save_data("late", 1)
        start = threading.Barrier(8)

        def close(storage: OptStorage = storage, start: threading.Barrier = start) -> None:
            start.wait()
            storage.close()

        with ThreadPoolExecutor(8) as threads:
            for done in [threads.submit(close) for _ in range(8)]:
                done.result()

        assert not (tmp_path / f"{number}.zarr").exists()
        assert (tmp_path / "files_summary" / f"{number}.json").is_file()
        assert storage.load_data("late") == 1


def test_saving_and_loading_in_many_threads(tmp_path: Path) -> None:
    """Threads that save and load at a time do not lose or mix values, in the folder and in the archive."""
    with OptStorage(tmp_path / "a.zarr") as storage, ThreadPoolExecutor(8) as threads:

        def save(number: int) -> int:
            storage.save_data(f"group/{number}", np.full(100, number))
            storage.save_metadata(f"numbers/{number}", number)
            return int(storage.load_data(f"group/{number}").sum())

        assert list(threads.map(save, range(40))) == [100 * number for number in range(40)]
        storage.compress_store()
    with OptStorage(tmp_path / "a.zarr") as storage, ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda n: int(storage.load_data(f"group/{n}")[0]), range(40))) == list(range(40))
        assert storage.load_metadata("numbers") == {str(number): number for number in range(40)}


def test_copies_are_opened_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pickled store, writable or not, has what was saved, in whatever folder it is unpickled."""
    monkeypatch.chdir(tmp_path)
    storage = OptStorage("a.zarr", compression="fast", validate_on_save=False)
    storage.save_data("a", [1])
    storage.save_metadata("size", 3)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with pickle.loads(pickle.dumps(storage)) as copy:
        assert copy.load_data("a").tolist() == [1]
        assert copy.load_metadata("size") == 3
        assert not copy.validate_on_save
    storage.save_data("a", [1, 2, 3, 4, 5])
    with pickle.loads(pickle.dumps(storage)) as copy:
        assert copy.load_metadata("file_sizes_KB") == storage.load_metadata("file_sizes_KB")
    storage.compress_store()
    storage.close()
    with OptStorage(tmp_path / "a.zarr") as storage, pickle.loads(pickle.dumps(storage)) as copy:
        assert copy.is_read_only
        assert copy.load_data("a").tolist() == [1, 2, 3, 4, 5]
    assert not list((tmp_path / "elsewhere").iterdir())


def test_metadata_survive_a_process_that_does_not_close(tmp_path: Path) -> None:
    """User metadata are in the file when save_metadata returns, with the sizes up to then."""
    storage = OptStorage(tmp_path / "a.zarr")
    storage.save_data("areas", AREAS)
    storage.save_metadata("size", 3)

    written = json.loads((tmp_path / "a.zarr" / "metadata.json").read_text())
    assert written["size"] == 3
    assert list(written["file_sizes_KB"]) == ["areas"]
    assert MetadataFile(tmp_path / "a.zarr" / "metadata.json").read() == written
    storage.close()


def test_no_tables_are_written(tmp_path: Path) -> None:
    """Metadata are routed to tables later, not by a store with a schema."""
    with OptStorage(tmp_path / "a.zarr") as storage:
        storage.set_schema({"metadata": {"routing_rules": {"categorical_patterns": ["*_label"]}}})
        storage.save_metadata("file_label", 2)
        storage.save_data("a", 1)
        storage.compress_store()

    assert sorted(files(tmp_path)) == ["a.zarr.data", "files_summary/a.json"]


def test_what_the_system_takes_in_parts_is_written_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that takes only a part, as one of more than 2 GiB does, is gone on with."""

    class Reluctant(io.FileIO):
        def write(self, payload: Any) -> int:
            return super().write(memoryview(payload)[:7])

    def reluctantly(path: str, mode: str, buffering: int) -> Reluctant:
        return Reluctant(path, mode)

    monkeypatch.setattr("zarrpack.storage.datastorage.store_writing.open", reluctantly, raising=False)
    with OptStorage(tmp_path / "a.zarr") as storage:
        storage.save_data("a", np.arange(1000))
    monkeypatch.undo()

    with OptStorage(tmp_path / "a.zarr") as storage:
        np.testing.assert_array_equal(storage.load_data("a"), np.arange(1000))
