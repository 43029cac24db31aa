"""Where metadata is found, what is deleted and when, and what is left when something fails."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from zarrpack.errors import OutputRefused, UsageError
from zarrpack.storage import OptStorage
from zarrpack.storage.blocks import Block
from zarrpack.storage.data_file import DataFile
from zarrpack.storage.datasetstorage import DatasetInfo, DatasetMerger, dataset_info
from zarrpack.storage.datasetstorage.file_names import unique_names
from zarrpack.storage.datasetstorage.info_sources import find_info


def store(path: Path, **metadata: Any) -> Path:
    """Write a store, with metadata in its archive alone."""
    with OptStorage(path) as storage:
        storage.save_data("x", [1])
        for key, value in metadata.items():
            storage.save_metadata(key, value)
        storage.compress_store()
    beside = path.parent.parent if path.parent.name == "encoded" else path.parent
    shutil.rmtree(beside / "files_summary")
    return path.with_name(f"{path.name}.data")


def found_n(path: Path, data: Path | None = None) -> Any:
    """Give the field n of what a path leads to."""
    records = find_info(path, data).records
    return records[0].metadata.fields.get("n") if records else None


def tables(info: DatasetInfo, folder: Path) -> pd.DataFrame:
    """Store, and read the infoset."""
    info.store_info_to_parquet()
    return pd.read_parquet(folder / "i")


@pytest.mark.parametrize(
    "given", ["encoded/part_001.zarr.json", "encoded/part_001.json", "files_summary/part_001.json"]
)
@pytest.mark.parametrize("data", ["encoded/part_001.zarr", "encoded/part_001"])
def test_the_order_of_search(tmp_path: Path, given: str, data: str) -> None:
    """The path; files_summary beside the folder, then in it; the archive of that stem; nothing."""
    path = tmp_path / given
    beside, below = (one / "files_summary" / "part_001.json" for one in (tmp_path, path.parent))
    places = list(dict.fromkeys([path, beside, below]))
    store(tmp_path / data, n=-1)
    for number, place in enumerate(places):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(json.dumps({"n": number}))

    for number, place in enumerate(places):
        assert found_n(path) == number
        place.unlink()
    assert found_n(path) == -1
    (tmp_path / f"{data}.data").unlink()
    assert found_n(path) is None


def test_an_archive_that_is_known_needs_not_be_near(tmp_path: Path) -> None:
    """The files that are numbered are looked into wherever they are."""
    data = store(tmp_path / "far" / "part.zarr", n=5, description="Far")

    assert found_n(tmp_path / "a" / "part.json") is None
    assert found_n(tmp_path / "a" / "part.json", data) == 5
    info = DatasetInfo([], tmp_path / "i", tmp_path / "t")
    info.build_code_mappings([data])
    assert tables(info, tmp_path)[["name", "description", "n"]].to_numpy().tolist() == [["part", "Far", 5]]


def test_archives_are_numbered_after_parsing(tmp_path: Path) -> None:
    """What was missing then is found now; the documented task asks for JSON files where there are none."""
    encoded = [str(tmp_path / "encoded" / name) for name in ("part_001.zarr", "part_002.zarr")]
    for number, path in enumerate(encoded):
        store(Path(path), n=number)
    info = DatasetInfo([f"{path}.json" for path in encoded], tmp_path / "i", tmp_path / "t")
    info.parse_info_files()
    codes = info.build_code_mappings([f"{path}.data" for path in encoded])

    assert codes == {"part_001": 0, "part_002": 1}
    assert tables(info, tmp_path)["n"].tolist() == [0, 1]
    assert sorted(path.name for path in (tmp_path / "encoded").iterdir()) == [
        "part_001.zarr.data",
        "part_002.zarr.data",
    ]


def test_every_member_of_a_pack_is_a_row(tmp_path: Path, write_pack: Callable[..., Path]) -> None:
    """With codes in the order of packs and members; two members of one name get their packs' names before it."""
    members = [[Block("g", "x", ("row",), np.array([n]))] for n in range(3)]
    first, second = write_pack(members[:2], name="p1.data"), write_pack(members[1:2], name="p2.data", numbers=[1])
    info = DatasetInfo([first, second], tmp_path / "i", tmp_path / "t")
    info.parse_info_files()
    codes = info.build_code_mappings([first, second])
    table = tables(info, tmp_path)

    assert codes == {"0.bin": 0, "p1/1.bin": 1, "p2/1.bin": 2}
    assert table[["id", "name", "description", "number"]].to_numpy().tolist() == [
        [0, "0.bin", "source/0.bin", 0],
        [1, "p1/1.bin", "source/1.bin", 1],
        [2, "p2/1.bin", "source/1.bin", 1],
    ]
    assert first.exists()
    assert second.exists()
    other = DatasetInfo([], tmp_path / "i2", tmp_path / "t2")
    assert other.build_code_mappings([first, second]) == codes
    other.store_info_to_parquet()
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "i2"), table)


