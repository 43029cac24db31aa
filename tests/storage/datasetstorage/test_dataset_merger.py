"""The merger: groups, rows, dtypes, codes, and what it refuses."""

from __future__ import annotations

import json
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray
from stores import merge, merger, read, save, save_all
from zarr.storage import ZipStore

import zarrpack
from zarrpack.errors import FormatError, MergeError, NotFound, NothingUsable, OutputRefused, UsageError
from zarrpack.storage.data_file import DataFile
from zarrpack.storage.datasetstorage import DatasetMerger, SchemaBuilder, batch_merge

AREAS = [[1.5, 2.3, 4.1], [3.7, 5.2], [2.1, 1.8, 6.3]]


def areas(tmp_path: Path) -> list[Path]:
    """Save the three files of the first example."""
    return save_all(tmp_path / "in", [{"face_areas": np.array(one, np.float32)} for one in AREAS])


def test_rows_are_joined_in_file_order_with_their_files(tmp_path: Path) -> None:
    """The first example of the contract: values in order, and the file of each row."""
    faces = merge(areas(tmp_path), tmp_path / "out.dataset")["faces"]

    assert faces["face_areas"].tolist() == np.concatenate(AREAS).astype(np.float32).tolist()
    assert faces["file_id"].tolist() == [0, 0, 0, 1, 1, 2, 2, 2]
    assert faces["file_id"].dtype == np.int64


def test_matrices_of_pairs_become_rows(tmp_path: Path) -> None:
    """The second example: 3 x 3 x 64 and 2 x 2 x 64 give 13 rows, pair (i, j) at i * n + j."""
    matrices = [np.random.default_rng(n).random((n, n, 64), np.float32) for n in (3, 2)]
    sources = save_all(tmp_path / "in", [{"a3_distance": one, "extended_adjacency": one[:, :, 0]} for one in matrices])

    pairs = merge(sources, tmp_path / "out.dataset")["faceface"]

    assert pairs["a3_distance"].shape == (13, 64)
    np.testing.assert_array_equal(pairs["a3_distance"][1 * 3 + 2], matrices[0][1, 2])
    np.testing.assert_array_equal(pairs["a3_distance"][9 + 1 * 2 + 0], matrices[1][1, 0])
    np.testing.assert_array_equal(pairs["extended_adjacency"], pairs["a3_distance"][:, 0])
    assert pairs["file_id"].tolist() == [0] * 9 + [1] * 4


@pytest.mark.parametrize("batch_size", [1, 2, 3, 100])
def test_batches_give_the_same_bytes(tmp_path: Path, batch_size: int) -> None:
    """The seventh example: a merge in batches is byte for byte the merge at once, and leaves no partial dataset."""
    sources = areas(tmp_path)
    merge(sources, tmp_path / "once.dataset")

    merge(sources, tmp_path / "batches.dataset", batch_size=batch_size)

    assert (tmp_path / "batches.dataset").read_bytes() == (tmp_path / "once.dataset").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["batches.dataset", "in", "once.dataset"]


def test_flat_and_grouped_keys_mean_the_same(tmp_path: Path) -> None:
    """T7: ``face_areas`` and ``faces/face_areas`` are one array; ``graph/edges/source`` is ``edges_source``."""
    sources = save_all(
        tmp_path / "in",
        [
            {"face_areas": [1.0], "edges_source": [1, 2], "edges_destination": [0, 0]},
            {"faces/face_areas": [2.0], "graph": {"edges": {"source": [3], "destination": [4]}}},
        ],
    )

    found = merge(sources, tmp_path / "out.dataset")

    assert found["faces"]["face_areas"].tolist() == [1.0, 2.0]
    assert found["graph"]["edges_source"].tolist() == [1, 2, 3]
    assert found["graph"]["edges_destination"].tolist() == [0, 0, 4]


def test_names_say_groups_by_the_rules(tmp_path: Path) -> None:
    """T8: known names first, then face, edge, graph, duration and size; what says nothing is the file's or its own."""
    data = {
        "num_nodes": 3,
        "edges_source": [0, 1],
        "face_pair_edges_path": np.zeros((2, 2, 16), np.int32),
        "surface_x": [1.0],
        "Wedge": [1.0],
        "graph_depth": [7],
        "encode_duration": 0.5,
        "batch_size": 4,
        "weight": 2.5,
        "holes": [1, 2, 3],
        "machining/face_areas": [1.0],
    }
    sources = save_all(tmp_path / "in", [data, {**data, "holes": [1]}])

    found = merger(sources, tmp_path / "out.dataset").discover_groups_from_files()

    assert {group: set(content["arrays"]) for group, content in found.items()} == {
        "graph": {"num_nodes", "edges_source", "graph_depth"},
        "faceface": {"face_pair_edges_path"},
        "faces": {"surface_x"},
        "edges": {"Wedge"},
        "file": {"encode_duration", "batch_size", "weight"},
        "holes": {"holes"},
        "machining": {"face_areas"},
    }


