"""Whether an HDF5 file is whole, and says what the dataset beside it says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from zarrpack.errors import FormatError
from zarrpack.storage.chunk_indices import chunk_indices
from zarrpack.storage.data_file import DataFile
from zarrpack.storage.hdf5.attributes import read_own
from zarrpack.storage.hdf5.item_rows import ItemArray, item_arrays
from zarrpack.storage.hdf5.per_item import shown_things
from zarrpack.storage.hdf5.restore import columnar_kind, read_table_columns, stored_nodes, table_names
from zarrpack.storage.hdf5.tree import Array, walk
from zarrpack.storage.hdf5.values import has_plain_form
from zarrpack.storage.items.item_reader import ItemReader

__all__ = ["check_hdf5"]

_MOST_PROBLEMS = 20
_READ_BYTES = 16 << 20


def check_hdf5(path: Path, dataset: Path | None) -> tuple[list[str], dict[str, int]]:
    """Read everything in a file, whose checksums HDF5 compares, and compare it with a dataset.

    Parameters
    ----------
    path : Path
        Any HDF5 file.
    dataset : Path or None
        What it is the mirror of, if it is one.

    Returns
    -------
    tuple of (list of str, dict)
        What is wrong, and how many arrays were read.
    """
    problems: list[str] = []
    arrays = 0
    try:
        with h5py.File(path, "r") as file:
            for arrays, problem in enumerate(_problems(file, dataset), 1):  # noqa: B007
                problems += [problem] if problem else []
                if len(problems) >= _MOST_PROBLEMS:
                    break
    except (OSError, RuntimeError, KeyError, ValueError) as exc:
        problems.append(str(exc) if isinstance(exc, FormatError) else f"expected an HDF5 file that is whole: {exc}")
    return problems, {"arrays": arrays, "bytes": path.stat().st_size}


def _problems(file: h5py.File, dataset: Path | None) -> Iterator[str]:
    """Give what is wrong with each array, or an empty text."""
    if columnar_kind(file):
        yield from _columnar(file, dataset)
        for name in table_names(file):
            try:
                read_table_columns(file, name)
                yield ""
            except FormatError as exc:
                yield str(exc)
        return
    found: dict[tuple[str, int], list[tuple[int, h5py.Dataset]]] = {}
    for one in walk(file):
        if isinstance(one, Array):
            yield _read_all(one)
            own = read_own(one.node)
            if "code" in own and "place" in own:
                found.setdefault((str(own["place"]), int(own["code"])), []).append((int(own["thing"]), one.node))
    if dataset is not None and read_own(file).get("layout") == "per_item":
        yield from _per_item(found, dataset)


def _columnar(file: h5py.File, dataset: Path | None) -> Iterator[str]:
    if dataset is None:
        for _, node in stored_nodes(file):
            for index in chunk_indices(node.metadata.chunk_grid()):
                node.read_chunk(index)
            yield ""
        return
    with DataFile(dataset) as data:
        known = dict(data.arrays)
        for place, node in stored_nodes(file):
            array = known.pop(place, None)
            if array is None or array.metadata != node.metadata:
                yield f"{place}: expected the array of {dataset.name}, found {'another' if array else 'none there'}"
                continue
            wrong = [
                array.metadata.chunk_key(index)
                for index in chunk_indices(array.metadata.chunk_grid())
                if not _is_same(array.read_chunk(index), node.read_chunk(index))
            ]
            yield f"{place}: expected the values of {dataset.name}, found others in chunk {wrong[0]}" if wrong else ""
        for place in known:
            yield f"{place}: expected the array of {dataset.name}, found none"


def _per_item(found: Mapping[tuple[str, int], list[tuple[int, h5py.Dataset]]], dataset: Path) -> Iterator[str]:
    reader = ItemReader(dataset)
    try:
        arrays: dict[str, ItemArray] = {one.place: one for one in item_arrays(reader)}
        for (place, code), things in found.items():
            expected = shown_things(arrays[place], code) if place in arrays else []
            if len(expected) != len(things):
                yield f"{place}: expected {len(expected)} datasets of item {code}, found {len(things)}"
            for number, node in things:
                values = node.asstr()[()] if h5py.check_string_dtype(node.dtype) is not None else node[()]
                if number < len(expected) and not _is_same(np.asarray(expected[number]), np.asarray(values)):
                    yield f"{node.name}: expected the values of {dataset.name}, found others"
    finally:
        reader.close()


def _is_same(expected: npt.NDArray[Any], found: npt.NDArray[Any]) -> bool:
    """Whether values are equal, bit for bit; what sticks out of an array's end aside."""
    spans: list[Any] = [slice(length) for length in found.shape]
    inside = expected[(*spans, ...)]
    if inside.dtype.kind in "OSU" or found.dtype.kind in "OSU":
        return bool(inside.astype(object).tolist() == found.astype(object).tolist())
    return inside.shape == found.shape and inside.dtype == found.dtype and inside.tobytes() == found.tobytes()


def _read_all(one: Array) -> str:
    data = one.node
    try:
        if data.shape is None or 0 in data.shape or not has_plain_form(data.dtype):
            return ""
        if not data.shape:
            data[()]
            return ""
        row = max(1, data.dtype.itemsize * int(np.prod(data.shape[1:], dtype=np.int64)))
        step = max(1, _READ_BYTES // row)
        for first in range(0, data.shape[0], step):
            data[first : first + step]
    except (OSError, RuntimeError, TypeError, ValueError) as exc:
        return f"{one.path}: {exc}"
    return ""