def test_names_that_cannot_be_told_apart(tmp_path: Path) -> None:
    """A name twice in one pack is refused, as is one that a pack's name before it makes equal to another."""
    with pytest.raises(UsageError, match=r"found 'p/x' also in p\.data"):
        unique_names([("p.data", ["x", "x"])])
    with pytest.raises(UsageError, match="found 'a/x'"):
        unique_names([("a.data", ["x"]), ("b.data", ["x"]), ("c.data", ["a/x"])])


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'"text"', b"\xff\xfe{}", b"PK\x03\x04 no zip", b"[" * 100_000])
def test_unreadable_files_are_kept(tmp_path: Path, content: bytes) -> None:
    """With a warning and a row of defaults; the others are processed, and their folder stays."""
    folder = tmp_path / "files_summary"
    folder.mkdir()
    (folder / "bad.json").write_bytes(content)
    (folder / "good.json").write_text('{"n": 1}')
    info = DatasetInfo([folder / "bad.json", folder / "good.json"], tmp_path / "i", tmp_path / "t")
    with (
        pytest.warns(UserWarning, match=r"bad\.json: expected .*; it is kept"),
        pytest.warns(UserWarning, match=r"nowhere, the row has defaults: bad"),
    ):
        info.parse_info_files()
    info.build_code_mappings(["bad.data", "good.data"])

    assert tables(info, tmp_path)[["name", "n"]].astype(object).fillna(0).to_numpy().tolist() == [
        ["bad", 0],
        ["good", 1],
    ]
    assert [path.name for path in folder.iterdir()] == ["bad.json"]
    assert (folder / "bad.json").read_bytes() == content


def test_an_unreadable_file_has_its_metadata_in_the_archive(tmp_path: Path) -> None:
    """It is kept all the same."""
    store(tmp_path / "encoded" / "a.zarr", n=3)
    (tmp_path / "files_summary").mkdir()
    path = tmp_path / "files_summary" / "a.json"
    path.write_text("{")
    info = DatasetInfo([path], tmp_path / "i", tmp_path / "t")
    with pytest.warns(UserWarning, match="it is kept"):
        info.parse_info_files()

    assert tables(info, tmp_path)["n"].tolist() == [3]
    assert path.exists()


def test_processed_files_go_with_their_folder(tmp_path: Path) -> None:
    """If nothing else is in it; found elsewhere than given makes no difference; archives stay."""
    data = store(tmp_path / "encoded" / "a.zarr", n=1)
    for name, other in (("1", False), ("2", True)):
        summary = tmp_path / name / "files_summary"
        summary.mkdir(parents=True)
        (summary / "a.json").write_text("{}")
        if other:
            (summary / "notes.txt").touch()
        DatasetInfo([tmp_path / name / "encoded" / "a.json"], tmp_path / "i", tmp_path / "t").parse_info_files()

    assert not (tmp_path / "1" / "files_summary").exists()
    assert [path.name for path in (tmp_path / "2" / "files_summary").iterdir()] == ["notes.txt"]
    assert data.exists()


