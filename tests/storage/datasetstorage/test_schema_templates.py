"""The templates say what they promise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from zarrpack.errors import UsageError
from zarrpack.storage.datasetstorage.declared_arrays import find_array
from zarrpack.storage.datasetstorage.schema_builder import SchemaBuilder
from zarrpack.storage.datasetstorage.schema_templates import SchemaTemplates
from zarrpack.storage.datasetstorage.validation import describe_misfit

NAMES = ["cad_basic", "cad_advanced", "manufacturing_basic", "sensor_basic"]


def test_there_are_four() -> None:
    """The names are known and in order."""
    assert SchemaTemplates.list_templates() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_template_is_a_whole_schema(name: str) -> None:
    """It is what a builder makes of it, nothing in it is wrong, and every array and field says what it is."""
    template = SchemaTemplates.get_template(name)
    builder = SchemaBuilder.from_dict(template)

    assert builder.build() == template
    assert SchemaTemplates.get_template_description(name) == template["description"] != ""
    declared = [spec for group in template["groups"].values() for spec in group["arrays"].values()]
    declared += [spec for table in ("file_level", "categorical") for spec in template["metadata"][table].values()]
    assert len(declared) >= 15
    assert [spec for spec in declared if not spec.get("description")] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_dimension_is_one_thing_in_a_group(name: str) -> None:
    """An array's own dimension comes first; the rows of a group are those of its primary dimension."""
    for group in SchemaTemplates.get_template(name)["groups"].values():
        firsts = {spec["dims"][0] for spec in group["arrays"].values()}
        assert group["primary_dimension"] in firsts
        assert firsts <= {group["primary_dimension"], "graphitem"}
        assert all(len(set(spec["dims"])) == len(spec["dims"]) for spec in group["arrays"].values())


@pytest.mark.parametrize(
    ("name", "groups", "arrays"),
    [
        ("cad_basic", "faces edges graph metadata", "face_areas face_indices edge_lengths num_nodes edges_source"),
        (
            "cad_advanced",
            "faces edges faceface graph performance",
            "face_uv_grids face_discretization face_centroids face_loops edge_dihedral_angles edge_u_grids a3_distance",
        ),
        (
            "cad_advanced",
            "faces edges faceface graph performance",
            "d2_distance extended_adjacency face_pair_edges_path",
        ),
        ("manufacturing_basic", "production sensors materials", "quality_score temperature pressure composition"),
        ("sensor_basic", "timeseries sensors events", "timestamp value sensor_type event_type"),
    ],
)
def test_known_names_are_there(name: str, groups: str, arrays: str) -> None:
    """Groups and arrays have the names by which they are known."""
    template = SchemaTemplates.get_template(name)

    assert list(template["groups"]) == groups.split()
    assert [array for array in arrays.split() if find_array(template, array) is None] == []


@pytest.mark.parametrize(
    ("key", "data"),
    [
        ("face_areas", np.ones(3, np.float32)),
        ("faces/face_types", np.zeros(3, np.int32)),
        ("face_centroids", np.zeros((3, 3), np.float32)),
        ("face_uv_grids", np.zeros((3, 10, 10, 7), np.float32)),
        ("face_discretization", np.zeros((3, 100, 7), np.float32)),
        ("edge_u_grids", np.zeros((5, 10, 6), np.float32)),
        ("edges_source", np.zeros(4, np.int32)),
        ("graph/edges/destination", np.zeros(4, np.int32)),
        ("num_nodes", 3),
        ("a3_distance", np.zeros((3, 3, 64), np.float32)),
        ("extended_adjacency", np.full((3, 3), np.inf, np.float32)),
        ("face_pair_edges_path", np.full((3, 3, 16), -1, np.int32)),
    ],
)
def test_what_encoders_save_fits(key: str, data: Any) -> None:
    """Arrays of one CAD file, shaped as encoders make them, fit the template; one dimension too many does not."""
    found = find_array(SchemaTemplates.get_template("cad_advanced"), key)

    assert found is not None
    assert describe_misfit(found.spec, data, special_processing=found.special_processing) is None
    assert describe_misfit(found.spec, np.ones((1, 2, 3, 4, 5), "f4"), special_processing=found.special_processing)


def test_templates_are_copies() -> None:
    """Who changes a template has changed his own."""
    SchemaTemplates.get_template("cad_basic")["groups"].clear()

    assert SchemaTemplates.get_template("cad_basic")["groups"]


@pytest.mark.parametrize("name", ["", "CAD_BASIC", "cad", None])
def test_unknown_names_are_refused(name: Any) -> None:
    """UsageError, which is a ValueError, lists the templates."""
    for method in (SchemaTemplates.get_template, SchemaTemplates.get_template_description):
        with pytest.raises(UsageError, match="cad_basic, cad_advanced, manufacturing_basic, sensor_basic"):
            method(name)