def test_arrays_that_some_files_lack_are_padded_in_place(tmp_path: Path) -> None:
    """T10: rows stay aligned; fillers keep the dtype; the warning counts the rows."""
    full = {
        "face_areas": np.array([1.0, 2.0], np.float32),
        "face_types": np.array([3, 4], np.int32),
        "face_kinds": np.array([5, 6], np.uint8),
        "face_names": ["a", "b"],
        "face_flags": np.array([True, True]),
    }
    sources = save_all(tmp_path / "in", [full, {"face_centres": np.ones((3, 2))}, full])

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        faces = merge(sources, tmp_path / "out.dataset")["faces"]

    messages = sorted(str(one.message) for one in caught)
    assert len(messages) == 6
    assert messages[0] == "faces/face_areas: 3 rows were padded, because files lack them"
    np.testing.assert_array_equal(faces["face_areas"], np.array([1, 2, *[np.nan] * 3, 1, 2], np.float32))
    assert faces["face_areas"].dtype == np.float32
    assert (str(faces["face_types"].dtype), faces["face_types"].tolist()) == ("int32", [3, 4, -1, -1, -1, 3, 4])
    assert (str(faces["face_kinds"].dtype), faces["face_kinds"].tolist()) == ("uint8", [5, 6, 255, 255, 255, 5, 6])
    assert faces["face_names"].tolist() == ["a", "b", "", "", "", "a", "b"]
    assert faces["face_flags"].tolist() == [True, True, False, False, False, True, True]
    assert np.isnan(faces["face_centres"][[0, 1, 5, 6]]).all()
    assert faces["file_id"].tolist() == [0, 0, 1, 1, 1, 2, 2]


@pytest.mark.parametrize("batch_size", [None, 1])
def test_strict_refuses_what_would_be_padded(tmp_path: Path, batch_size: int | None) -> None:
    """T10: with ``strict`` nothing is padded, and nothing is deleted either."""
    sources = save_all(tmp_path / "in", [{"face_areas": [1.0], "face_types": [1]}, {"face_areas": [1.0]}])

    with pytest.raises(MergeError, match=r"faces/face_types.*1 of 2 without it"):
        merger(sources, tmp_path / "out.dataset", delete_source_files=True).merge_data(
            strict=True, batch_size=batch_size
        )

    assert all(source.exists() for source in sources)
    assert not (tmp_path / "out.dataset").exists()


def test_arrays_of_files_behind_the_first_few_are_there(tmp_path: Path) -> None:
    """T26: discovery looks at five files, the merge at all."""
    files: list[dict[str, Any]] = [{"face_areas": [1.0]} for _ in range(6)]
    files.append({"face_areas": [1.0], "face_late": [9]})
    made = merger(save_all(tmp_path / "in", files), tmp_path / "out.dataset")

    assert made.discover_groups_from_files() == {"faces": {"arrays": ["face_areas"]}}
    with pytest.warns(UserWarning, match="face_late"):
        made.merge_data()

    assert read(tmp_path / "out.dataset")["faces"]["face_late"].tolist() == [-1] * 6 + [9]
    assert made.get_discovered_groups() == {"faces": {"arrays": ["face_areas", "face_late"]}}


def test_rows_of_different_lengths_have_codes_of_their_own(tmp_path: Path) -> None:
    """T17: one number for each file beside one row for each edge, both with the files that they come from."""
    sources = save_all(
        tmp_path / "in",
        [{"graph/num_nodes": 3, "graph/edges_source": [0, 1]}, {"graph/num_nodes": 2, "graph/edges_source": [1]}],
    )

    graph = merge(sources, tmp_path / "out.dataset")["graph"]

    assert graph["num_nodes"].tolist() == [3, 2]
    assert graph["file_id"].tolist() == [0, 0, 1]
    assert graph["file_id_graphitem"].tolist() == [0, 1]


def test_lengths_that_agree_by_accident_stay_apart(tmp_path: Path) -> None:
    """T17: where every file has one edge, a number without axes is not taken for one more edge."""
    sources = save_all(tmp_path / "in", [{"graph/num_nodes": 3, "graph/edges_source": [1]} for _ in range(2)])

    graph = merge(sources, tmp_path / "out.dataset")["graph"]

    assert (graph["file_id"].tolist(), graph["file_id_graphitem"].tolist()) == ([0, 1], [0, 1])