def test_the_working_folder_is_not_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though it is empty afterwards."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    Path("a.json").write_text("{}")
    DatasetInfo([folder / "a.json"], "../i", "../t").parse_info_files()

    assert list(folder.iterdir()) == []


def test_files_without_a_code_are_kept(tmp_path: Path) -> None:
    """If codes are known when they are read: their metadata is in no table."""
    for name in ("a", "stray"):
        (tmp_path / f"{name}.json").write_text("{}")
    info = DatasetInfo([tmp_path / "a.json", tmp_path / "stray.json"], tmp_path / "i", tmp_path / "t")
    info.build_code_mappings(["a.data"])
    with pytest.warns(UserWarning, match="no row: stray"):
        info.parse_info_files()

    assert not (tmp_path / "a.json").exists()
    assert (tmp_path / "stray.json").exists()


@pytest.mark.parametrize("step", ["write_tables", "publish_file"])
def test_nothing_is_deleted_before_the_tables_are_durable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """A full disk leaves the metadata and no drafts, and the same object can be asked again."""
    path = tmp_path / "files_summary" / "a.json"
    path.parent.mkdir()
    path.write_text('{"n": 1}')
    info = DatasetInfo([path], tmp_path / "i", tmp_path / "t")

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(dataset_info, step, fail)
        with pytest.raises(OutputRefused, match="No space left"):
            info.parse_info_files()
    assert path.exists()
    assert sorted(one.name for one in tmp_path.iterdir()) == ["files_summary"]

    assert tables(info, tmp_path)["n"].tolist() == [1]
    assert not path.exists()


