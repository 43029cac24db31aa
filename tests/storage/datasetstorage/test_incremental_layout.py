"""Adding files to a dataset where they change what all files tell of an array: its rows, its dimension, its group."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stores import merger, read, save

CODES = {f"part_{number}": number for number in range(20)}

PADDING: dict[str, list[dict[str, Any]]] = {
    "other lengths": [{"face_a": [1, 2]}, {"face_a": [3, 4], "face_b": [5, 6]}, {"face_a": [7], "face_b": [8, 9]}],
    "no rows": [{"face_a": [1, 2]}, {"face_a": [3, 4], "face_b": [5, 6]}, {"face_a": [7], "face_b": np.zeros(0, int)}],
    "several chunks": [
        {"face_a": [1, 2], "face_b": [1, 2]},
        {"face_a": [3, 4, 5]},
        {"face_a": [3, 4, 5, 6], "face_b": [5, 6, 7, 8]},
        {"face_b": [9]},
        {"face_a": [7], "face_b": [8, 9]},
    ],
}


def merge_in_steps(folder: Path, files: Sequence[tuple[Mapping[str, Any], Mapping[str, Any] | None]]) -> None:
    """Merge files at once, and in two steps divided anywhere, and one by one; all must give the same bytes."""
    sources = [save(folder, f"part_{number}", data, schema) for number, (data, schema) in enumerate(files)]
    whole, first, second = folder / "whole.dataset", folder / "first.dataset", folder / "second.dataset"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        merge(sources, whole)
        for cut in range(1, len(sources)):
            merge(sources[:cut], first)
            merge([first, *sources[cut:]], second)
            assert second.read_bytes() == whole.read_bytes(), f"divided at {cut}"
        merge(sources[:1], first)
        for source in sources[1:]:
            merge([first, source], second)
            second.replace(first)
        assert first.read_bytes() == whole.read_bytes()


def merge(sources: list[Path], out: Path) -> None:
    """Merge with small chunks."""
    merger(sources, out, file_id_codes=CODES).merge_data(face_chunk=2, edge_chunk=2, faceface_flat_chunk=2)


@pytest.mark.parametrize("case", PADDING)
def test_padding_goes_when_arrays_part_ways(tmp_path: Path, case: str) -> None:
    """Rows that only stood beside those of another array are none where the array has a dimension of its own."""
    merge_in_steps(tmp_path, [(data, None) for data in PADDING[case]])


def test_rows_of_an_array_that_parts_ways_are_its_own(tmp_path: Path) -> None:
    """Values and codes are those that files have, without a filled row."""
    sources = [save(tmp_path, f"part_{number}", data) for number, data in enumerate(PADDING["other lengths"])]
    with pytest.warns(UserWarning, match="face_b: 2 rows"):
        merge(sources[:2], tmp_path / "first.dataset")

    merge([tmp_path / "first.dataset", sources[2]], tmp_path / "second.dataset")

    faces = read(tmp_path / "second.dataset")["faces"]
    assert faces["face_b"].tolist() == [5, 6, 8, 9]
    assert faces["file_id_face_b_dim_0"].tolist() == [1, 1, 2, 2]
    assert faces["face_a"].tolist() == [1, 2, 3, 4, 7]
