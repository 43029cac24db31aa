"""The calls by which people know schemas give what people know."""

from __future__ import annotations

import numpy as np
import pytest

from zarrpack.storage.datasetstorage import SchemaBuilder
from zarrpack.storage.datasetstorage.declared_arrays import find_array
from zarrpack.storage.datasetstorage.validation import fits_schema
from zarrpack.storage.tables.routing import route


def test_one_group_of_one_array() -> None:
    """A builder with a domain, a group and an array by position builds a schema that says just that."""
    builder = SchemaBuilder(domain="CAD_analysis")
    faces_group = builder.create_group("faces", "face", "Face data")
    faces_group.create_array("face_areas", ["face"], "float32")
    schema = builder.build()

    assert (schema["domain"], schema["version"]) == ("CAD_analysis", "1.0")
    assert schema["groups"] == {
        "faces": {
            "primary_dimension": "face",
            "description": "Face data",
            "arrays": {"face_areas": {"dims": ["face"], "dtype": "float32"}},
        }
    }


def test_group_membership() -> None:
    """Arrays of two groups are found by their bare names; an unknown name is in none."""
    builder = SchemaBuilder(domain="CAD_analysis", version="1.0")
    faces_group = builder.create_group("faces", "face", "Face data")
    faces_group.create_array("face_areas", ["face"], "float32")
    faces_group.create_array("face_normals", ["face", "coordinate"], "float32")
    edges_group = builder.create_group("edges", "edge", "Edge data")
    edges_group.create_array("edge_lengths", ["edge"], "float32")
    schema = builder.build()

    found = [find_array(schema, name) for name in ("face_areas", "edge_lengths", "unknown_array")]

    assert [one and one.group for one in found] == ["faces", "edges", None]


@pytest.mark.parametrize(
    ("data", "fits"),
    [
        (np.array([1.5, 2.3, 4.1], dtype=np.float32), True),
        (np.array([[1.5, 2.3], [4.1, 3.2]]), False),
        (np.array([1, 2, 3], dtype=np.int32), False),
    ],
)
def test_validation(data: np.ndarray[tuple[int, ...], np.dtype[np.float32]], fits: bool) -> None:
    """One dimension of float32 takes a row of floats, neither a matrix nor integers."""
    builder = SchemaBuilder(domain="production_data")
    group = builder.create_group("measurements", "sample")
    group.create_array("temperature", ["sample"], "float32")
    group.create_array("pressure", ["sample"], "float32")
    place = find_array(builder.build(), "temperature")

    assert place is not None
    assert place.group == "measurements"
    assert fits_schema(place.spec, data) is fits


def test_encoding_workflow() -> None:
    """Groups, metadata by position and patterns together: every field has its table, by name or declaration."""
    builder = SchemaBuilder(domain="CAD_analysis", version="1.0")
    faces_group = builder.create_group("faces", "face", "Face data")
    for name, dtype in (("face_indices", "int32"), ("face_areas", "float32"), ("face_types", "int32")):
        faces_group.create_array(name, ["face"], dtype)
    edges_group = builder.create_group("edges", "edge", "Edge data")
    edges_group.create_array("edge_indices", ["edge"], "int32")
    edges_group.create_array("edge_lengths", ["edge"], "float32")
    builder.define_file_metadata("size_cadfile", "int64", "File size")
    builder.define_file_metadata("processing_time", "float32", "Processing time")
    builder.define_categorical_metadata("file_label", "int32", "Classification")
    builder.set_metadata_routing_rules(
        file_level_patterns=["size_*", "processing_*"],
        categorical_patterns=["*_label"],
    )
    schema = builder.build()

    assert list(schema["groups"]["faces"]["arrays"]) == ["face_indices", "face_areas", "face_types"]
    assert schema["metadata"]["file_level"]["size_cadfile"]["description"] == "File size"
    targets = [route(name, "number", schema) for name in ("size_cadfile", "processing_time", "file_label")]
    assert targets == ["file_level", "file_level", "categorical"]
    assert schema["metadata"]["routing_rules"]["file_level_patterns"] == ["size_*", "processing_*"]


def test_routing_rules_by_name() -> None:
    """Patterns and two of the defaults by name; the third default is that of strings."""
    builder = SchemaBuilder()
    builder.set_metadata_routing_rules(
        file_level_patterns=["size_*", "duration_*", "processing_*", "flow_name"],
        categorical_patterns=["*_label", "category", "type"],
        default_numeric="file_level",
        default_categorical="categorical",
    )

    fields = ("size_cadfile", "flow_name", "file_label", "type", "material_kind")
    targets = [builder.get_metadata_routing(field) for field in fields]
    assert targets == ["file_level", "file_level", "categorical", "categorical", "categorical"]


def test_descriptions_by_position() -> None:
    """The fourth argument of an array and the third of a field are their descriptions."""
    builder = SchemaBuilder(domain="CAD_analysis", version="1.0")
    faces_group = builder.create_group("faces", "face", "Face geometry data")
    faces_group.create_array("face_areas", ["face"], "float32", "Face areas in mm²")
    builder.define_file_metadata("processing_time", "float32", "Encoding time in seconds")
    builder.define_categorical_metadata("complexity_level", "int32", "Part complexity (1-5)")
    schema = builder.build()

    assert schema["groups"]["faces"]["arrays"]["face_areas"]["description"] == "Face areas in mm²"
    assert schema["metadata"]["file_level"]["processing_time"]["description"] == "Encoding time in seconds"
    assert schema["metadata"]["categorical"]["complexity_level"]["description"] == "Part complexity (1-5)"


def test_structure_written_by_hand() -> None:
    """A dictionary of groups alone is a schema: it declares its arrays and can be built upon."""
    areas = {"dims": ["face"], "dtype": "float32"}
    schema = {
        "groups": {
            "faces": {
                "primary_dimension": "face",
                "arrays": {"face_indices": {"dims": ["face"], "dtype": "int32"}, "face_areas": areas},
            },
            "edges": {"primary_dimension": "edge", "arrays": {"edge_lengths": {"dims": ["edge"], "dtype": "float32"}}},
        }
    }

    found = find_array(schema, "faces/face_areas")
    assert found is not None
    assert found.spec == areas
    assert SchemaBuilder.from_dict(schema).build()["groups"] == schema["groups"]


def test_routing_written_by_hand() -> None:
    """Declared, matched and left to its kind: three fields, three rules; values without labels are a right declaration."""
    schema = {
        "metadata": {
            "file_level": {
                "size_cadfile": {"dtype": "int64", "required": False},
                "processing_time": {"dtype": "float32", "required": False},
            },
            "categorical": {"file_label": {"dtype": "int32", "values": [0, 1, 2, 3, 4]}},
            "routing_rules": {
                "file_level_patterns": ["size_*", "duration_*", "processing_*"],
                "categorical_patterns": ["*_label", "category", "type"],
                "default_numeric": "file_level",
                "default_categorical": "categorical",
            },
        }
    }
    builder = SchemaBuilder.from_dict(schema)

    for one in (schema, builder.build()):
        assert route("size_cadfile", "number", one) == "file_level"
        assert route("file_label", "number", one) == "categorical"
        assert route("custom_metric", "number", one) == "file_level"
    assert builder.validate_metadata_schema() == []
    assert [builder.validate_metadata_field("file_label", value) for value in (3, 5)] == [True, False]