def test_tables_are_synced_before_the_first_deletion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are forced to disk and have their names when a JSON file goes."""
    events = []
    synced_files = set()
    fsync, unlink = os.fsync, Path.unlink

    def synced(descriptor: int) -> None:
        synced_files.add(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    def unlinked(path: Path, missing_ok: bool = False) -> None:
        if path.suffix == ".json":
            events.append(f"delete {sorted(one.name for one in tmp_path.iterdir() if one.suffix != '.json')}")
        unlink(path, missing_ok=missing_ok)

    (tmp_path / "a.json").write_text("{}")
    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "unlink", unlinked)
    DatasetInfo([tmp_path / "a.json"], tmp_path / "i", tmp_path / "t").parse_info_files()

    assert events == ["delete ['i', 't']"]
    assert {path.stat().st_ino for path in (tmp_path / "i", tmp_path / "t", tmp_path)} <= synced_files


def test_a_crash_between_parsing_and_storing_loses_nothing(tmp_path: Path) -> None:
    """A second run finds what the first has deleted in the tables that it has left, and numbers nothing anew."""
    (tmp_path / "b.json").write_text('{"n": 1, "category": "rod", "descriptions": {"types": {"4": {"name": "x"}}}}')
    (tmp_path / "a.json").write_text('{"n": 2, "category": "gear", "subset": "test"}')
    paths = [tmp_path / "b.json", tmp_path / "a.json"]
    DatasetInfo(paths, tmp_path / "i", tmp_path / "t").parse_info_files()
    assert not any(path.exists() for path in paths)

    (tmp_path / "c.json").write_text('{"n": 3, "category": "axle"}')
    again = DatasetInfo([*paths, tmp_path / "c.json"], tmp_path / "i", tmp_path / "t")
    with pytest.warns(UserWarning, match="tables of an earlier run, and taken from there: b, a$"):
        again.parse_info_files()
    again.build_code_mappings(["a.data", "b.data", "c.data"])

    table = tables(again, tmp_path)
    assert table[["id", "name", "n", "category", "subset"]].to_numpy().tolist() == [
        [0, "a", 2, "gear", "test"],
        [1, "b", 1, "rod", "N/A"],
        [2, "c", 3, "axle", "N/A"],
    ]
    assert pd.read_parquet(tmp_path / "t")[["table_name", "id", "name"]].to_numpy().tolist() == [
        ["category", 0, "gear"],
        ["category", 1, "rod"],
        ["category", 2, "axle"],
        ["types", 4, "x"],
    ]


@pytest.mark.parametrize("order", ["codes first", "codes last"])
@pytest.mark.parametrize("place", ["new", "old"])
def test_a_dataset_is_added_to(tmp_path: Path, place: str, order: str) -> None:
    """Its files keep their codes, rows and categories, also if its tables are replaced; new files are counted on."""
    folder = tmp_path / "encoded"
    files = [store(folder / f"{name}.zarr", n=n, category=name) for n, name in enumerate("zyx")]
    old = tmp_path / "old"
    first = DatasetInfo([], f"{old}.infoset", f"{old}.attribset")
    codes = first.build_code_mappings(files[:2])
    first.store_info_to_parquet()
    merger = DatasetMerger(files[:2], f"{old}.dataset", codes, delete_source_files=True)
    merger.merge_data()

    (tmp_path / "x.json").write_text('{"n": 7, "category": "a"}')
    out = tmp_path / place
    info = DatasetInfo([tmp_path / "x.json"], f"{out}.infoset", f"{out}.attribset")
    if order == "codes last":
        info.parse_info_files()
    added = info.build_code_mappings([f"{old}.dataset", files[2]])
    info.parse_info_files()
    info.store_info_to_parquet()

    assert codes == {"z": 0, "y": 1}
    assert added == {"z": 0, "y": 1, "x": 2}
    table = pd.read_parquet(f"{out}.infoset")
    assert table[["id", "name", "n", "category"]].to_numpy().tolist() == [
        [0, "z", 0, "z"],
        [1, "y", 1, "y"],
        [2, "x", 7, "a"],
    ]
    attribset = pd.read_parquet(f"{out}.attribset")
    assert attribset[["id", "name"]].to_numpy().tolist() == [[0, "y"], [1, "z"], [2, "a"]]
    DatasetMerger([f"{old}.dataset", files[2]], f"{out}.more", added).merge_data()
    with DataFile(f"{out}.more") as merged:
        assert merged.arrays["file/file_id"].read().tolist() == [0, 1, 2]
    with pytest.raises(UsageError, match="found 'z' in a dataset already"):
        info.build_code_mappings([f"{old}.dataset", tmp_path / "z.data"])


def test_damaged_archives_are_as_good_as_none(tmp_path: Path) -> None:
    """Cut off, or no archive of arrays at all; an undamaged one is read."""
    good = store(tmp_path / "good.zarr", n=1)
    bad = tmp_path / "bad.data"
    bad.write_bytes(good.read_bytes()[:-30])
    with zipfile.ZipFile(tmp_path / "other.data", "w") as file:
        file.writestr("a.txt", "a")
    info = DatasetInfo([], tmp_path / "i", tmp_path / "t")
    codes = info.build_code_mappings([good, bad, tmp_path / "other.data"])
    with pytest.warns(UserWarning, match="defaults: bad, other$"):
        table = tables(info, tmp_path)

    assert codes == {"good": 0, "bad": 1, "other": 2}
    assert table["n"].tolist() == [1, pd.NA, pd.NA]


def test_earlier_tables_that_cannot_be_read_are_replaced(tmp_path: Path) -> None:
    """What is no Parquet says nothing."""
    (tmp_path / "i").write_bytes(b"PAR1 or not")
    info = DatasetInfo([tmp_path / "a.json"], tmp_path / "i", tmp_path / "t")
    with pytest.warns(UserWarning, match="defaults: a$"):
        table = tables(info, tmp_path)

    assert table["name"].tolist() == ["a"]