def test_lengths_are_compared_in_all_files(tmp_path: Path) -> None:
    """T17: arrays that are as long as each other in some files only do not share their rows."""
    sources = save_all(
        tmp_path / "in",
        [{"face_a": [1, 2], "face_b": [1, 2], "face_c": [1, 2]}, {"face_a": [3], "face_b": [3], "face_c": [3, 4]}],
    )

    faces = merge(sources, tmp_path / "out.dataset")["faces"]

    assert faces["face_c"].tolist() == [1, 2, 3, 4]
    assert faces["file_id"].tolist() == [0, 0, 1]
    assert faces["file_id_face_c_dim_0"].tolist() == [0, 0, 1, 1]


def test_a_schema_says_groups_dimensions_and_dtypes(tmp_path: Path) -> None:
    """What is declared wins over names, and integers become one another where they fit."""
    builder = SchemaBuilder(domain="parts")
    skin = builder.create_group("skin", "patch", "Skin")
    skin.create_array("face_areas", ["patch"], "float64")
    skin.create_array("face_grids", ["patch", "u", "component"], "float32")
    skin.create_array("face_count", ["part"], "int16")
    sources = save_all(
        tmp_path / "in",
        [
            {"face_areas": np.ones(n, np.float32), "face_grids": np.zeros((n, 2, 3), np.float32), "face_count": n}
            for n in (2, 1)
        ],
    )
    made = merger(sources, tmp_path / "out.dataset")
    made.set_schema(builder.build())

    made.merge_data()

    with DataFile(tmp_path / "out.dataset") as data:
        arrays = data.arrays
        assert arrays["skin/face_grids"].metadata.dims == ("patch", "u", "component")
        assert arrays["skin/face_count"].metadata.dims == ("part",)
        assert [arrays[f"skin/{name}"].metadata.dtype for name in ("face_areas", "face_count")] == ["<f8", "<i2"]
        assert arrays["skin/file_id"].read().tolist() == [0, 0, 1]
        assert arrays["skin/file_id_part"].read().tolist() == [0, 1]
        schema = data.metadata["schema"]
    assert schema["domain"] == "parts"
    assert schema["groups"]["skin"]["description"] == "Skin"
    assert schema["groups"]["skin"]["arrays"]["face_count"] == {"dims": ["part"], "dtype": "int16"}


def test_the_schema_that_files_were_saved_with_counts(tmp_path: Path) -> None:
    """Without another schema that of the files is used, also if only a later one has it."""
    schema = {
        "groups": {
            "costs": {
                "primary_dimension": "pair",
                "special_processing": "matrix_flattening",
                "arrays": {"cost": {"dims": ["pair", "kind"], "dtype": "float32"}},
            }
        }
    }
    files = [{"cost": np.zeros((n, n, 4), np.float32)} for n in (2, 3)]
    sources = [save(tmp_path, "a", files[0]), save(tmp_path, "b", files[1], schema)]

    found = merge(sources, tmp_path / "out.dataset")

    assert found["costs"]["cost"].shape == (13, 4)


def test_matrices_of_a_schemas_group_must_be_square(tmp_path: Path) -> None:
    """A matrix of pairs with different sides is an error that names file and array."""
    sources = save_all(tmp_path / "in", [{"a3_distance": np.zeros((2, 3, 64), np.float32)}])

    with pytest.raises(ValueError, match=r"part_0.*a3_distance: expected a square.*\[2, 3, 64\]"):
        merge(sources, tmp_path / "out.dataset")


def test_widths_become_one_kinds_do_not(tmp_path: Path) -> None:
    """float32 and float64 become float64; integers and floats are refused with a table, or promoted on request."""
    values = [{"face_a": np.ones(1, np.float32), "face_b": np.ones(1, np.int32)}]
    values += [{"face_a": np.ones(1, np.float64), "face_b": np.ones(1, np.int64)}]
    assert merge(save_all(tmp_path / "in", values), tmp_path / "out.dataset")["faces"]["face_a"].dtype == np.float64
    sources = save_all(tmp_path / "mixed", [{"face_a": [1, 2]}, {"face_a": [1, 2]}, {"face_a": [0.5]}])

    with pytest.raises(
        MergeError, match=r"(?s)faces/face_a.*int64 \[rows\]: 2 files.*float64 \[rows\]: 1 files.*part_2"
    ):
        merge(sources, tmp_path / "mixed.dataset")
    promoted = merge(sources, tmp_path / "mixed.dataset", promote=True)

    assert promoted["faces"]["face_a"].tolist() == [1.0, 2.0, 1.0, 2.0, 0.5]


