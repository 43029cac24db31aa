"""JSON files are named, written and read as people expect them."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from zarrpack.storage.datastorage import JsonStorageHandler, json_files
from zarrpack.storage.datastorage.json_names import choose_name
from zarrpack.storage.datastorage.metadata_file import MetadataFile
from zarrpack.storage.datastorage.testing import assert_same


def names(folder: Path) -> set[str]:
    """Name the files of a folder."""
    return {entry.name for entry in folder.iterdir()}


def test_each_key_has_its_file(tmp_path: Path) -> None:
    """Another program finds plain JSON under the key's name."""
    storage = JsonStorageHandler(tmp_path / "new" / "json")
    storage.save_data("face_areas", np.array([1.5, 2.25, 4.0], np.float32))
    storage.save_data("face/areas", [1])
    storage.save_data("z", np.array([1 + 2j]))
    storage.save_data("raw", b"\x00b")
    storage.save_data("info", {"version": "1.0", "areas": np.array([[1], [2]])})
    folder = tmp_path / "new" / "json"

    def content(name: str) -> object:
        return json.loads((folder / name).read_text())

    assert content("face_areas.json") == [1.5, 2.25, 4.0]
    assert content("z.json") == [{"real": 1.0, "imag": 2.0, "_numpy_complex": True}]
    assert content("raw.json") == {"_bytes_b64": "AGI="}
    assert content("info.json") == {"version": "1.0", "areas": [[1], [2]]}
    assert storage.get_file_path("face_areas") == str(folder / "face_areas.json")
    assert storage.get_file_path("info/areas") == str(folder / "info.json")
    assert storage.get_file_path("not/yet") == str(folder / "not_yet.json")
    assert storage.get_file_path("") == str(folder)
    assert json.loads(Path(storage.get_file_path("face/areas")).read_text()) == [1]
    assert storage.compress_store() == 0


def test_data_called_metadata_and_metadata_are_apart(tmp_path: Path) -> None:
    """The metadata own metadata.json; data of that key have another file; both come back."""
    storage = JsonStorageHandler(tmp_path)
    storage.save_data("metadata", {"part_name": "Bracket_V2"})
    storage.save_metadata("export_timestamp", "2025-10-30T10:30:00")

    assert storage.load_data("metadata") == {"part_name": "Bracket_V2"}
    assert storage.load_metadata("export_timestamp") == "2025-10-30T10:30:00"
    assert names(tmp_path) == {"metadata.json", "metadata__data.json"}
    assert json.loads((tmp_path / "metadata__data.json").read_text()) == {"part_name": "Bracket_V2"}
    with pytest.raises(KeyError):
        storage.load_metadata("_json_index")
    assert "_json_index" not in storage.get_metadata_keys()


@example(["A", "a", "face_Areas", "face/areas", "METADATA", "metadata"])
@settings(deadline=None)
@given(st.lists(st.text("aA/_é.-" + "x" * 5, min_size=1) | st.just("metadata") | st.just("x" * 300), unique=True))
def test_names_are_safe_and_different(keys: list[str]) -> None:
    """Each key gets a name of its own, case aside, that every file system takes."""
    used: list[str] = []
    for key in keys:
        name = choose_name(key, used)

        assert name.casefold() not in {one.casefold() for one in [*used, "metadata.json"]}
        assert len(name) <= 200
        assert set(name) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")
        used.append(name)


def test_keys_of_one_file_name_are_apart(tmp_path: Path) -> None:
    """Keys that lead to one file name, also on disks that do not tell case, keep their own data, also when saved anew."""
    storage = JsonStorageHandler(tmp_path)
    keys = ["face/areas", "face_areas", "Face_Areas", "face areas", "_json_index"]
    for round_ in range(2):
        for number, key in enumerate(keys):
            storage.save_data(key, [round_, number])

    assert [storage.load_data(key) for key in keys] == [[1, number] for number in range(len(keys))]
    assert len({name.casefold() for name in names(tmp_path)}) == len(keys) + 1


def test_files_by_others_are_data(tmp_path: Path) -> None:
    """JSON that lies in the folder is listed and read, and saved over where it lies."""
    (tmp_path / "areas.json").write_text("[1.5, 2]")
    (tmp_path / "info.json").write_text('{"name": "x", "list": [1]}')
    (tmp_path / "notes.txt").write_text("no data")
    storage = JsonStorageHandler(tmp_path)

    assert storage.get_keys() == ["areas", "info"]
    assert_same(storage.load_data("areas"), np.array([1.5, 2.0]))
    assert_same(storage.load_data("info"), {"name": "x", "list": [1]})

    storage.save_data("info/more", np.array([1], np.int8))
    assert_same(
        JsonStorageHandler(tmp_path).load_data("info"), {"name": "x", "list": [1], "more": np.array([1], np.int8)}
    )
    assert names(tmp_path) == {"areas.json", "info.json", "metadata.json", "notes.txt"}


def test_groups_leave_no_files_behind(tmp_path: Path) -> None:
    """A value that replaces a group takes the files of its members with it."""
    storage = JsonStorageHandler(tmp_path)
    storage.save_data("graph/edges", [0])
    storage.save_data("graph/deep/nodes", [1])
    storage.save_data("graph", 7)

    assert names(tmp_path) == {"metadata.json", "graph.json"}
    assert storage.load_data("graph") == 7

    storage.save_data("graph_edges", [2])
    storage.save_data("graph", 8)
    assert storage.get_keys() == ["graph", "graph_edges"]
    assert storage.load_data("graph_edges") == [2]


