"""Infoset and attribset out of files' metadata, as pandas reads them."""

from __future__ import annotations

import contextlib
import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stores import merge, save

from zarrpack.errors import UsageError
from zarrpack.storage import OptStorage
from zarrpack.storage.datasetstorage import DatasetInfo, SchemaBuilder

FIXED = ["id", "name", "description", "subset", "table_name"]
ATTRIBSET = ["table_name", "id", "name", "description"]

#: The schema that the documentation of the classes shows.
SCHEMA: dict[str, Any] = {
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


def write_json(folder: Path, files: Mapping[str, Any]) -> list[Path]:
    """Write metadata as stores leave it, one JSON file for each name."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, metadata in files.items():
        (folder / f"{name}.json").write_text(json.dumps(metadata), encoding="utf-8")
    return [folder / f"{name}.json" for name in files]


class Result:
    """Both tables of some files, and the object that has written them."""

    def __init__(
        self,
        folder: Path,
        files: Mapping[str, Any] | Sequence[Path],
        schema: Any = None,
        zip_files: Sequence[Any] | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> None:
        self.paths = write_json(folder / "files_summary", files) if isinstance(files, Mapping) else list(files)
        self.infoset_path, self.attribset_path = folder / "my.infoset", folder / "my.attribset"
        self.info = DatasetInfo(self.paths, self.infoset_path, self.attribset_path, schema=schema)
        self.info.parse_info_files()
        if zip_files is not None:
            self.codes = self.info.build_code_mappings(zip_files)
        for table, rows in (attributes or {}).items():
            self.info.set_attributes(rows, table)
        self.info.store_info_to_parquet()
        self.infoset = pd.read_parquet(self.infoset_path)
        self.attribset = pd.read_parquet(self.attribset_path)

    def rows(self, table: str) -> list[list[Any]]:
        """Give one table of the dictionary as id, name, description."""
        one = self.attribset[self.attribset["table_name"] == table]
        return [list(row) for row in one[ATTRIBSET[1:]].itertuples(index=False)]


def test_the_documented_three_calls(tmp_path: Path) -> None:
    """Parse, number and store by positions and keywords of the documentation give one row per file, in code order."""
    files = {
        "part_001": {"description": "Bracket", "size_cadfile": 1024000, "processing_time": 12.5},
        "part_002": {"description": "Housing", "size_cadfile": 2048000, "processing_time": 18.3},
        "part_003": {"description": "Cover", "size_cadfile": 512000, "processing_time": 8.1},
    }
    ds_info = DatasetInfo(
        info_files=[str(path) for path in write_json(tmp_path, files)],
        merged_store_path=str(tmp_path / "merged_dataset.infoset"),
        attribute_file_path=str(tmp_path / "merged_dataset.attribset"),
        schema=SCHEMA,
    )
    ds_info.parse_info_files()
    file_id_codes = ds_info.build_code_mappings([f"encoded/{name}.zarr.data" for name in files])
    ds_info.store_info_to_parquet(table_name="file_info")

    assert file_id_codes == {"part_001": 0, "part_002": 1, "part_003": 2}
    table = pd.read_parquet(tmp_path / "merged_dataset.infoset")
    assert list(table.columns) == [*FIXED, "size_cadfile", "processing_time"]
    assert table["id"].dtype == np.int64
    assert table["processing_time"].dtype == np.float32
    assert table.drop(columns="processing_time").to_numpy().tolist() == [
        [0, "part_001", "Bracket", "N/A", "file_info", 1024000],
        [1, "part_002", "Housing", "N/A", "file_info", 2048000],
        [2, "part_003", "Cover", "N/A", "file_info", 512000],
    ]


def test_documented_routing(tmp_path: Path) -> None:
    """A size is the file's; a label is in the dictionary too; an undeclared number is the file's, text and bools are not."""
    metadata = {"size_cadfile": 1024000, "file_label": 3, "custom_metric": 42.5, "vendor": "ACME", "checked": True}
    result = Result(tmp_path, {"part_001": metadata}, SCHEMA)

    assert list(result.infoset[list(metadata)].loc[0]) == [1024000, 3, 42.5, "ACME", True]
    assert set(result.attribset["table_name"]) == {"file_label", "vendor", "checked"}
    assert result.rows("file_label") == [[n, str(n), "not set"] for n in range(5)]
    assert result.rows("vendor") == [[0, "ACME", "not set"]]
    assert result.rows("checked") == [[1, "True", "not set"]]


def test_routing_without_a_schema(tmp_path: Path) -> None:
    """The patterns that everybody has hold, then the kind of the value."""
    metadata = {
        "size_cadfile": 1024,
        "file_label": 3,
        "custom_metric": 42.5,
        "duration_text": "1 s",
        "material_x": "Al",
    }
    result = Result(tmp_path, {"a": metadata})

    assert list(result.infoset[list(metadata)].loc[0]) == [1024, 3, 42.5, "1 s", "Al"]
    assert list(result.attribset["table_name"]) == ["file_label", "material_x"]


def test_a_builders_schema(tmp_path: Path) -> None:
    """Labels name the values, dtypes make the columns, and values that no file has are in the dictionary."""
    builder = SchemaBuilder(domain="CAD_analysis", version="1.0")
    builder.define_file_metadata("size_cadfile", "int32", "File size")
    builder.define_categorical_metadata("complexity_level", "int8", values=[1, 2, 3], labels=["Low", "Medium", "High"])
    builder.define_categorical_metadata("material", "str", values=["steel", "brass"])
    files = {
        "a": {"size_cadfile": 5, "complexity_level": 3, "material": "brass"},
        "b": {"complexity_level": 1, "material": "wood"},
    }
    with pytest.warns(UserWarning, match=r"material: expected one of \['steel', 'brass'\], found 'wood' in b"):
        result = Result(tmp_path, files, builder.build())

    assert {name: str(result.infoset[name].dtype) for name in ("size_cadfile", "complexity_level")} == {
        "size_cadfile": "Int32",
        "complexity_level": "int8",
    }
    assert result.infoset["material"].tolist() == ["brass", "wood"]
    assert result.rows("complexity_level") == [[1, "Low", "not set"], [2, "Medium", "not set"], [3, "High", "not set"]]
    assert result.rows("material") == [[0, "steel", "not set"], [1, "brass", "not set"], [2, "wood", "not set"]]


def test_text_is_numbered_by_rank(tmp_path: Path) -> None:
    """So that the ids do not depend on the order of the files."""
    files = {"a": {"category": "rod"}, "b": {"category": "gear"}, "c": {"category": "rod"}}
    forward = Result(tmp_path / "1", files)
    backward = Result(tmp_path / "2", dict(reversed(files.items())))

    assert forward.rows("category") == backward.rows("category") == [[0, "gear", "not set"], [1, "rod", "not set"]]


def test_what_is_no_column(tmp_path: Path) -> None:
    """Sizes, descriptions, indices and everything that begins with _ stay out; nested keys are paths."""
    metadata = {
        "_storage_schema": {"groups": {}},
        "_private": 1,
        "_json_index": {"a": {}},
        "file_sizes_KB": {"face_areas": 45.2},
        "descriptions": {"face_types": {"0": "Plane"}},
        "zarrpack": {"name": "x"},
        "processing": {"duration": 12.5, "deep": {"er": [1, 2]}},
        "size_cadfile": 1024000,
    }
    result = Result(tmp_path, {"a": metadata})

    assert list(result.infoset.columns) == [*FIXED, "processing/duration", "processing/deep/er", "size_cadfile"]
    assert json.loads(str(result.infoset.loc[0, "processing/deep/er"])) == [1, 2]


def test_fields_of_other_names(tmp_path: Path) -> None:
    """``Item`` is the description, ``Flow name`` the flow, a viewer's files the stream cache, ``subset`` the subset."""
    files = {
        "a": {"Item": "parts/a.step", "Flow name": "f", "stream cache png": "p/a.png", "stream cache 3d": "s/a.scs"},
        "b": {
            "description": "B",
            "Item": "parts/b.step",
            "flow_name": "f",
            "visu": {"x": "p/b.png"},
            "subset": "train",
        },
        "c": {"id": 7, "name": "n", "streaming": "netflix", "subset": "north"},
    }
    result = Result(tmp_path, files)

    own = ["description", "flow_name", "stream_cache_png", "stream_cache_3d", "subset"]
    rows = result.infoset[own].astype(object).where(result.infoset[own].notna(), None).to_numpy().tolist()
    assert rows == [
        ["parts/a.step", "f", "p/a.png", "s/a.scs", "N/A"],
        ["B", "f", "p/b.png", None, "train"],
        ["not set", None, None, None, "N/A"],
    ]
    rest = ["Item", "id_", "name_", "streaming", "subset_"]
    assert list(result.infoset.columns) == [*FIXED, *own[1:4], *rest]
    assert result.infoset["Item"].tolist()[1] == "parts/b.step"
    assert list(result.infoset[rest[1:]].loc[2]) == [7, "n", "netflix", "north"]
    assert set(result.attribset["table_name"]) == {"name_", "streaming", "subset_"}


def test_descriptions_become_rows(tmp_path: Path) -> None:
    """Of all files together; ids are numbers again; the first of two that contradict is kept, with a warning."""
    files = {
        "a": {"descriptions": {"face_types": {"0": "Plane", "10": {"name": "Cone", "description": "Conical surface"}}}},
        "b": {"descriptions": {"face_types": {"2": "Sphere", "0": {"name": "Plane", "description": "Planar surface"}}}},
        "c": {"descriptions": {"face_types": {"2": "Ball"}, "edges": {"edge_types": {"0": "Line"}}}},
    }
    with pytest.warns(UserWarning, match=r"face_types: id 2 is described in several ways; 'Sphere' is kept"):
        result = Result(tmp_path, files)

    assert result.rows("face_types") == [
        [0, "Plane", "Planar surface"],
        [2, "Sphere", "not set"],
        [10, "Cone", "Conical surface"],
    ]
    assert result.rows("edges/edge_types") == [[0, "Line", "not set"]]
    assert result.attribset["id"].dtype == np.int64


def test_descriptions_of_a_field_name_its_values(tmp_path: Path) -> None:
    """Each id is there once: a described one by its name, one that is only observed by its digits."""
    described = {"file_label": {"0": {"name": "Simple", "description": "Basic geometry"}, "2": "Complex"}}
    files = {"a": {"file_label": 2, "descriptions": described}, "b": {"file_label": 3}}
    result = Result(tmp_path, files)

    assert result.infoset["file_label"].tolist() == [2, 3]
    assert sorted(result.rows("file_label")) == [
        [0, "Simple", "Basic geometry"],
        [2, "Complex", "not set"],
        [3, "3", "not set"],
    ]


def test_attributes_can_be_set(tmp_path: Path) -> None:
    """They are rows like described ones, and stronger; what is no table of ids is refused."""
    files = {"a": {"descriptions": {"face_types": {"0": "Flat", "1": "Round"}}}}
    attributes = {"face_types": {0: "Plane"}, "edge_types": {np.int64(1): {"name": "Arc", "description": "Circular"}}}
    result = Result(tmp_path, files, attributes=attributes)

    assert result.rows("face_types") == [[0, "Plane", "not set"], [1, "Round", "not set"]]
    assert result.rows("edge_types") == [[1, "Arc", "Circular"]]
    for wrong in ({"x": "Plane"}, {0: None}, {True: "Plane"}, {2**63: "Plane"}, {0: {"description": "no name"}}):
        with pytest.raises(UsageError, match="expected"):
            result.info.set_attributes(wrong, "face_types")


def test_nothing_gives_empty_tables(tmp_path: Path) -> None:
    """The dictionary has its four columns, the infoset the fixed ones."""
    result = Result(tmp_path, [])

    assert list(result.attribset.columns) == ATTRIBSET
    assert result.attribset["id"].dtype == np.int64
    assert list(result.infoset.columns) == FIXED
    assert len(result.infoset) == len(result.attribset) == 0


def test_codes_follow_the_order_given(tmp_path: Path) -> None:
    """Of the data files, not of the metadata; rows are in the order of codes."""
    files = {name: {"n": n} for n, name in enumerate("abc")}
    result = Result(tmp_path, files, zip_files=["x/c.data", Path("x/a.zarr.data"), "x/b.zarr"])

    assert result.codes == {"c": 0, "a": 1, "b": 2}
    assert result.infoset[["id", "name", "n"]].to_numpy().tolist() == [[0, "c", 2], [1, "a", 0], [2, "b", 1]]
    result.codes["c"] = 9
    result.info.store_info_to_parquet()
    assert pd.read_parquet(result.infoset_path)["id"].tolist() == [0, 1, 2]


def test_without_codes_files_count_as_a_merger_counts_them(tmp_path: Path) -> None:
    """By their stems, in whatever order they are given: tables and arrays mean the same file by a code."""
    sources = [save(tmp_path / "in", stem, {"face_areas": [value]}) for stem, value in (("b", 20.0), ("a", 10.0))]
    result = Result(tmp_path, {"b": {}, "a": {}})

    faces = merge(sources, tmp_path / "out.dataset")["faces"]

    assert result.infoset[["id", "name"]].to_numpy().tolist() == [[0, "a"], [1, "b"]]
    assert dict(zip(faces["file_id"].tolist(), faces["face_areas"].tolist(), strict=True)) == {0: 10.0, 1: 20.0}


@pytest.mark.parametrize("wanted", [["a", "b"], ["a"]])
def test_metadata_that_get_no_row_are_not_lost(tmp_path: Path, wanted: list[str]) -> None:
    """Files are parsed before they are numbered; the JSON file of one that then has no code is there again."""
    paths = write_json(tmp_path / "files_summary", {name: {"n": number} for number, name in enumerate("ab")})
    before = [path.read_bytes() for path in paths]
    info = DatasetInfo(paths, tmp_path / "i", tmp_path / "t")
    info.parse_info_files()
    assert not any(path.exists() for path in paths)
    info.build_code_mappings([f"{name}.data" for name in wanted])

    with contextlib.nullcontext() if len(wanted) == 2 else pytest.warns(UserWarning, match="no row: b"):
        info.store_info_to_parquet()

    assert pd.read_parquet(tmp_path / "i")["name"].tolist() == wanted
    assert [path.exists() for path in paths] == [False, len(wanted) == 1]
    if len(wanted) == 1:
        assert paths[1].read_bytes() == before[1]


def test_codes_and_metadata_need_not_fit(tmp_path: Path) -> None:
    """A file without metadata has a row of defaults, metadata without a file none; both are said."""
    with warnings.catch_warnings(record=True, action="always") as caught:
        result = Result(tmp_path, {"a": {"n": 1}, "stray": {"n": 2}}, zip_files=["a.data", "lost.data"])

    assert result.infoset[["id", "name", "description"]].to_numpy().tolist() == [
        [0, "a", "not set"],
        [1, "lost", "not set"],
    ]
    assert result.infoset["n"].tolist() == [1, pd.NA]
    assert [str(one.message) for one in caught] == [
        "metadata found nowhere, the row has defaults: lost",
        "metadata of files without a code, no row: stray",
    ]


@pytest.mark.parametrize("call", ["info", "zip"])
def test_two_files_of_one_name_are_refused(tmp_path: Path, call: str) -> None:
    """Before anything is written or deleted."""
    first, second = write_json(tmp_path / "1", {"a": {}}), write_json(tmp_path / "2", {"a": {}})
    info = DatasetInfo([*first, *second] if call == "info" else first, tmp_path / "i", tmp_path / "t")

    with pytest.raises(ValueError, match="different names, found 'a'"):
        info.parse_info_files() if call == "info" else info.build_code_mappings(["x/a.zarr.data", "y/a.data"])

    assert first[0].exists()
    assert not (tmp_path / "i").exists()


def test_wrong_arguments_are_refused(tmp_path: Path) -> None:
    """One path instead of several, a builder instead of its schema, one file for both tables."""
    with pytest.raises(TypeError, match="expected a list of paths"):
        DatasetInfo(str(tmp_path), "i", "t")
    with pytest.raises(TypeError, match="call build"):
        DatasetInfo([], "i", "t", schema=SchemaBuilder())  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="two files"):
        DatasetInfo([], tmp_path / "t", tmp_path / "t")
    with pytest.raises(TypeError, match="expected a list of paths"):
        DatasetInfo([], "i", "t").build_code_mappings("a.data")


