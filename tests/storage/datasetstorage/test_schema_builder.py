"""Schemas are built, stored as JSON, and read back."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zarrpack.errors import FormatError, UsageError
from zarrpack.storage.datasetstorage import SchemaBuilder, create_cad_schema
from zarrpack.storage.datasetstorage.schema_builder import (
    Group,
    create_custom_schema,
    create_manufacturing_schema,
    create_sensor_schema,
)
from zarrpack.storage.datasetstorage.schema_templates import SchemaTemplates
from zarrpack.storage.datasetstorage.special_processing import SPECIAL_PROCESSING

_NAMES = st.text(min_size=1, max_size=8).filter(lambda name: "/" not in name and name not in (".", ".."))
_ARRAYS = _NAMES.filter(lambda name: not name.startswith("file_id"))
_DTYPES = st.sampled_from(
    ["float32", "float64", "int8", "int32", "uint64", "bool", "str", "complex64", "datetime64[s]"]
)
_TEXTS = st.none() | st.text(max_size=8)
_NOTES: st.SearchStrategy[dict[str, Any]] = st.dictionaries(
    st.sampled_from(["units", "note", "größe"]),
    st.integers() | st.text(max_size=5) | st.lists(st.booleans()),
    max_size=2,
)


@st.composite
def builders(draw: st.DrawFn) -> SchemaBuilder:
    """Draw a builder that has done anything that the methods allow."""
    builder = SchemaBuilder(draw(st.text(max_size=8)), draw(st.text(max_size=4)), draw(_TEXTS))
    for name in draw(st.lists(_NAMES, unique=True, max_size=3)):
        group = builder.create_group(
            name, draw(_NAMES), draw(_TEXTS), draw(st.sampled_from([None, *SPECIAL_PROCESSING]))
        )
        for array in draw(st.lists(_ARRAYS, unique=True, max_size=3)):
            dims = draw(st.lists(_NAMES, min_size=1, max_size=3))
            group.create_array(array, dims, draw(_DTYPES), draw(_TEXTS), **draw(_NOTES))
    fields = draw(st.lists(st.text(min_size=1, max_size=8), unique=True, max_size=4))
    for number, field in enumerate(fields):
        if number % 2:
            builder.define_file_metadata(field, draw(_DTYPES), draw(_TEXTS), draw(st.booleans()), **draw(_NOTES))
        else:
            values = draw(st.none() | st.lists(st.integers(0, 9), unique=True, max_size=3))
            labels = draw(st.none() | st.just([f"l{one}" for one in values])) if values is not None else None
            builder.define_categorical_metadata(field, "int32", draw(_TEXTS), values, labels, draw(st.booleans()))
    if draw(st.booleans()):
        patterns = st.none() | st.lists(st.text(max_size=5), max_size=3)
        targets = (st.sampled_from(["file_level", "categorical"]) for _ in range(3))
        builder.set_metadata_routing_rules(draw(patterns), draw(patterns), *map(draw, targets))
    return builder


@given(builders())
@settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)
def test_any_schema_survives_json(tmp_path: Path, builder: SchemaBuilder) -> None:
    """Text, file, dictionary and copy hold the same schema, which goes through any JSON reader unchanged."""
    schema = builder.build()
    path = tmp_path / "any.schema"
    builder.save_to_file(path)

    assert json.loads(builder.to_json()) == json.loads(builder.to_json(indent=None)) == schema
    assert json.loads(path.read_text(encoding="utf-8")) == schema
    loaded = SchemaBuilder.load_from_file(path)
    assert loaded.build() == builder.copy().build() == SchemaBuilder.from_dict(schema).build() == schema
    assert list(loaded.build()["groups"]) == builder.list_groups()
    assert [path.name for path in tmp_path.iterdir()] == ["any.schema"]


@given(builders())
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_metadata_nested_twice_is_the_same_schema(builder: SchemaBuilder) -> None:
    """A section inside a section of the same name is read as one, and written as one."""
    schema = builder.build()

    assert SchemaBuilder.from_dict(schema | {"metadata": {"metadata": schema["metadata"]}}).build() == schema


def test_keys_have_an_order() -> None:
    """Version and domain come first, the description only if there is one."""
    assert list(SchemaBuilder().build()) == ["version", "domain", "groups", "metadata"]
    keys = list(SchemaBuilder("a", "2.0", "About a").build())
    assert keys == ["version", "domain", "groups", "description", "metadata"]


def test_an_empty_builder_builds_a_whole_schema() -> None:
    """Everything has a default, and the routing is what it is without a schema."""
    assert SchemaBuilder().build() == {
        "version": "1.0",
        "domain": "custom",
        "groups": {},
        "metadata": {
            "file_level": {},
            "categorical": {},
            "routing_rules": {
                "file_level_patterns": [
                    *("size_*", "duration_*", "processing_*", "flow_name", "description", "Item", "stream *"),
                ],
                "categorical_patterns": ["*_label", "category", "type", "material_*", "complexity"],
                "default_numeric": "file_level",
                "default_categorical": "categorical",
                "default_string": "categorical",
            },
        },
    }


def test_building_gives_a_copy_each_time() -> None:
    """Changing a built schema changes neither the builder nor what it builds next."""
    builder = create_cad_schema()
    first = builder.build()
    first["groups"]["faces"]["arrays"].clear()
    first["metadata"]["routing_rules"]["file_level_patterns"].append("x")

    assert builder.build() == create_cad_schema().build() != first


def test_a_copy_goes_its_own_way() -> None:
    """What is added to a copy is not in the original."""
    builder = SchemaBuilder()
    builder.copy().create_group("faces", "face")

    assert builder.list_groups() == []


def test_groups_are_found_and_removed() -> None:
    """A group is given itself, so that arrays can be added later; removing says whether it was there."""
    builder = SchemaBuilder()
    faces = builder.create_group("faces", "face", "Faces", "matrix_flattening")
    builder.create_group("edges", "edge")

    assert builder.get_group("faces") is faces
    assert isinstance(faces, Group)
    assert builder.list_groups() == ["faces", "edges"]
    assert builder.remove_group("faces") is True
    assert builder.remove_group("faces") is False
    assert builder.get_group("faces") is None


def test_a_group_is_created_once() -> None:
    """A second group of the same name is refused, and the first keeps its arrays."""
    builder = SchemaBuilder()
    builder.create_group("faces", "face").create_array("areas", ["face"])

    with pytest.raises(ValueError, match="faces"):
        builder.create_group("faces", "face")

    assert builder.build()["groups"]["faces"]["arrays"].keys() == {"areas"}


def test_base_dimension_is_another_name_of_primary_dimension() -> None:
    """The alias gives the same group; both names, or neither, are an error that creates nothing."""
    builder = SchemaBuilder()
    builder.create_group("faces", base_dimension="face", description="Faces")

    assert builder.build()["groups"]["faces"] == {"primary_dimension": "face", "description": "Faces", "arrays": {}}
    with pytest.raises(TypeError, match="base_dimension"):
        builder.create_group("edges", "edge", base_dimension="edge")
    with pytest.raises(TypeError, match="base_dimension"):
        builder.create_group("edges")
    assert builder.list_groups() == ["faces"]


def test_a_failed_group_is_not_there() -> None:
    """A group that cannot be made leaves nothing behind."""
    builder = SchemaBuilder()

    with pytest.raises(UsageError):
        builder.create_group("faces", "")
    assert builder.list_groups() == []


def test_fields_are_declared_in_their_tables() -> None:
    """Positions are name, dtype, description; values and labels are kept as given."""
    builder = SchemaBuilder()
    builder.define_file_metadata("size_part", "int64", "In bytes", True, min_value=0)
    builder.define_categorical_metadata("grade", "int32", "Quality", [0, 1], ["low", "high"])
    metadata = builder.build()["metadata"]

    size = {"dtype": "int64", "required": True, "description": "In bytes", "min_value": 0}
    grade = {"dtype": "int32", "required": False, "description": "Quality", "values": [0, 1], "labels": ["low", "high"]}
    assert metadata["file_level"] == {"size_part": size}
    assert metadata["categorical"] == {"grade": grade}
    assert builder.list_metadata_fields() == {"file_level": ["size_part"], "categorical": ["grade"]}


def test_a_field_can_be_declared_anew() -> None:
    """The later declaration replaces the earlier."""
    builder = SchemaBuilder()
    builder.define_file_metadata("weight", "int64", "In grams")
    builder.define_file_metadata("weight", "float32")

    assert builder.build()["metadata"]["file_level"] == {"weight": {"dtype": "float32", "required": False}}


def test_labels_count_integers() -> None:
    """Labels alone name the integers from 0; a field of integers without labels is right as it is."""
    builder = SchemaBuilder()
    builder.define_categorical_metadata("grade", "uint8", labels=["low", "high"])
    builder.define_categorical_metadata("file_label", "int32", values=[0, 1, 2, 3, 4])

    fields = builder.build()["metadata"]["categorical"]
    assert fields["grade"]["values"] == [0, 1]
    assert "labels" not in fields["file_label"]
    assert builder.validate_metadata_schema() == []


def test_routing_rules_replace_patterns_or_keep_them() -> None:
    """A list replaces the list there is, nothing keeps it; the defaults are always set."""
    builder = SchemaBuilder()
    builder.set_metadata_routing_rules(["a*"], ["b*"], "categorical", "file_level", "file_level")
    builder.set_metadata_routing_rules(categorical_patterns=[])

    assert builder.build()["metadata"]["routing_rules"] == {
        "file_level_patterns": ["a*"],
        "categorical_patterns": [],
        "default_numeric": "file_level",
        "default_categorical": "categorical",
        "default_string": "categorical",
    }


def test_patterns_are_lists_of_strings() -> None:
    """One pattern instead of a list would be taken for its letters; it is refused, and so is a number."""
    builder = SchemaBuilder()

    with pytest.raises(TypeError, match="size_"):
        builder.set_metadata_routing_rules("size_*")
    with pytest.raises(TypeError):
        builder.set_metadata_routing_rules(categorical_patterns=[1])  # type: ignore[list-item]
    assert builder.build() == SchemaBuilder().build()


def _both_tables(builder: SchemaBuilder) -> None:
    builder.define_file_metadata("grade", "int32")
    builder.define_categorical_metadata("grade", "int32")


_PROBLEMS: list[tuple[Callable[[SchemaBuilder], None], str]] = [
    (_both_tables, "grade"),
    (lambda one: one.define_categorical_metadata("grade", "int32", values=[0, 1], labels=["low"]), "labels"),
    (lambda one: one.define_categorical_metadata("grade", "str", labels=["low"]), "labels"),
    (lambda one: one.define_categorical_metadata("grade", "str", values="low"), "values"),
    (lambda one: one.define_file_metadata("grade", "integer32"), "integer32"),
    (lambda one: one.define_file_metadata("grade", "int32", min_value=2, max_value=1), "min_value"),
    (lambda one: one.set_metadata_routing_rules(default_numeric="infoset"), "default_numeric"),
]


@pytest.mark.parametrize(("mistake", "word"), _PROBLEMS)
def test_wrong_metadata_is_named(mistake: Callable[[SchemaBuilder], None], word: str) -> None:
    """A mistake is taken, then named by the validation, and no schema is built with it."""
    builder = SchemaBuilder()
    assert builder.validate_metadata_schema() == []
    mistake(builder)

    problems = builder.validate_metadata_schema()
    assert len(problems) == 1
    assert word in problems[0]
    with pytest.raises(ValueError, match=word):
        builder.build()


@pytest.mark.parametrize(
    ("name", "value", "fits"),
    [
        ("size_part", 5, True),
        ("size_part", -1, False),
        ("size_part", "5", False),
        ("grade", 1, True),
        ("grade", 2, False),
        ("unknown", 2, True),
        ("unknown", None, True),
        ("unknown", {"a": 1}, True),
    ],
)
def test_values_of_fields_are_checked(name: str, value: Any, fits: bool) -> None:
    """Declared fields have their dtype, values and bounds; of others everything is right."""
    builder = SchemaBuilder()
    builder.define_file_metadata("size_part", "int64", min_value=0)
    builder.define_categorical_metadata("grade", "int32", values=[0, 1])

    assert builder.validate_metadata_field(name, value) is fits


def test_templates_replace() -> None:
    """A template takes the place of groups and fields, and names the builder only if it has no name."""
    builder = SchemaBuilder("mine", "3.0")
    builder.create_group("own", "row")
    builder.define_file_metadata("own", "int32")

    assert builder.from_template("sensor_basic") is builder
    schema, template = builder.build(), SchemaTemplates.get_template("sensor_basic")
    assert (schema["domain"], schema["version"]) == ("mine", "3.0")
    assert schema["groups"] == template["groups"]
    assert schema["metadata"] == template["metadata"]
    assert SchemaBuilder().from_template("sensor_basic").build() == template


def test_templates_extend() -> None:
    """What the template has is added; of what both have, the builder's stays."""
    builder = SchemaBuilder("mine")
    faces = builder.create_group("faces", "own_face")
    faces.create_array("face_areas", ["own_face"], "float64")
    builder.define_categorical_metadata("size_cadfile", "int32")
    builder.set_metadata_routing_rules(["own_*"], [], "categorical")

    schema = builder.extend_template("cad_basic").build()

    template = SchemaTemplates.get_template("cad_basic")
    assert schema["domain"] == "mine"
    assert schema["groups"]["faces"]["primary_dimension"] == "own_face"
    assert schema["groups"]["faces"]["arrays"]["face_areas"] == {"dims": ["own_face"], "dtype": "float64"}
    assert schema["groups"]["faces"]["arrays"].keys() == template["groups"]["faces"]["arrays"].keys()
    assert schema["groups"]["edges"] == template["groups"]["edges"]
    assert "size_cadfile" not in schema["metadata"]["file_level"]
    assert schema["metadata"]["routing_rules"]["file_level_patterns"][:2] == ["own_*", "size_*"]
    assert schema["metadata"]["routing_rules"]["default_numeric"] == "categorical"