def test_text_never_becomes_numbers(tmp_path: Path) -> None:
    """Text and numbers in one array are refused, also if numbers may be promoted."""
    sources = save_all(tmp_path / "in", [{"face_a": [1]}, {"face_a": ["one"]}])

    with pytest.raises(MergeError, match=r"faces/face_a: expected values of one kind"):
        merge(sources, tmp_path / "out.dataset", promote=True)


def test_integers_that_do_not_fit_the_declared_dtype_are_refused(tmp_path: Path) -> None:
    """A declared int16 holds no 70,000; the message names the file, and the number does not wrap round."""
    sources = save_all(tmp_path / "in", [{"face_a": [1]}, {"face_a": [70_000]}])
    made = merger(sources, tmp_path / "out.dataset")
    made.set_schema({"groups": {"faces": {"arrays": {"face_a": {"dims": ["face"], "dtype": "int16"}}}}})

    with pytest.raises(MergeError, match=r"part_1.*int16, found 70000 to 70000"):
        made.merge_data()

    assert not (tmp_path / "out.dataset").exists()


def test_rows_of_different_shapes_are_refused(tmp_path: Path) -> None:
    """Drift of the trailing shape names the array and files of either shape; files without rows do not count."""
    shapes = [(2, 3), (1, 3), (1, 4)]
    sources = save_all(tmp_path / "in", [{"face_a": np.zeros(shape)} for shape in shapes])

    with pytest.raises(
        ValueError, match=r"(?s)faces/face_a.*\[rows, 3\]: 2 files.*part_0.*\[rows, 4\]: 1 files.*part_2"
    ):
        merge(sources, tmp_path / "out.dataset")

    empty = save(tmp_path, "empty", {"face_a": []})
    assert merge([*sources[:2], empty], tmp_path / "out.dataset")["faces"]["face_a"].shape == (3, 3)


def test_codes_come_from_sorted_stems(tmp_path: Path) -> None:
    """T1: rows are in the order of the files, codes in that of the stems, which are those of both archive names."""
    second = save(tmp_path, "b", {"face_a": [1, 2]})
    first = save(tmp_path, "a", {"face_a": [3]})
    renamed = first.rename(tmp_path / "a.data")

    faces = merge([second, renamed], tmp_path / "out.dataset")["faces"]

    assert faces["face_a"].tolist() == [1, 2, 3]
    assert faces["file_id"].tolist() == [1, 1, 0]
    assert not any(name.endswith("_offsets") for name in faces)


@pytest.mark.parametrize("batch_size", [1, 2])
def test_given_codes_are_written(tmp_path: Path, batch_size: int) -> None:
    """Codes may have gaps and any order; batches give the same bytes."""
    sources = areas(tmp_path)
    codes = {"part_0": 7, "part_1": 0, "part_2": 4, "other": 9}
    merger(sources, tmp_path / "a.dataset", file_id_codes=codes).merge_data()
    merger(sources, tmp_path / "b.dataset", file_id_codes=codes).merge_data(batch_size=batch_size)

    assert read(tmp_path / "a.dataset")["faces"]["file_id"].tolist() == [7, 7, 7, 0, 0, 4, 4, 4]
    assert (tmp_path / "a.dataset").read_bytes() == (tmp_path / "b.dataset").read_bytes()


def test_a_file_without_a_code_is_an_error_before_anything_is_written(tmp_path: Path) -> None:
    """The error is a KeyError and names the stem; output and sources are untouched."""
    sources = areas(tmp_path)

    with pytest.raises(KeyError, match="part_2") as caught:
        merger(sources, tmp_path / "out.dataset", file_id_codes={"part_0": 0, "part_1": 1}).merge_data()

    assert isinstance(caught.value, NotFound)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_two_files_of_one_stem_or_one_code_are_refused(tmp_path: Path) -> None:
    """A code must say which file it is."""
    sources = areas(tmp_path)
    other = save(tmp_path, "part_0", {"face_areas": [1.0]})

    with pytest.raises(UsageError, match="part_0"):
        merge([sources[0], other], tmp_path / "out.dataset")
    with pytest.raises(UsageError, match="found 1 for several"):
        merger(
            sources, tmp_path / "x.dataset", file_id_codes=dict.fromkeys(["part_0", "part_1", "part_2"], 1)
        ).merge_data()


def test_files_without_rows_keep_their_codes(tmp_path: Path) -> None:
    """An empty file adds no row and shifts no code; one file alone and only empty arrays work, too."""
    rows = [np.ones(2), np.ones(0), np.ones(1)]
    sources = save_all(tmp_path / "in", [{"face_areas": one} for one in rows])

    assert merge(sources, tmp_path / "out.dataset")["faces"]["file_id"].tolist() == [0, 0, 2]
    assert merge(sources[:1], tmp_path / "one.dataset")["faces"]["face_areas"].tolist() == [1.0, 1.0]
    empty = merge(sources[1:2], tmp_path / "none.dataset")["faces"]
    assert (empty["face_areas"].shape, empty["file_id"].shape) == ((0,), (0,))