def test_violations_are_warnings(tmp_path: Path) -> None:
    """Each says field, rule and files once; every value is kept as it is."""
    schema = {
        "metadata": {
            "file_level": {
                "size_cadfile": {"dtype": "int64", "required": True},
                "processing/duration": {"dtype": "float32", "min_value": 0},
            },
            "categorical": {"file_label": {"dtype": "int32", "values": [0, 1]}},
        }
    }
    files: dict[str, Any] = {f"p{n}": {"file_label": n} for n in range(6)}
    files["p0"] = {"size_cadfile": 5, "file_label": 1, "processing": {"duration": -1.5}}
    with warnings.catch_warnings(record=True, action="always") as caught:
        result = Result(tmp_path, files, schema, zip_files=[f"{name}.data" for name in files])

    assert [str(one.message) for one in caught] == [
        "size_cadfile: required, missing in p1, p2, p3 and 2 more",
        "processing/duration: expected values of at least 0, found -1.5 in p0",
        "file_label: expected one of [0, 1], found 2 in p2, p3, p4 and 1 more",
    ]
    assert all(one.filename == __file__ for one in caught)
    assert result.infoset["file_label"].tolist() == [1, 1, 2, 3, 4, 5]
    assert [row[0] for row in result.rows("file_label")] == [0, 1, 2, 3, 4, 5]