def test_templates_extend_templates() -> None:
    """Extending twice is extending once, and does not touch the templates."""
    builder = SchemaBuilder().from_template("cad_basic").extend_template("cad_advanced")
    once = builder.build()

    assert builder.extend_template("cad_advanced").build() == once
    assert {"faces", "edges", "graph", "metadata", "faceface", "performance"} == set(once["groups"])
    assert SchemaBuilder().from_template("cad_basic").build() == SchemaTemplates.get_template("cad_basic")


def test_unknown_templates_change_nothing() -> None:
    """A wrong name raises ValueError with the right ones."""
    builder = create_custom_schema("mine")

    for method in (builder.from_template, builder.extend_template):
        with pytest.raises(ValueError, match="cad_basic"):
            method("cad_basics")
    assert builder.build() == SchemaBuilder("mine").build()


def test_ready_made_builders() -> None:
    """Each function gives a builder with its template, and one an empty builder."""
    made = [create_cad_schema(), create_manufacturing_schema(), create_sensor_schema()]

    expected = [SchemaTemplates.get_template(name) for name in ("cad_basic", "manufacturing_basic", "sensor_basic")]
    assert [builder.build() for builder in made] == expected
    assert create_custom_schema("mine").build() == SchemaBuilder("mine").build()


def test_schemas_written_by_hand_are_read(tmp_path: Path) -> None:
    """Parts may be missing, the version a number; what is unknown stays."""
    path = tmp_path / "hand.json"
    arrays = {"face_areas": {"dims": ["face"], "dtype": "float32", "units": "mm²"}}
    hand = {
        "version": 2.5,
        "author": {"name": "Ω"},
        "groups": {"faces": {"primary_dimension": "face", "arrays": arrays}},
    }
    hand["metadata"] = {"categorical": {"file_label": {"dtype": "int32"}}, "origin": "hand"}
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(hand, ensure_ascii=False).encode())

    schema = SchemaBuilder.load_from_file(str(path)).build()

    assert (schema["version"], schema["domain"], schema["author"]) == ("2.5", "custom", {"name": "Ω"})
    assert schema["groups"] == hand["groups"]
    assert schema["metadata"]["categorical"] == {"file_label": {"dtype": "int32", "required": False}}
    assert schema["metadata"]["origin"] == "hand"
    assert schema["metadata"]["routing_rules"] == SchemaBuilder().build()["metadata"]["routing_rules"]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"{",
        b"\xff\xfe{}",
        b'{"groups": []}',
        b'{"groups": {"a/b": {"primary_dimension": "x"}}}',
        b'{"groups": {"a": {"primary_dimension": "x", "special_processing": "magic"}}}',
        b'{"groups": {"a": {"primary_dimension": "x", "arrays": {"b": {"dims": [], "dtype": "int32"}}}}}',
        b'{"domain": 4}',
        b'{"version": true}',
        b'{"metadata": []}',
        b'{"metadata": {"file_level": {"a": 4}}}',
        b'{"metadata": {"file_level": {"a": {"dtype": "int32", "required": 1}}}}',
        b'{"metadata": {"routing_rules": {"file_level_patterns": "size_*"}}}',
        b'{"other": NaN}',
        b'{"version": NaN}',
        b'{"other": "\\ud800"}',
        b'{"other": ' + b"1" * 5000 + b"}",
        b'{"other": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"other": ' + b"[" * 900 + b"]" * 900 + b"}",
    ],
    ids=lambda text: text[:40],
)
def test_files_that_are_no_schema_are_refused(tmp_path: Path, text: bytes) -> None:
    """What is not JSON, or JSON of something else, raises FormatError with the path; the same place reads a schema."""
    path = tmp_path / "some.json"
    path.write_bytes(text)

    with pytest.raises(FormatError, match=r"some\.json"):
        SchemaBuilder.load_from_file(path)

    SchemaBuilder().save_to_file(path)
    assert SchemaBuilder.load_from_file(path).build() == SchemaBuilder().build()