def test_files_that_cannot_be_read_are_left_out(tmp_path: Path) -> None:
    """What is no zip and what has damaged chunks is listed with its reason and kept; the others are merged."""
    sources = areas(tmp_path)
    with DataFile(sources[1]) as data:
        location = data.arrays["face_areas"].chunk_location((0,))
    assert location is not None
    content = bytearray(sources[1].read_bytes())
    content[location.offset] ^= 0xFF
    sources[1].write_bytes(content)
    torn = tmp_path / "in" / "part_9.zarr.data"
    torn.write_bytes(b"no zip")
    made = merger([*sources, torn], tmp_path / "out.dataset", delete_source_files=True)

    with pytest.warns(UserWarning, match="left out"):
        made.merge_data()

    assert set(made.skipped_files) == {str(torn), str(sources[1])}
    assert "damaged" in made.skipped_files[str(sources[1])]
    assert read(tmp_path / "out.dataset")["faces"]["file_id"].tolist() == [0, 0, 0, 2, 2, 2]
    assert [path.exists() for path in (*sources, torn)] == [False, True, False, True]


def test_nothing_to_merge_is_an_error(tmp_path: Path) -> None:
    """No files, and no file that can be read, give the reference's message."""
    torn = tmp_path / "part.data"
    torn.write_bytes(b"no zip")

    with pytest.raises(NothingUsable, match=r"^No encoded data files found to merge$"):
        merger([], tmp_path / "out.dataset").merge_data()
    with pytest.warns(UserWarning, match="left out"), pytest.raises(ValueError, match="No encoded data files found"):
        merger([torn], tmp_path / "out.dataset").merge_data()


@pytest.mark.parametrize("batch_size", [None, 2])
def test_sources_are_deleted_when_the_dataset_is_there(tmp_path: Path, batch_size: int | None) -> None:
    """Deleting is the default."""
    sources = areas(tmp_path)

    DatasetMerger(sources, tmp_path / "out.dataset").merge_data(batch_size=batch_size)

    assert not any(source.exists() for source in sources)
    assert read(tmp_path / "out.dataset")["faces"]["face_areas"].shape == (8,)


def test_a_failure_in_a_later_batch_keeps_all_data(tmp_path: Path) -> None:
    """T34: partial datasets stay, the message names them, and merging them with the rest gives the dataset."""
    sources = areas(tmp_path)
    codes = {f"part_{number}": number for number in range(3)}
    merge(sources, tmp_path / "whole.dataset")
    too_large = save(tmp_path, "part_3", {"face_areas": [1e300]})
    schema = {"groups": {"faces": {"arrays": {"face_ids": {"dims": ["face"], "dtype": "int8"}}}}}
    bad = save(tmp_path, "part_4", {"face_ids": [300]})
    made = merger([*sources, too_large, bad], tmp_path / "out.dataset", delete_source_files=True)
    made.set_schema(schema)

    with pytest.raises(MergeError, match="part_4") as caught:
        made.merge_data(batch_size=2)

    assert "out.part00001.dataset" in "".join(caught.value.__notes__)
    partials = sorted(tmp_path.glob("out.part*.dataset"))
    assert len(partials) == 2
    assert [path.exists() for path in (*sources, too_large, bad)] == [False] * 4 + [True]
    assert not (tmp_path / "out.dataset").exists()
    merger([partials[0], partials[1]], tmp_path / "resumed.dataset", file_id_codes=codes).merge_data()
    assert read(tmp_path / "resumed.dataset")["faces"]["file_id"].tolist() == [0, 0, 0, 1, 1, 2, 2, 2, 3]


def failed_in_the_final_merge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[list[Path]], None]
) -> None:
    """Merge four files in batches of two; before the final merge something happens to the partial datasets."""
    final_plan = batch_merge._final_plan

    def spoiled(plan: Any, partials: list[Path], merged: list[int]) -> Any:
        spoil(partials)
        return final_plan(plan, partials, merged)

    sources = save_all(tmp_path / "in", [{"face_areas": np.arange(number + 1.0)} for number in range(4)])
    merge(sources, tmp_path / "whole.dataset")
    made = merger(sources, tmp_path / "out.dataset", delete_source_files=True)
    with monkeypatch.context() as patch:
        patch.setattr(batch_merge, "_final_plan", spoiled)
        with pytest.raises((OSError, FormatError)) as caught:
            made.merge_data(batch_size=2)
    assert "out.part00001.dataset" in "".join(caught.value.__notes__)


