"""What `zarrpack info` tells of files."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from zarrpack import DataRetriever
from zarrpack.converters.inspection import inspect


def test_the_names_of_axes_are_not_searched_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library would search the whole file for the name of each scale; `info` and the retriever know where it lies."""
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["g/time"] = np.arange(3)
        file["g/time"].make_scale("time")
        file["x"] = np.zeros((3, 2))
        file["x"].dims[0].attach_scale(file["g/time"])
        file["x"].dims[1].label = "side"
    asked: list[object] = []
    monkeypatch.setattr(h5py.h5i, "get_name", lambda *arguments: asked.append(arguments))

    assert inspect(path)["groups"][""]["x"]["dims"] == ["time", "side"]
    with DataRetriever(path) as data:
        assert data.entry("x").dims == ("time", "side")
    assert asked == []