@given(st.data())
@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_damaged_files_give_a_schema_or_an_error(tmp_path: Path, data: st.DataObject) -> None:
    """Whatever bytes replace a piece of a schema, reading gives a builder or FormatError."""
    text = create_cad_schema().to_json(indent=None).encode()
    place = data.draw(st.integers(0, len(text) - 1))
    path = tmp_path / "damaged.json"
    piece = data.draw(st.binary(max_size=4) | st.sampled_from([b"null", b"[]", b"{}", b"-1", b'""', b'"', b"}"]))
    path.write_bytes(text[:place] + piece + text[place + data.draw(st.integers(0, 6)) :])

    try:
        found: object = SchemaBuilder.load_from_file(path).validate_metadata_schema()
    except FormatError as error:
        found = str(error)
    assert isinstance(found, list) or str(path) in str(found)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b'{"domain": "\xe9"}', "JSON in UTF-8"),
        (b'{"version": NaN}', "number NaN"),
        (b'{\n "a": }', "line 2, column 7"),
        (b"[]", "a JSON object, found a list"),
        (b'{"groups": {"a": {"primary_dimension": "x", "arrays": {"b": 1}}}}', "a/b: expected an object, found int"),
    ],
)
def test_a_refusal_says_what_is_wrong(tmp_path: Path, text: bytes, words: str) -> None:
    """The message tells what and where, for a person who wrote the file."""
    path = tmp_path / "some.json"
    path.write_bytes(text)

    with pytest.raises(FormatError, match=re.escape(words)):
        SchemaBuilder.load_from_file(path)