def fail(_: list[Path]) -> None:
    """Fail as on a full disk."""
    raise OSError(28, "No space left")


def damage(path: Path) -> None:
    """Change a byte of the first chunk of the areas."""
    with zipfile.ZipFile(path) as archive:
        (start,) = (entry.header_offset for entry in archive.infolist() if entry.filename.endswith("face_areas/0"))
    content = bytearray(path.read_bytes())
    name_bytes, extra_bytes = struct.unpack_from("<HH", content, start + 26)
    content[start + 30 + name_bytes + extra_bytes + 10] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("batch_size", [None, 1, 2])
def test_what_a_failed_merge_has_left_is_merged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch_size: int | None
) -> None:
    """Partial datasets of an earlier merge are sources like others: nothing of theirs is overwritten or lost."""
    failed_in_the_final_merge(tmp_path, monkeypatch, fail)
    left = sorted(tmp_path.glob("out.part*.dataset"))
    codes = {f"part_{number}": number for number in range(4)}
    made = merger(left, tmp_path / "out.dataset", file_id_codes=codes, delete_source_files=True)

    made.merge_data(batch_size=batch_size)

    assert len(left) == 2
    assert (tmp_path / "out.dataset").read_bytes() == (tmp_path / "whole.dataset").read_bytes()
    assert sorted(tmp_path.glob("out.part*.dataset")) == []


def test_what_a_failed_merge_has_left_is_not_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A merge of other files alone is refused while partial datasets lie beside its output, and goes on without them."""
    failed_in_the_final_merge(tmp_path, monkeypatch, fail)
    more = save(tmp_path, "part_9", {"face_areas": [1.0]})

    with pytest.raises(UsageError, match=r"out.part00001.dataset: expected no partial dataset .*, found 2; merge them"):
        merger([more], tmp_path / "out.dataset").merge_data()
    for path in tmp_path.glob("out.part*.dataset"):
        path.rename(path.with_suffix(".kept"))
    merger([more], tmp_path / "out.dataset").merge_data()


def test_a_partial_dataset_that_is_damaged_ends_the_merge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not left out as a file would be: it may be all that is left of its files."""
    failed_in_the_final_merge(tmp_path, monkeypatch, lambda partials: damage(partials[0]))

    assert len(list(tmp_path.glob("out.part*.dataset"))) == 2
    assert not (tmp_path / "out.dataset").exists()


@pytest.mark.parametrize("batch_size", [None, 1, 2])
@pytest.mark.parametrize("force_compression", [True, False])
def test_a_damaged_chunk_is_not_copied(tmp_path: Path, batch_size: int | None, force_compression: bool) -> None:
    """Its file is left out and stays, though its chunk could be taken over as it is, and the others are merged."""
    sources = save_all(tmp_path / "in", [{"face_areas": np.arange(20.0) + number} for number in range(3)])
    damage(sources[1])
    made = merger(sources, tmp_path / "out.dataset", delete_source_files=True)

    with pytest.warns(UserWarning, match="part_1.*left out"):
        made.merge_data(batch_size=batch_size, force_compression=force_compression)

    assert list(made.skipped_files) == [str(sources[1])]
    assert [path.exists() for path in sources] == [False, True, False]
    if force_compression:
        assert read(tmp_path / "out.dataset")["faces"]["file_id"].tolist() == [0] * 20 + [2] * 20


def test_a_file_alone_whose_chunk_is_damaged_is_refused(tmp_path: Path) -> None:
    """There is nothing to merge then; undamaged it is copied."""
    source = save(tmp_path, "part_0", {"face_areas": np.arange(20.0)})
    merger([source], tmp_path / "out.dataset").merge_data()
    damage(source)

    with pytest.raises(NothingUsable):
        merger([source], tmp_path / "out.dataset").merge_data()


def test_numbers_too_large_for_a_declared_float_are_refused(tmp_path: Path) -> None:
    """They would become infinite; what is infinite already, and what fits, is converted."""
    schema = {"groups": {"faces": {"arrays": {"face_areas": {"dims": ["face"], "dtype": "float32"}}}}}
    good = save(tmp_path, "part_0", {"face_areas": [1.5, np.inf, -3e38]})
    bad = save(tmp_path, "part_1", {"face_areas": [1e300]})

    made = merger([good], tmp_path / "out.dataset")
    made.set_schema(schema)
    made.merge_data()
    assert read(tmp_path / "out.dataset")["faces"]["face_areas"].tolist() == [1.5, np.inf, float(np.float32(-3e38))]
    made = merger([good, bad], tmp_path / "out.dataset")
    made.set_schema(schema)
    with pytest.raises(MergeError, match=r"part_1.*expected values that fit into float32, found values up to 1e\+300"):
        made.merge_data()