def test_the_stored_schema_is_used_if_none_is_given(tmp_path: Path) -> None:
    """The first one; a file with another one is named; a given schema is stronger."""
    other = {"metadata": {"file_level": {"grade": {"dtype": "int16"}}}}
    mine = {"metadata": {"categorical": {"grade": {"dtype": "int8", "values": [1], "labels": ["good"]}}}}
    files = {
        "a": {"grade": 1},
        "b": {"grade": 1, "_storage_schema": mine},
        "c": {"grade": 1, "_storage_schema": other},
        "d": {"grade": 1, "_storage_schema": mine},
    }
    with pytest.warns(UserWarning, match=r"found another, not used, in c$"):
        stored = Result(tmp_path / "1", files)
    given = Result(tmp_path / "2", files, other)

    assert stored.rows("grade") == [[1, "good", "not set"]]
    assert stored.infoset["grade"].dtype == np.int8
    assert given.rows("grade") == []
    assert given.infoset["grade"].dtype == np.int16


def test_metadata_of_a_store(tmp_path: Path) -> None:
    """What a store exports when it is closed is all there, and its sizes are no columns."""
    for number in range(2):
        with OptStorage(tmp_path / "encoded" / f"part_{number}.zarr") as storage:
            storage.save_data("face_areas", np.array([1.5, 2.5]))
            storage.save_metadata("size_cadfile", 1024 * number)
            storage.save_metadata("descriptions/face_types", {0: "Plane"})
            storage.save_metadata("processing/duration", 12.5)
            storage.compress_store()
    summaries = sorted((tmp_path / "files_summary").iterdir())
    result = Result(tmp_path, summaries, zip_files=sorted((tmp_path / "encoded").iterdir()))

    assert result.codes == {"part_0": 0, "part_1": 1}
    assert list(result.infoset.columns) == [*FIXED, "size_cadfile", "processing/duration"]
    assert result.infoset["size_cadfile"].tolist() == [0, 1024]
    assert result.rows("face_types") == [[0, "Plane", "not set"]]
    assert [path.name for path in sorted((tmp_path / "encoded").iterdir())] == ["part_0.zarr.data", "part_1.zarr.data"]