def test_missing_files_are_missing(tmp_path: Path) -> None:
    """A file that is not there raises FileNotFoundError, a folder that is not there too."""
    with pytest.raises(FileNotFoundError):
        SchemaBuilder.load_from_file(tmp_path / "none.json")
    with pytest.raises(FileNotFoundError):
        SchemaBuilder().save_to_file(tmp_path / "none" / "a.json")


def test_a_failed_save_leaves_the_file(tmp_path: Path) -> None:
    """A schema that cannot be built replaces nothing."""
    path = tmp_path / "a.json"
    builder = SchemaBuilder("first")
    builder.save_to_file(path)
    _both_tables(builder)

    with pytest.raises(UsageError):
        builder.save_to_file(path)

    assert SchemaBuilder.load_from_file(path).domain == "first"
    assert [one.name for one in tmp_path.iterdir()] == ["a.json"]


def test_saving_replaces_the_file(tmp_path: Path) -> None:
    """Who has the old file open goes on reading the old schema; a file that cannot be replaced leaves no rest."""
    path, folder = tmp_path / "a.json", tmp_path / "folder"
    folder.mkdir()
    SchemaBuilder("first").save_to_file(path)

    with path.open(encoding="utf-8") as old:
        SchemaBuilder("second").save_to_file(path)
        assert json.load(old)["domain"] == "first"
    assert json.loads(path.read_text(encoding="utf-8"))["domain"] == "second"
    with pytest.raises(OSError, match="folder"):
        SchemaBuilder().save_to_file(folder)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.json", "folder"]


@pytest.mark.parametrize("arguments", [{"domain": 1}, {"version": 1.0}, {"description": ["a"]}])
def test_names_are_strings(arguments: dict[str, Any]) -> None:
    """Domain, version and description of another type raise TypeError."""
    with pytest.raises(TypeError):
        SchemaBuilder(**arguments)


def test_importing_is_cheap() -> None:
    """Worker processes that check data load none of the heavy libraries for it."""
    heavy = "pyarrow pandas xarray zarr numcodecs dask h5py matplotlib"
    program = (
        "import sys, zarrpack.storage.datasetstorage.schema_builder; "
        f"print([name for name in '{heavy}'.split() if name in sys.modules])"
    )

    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert loaded.stdout.strip() == "[]"