def test_the_output_is_none_of_the_files(tmp_path: Path) -> None:
    """Merging a file into itself is refused before it is touched; so are numbers that are none, and no output."""
    sources = areas(tmp_path)
    before = sources[0].read_bytes()

    with pytest.raises(UsageError, match="none of the files"):
        merger(sources, sources[0]).merge_data()
    refused: list[dict[str, Any]] = [{"batch_size": 0}, {"face_chunk": 0}]
    for options in refused:
        with pytest.raises(ValueError, match="expected at least 1, found 0"):
            merger(sources, tmp_path / "out.dataset").merge_data(**options)
    with pytest.raises(UsageError, match="merged_store_path"):
        DatasetMerger(sources).merge_data()
    with pytest.raises(TypeError, match="list of paths"):
        DatasetMerger(str(sources[0]), "x.dataset")

    assert sources[0].read_bytes() == before


@pytest.mark.parametrize("force_compression", [True, False])
def test_a_folder_that_is_no_dataset_is_not_replaced(tmp_path: Path, force_compression: bool) -> None:
    """Neither a user's folder nor that of the sources; an empty one and an earlier dataset are."""
    sources = areas(tmp_path)
    results = tmp_path / "results"
    results.mkdir()
    (results / "own.txt").write_text("years of work")

    for folder, found in ((results, "other files"), (tmp_path / "in", "part_0"), (tmp_path, "part_0")):
        with pytest.raises(OutputRefused, match=f"expected.*found.*{found}"):
            merger(sources, folder).merge_data(force_compression=force_compression)
    assert (results / "own.txt").read_text() == "years of work"
    assert all(path.is_file() for path in sources)

    (results / "own.txt").unlink()
    for _ in range(2):
        assert merge(sources, results, force_compression=False)["faces"]["file_id"].tolist() == [0, 0, 0, 1, 1, 2, 2, 2]


@pytest.mark.parametrize("batch_size", [None, 1])
def test_the_schemas_that_files_were_saved_with_are_joined(tmp_path: Path, batch_size: int | None) -> None:
    """What only a later file declares counts as well; of contradicting dtypes the first, and that is said."""

    def schema(**arrays: str) -> dict[str, Any]:
        declared = {name: {"dims": ["face"], "dtype": dtype} for name, dtype in arrays.items()}
        return {"groups": {"faces": {"primary_dimension": "face", "arrays": declared}}}

    sources = [
        save(tmp_path / "in", "p0", {"x1": np.array([1, 2], np.float32)}, schema(x1="float32")),
        save(tmp_path / "in", "p1", {"x1": np.array([0.5]), "x2": [7]}, schema(x1="float64", x2="int64")),
        save(tmp_path / "in", "p2", {"x1": np.array([3], np.float32), "x3": [8]}, schema(x1="float32", x3="int64")),
    ]

    with pytest.warns(UserWarning, match="x[123]") as caught:
        groups = merge(sources, tmp_path / "out.dataset", batch_size=batch_size)

    assert list(groups) == ["faces"]
    assert groups["faces"]["x1"].dtype == np.float32
    assert groups["faces"]["x1"].tolist() == [1, 2, 0.5, 3]
    assert groups["faces"]["x2"].tolist() == [-1, -1, 7, -1]
    assert groups["faces"]["x3"].tolist() == [-1, -1, -1, 8]
    said = [str(one.message) for one in caught if "declare" in str(one.message)]
    assert len(said) == 1
    assert said[0].startswith("faces/x1: files declare")


def test_rows_of_other_axes_than_declared_are_told(tmp_path: Path) -> None:
    """The values stay as they are; scalars and declared matrices of pairs are no such thing."""
    source = save(tmp_path / "in", "p", {"face_a": np.ones((2, 3)), "face_b": [1, 2]})
    arrays = {name: {"dims": ["face"], "dtype": dtype} for name, dtype in (("face_a", "float64"), ("face_b", "int64"))}
    one = merger([source], tmp_path / "out.dataset")
    one.set_schema({"groups": {"faces": {"primary_dimension": "face", "arrays": arrays}}})

    with pytest.warns(UserWarning, match="declared with") as caught:
        one.merge_data()

    assert [str(one.message) for one in caught] == [
        "faces/face_a: declared with the dimensions ['face'], but files have 2 axes; kept as it is"
    ]
    assert read(tmp_path / "out.dataset")["faces"]["face_a"].shape == (2, 3)


