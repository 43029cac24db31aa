"""H5DAT's files: taken as they are, and contradictions explained."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from click.testing import CliRunner

from zarrpack.converters.commands.run import run_command
from zarrpack.converters.configuration import read_runs
from zarrpack.errors import UsageError

SAMPLES = Path(__file__).parents[2] / "samples"


def schema(**outgoing: Any) -> dict[str, Any]:
    """Give a schema of one archive."""
    return {"files": {"incoming": {"a.zip": {"dirs": {"D1": "/x"}}}, "outgoing": outgoing}}


def read(folder: Path, *documents: Any) -> tuple[dict[str, Any], list[str]]:
    """Give the options and the notes."""
    paths = []
    for number, document in enumerate(documents):
        paths.append(folder / f"{number}.json")
        paths[-1].write_text(json.dumps(document), encoding="utf-8")
    (conversion,), notes = read_runs(paths)
    assert conversion.sources == (folder / "a.zip",)
    return conversion.options.to_mapping(), notes


def test_the_sample_runs(tmp_path: Path) -> None:
    """The sample makes an HDF5 file with the groups of the schema, of every member of the types allowed."""
    shutil.copytree(SAMPLES, tmp_path / "samples")
    folder = tmp_path / "samples/h5dat"
    outcome = CliRunner().invoke(run_command, [str(folder / "config.json"), str(folder / "schema.json"), "--json"])

    assert outcome.exit_code == 0, outcome.output
    with h5py.File(folder / "out/products.h5") as file:
        assert len(file["FG1"]) == 40
        assert len(file["FG2"]) == 40
        assert file["FG1/1001.jpg"].shape == (640, 480, 3)
        assert file["FG1/1001.jpg"].attrs["member"] == "products/images/1001.jpg"
        keys = file["FG2/1001.json/key"].asstr()[...].tolist()
        assert "title" in keys
        assert np.asarray(file["tables/products.csv/id"]).tolist() == list(range(1001, 1041))


@pytest.mark.parametrize(
    "groups", [{"/p/images/": "FG1", "/p/styles/": "FG2"}, {"FG1": "/p/images/", "FG2": "/p/styles/"}]
)
def test_groups_of_both_revisions(tmp_path: Path, groups: dict[str, str]) -> None:
    """Groups are read whichever way round they are; paths come before folders, folders before types."""
    given = schema(
        **{
            "b.h5": {"groups": groups},
            "location_leaf_map": {"images": "FG1"},
            "leaf_content": {"t/": {"sources": [".CSV"]}},
        }
    )
    options, notes = read(tmp_path, given)

    assert options["name"] == "b"
    assert options["hdf5"]
    assert options["hdf5_layout"] == "per_item"
    assert options["hdf5_groups"] == {
        "p/images/*": "FG1",
        "p/styles/*": "FG2",
        "images/*": "FG1",
        "*/images/*": "FG1",
        "*.[cC][sS][vV]": "t",
    }
    assert any("dirs" in note for note in notes)


def test_configuration(tmp_path: Path) -> None:
    """Types become patterns in any case, the compression the mirror's, and what has no effect is told."""
    configuration = {
        "batch_process_limit": 5,
        "dataset_compression": "lzf",
        "image_extensions": ["jpg", "webp"],
        "allowed_types": ["jpg", "tar.gz"],
    }
    options, notes = read(tmp_path, configuration, schema(**{"b.h5": {}}))

    assert options["include"] == ["*.[jJ][pP][gG]", "*.[tT][aA][rR].[gG][zZ]"]
    assert options["hdf5_compression"] == "lzf"
    assert any("batch_process_limit" in note for note in notes)
    assert any("webp" in note for note in notes)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: s["files"].update(outgoing={}), "one output file, found none"),
        (lambda s: s["files"]["outgoing"].update({"c.h5": {}}), "a schema file for each"),
        (lambda s: s["files"].update(incoming={}), "found none"),
        (lambda s: s["files"].update(incomming={}), "did you mean 'incoming'"),
        (lambda s: s["files"]["outgoing"]["b.h5"].update(groups={"/a/": "/b/"}), "a group without"),
        (lambda s: s["files"]["outgoing"]["b.h5"].update(groups={"/a/": 1}), "expected a text"),
        (lambda s: s["files"]["outgoing"]["b.h5"].update(groups={"/a/": "F", "/a": "G"}), "each path once"),
        (lambda s: s["files"]["outgoing"].update(location_leaf_map={"x": "F9"}), "groups has F1"),
        (
            lambda s: s["files"]["outgoing"].update(leaf_content={"a": {"sources": ["x"]}, "b": {"sources": ["x"]}}),
            "each type in one place",
        ),
        (lambda s: s["files"]["outgoing"]["b.h5"].update(location_leaf_map={}), "two that differ"),
    ],
)
def test_contradictions_are_explained(tmp_path: Path, change: Callable[[Any], None], said: str) -> None:
    """What cannot be meant is refused, with the key and what was found; unchanged, the schema is taken."""
    given = schema(**{"b.h5": {"groups": {"/a/": "F1"}}, "location_leaf_map": {"y": "F1"}})
    read(tmp_path, given)
    change(given)

    with pytest.raises(UsageError, match=said):
        read(tmp_path, given)


@pytest.mark.parametrize(
    ("configuration", "said"),
    [
        ({"image_extensions": ["mp4"], "video_extensions": ["mp4"]}, "in image_extensions and in video_extensions"),
        ({"batch_chunk_size": 0}, "from 1 on"),
        ({"dataset_compression": "bzip2"}, "expected one of gzip"),
        ({"allowed_types": "jpg"}, "a list of types"),
        ({"alowed_types": [], "batch_chunk_size": 1}, "did you mean 'allowed_types'"),
    ],
)
def test_wrong_configurations(tmp_path: Path, configuration: dict[str, Any], said: str) -> None:
    """A value or key that is wrong is named."""
    with pytest.raises(UsageError, match=said):
        read(tmp_path, configuration, schema(**{"b.h5": {}}))


def test_a_configuration_alone_names_no_archive(tmp_path: Path) -> None:
    """It says which file is missing."""
    with pytest.raises(UsageError, match="schema file"):
        read(tmp_path, {"batch_chunk_size": 1000})
