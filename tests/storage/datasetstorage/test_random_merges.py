"""Random stores, merged in every way, against numpy."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st
from stores import merger, read, save_all

Array = npt.NDArray[Any]

#: Name -> the shape of a row, and the dtypes of which each file takes one.
ARRAYS: dict[str, tuple[tuple[int, ...], Sequence[str]]] = {
    "face_areas": ((), ["float32", "float64"]),
    "face_types": ((), ["int8", "int32", "uint16"]),
    "face_grids": ((2, 3), ["float32"]),
    "face_flags": ((), ["bool"]),
    "face_names": ((), ["str"]),
    "graph/edges_source": ((), ["int64"]),
}
FILLERS = {"f": np.nan, "i": -1, "u": 65535, "b": False, "U": ""}


def values(seed: int, name: str, dtype: str, rows: int) -> Array:
    """Give an array of a file."""
    tail = ARRAYS[name][0]
    if not rows and seed % 2:
        return np.empty(0)  # what becomes of an empty list
    numbers = np.random.default_rng([seed, len(name)]).integers(0, 100, (rows, *tail))
    return np.array([f"n{number}" for number in numbers], np.str_) if dtype == "str" else numbers.astype(dtype)


@st.composite
def one_file(draw: st.DrawFn) -> dict[str, Array]:
    """Give the arrays of a file: some are not there, and each is of one of its dtypes."""
    rows = {"face": draw(st.integers(0, 4)), "graph": draw(st.integers(0, 4))}
    names = draw(st.lists(st.sampled_from(sorted(ARRAYS)), min_size=1, unique=True))
    data = {name: (draw(st.sampled_from(ARRAYS[name][1])), draw(st.integers(0, 99))) for name in names}
    made = {
        name: values(seed, name, dtype, rows[name[:4].rstrip("h") if name[:4] == "face" else "graph"])
        for name, (dtype, seed) in data.items()
    }
    if draw(st.booleans()):
        made["a3_distance"] = (
            np.random.default_rng(rows["face"]).random((rows["face"], rows["face"], 2)).astype(np.float32)
        )
    return made


def expected(files: list[dict[str, Array]], name: str, group: Sequence[str]) -> Array:
    """Join an array as numpy does, filled where a file lacks it but has rows of its group."""
    there = [file[name] for file in files if name in file]
    filled = [part.dtype for part in there if len(part)]
    dtype = np.result_type(*filled) if filled else there[0].dtype
    joined: list[Array] = []
    for file in files:
        rows = max((len(file[other]) for other in group if other in file), default=0)
        if name in file:
            joined.append(file[name])
        elif rows:
            tail = ARRAYS[name][0] if filled else there[0].shape[1:]
            joined.append(np.full((rows, *tail), FILLERS[dtype.kind], dtype))
    return np.concatenate([part for part in joined if len(part)] or joined[:1])


@settings(max_examples=25, deadline=None)
@given(
    files=st.lists(one_file(), min_size=1, max_size=6),
    chunk=st.integers(1, 6),
    batch=st.integers(1, 4),
    cut=st.integers(1, 5),
)
def test_every_way_of_merging_gives_the_same_rows(
    files: list[dict[str, Array]], chunk: int, batch: int, cut: int
) -> None:
    """Values are those of numpy; batches, and adding later files to a dataset of the first, give the same bytes."""
    with tempfile.TemporaryDirectory() as work, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        folder = Path(work)
        sources = save_all(folder / "in", list(files))
        codes = {f"part_{number}": number for number in range(len(files))}
        options: dict[str, Any] = {"face_chunk": chunk, "edge_chunk": chunk, "faceface_flat_chunk": chunk}
        merger(sources, folder / "once", file_id_codes=codes).merge_data(**options)
        merger(sources, folder / "batches", file_id_codes=codes).merge_data(batch_size=batch, **options)
        found = read(folder / "once")
        for name in ARRAYS:
            if not any(name in file for file in files):
                continue
            family = "graph" if "/" in name else "faces"
            siblings = [other for other in ARRAYS if ("/" in other) == ("/" in name)]
            stored = found[family][name.rpartition("/")[2]]
            np.testing.assert_array_equal(stored, expected(files, name, siblings), strict=stored.dtype.kind not in "OT")
        pairs = [file["a3_distance"].reshape(-1, 2) for file in files if "a3_distance" in file]
        if pairs:
            np.testing.assert_array_equal(found["faceface"]["a3_distance"], np.concatenate(pairs))
        assert (folder / "batches").read_bytes() == (folder / "once").read_bytes()
        if cut < len(files):
            merger(sources[:cut], folder / "first.dataset", file_id_codes=codes).merge_data(**options)
            both = [folder / "first.dataset", *sources[cut:]]
            merger(both, folder / "added", file_id_codes=codes).merge_data(**options)
            assert (folder / "added").read_bytes() == (folder / "once").read_bytes()