def test_chunks_are_as_long_as_asked_for(tmp_path: Path) -> None:
    """Each dimension has its own parameter, and rows of many values make shorter chunks."""
    data = {
        "face_a": np.arange(10),
        "edge_a": np.arange(10),
        "extended_adjacency": np.zeros((4, 4), np.float32),
        "face_grid": np.zeros((10, 300_000), np.float32),
    }
    merge(save_all(tmp_path / "in", [data]), tmp_path / "o.dataset", face_chunk=4, edge_chunk=3, faceface_flat_chunk=5)

    with DataFile(tmp_path / "o.dataset") as made:
        chunks = {place: array.metadata.chunks for place, array in made.arrays.items()}
        codecs = {place: array.metadata.codec for place, array in made.arrays.items()}
    assert (chunks["faces/face_a"], chunks["edges/edge_a"]) == ((4,), (3,))
    assert (chunks["faceface/extended_adjacency"], chunks["faces/face_grid"]) == ((5,), (3, 300_000))
    assert (codecs["faces/face_a"].level, codecs["faces/face_a"].delta) == (12, True)
    assert (codecs["faces/face_grid"].level, codecs["faces/face_grid"].delta) == (12, False)


def test_a_folder_holds_the_same_entries(tmp_path: Path) -> None:
    """Without compression the dataset is a folder of the zip's entries; it replaces what was there."""
    sources = areas(tmp_path)
    merge(sources, tmp_path / "zip.dataset")
    for _ in range(2):
        merge(sources, tmp_path / "folder.dataset", force_compression=False)

    with zipfile.ZipFile(tmp_path / "zip.dataset") as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    folder = tmp_path / "folder.dataset"
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert files == entries
    assert read(folder)["faces"]["file_id"].tolist() == [0, 0, 0, 1, 1, 2, 2, 2]


def test_metadata_need_not_be_consolidated(tmp_path: Path) -> None:
    """Without ``.zmetadata`` the dataset is the same to its readers."""
    merger(areas(tmp_path), tmp_path / "out.dataset").merge_data(consolidate_metadata=False)

    with zipfile.ZipFile(tmp_path / "out.dataset") as archive:
        assert ".zmetadata" not in archive.namelist()
    assert zarrpack.open_dataset(tmp_path / "out.dataset", "faces")["face_areas"].shape == (8,)


def test_keeping_all_chunks_changes_no_byte(tmp_path: Path) -> None:
    """``use_streaming=False`` trades memory for reads, nothing else."""
    sources = areas(tmp_path)
    merge(sources, tmp_path / "a.dataset")
    merge(sources, tmp_path / "b.dataset", use_streaming=False)

    assert (tmp_path / "a.dataset").read_bytes() == (tmp_path / "b.dataset").read_bytes()


def test_two_keys_for_one_array_give_the_explicit_one(tmp_path: Path) -> None:
    """A file that has both ``face_a`` and ``faces/face_a`` gives the grouped one, with a warning."""
    sources = save_all(tmp_path / "in", [{"face_a": [1, 1], "faces/face_a": [2, 2]}])

    with pytest.warns(UserWarning, match=r"faces/face_a.*'face_a', 'faces/face_a'"):
        faces = merge(sources, tmp_path / "out.dataset")["faces"]

    assert faces["face_a"].tolist() == [2, 2]


def test_xarray_reads_integers_and_zeros_as_they_are(tmp_path: Path) -> None:
    """T3: types keep their dtype, and no zero is missing."""
    types = np.array([0, 1, 0, 2], np.int32)
    merge(save_all(tmp_path / "in", [{"face_types": types}]), tmp_path / "out.dataset")

    with ZipStore(tmp_path / "out.dataset", mode="r") as store, xarray.open_zarr(store, group="faces") as opened:
        assert opened["face_types"].dtype == np.int32
        assert opened["face_types"].values.tolist() == [0, 1, 0, 2]
        assert opened["file_id"].dtype == np.int64


def test_the_structure_is_printed_as_in_the_reference(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One title, a line of 50, and two lines for each group."""
    made = merger(areas(tmp_path), tmp_path / "out.dataset")
    assert made.get_discovered_groups() is None

    made.print_discovered_structure()

    printed = capsys.readouterr().out
    assert printed == f"Discovered Data Structure:\n{'=' * 50}\nGroup: faces\n  Arrays: ['face_areas']\n"


def test_metadata_has_the_schema_found(tmp_path: Path) -> None:
    """Without a schema metadata.json describes what is there, in words that a schema builder reads."""
    merge(areas(tmp_path), tmp_path / "out.dataset")

    with zipfile.ZipFile(tmp_path / "out.dataset") as archive:
        schema = json.loads(archive.read("metadata.json"))["schema"]
    faces = schema["groups"]["faces"]
    assert faces == {
        "primary_dimension": "face",
        "arrays": {"face_areas": {"dims": ["face"], "dtype": "float32"}},
    }
