"""The explorer, compared with numpy and pandas on whole arrays."""

from __future__ import annotations

import importlib.util
import multiprocessing
import pickle
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from zarrpack.dataset import DatasetExplorer
from zarrpack.errors import FormatError, NotFound

datasets = sys.modules["datasets"]
AREAS = np.array([1.5, 2.3, 4.1, 3.7, 5.2, 2.1, 1.8, 6.3, 7.5], np.float32)
FILES = np.array([0, 0, 0, 1, 1, 2, 2, 2, 3])


@pytest.fixture(scope="module")
def parts(parts_flow: Path) -> DatasetExplorer:
    """Give an explorer of four files with faces; complexity levels 2, 3, 4, 2."""
    return DatasetExplorer(flow_output_file=parts_flow)


def test_what_there_is(parts: DatasetExplorer, capsys: pytest.CaptureFixture[str]) -> None:
    """Groups and arrays are named, with the provenance, and the table of contents has them all."""
    assert parts.available_groups() == {"faces", "edges"}
    assert parts.available_arrays("faces") == {"face_areas", "face_types", "file_id", "file_id_code_faces"}
    with pytest.raises(NotFound, match="edges"):
        parts.available_arrays("face")
    parts.print_table_of_contents()
    printed = capsys.readouterr().out
    for word in ("faces", "face_areas", "edge_lengths", "complexity_level", "face 9"):
        assert word in printed


def test_groups_are_lazy_datasets(parts: DatasetExplorer) -> None:
    """A group has its values, its provenance under both names, and rows numbered from 0, however it is indexed."""
    data = parts.get_group_data("faces")

    np.testing.assert_array_equal(data["face_areas"].values, AREAS)
    np.testing.assert_array_equal(data["file_id"].values, FILES)
    np.testing.assert_array_equal(data["file_id_code_faces"].values, FILES)
    assert data["face"].values.tolist() == list(range(9))
    np.testing.assert_array_equal(data["face_areas"][[5, 0, 5]].values, AREAS[[5, 0, 5]])
    np.testing.assert_array_equal(data["face_areas"][::-2].values, AREAS[::-2])
    np.testing.assert_array_equal(data["face_areas"].isel(face=-1).values, AREAS[-1])
    np.testing.assert_array_equal(parts.get_array_data("faces", "face_types")[2:4].values, [0, 0])
    np.testing.assert_array_equal(parts.get_column_data("faces", "face_areas"), AREAS)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(data))["face_areas"].values, AREAS)
    with pytest.raises(NotFound, match="face_types"):
        parts.get_array_data("faces", "nothing")


def test_pictures_are_indexed_before_they_are_read(decoded_flow: Path) -> None:
    """Indexing along all axes gives what zarr-python gives."""
    stored = datasets.zarr_arrays(decoded_flow)["images"]["pixels"]
    pixels = DatasetExplorer(decoded_flow).get_array_data("images", "pixels")

    np.testing.assert_array_equal(pixels[3, 2:5, ::3, 1].values, stored[3, 2:5, ::3, 1])
    np.testing.assert_array_equal(pixels[[6, 2], :, 4].values, stored[[6, 2], :, 4])
    np.testing.assert_array_equal(pixels[:, -1, [0, 2], :].values, stored[:, -1][:, [0, 2]])


def test_statistics_are_numpys(parts: DatasetExplorer, decoded_flow: Path) -> None:
    """All figures are those of numpy on the whole array, under both names of the method."""
    for explorer, group, name in ((parts, "faces", "face_areas"), (DatasetExplorer(decoded_flow), "images", "pixels")):
        values = explorer.get_column_data(group, name).astype(np.float64)
        found = explorer.compute_statistics(group, name)
        expected = {
            "count": values.size,
            "mean": values.mean(),
            "std": values.std(),
            "min": values.min(),
            "max": values.max(),
            "median": np.median(values),
            "q25": np.quantile(values, 0.25),
            "q75": np.quantile(values, 0.75),
        }
        assert found.keys() == expected.keys()
        np.testing.assert_allclose(list(found.values()), list(expected.values()), rtol=1e-6)
        assert explorer.get_array_statistics(group, name) == found