def test_parsing_twice_does_nothing(tmp_path: Path) -> None:
    """And says nothing, and the tables keep their bytes however often they are stored."""
    result = Result(tmp_path, {"a": {"n": 1}}, zip_files=["a.data"])
    before = result.infoset_path.read_bytes(), result.attribset_path.read_bytes()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result.info.parse_info_files()
        result.info.store_info_to_parquet()

    assert (result.infoset_path.read_bytes(), result.attribset_path.read_bytes()) == before


def test_storing_parses_if_nobody_has(tmp_path: Path) -> None:
    """The table has the name that is asked for."""
    info = DatasetInfo(write_json(tmp_path, {"a": {"n": 1}}), tmp_path / "out" / "i", tmp_path / "out" / "t")
    info.store_info_to_parquet("parts")

    assert pd.read_parquet(tmp_path / "out" / "i")[["table_name", "n"]].to_numpy().tolist() == [["parts", 1]]


VALUES = (
    st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=4)
)
FIELDS = st.dictionaries(st.sampled_from(["size_a", "b_label", "c", "d/e", "_f", "ü"]), VALUES, max_size=5)


@settings(max_examples=40, deadline=None)
@given(st.lists(FIELDS, min_size=1, max_size=5))
def test_metadata_come_back(tmp_path_factory: pytest.TempPathFactory, files: list[dict[str, Any]]) -> None:
    """Every field of every file, whatever it holds; categories' ids are unique and their names are of values that occur."""
    folder = tmp_path_factory.mktemp("files")
    nested = [{**one, "d": {"e": one["d/e"]}} if "d/e" in one else one for one in files]
    plain = [{key: value for key, value in one.items() if key != "d/e"} for one in nested]
    result = Result(folder, {f"f{n}": one for n, one in enumerate(plain)})

    assert result.infoset["name"].tolist() == [f"f{n}" for n in range(len(files))]
    for field in {name for one in files for name in one}:
        if field == "_f":
            assert field not in result.infoset
            continue
        expected = [one.get(field) for one in files]
        kinds = {type(value) for value in expected if value is not None}
        found = [None if value is pd.NA else value for value in result.infoset[field].tolist()]
        if len(kinds) == 1 or kinds == {int, float}:
            same = [a == b or (b is None and pd.isna(a)) for a, b in zip(found, expected, strict=True)]
        else:
            same = [(b is None and pd.isna(a)) or json.loads(str(a)) == b for a, b in zip(found, expected, strict=True)]
        assert all(same), (field, found, expected)
    assert not result.attribset.duplicated(["table_name", "id"]).any()
    assert not result.attribset.duplicated(["table_name", "name"]).any()
