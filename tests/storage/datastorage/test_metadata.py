"""Metadata keep what lies beside, are written whole, and are read anew when the file changes."""

from __future__ import annotations

import json
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zarrpack.storage.datastorage.metadata_file import MetadataFile
from zarrpack.storage.datastorage.metadata_tree import json_value, merge_metadata, metadata_keys, read_metadata
from zarrpack.storage.datastorage.sizes import has_size, record_sizes

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=10,
)


class Kind(IntEnum):
    """An enumeration of numbers."""

    BOLT = 3


class Name(StrEnum):
    """An enumeration of texts."""

    BOLT = "bolt"


@settings(deadline=None)
@given(JSON)
def test_json_values_stay(value: Any) -> None:
    """What JSON has stays what it is, and survives JSON."""
    assert json_value(value, "key") == value
    assert json.loads(json.dumps(json_value(value, "key"))) == value


def test_derived_values_become_plain() -> None:
    """Members of enumerations and numpy's scalars become plain numbers and texts."""
    values = [Kind.BOLT, Name.BOLT, np.float32(0.5), np.str_("x"), np.bool_(False)]

    found = json_value(values, "key")

    assert found == [3, "bolt", 0.5, "x", False]
    assert [type(one) for one in found] == [int, str, float, str, bool]


@pytest.mark.parametrize("value", [1 + 2j, b"x", {1, 2}, np.array([1j]), np.array(["2020"], "M8[Y]"), object()])
def test_other_values_are_refused(value: object) -> None:
    """What JSON does not have raises TypeError that names the key."""
    with pytest.raises(TypeError, match="deep/key"):
        json_value({"key": value}, "deep")


def test_a_section_can_be_replaced_by_a_value_and_back() -> None:
    """The key that is saved is set as it is given; only dicts are merged."""
    tree: dict[str, Any] = {}
    merge_metadata(tree, "a", {"b": 1})
    merge_metadata(tree, "a", 2)
    assert tree == {"a": 2}

    merge_metadata(tree, "a", {"c": 3})
    assert tree == {"a": {"c": 3}}


def test_reserved_keys_are_refused_and_not_listed() -> None:
    """What only stores write can be neither saved nor found among the keys."""
    tree: dict[str, Any] = {"_json_index": {"a": {}}, "zarrpack": {"name": "a"}, "size": 1}

    assert metadata_keys(tree) == ["size"]
    for key in ("_json_index", "zarrpack/name"):
        with pytest.raises(ValueError, match=key):
            merge_metadata(tree, key, 1)
    with pytest.raises(KeyError):
        read_metadata(tree, "_json_index/a")


def test_sizes_never_stand_where_a_section_must_be() -> None:
    """A number that somebody wrote at a group's place gives way to the sizes of its members."""
    metadata: dict[str, Any] = {"file_sizes_KB": {"graph": 45.2}}
    record_sizes(metadata, ("graph", "edges"), {("graph", "edges"): 2048})

    assert metadata == {"file_sizes_KB": {"graph": {"edges": 2.0}}}
    assert has_size(metadata, ("graph", "edges"))
    assert not has_size(metadata, ("graph", "nodes"))
    assert not has_size({}, ("graph",))


def test_files_are_written_whole(tmp_path: Path) -> None:
    """An edit that fails, in the block or while it is written, leaves file and content as they were."""
    metadata = MetadataFile(tmp_path / "metadata.json")
    with metadata.editing() as tree:
        tree["a"] = {"b": 1}

    with pytest.raises(KeyError), metadata.editing() as tree:
        tree["a"].update(b=2, c=tree["missing"])
    with pytest.raises(ZeroDivisionError), metadata.editing() as tree:
        tree["a"]["b"] = 1 / (tree["a"].pop("b") - 1)
    with pytest.raises(TypeError), metadata.editing() as tree:
        tree["a"]["b"] = object()

    assert metadata.read() == {"a": {"b": 1}}
    assert json.loads((tmp_path / "metadata.json").read_text()) == {"a": {"b": 1}}
    assert [entry.name for entry in tmp_path.iterdir()] == ["metadata.json"]


def test_changes_by_others_are_seen(tmp_path: Path) -> None:
    """What another one has written is read; what is not written yet is not lost over it."""
    first, second = MetadataFile(tmp_path / "metadata.json"), MetadataFile(tmp_path / "metadata.json")
    with first.editing() as tree:
        tree["a"] = 1
    with second.editing() as tree:
        tree["b"] = 2
    assert first.read() == {"a": 1, "b": 2}

    first.editing_later()["c"] = 3
    assert second.read() == {"a": 1, "b": 2}
    with second.editing() as tree:
        tree["b"] = 4
    assert first.read() == {"a": 1, "b": 2, "c": 3}
    first.flush()
    assert second.read() == {"a": 1, "b": 2, "c": 3}


@pytest.mark.parametrize("content", [b"{", b"[1]", b"\xff", b"[" * 100_000])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    """A file that is no JSON object raises ValueError that names it."""
    path = tmp_path / "metadata.json"
    path.write_bytes(content)

    with pytest.raises(ValueError, match=r"metadata\.json"):
        MetadataFile(path).read()