def test_statistics_of_flat_pictures_leave_gaps_out(flat_flow: Path) -> None:
    """What lies between pictures of different sizes is no pixel."""
    view = DatasetExplorer(flat_flow).items().select("images/pixels")
    values = np.concatenate([view[number]["images/pixels"].reshape(-1) for number in range(6)])

    found = DatasetExplorer(flat_flow).compute_statistics("images", "pixels")
    assert found["count"] == values.size
    assert found["mean"] == pytest.approx(values.mean())


def test_text_has_no_statistics(encoded_flow: Path) -> None:
    """Bytes are a TypeError, for statistics and distributions alike."""
    explorer = DatasetExplorer(encoded_flow)

    with pytest.raises(TypeError, match="expected real numbers"):
        explorer.compute_statistics("images", "encoded")
    with pytest.raises(TypeError, match="expected real numbers"):
        explorer.create_distribution("data/colour")


def test_distributions_know_their_files(parts: DatasetExplorer) -> None:
    """Counts and edges are numpy's; each bin has the codes and the names of the files with a value in it."""
    found = parts.create_distribution(key="face_areas", group="faces", bins=4)
    counts, edges = np.histogram(AREAS, 4)

    np.testing.assert_array_equal(found["hist"], counts)
    np.testing.assert_allclose(found["bin_edges"], edges)
    assert [codes.tolist() for codes in found["file_id_codes_in_bins"]] == [[0, 2], [0, 1], [1], [2, 3]]
    assert found["file_ids_in_bins"][3] == ["part_002", "part_003"]
    given = parts.create_distribution("face_areas", bins=[0, 2, 4])
    assert given["hist"].tolist() == [2, 3]
    assert parts.create_distribution_incore("face_areas", bins=3)["hist"].sum() == 9
    with pytest.raises(ValueError, match="at least one bin"):
        parts.create_distribution("face_areas", bins=0)


def test_whole_numbers_have_bins_of_their_own(parts: DatasetExplorer) -> None:
    """Without a number of bins, each whole number has one, centred on it."""
    found = parts.create_distribution("face_types", bins=None)

    assert found["bin_edges"].tolist() == [-0.5, 0.5, 1.5]
    assert found["hist"].tolist() == [6, 3]
    np.testing.assert_allclose(
        parts.create_distribution("face_areas", bins=None)["bin_edges"], np.histogram_bin_edges(AREAS, "auto")
    )


def test_metadata_counts_by_rows_or_by_items(parts: DatasetExplorer) -> None:
    """A column counts once for each row of the group, or without such a group once for each item."""
    levels = np.array([2, 3, 4, 2])

    by_row = parts.create_distribution("complexity_level", bins=None, group="faces")
    assert by_row["hist"].tolist() == np.bincount(levels[FILES])[2:].tolist()
    by_item = parts.create_distribution("complexity_level", bins=None, group=None)
    assert by_item["hist"].tolist() == [2, 1, 1]
    assert [codes.tolist() for codes in by_item["file_id_codes_in_bins"]] == [[0, 3], [1], [2]]


def test_memberships(parts: DatasetExplorer) -> None:
    """Who has which value, how often, in categories that are found, chosen or binned."""
    matrix, codes, names = parts.build_membership_matrix("faces", "face_types")
    assert (codes.tolist(), names) == ([0, 1, 2, 3], [0, 1])
    assert matrix.tolist() == [[1, 1], [1, 1], [1, 1], [1, 0]]
    assert parts.build_membership_matrix("faces", "face_types", as_counts=True)[0].tolist() == [
        [2, 1],
        [1, 1],
        [2, 1],
        [1, 0],
    ]
    assert parts.build_membership_matrix("faces", "face_types", [1])[0].tolist() == [[1], [1], [1], [0]]
    matrix, _, edges = parts.build_membership_matrix("faces", "face_areas", 3)
    np.testing.assert_allclose(edges, np.linspace(1.5, 7.5, 4), rtol=1e-6)
    assert matrix.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 1], [0, 0, 1]]
    assert parts.build_membership_matrix(None, "material")[2] == ["steel", "wood"]
    with pytest.raises(KeyError, match="Key 'nothing' not found"):
        parts.build_membership_matrix("faces", "nothing")