def test_deleted_and_changed_files(tmp_path: Path) -> None:
    """A file that is gone is a key that is gone; one that was changed by hand is read as it is, or refused by name."""
    storage = JsonStorageHandler(tmp_path)
    storage.save_data("areas", np.array([1.5, 2.5], np.float32))
    storage.save_data("gone", 1)
    (tmp_path / "gone.json").unlink()
    (tmp_path / "areas.json").write_text("[1, 2, 3]")

    assert storage.get_keys() == ["areas"]
    with pytest.raises(KeyError):
        storage.load_data("gone")
    assert_same(storage.load_data("areas"), np.array([1, 2, 3], np.float32))
    (tmp_path / "areas.json").write_text('{"a": 1}')
    with pytest.raises(ValueError, match=r"areas\.json"):
        storage.load_data("areas")
    (tmp_path / "areas.json").write_text("[1, 2")
    with pytest.raises(ValueError, match=r"areas\.json"):
        storage.load_data("areas")


def test_a_failed_save_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the metadata cannot be written, the old value is still there and no file is left over."""
    storage = JsonStorageHandler(tmp_path)
    storage.save_data("areas", [1.5])
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def fail(*arguments: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(MetadataFile, "_write", fail)
    for key in ("areas", "new"):
        with pytest.raises(OSError, match="disk full"):
            storage.save_data(key, np.array([1, 2]))
    monkeypatch.undo()

    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert storage.load_data("areas") == [1.5]
    assert storage.get_keys() == ["areas"]


@pytest.mark.parametrize("old", [np.array([1.5, 2.5], np.float32), "words", {"b": np.array([7], np.uint8)}, 3])
@pytest.mark.parametrize("new", [np.array([7, 8], np.int32), np.array(["2020-01-01"], "M8[D]"), True])
@pytest.mark.parametrize("is_killed", [False, True])
def test_a_save_that_ends_before_its_file_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: Any, new: Any, is_killed: bool
) -> None:
    """By an error or a kill: the value is the old one, with its type; saved again it is the new one."""
    storage = JsonStorageHandler(tmp_path)
    storage.save_data("a", old)
    sizes = storage.load_metadata("file_sizes_KB")
    replace = Path.replace

    def fails(self: Path, target: Path) -> Path:
        if target.name == "a.json":
            raise OSError(5, "Input/output error")
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", fails)
        if is_killed:  # nobody puts anything right then
            patch.setattr(json_files, "_restore", lambda *_: None)
        with pytest.raises(OSError, match="Input/output"):
            storage.save_data("a", new)

    assert_same(JsonStorageHandler(tmp_path).load_data("a"), old)
    if not is_killed:
        assert storage.load_metadata("file_sizes_KB") == sizes
    storage.save_data("a", new)
    assert_same(JsonStorageHandler(tmp_path).load_data("a"), new)


def test_files_changed_by_hand_are_read_by_their_record(tmp_path: Path) -> None:
    """An array stays one of its type, also where its key was saved twice."""
    storage = JsonStorageHandler(tmp_path)
    for values in ([1, 2], [3, 4]):
        storage.save_data("a", np.array(values, np.int16))
    (tmp_path / "a.json").write_text("[5, 6]")

    assert_same(storage.load_data("a"), np.array([5, 6], np.int16))


def test_masked_values_are_refused(tmp_path: Path) -> None:
    """JSON has no place for them; without masked ones the array is kept."""
    storage = JsonStorageHandler(tmp_path)

    with pytest.raises(TypeError, match="m: expected values in every place, found masked ones"):
        storage.save_data("m", np.ma.masked_array([1, 2], [False, True]))
    storage.save_data("m", np.ma.masked_array([1, 2], [False, False]))

    assert_same(storage.load_data("m"), np.array([1, 2]))


def test_nan_is_written_as_such(tmp_path: Path) -> None:
    """NaN and infinity are the tokens that Python's JSON has."""
    storage = JsonStorageHandler(tmp_path)
    storage.save_data("values", np.array([np.nan, np.inf, 1.0]))

    assert (tmp_path / "values.json").read_text() == "[NaN, Infinity, 1.0]"
    assert storage.load_metadata("file_sizes_KB/values") == (tmp_path / "values.json").stat().st_size / 1024


def test_copies_share_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pickled store opens the same folder, wherever it is unpickled, with the same options."""
    monkeypatch.chdir(tmp_path)
    storage = JsonStorageHandler("json")
    storage.validate_on_save = False
    storage.save_data("a", [1])
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    copy = pickle.loads(pickle.dumps(storage))
    copy.save_data("b", 2)

    assert not copy.validate_on_save
    assert storage.get_keys() == ["a", "b"]


def test_closing_does_nothing(tmp_path: Path) -> None:
    """A closed store still reads and writes."""
    storage = JsonStorageHandler(tmp_path)
    storage.close()
    storage.save_data("a", 1)

    assert storage.load_data("a") == 1
