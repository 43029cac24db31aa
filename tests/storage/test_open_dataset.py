"""Tests of the way into xarray."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from zarrpack.errors import FormatError, NotFound, SourceError, UsageError
from zarrpack.storage.blocks import Block
from zarrpack.storage.open_dataset import open_dataset

WritePack = Callable[..., Path]


def members(*groups: str) -> list[list[Block]]:
    zeros = np.array([0, 255, 0], np.uint8)
    return [[Block(group, "level", ("row",), zeros + number) for group in groups] for number in range(2)]


def test_a_group_is_read_as_it_is_stored(write_pack: WritePack) -> None:
    """Zeros stay zeros of their type, and the codes are there under both names."""
    with open_dataset(write_pack(members("tables", "others")), "tables") as dataset:
        assert dataset.level.dtype == np.uint8
        assert dataset.level.values.tolist() == [0, 255, 0, 1, 0, 1]
        assert dataset.file_id.values.tolist() == [0, 0, 0, 1, 1, 1]
        assert dataset.file_id_code_tables.values.tolist() == [0, 0, 0, 1, 1, 1]
        assert dataset.file_id_code_tables.dims == ("row",)
        assert dataset.level.chunks is None


def test_attributes_change_no_values(write_pack: WritePack) -> None:
    """Attributes that other tools read as instructions to scale, mask or date the values are only attributes."""
    orders = {"scale_factor": 0.5, "_FillValue": 0, "units": "seconds since 2000-01-01"}
    block = Block("t", "a", ("row",), np.array([0, 7], np.int16), attributes=orders)

    with open_dataset(write_pack([[block]])) as dataset:
        assert dataset.a.dtype == np.int16
        assert dataset.a.values.tolist() == [0, 7]
        assert dataset.a.attrs["scale_factor"] == 0.5


def test_nothing_is_read_before_it_is_asked_for(write_pack: WritePack) -> None:
    """Opening and slicing leaves the values in the file."""
    with open_dataset(write_pack(members("tables"))) as dataset:
        part = dataset.level[2:4]

        assert not dataset.level.variable._in_memory
        assert not dataset.file_id_code_tables.variable._in_memory
        assert part.values.tolist() == [0, 1]
        assert not dataset.level.variable._in_memory


def test_the_only_group_needs_no_name(write_pack: WritePack) -> None:
    """Without a name a single group is opened; of several the error lists them."""
    with open_dataset(write_pack(members("tables"))) as dataset:
        assert "level" in dataset

    with pytest.raises(UsageError, match=r"choose one of \['images', 'tables'\]"):
        open_dataset(write_pack(members("tables", "images")))


def test_a_wrong_name_gets_the_nearest(write_pack: WritePack) -> None:
    """An unknown group is a KeyError that names the nearest, or else lists them."""
    path = write_pack(members("tables", "images"))

    with pytest.raises(NotFound, match=r"found 'image'; did you mean 'images'\?"):
        open_dataset(path, "image")
    with pytest.raises(KeyError, match=r"choose one of \['images', 'tables'\]"):
        open_dataset(path, "quite another")


def test_what_is_no_dataset_says_so(tmp_path: Path) -> None:
    """A missing path is a SourceError, a file of another kind a FormatError; both name the path."""
    other = tmp_path / "notes.txt"
    other.write_text("no zip")

    with pytest.raises(SourceError, match=r"missing\.dataset: expected a readable file"):
        open_dataset(tmp_path / "missing.dataset")
    with pytest.raises(FormatError, match=r"notes\.txt: expected a zip"):
        open_dataset(other)