def test_files_by_what_holds_for_a_row(parts: DatasetExplorer) -> None:
    """Arrays and metadata can be asked for alike, and together."""
    assert parts.get_file_list("faces", lambda ds: ds["face_areas"] > 5).tolist() == [1, 2, 3]
    assert parts.get_file_list(group="faces", where=lambda ds: ds["complexity_level"] >= 4).tolist() == [2]
    both = parts.get_file_list("faces", lambda ds: (ds["material"] == "wood") & (ds["face_areas"] > 7))
    assert both.tolist() == [3]
    assert parts.get_file_list("nothing of that name", lambda ds: ds["complexity_level"] == 2).tolist() == [0, 3]
    with pytest.raises(TypeError, match="boolean"):
        parts.get_file_list("faces", lambda ds: ds["face_areas"])


def test_files_by_metadata(parts: DatasetExplorer) -> None:
    """Values, sets of values and functions, all of which must fit."""
    assert parts.filter_files_by_metadata(material="steel").tolist() == [0, 2]
    assert parts.filter_files_by_metadata({"complexity_level": [2, 3]}, material="wood").tolist() == [1, 3]
    assert parts.filter_files_by_metadata(complexity_level=lambda level: level > 3).tolist() == [2]
    with pytest.raises(KeyError, match="complexity_level"):
        parts.filter_files_by_metadata(nothing=1)


def test_rows_of_one_file(parts: DatasetExplorer) -> None:
    """A file's rows of a group, none if it has none or there is no such file."""
    np.testing.assert_array_equal(parts.file_dataset(2, "faces")["face_areas"].values, AREAS[FILES == 2])
    assert parts.file_dataset(np.int64(1), "edges")["edge_lengths"].values.tolist() == [0, 1]
    assert parts.file_dataset(99, "faces")["face_areas"].size == 0


