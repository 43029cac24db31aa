"""Groups and their arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from zarrpack.errors import UsageError
from zarrpack.storage.datasetstorage.group import Group, is_provenance


@pytest.fixture
def faces() -> Group:
    """Give an empty group."""
    return Group("faces", "face", "Faces of the parts")


def test_an_array_is_declared_by_position(faces: Group) -> None:
    """Name, dimensions, dtype and description come in this order, rules by name behind them."""
    faces.create_array("face_areas", ["face"], "float32", "Areas", min_value=0.5, units="mm²")

    assert faces.get_array("face_areas") == {
        "dims": ["face"],
        "dtype": "float32",
        "description": "Areas",
        "min_value": 0.5,
        "units": "mm²",
    }


def test_what_is_left_out_is_not_declared(faces: Group) -> None:
    """The dtype is float32 unless said otherwise; a description of None and a rule of None are no keys."""
    faces.create_array("face_areas", ["face"], max_value=None)

    assert faces.get_arrays() == {"face_areas": {"dims": ["face"], "dtype": "float32"}}


def test_dims_is_another_name_of_dimensions(faces: Group) -> None:
    """The alias gives the same array, and never ends among the rules."""
    faces.create_array("one", dims=["face", "dim"], dtype="int32")
    faces.create_array("two", dimensions=["face", "dim"], dtype="int32")

    assert faces.get_array("one") == faces.get_array("two") == {"dims": ["face", "dim"], "dtype": "int32"}


def test_dimensions_are_given_once(faces: Group) -> None:
    """Both names of the dimensions together, or neither, are an error that creates nothing."""
    with pytest.raises(TypeError, match="dims"):
        faces.create_array("one", ["face"], dims=["face"])
    with pytest.raises(TypeError, match="dims"):
        faces.create_array("one", dtype="int32")

    assert faces.list_arrays() == []


def test_the_first_dimension_may_be_another(faces: Group) -> None:
    """An array of one value per file lives in the group of the rows that it is about."""
    faces.create_array("num_nodes", ["graphitem"], "int32")

    assert faces.list_arrays() == ["num_nodes"]


@pytest.mark.parametrize(
    ("name", "dimensions", "dtype", "rules"),
    [
        ("taken", ["face"], "float32", {}),
        ("", ["face"], "float32", {}),
        ("a/b", ["face"], "float32", {}),
        ("..", ["face"], "float32", {}),
        ("file_id", ["face"], "int64", {}),
        ("file_id_code_faces", ["face"], "int64", {}),
        ("new", [], "float32", {}),
        ("new", ["face", ""], "float32", {}),
        ("new", ["face"], "flot32", {}),
        ("new", ["face"], "i4,f4", {}),
        ("new", ["face"], dict, {}),
        ("new", ["face"], "float32", {"min_value": 2, "max_value": 1}),
        ("new", ["face"], "float32", {"min_value": float("nan")}),
        ("new", ["face"], "float32", {"max_value": "1"}),
        ("new", ["face"], "str", {"min_value": 0}),
        ("new", ["face"], "bool", {"max_value": 1}),
        ("new", ["face"], "float32", {"units": "\ud800"}),
    ],
)
def test_wrong_values_are_refused(
    faces: Group, name: str, dimensions: list[str], dtype: Any, rules: dict[str, Any]
) -> None:
    """What a schema cannot mean raises UsageError, which is a ValueError, and changes nothing."""
    faces.create_array("taken", ["face"])
    before = faces.to_dict()

    with pytest.raises(UsageError) as caught:
        faces.create_array(name, dimensions, dtype, **rules)

    assert isinstance(caught.value, ValueError)
    assert faces.to_dict() == before


@pytest.mark.parametrize(
    ("dimensions", "dtype", "rules"),
    [
        ("face", "float32", {}),
        ([1], "float32", {}),
        (["face"], 4, {}),
        (["face"], None, {}),
        (["face"], "float32", {"rule": {1, 2}}),
        (["face"], "float32", {"rule": b"bytes"}),
    ],
)
def test_wrong_types_are_refused(faces: Group, dimensions: Any, dtype: Any, rules: dict[str, Any]) -> None:
    """A name where a list of names belongs, and what JSON cannot hold, raise TypeError."""
    with pytest.raises(TypeError):
        faces.create_array("new", dimensions, dtype, **rules)

    assert faces.list_arrays() == []


def test_arrays_are_removed(faces: Group) -> None:
    """Removing says whether there was something to remove; the name is free again."""
    faces.create_array("face_areas", ["face"])

    assert faces.remove_array("face_areas") is True
    assert faces.remove_array("face_areas") is False
    assert faces.get_array("face_areas") is None
    faces.create_array("face_areas", ["face"], "float64")
    assert faces.list_arrays() == ["face_areas"]


def test_what_is_given_out_is_a_copy(faces: Group) -> None:
    """Changing what a getter gave, or a list that was given, does not change the group."""
    dimensions, values = ["face"], [1, 2]
    faces.create_array("face_types", dimensions, "int32", known=values)
    before = faces.to_dict()

    dimensions.append("other")
    values.append(3)
    (faces.get_array("face_types") or {})["dims"].append("other")
    faces.get_arrays().clear()
    faces.to_dict()["arrays"]["face_types"]["known"].append(3)

    assert faces.to_dict() == before
    assert before["arrays"]["face_types"]["known"] == [1, 2]


def test_a_group_says_what_it_is() -> None:
    """The dictionary has the dimension and, only if they are there, description and processing."""
    assert Group("faces", "face").to_dict() == {"primary_dimension": "face", "arrays": {}}
    assert Group("faceface", "facepair", "Pairs", "matrix_flattening").to_dict() == {
        "primary_dimension": "facepair",
        "description": "Pairs",
        "special_processing": "matrix_flattening",
        "arrays": {},
    }


@pytest.mark.parametrize("arguments", [("", "face"), ("a/b", "face"), ("faces", ""), ("faces", "face", "", "flatten")])
def test_wrong_groups_are_refused(arguments: tuple[str, ...]) -> None:
    """Names of several segments, and processing that no merge knows, raise UsageError."""
    with pytest.raises(UsageError):
        Group(*arguments)


def test_reading_leaves_out_what_the_merge_adds() -> None:
    """A schema taken from a merged dataset may name the codes of the files; they are no declared arrays."""
    part = {
        "primary_dimension": "face",
        "arrays": {
            "face_areas": {"dims": ["face"], "dtype": "float32"},
            "file_id": {"dims": ["face"], "dtype": "int64"},
            "file_id_code_faces": {"dims": ["face"], "dtype": "int64"},
        },
    }

    assert Group.from_dict("faces", part).list_arrays() == ["face_areas"]


def test_reading_keeps_unknown_keys() -> None:
    """A key that another program wrote is there again when the group is written."""
    part = {"primary_dimension": "face", "arrays": {}, "colour": ["red"]}

    assert Group.from_dict("faces", part).to_dict() == part


@pytest.mark.parametrize(
    "part",
    [
        [],
        {},
        {"primary_dimension": 3},
        {"primary_dimension": "face", "arrays": []},
        {"primary_dimension": "face", "arrays": {"a": None}},
        {"primary_dimension": "face", "arrays": {"a": {"dtype": "float32"}}},
        {"primary_dimension": "face", "arrays": {"a": {"dims": ["face"]}}},
        {"primary_dimension": "face", "arrays": {"a": {"dims": ["face"], "dtype": "flot32"}}},
        {"primary_dimension": "face", "arrays": {"a": {"dims": ["face"], "dtype": ["int32"]}}},
    ],
)
def test_reading_refuses_what_is_no_group(part: Any) -> None:
    """A part that says something else than a group raises, and is not guessed at."""
    with pytest.raises((TypeError, UsageError)):
        Group.from_dict("faces", part)


@pytest.mark.parametrize("name", ["file_id", "file_id_face", "file_id_code_faces"])
def test_codes_of_files_have_names_of_their_own(name: str) -> None:
    """The code arrays of all dimensions, and the other reading of the first, are told from data."""
    assert is_provenance(name)
    assert not is_provenance(f"my_{name}")
    assert not is_provenance("file_identity")


def test_rules_may_come_from_numpy(faces: Group) -> None:
    """Scalars and arrays of numpy's in rules are Python's in the schema."""
    faces.create_array("face_types", ["face"], np.int32, min_value=np.int32(1), known=np.arange(3))

    spec = faces.get_array("face_types")

    assert spec == {"dims": ["face"], "dtype": "int32", "min_value": 1, "known": [0, 1, 2]}
    assert type((spec or {})["min_value"]) is int
