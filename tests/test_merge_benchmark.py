"""The scripts that make small stores and measure their merge."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from zarrpack.storage.data_file import DataFile

ROOT = Path(__file__).parents[1]


def run(script: str, *arguments: str | Path) -> str:
    """Run a script of the clone; give what it prints."""
    command = [sys.executable, str(ROOT / script), *map(str, arguments)]
    return subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True, text=True).stdout


def test_stores_are_reproducible(tmp_path: Path) -> None:
    """Two runs write the same twelve arrays in the same bytes, another seed writes others, and lengths differ."""
    for folder, seed in [("a", "0"), ("b", "0"), ("c", "1")]:
        run("benchmarks/make_stores.py", tmp_path / folder, "--files", "3", "--seed", seed)
    contents = {
        folder: [path.read_bytes() for path in sorted((tmp_path / folder).glob("*.zarr.data"))] for folder in "abc"
    }

    assert contents["a"] == contents["b"] != contents["c"]
    lengths = set()
    for path in (tmp_path / "a").glob("*.data"):
        with DataFile(path) as data:
            assert len(data.arrays) == 12
            lengths.add(data.arrays["faces/face_areas"].metadata.shape)
    assert len(lengths) > 1


def test_the_benchmark_measures(tmp_path: Path) -> None:
    """Every competitor runs at every level, and the ratios are positive."""
    options = [
        "--files",
        "4",
        "--many",
        "6",
        "--levels",
        "3",
        "--saved-files",
        "2",
        "--folder",
        str(tmp_path / "parts"),
        "--json",
    ]
    printed = json.loads(run("benchmarks/merge.py", *options))

    assert [(one["competitor"], one["files"]) for one in printed["runs"]] == [
        ("zarrpack", 4),
        ("xarray", 4),
        ("zarrpack merge", 4),
        ("zarrpack merge", 6),
    ]
    assert min(printed["ratios"]["3"].values()) > 0
    assert printed["growth"] > 0
    assert set(printed["saving"]) == {"zarr, folder", "zarr, zip"}
    assert min(printed["saving"].values()) > 0


def test_what_zarr_saves_is_what_the_store_saves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The competitors in the comparison of saving do the same work: equal arrays in equal bytes of equal chunks."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    save = importlib.import_module("save")
    arrays = importlib.import_module("make_stores").part(3, 0)

    contents = []
    for number, competitor in enumerate(save.COMPETITORS.values()):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            competitor(tmp_path / f"{number}.zarr", arrays)
        assert not (tmp_path / f"{number}.zarr").exists()
        with DataFile(tmp_path / f"{number}.zarr.data") as data:
            contents.append(
                {name: (array.read().tolist(), array.metadata.codec) for name, array in data.arrays.items()}
            )
    assert len(contents[0]) == 12
    assert contents[0] == contents[1] == contents[2]