def test_tables(parts: DatasetExplorer, parts_flow: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The infoset's and the attribset's rows, by code and by name."""
    table = pd.read_parquet(parts_flow.with_suffix(".infoset"))

    assert parts.decode_file_id_code(np.int64(2)) == "part_002"
    with pytest.raises(KeyError):
        parts.decode_file_id_code(4)
    pd.testing.assert_frame_equal(parts.get_file_info_all(), table)
    assert parts.get_parquet_info_by_code(3)["name"].tolist() == ["part_003"]
    assert parts.get_parquet_info_by_code(99).empty
    assert parts.get_descriptions("material")["name"].tolist() == ["steel", "wood"]
    assert parts.get_descriptions("material", 1)["name"].tolist() == ["wood"]
    assert parts.get_descriptions("MATER", use_wildchar=True)["table_name"].unique().tolist() == ["material"]
    capsys.readouterr()
    assert parts.get_descriptions("m.terial", use_wildchar=True).empty
    assert capsys.readouterr().out == "No records found for m.terial.\n"
    streams = parts.get_stream_cache_paths()
    assert list(streams) == ["id", "name", "stream_cache_png", "stream_cache_3d"]
    assert len(parts.get_stream_cache_paths(1)) == 1


def test_groups_are_joined(parts: DatasetExplorer) -> None:
    """Each row of the one group meets each row of the other of the same file."""
    joined = parts.query_cross_group("faces", "edges")

    assert len(joined) == 3 * 1 + 2 * 2 + 3 * 3 + 1 * 4
    assert {"file_id_code", "face_areas", "edge_lengths"} <= set(joined)
    with pytest.raises(ValueError, match="file_id_code"):
        parts.query_cross_group("faces", "edges", "name")


def test_files_that_have_moved(parts_flow: Path, own_copy: Callable[[Path], Path], tmp_path: Path) -> None:
    """The files beside the flow are taken where those that it names are gone; nothing is said to be what it is not."""
    flow = own_copy(parts_flow)
    text = flow.read_text().replace(str(parts_flow.parent), "/gone")
    flow.write_text(text)

    assert DatasetExplorer(flow).get_file_info_all().shape[0] == 4
    flow.with_suffix(".infoset").unlink()
    with pytest.raises(ValueError, match="Parquet file not found"):
        DatasetExplorer(flow)
    flow.with_suffix(".dataset").unlink()
    with pytest.raises(FileNotFoundError):
        DatasetExplorer(merged_store_path=flow.with_suffix(".dataset"))
    with pytest.raises(FileNotFoundError):
        DatasetExplorer(tmp_path / "none.flow")
    with pytest.raises(ValueError, match="found neither"):
        DatasetExplorer()
    with pytest.raises(FormatError, match="merged_store_path"):
        DatasetExplorer(flow.with_suffix(".dataset"))
    flow.write_text("[]")
    with pytest.raises(FormatError):
        DatasetExplorer(flow)


def test_closing_is_not_the_end(parts_flow: Path) -> None:
    """Closing twice is no error, and an explorer survives pickling."""
    with DatasetExplorer(parts_flow) as explorer:
        copy = pickle.loads(pickle.dumps(explorer))
    explorer.close()

    assert copy.compute_statistics("faces", "face_areas")["count"] == 9


def test_infinite_values_are_left_out_of_distributions(tmp_path: Path) -> None:
    """Infinities are counted in no bin, with a warning; statistics have them."""
    explorer = DatasetExplorer(datasets.merge_parts(tmp_path / "p", [[1.0, np.inf], [3.0, 2.0]]))

    with pytest.warns(UserWarning, match="1 infinite"):
        found = explorer.create_distribution("face_areas", bins=2)
    assert found["hist"].tolist() == [1, 2]
    assert explorer.compute_statistics("faces", "face_areas")["max"] == np.inf


def test_the_quick_start(parts_flow: Path, own_copy: Callable[[Path], Path]) -> None:
    """The quick start of the reference runs as it stands, but for the import."""
    from zarrpack.dataset import DatasetExplorer, DatasetLoader

    flow = own_copy(parts_flow)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        explorer = DatasetExplorer(flow_output_file=str(flow))
        explorer.print_table_of_contents()
        face_dist = explorer.create_distribution(key="face_areas", group="faces", bins=20)
        file_codes = explorer.get_file_list(group="faces", where=lambda ds: ds["complexity_level"] >= 4)
        explorer.close()
        loader = DatasetLoader(
            merged_store_path=str(flow.with_suffix(".dataset")), parquet_file_path=str(flow.with_suffix(".infoset"))
        )
        loader.split(key="complexity_level", train=0.7, validation=0.15, test=0.15)
        train_dataset = loader.get_dataset("train")
        val_dataset = loader.get_dataset("validation")

    assert face_dist["hist"].sum() == 9
    assert file_codes.tolist() == [2]
    assert len(train_dataset) + len(val_dataset) + len(loader.get_dataset("test")) == 4
    assert len(train_dataset) >= 1
    if importlib.util.find_spec("torch") is not None:
        assert len(train_dataset.to_torch()) == len(train_dataset)


def areas_of(data: Any) -> list[float]:
    """Read an array of a lazy group, in whatever process this is."""
    values: list[float] = data["face_areas"].values.tolist()
    return values


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_lazy_groups_are_read_in_forked_processes(parts: DatasetExplorer) -> None:
    """Children of a process that has read from the file read the same values, several of them at a time."""
    if "fork" not in multiprocessing.get_all_start_methods():
        pytest.skip("this system does not fork")
    areas_of(parts.get_group_data("faces"))  # the parent has the file open

    with multiprocessing.get_context("fork").Pool(2) as pool:
        found = pool.map(areas_of, [parts.get_group_data("faces") for _ in range(6)])

    assert found == [AREAS.tolist()] * 6
