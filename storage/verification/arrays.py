"""Whether a ``.data`` or ``.dataset`` holds all that its metadata announces, and nothing else."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from zarrpack.errors import FormatError
from zarrpack.storage.data_file import DataFile, StoredArray
from zarrpack.storage.hierarchy import FIRST_NAMES

__all__ = ["check_arrays"]

_DOCUMENTS = (".zgroup", ".zattrs", ".zarray")
_MOST_PROBLEMS = 100
_CHUNK_KEY = re.compile(r"[0-9]{1,19}(?:\.[0-9]{1,19})*", re.ASCII)


def check_arrays(path: Path) -> list[str]:
    """Compare a file's entries and counts with its metadata.

    Looks for missing and extra chunks, documents that differ from ``.zmetadata``, codes that no member has, and offsets that
    do not fit the rows. Chunks of values are not decoded; :func:`zarrpack.storage.verification.zip_bytes.check_zip_bytes`
    sees to their bytes.

    Returns
    -------
    list of str
        What is wrong, a sentence each, at most 100.

    Raises
    ------
    SourceError
        If the file cannot be opened.
    """
    try:
        with DataFile(path) as data:
            return list(islice(_problems(data), _MOST_PROBLEMS))
    except FormatError as error:
        return [str(error)]


def _problems(data: DataFile) -> Iterator[str]:
    names = {name.decode("utf-8", "replace") for name in data.entry_names()}
    yield from _document_problems(data, names)
    by_place: dict[str, set[str]] = {}
    for one in names:
        by_place.setdefault(one.rpartition("/")[0], set()).add(one)
    for name, array in data.arrays.items():
        prefix = f"{name}/" if name else ""
        keys = {one for one in by_place.get(name, ()) if _CHUNK_KEY.fullmatch(one, len(prefix))}
        names -= keys
        yield from _chunk_problems(array, prefix, keys)
    documents = (one for one in names if one.rpartition("/")[2] not in _DOCUMENTS and one not in FIRST_NAMES)
    for extra in sorted(documents):
        yield f"{extra}: expected no such entry, found one"
    yield from _count_problems(data)


def _document_problems(data: DataFile, names: set[str]) -> Iterator[str]:
    """Compare each document with what ``.zmetadata`` repeats of it."""
    if ".zmetadata" not in names:
        return
    repeated = data.document(".zmetadata").get("metadata", {})
    documents = {one for one in names if one.rpartition("/")[2] in _DOCUMENTS}
    for name in sorted(documents ^ set(repeated)):
        yield f"{name}: expected it both by itself and in .zmetadata, found it in one of them"
    for name in sorted(documents & set(repeated)):
        if data.document(name) != repeated[name]:
            yield f"{name}: expected what .zmetadata says, found something else"


def _chunk_problems(array: StoredArray, prefix: str, keys: set[str]) -> Iterator[str]:
    grid = array.metadata.chunk_grid()
    expected = math.prod(grid)
    fitting = {one for one in keys if _is_in(one[len(prefix) :], grid)}
    for extra in sorted(keys - fitting):
        yield f"{extra}: expected no such chunk of an array of shape {list(array.metadata.shape)}, found one"
    if len(fitting) != expected:
        yield f"{array.name}: expected {expected} chunks, found {len(fitting)}"


def _is_in(key: str, grid: tuple[int, ...]) -> bool:
    if not grid:
        return key == "0"
    numbers = key.split(".")
    if len(numbers) != len(grid) or any(str(int(one)) != one for one in numbers):
        return False
    return all(int(one) < length for one, length in zip(numbers, grid, strict=True))


def _count_problems(data: DataFile) -> Iterator[str]:
    codes = _code_count(data)
    of_dimension: dict[tuple[str, str], npt.NDArray[np.int64]] = {}
    for role in ("code", "offsets", "flat_offsets"):
        for name, array in data.arrays.items():
            if array.metadata.attributes.get("zarrpack_role") != role or codes is None:
                continue
            place = (name.rpartition("/")[0], str(array.metadata.attributes.get("zarrpack_of")))
            try:
                values = array.read()
            except FormatError as error:
                yield str(error)
                continue
            if role == "code":
                of_dimension[place] = values
                if len(values) and not -1 <= values.min() <= values.max() < codes:
                    yield f"{name}: expected codes from -1 to {codes - 1}, found {values.min()} to {values.max()}"
            elif role == "offsets":
                yield from _offset_problems(name, values, codes, of_dimension.get(place))
            else:
                flat = data.arrays.get("/".join(place))
                length = flat.metadata.shape[0] if flat is not None else 0
                if len(values) and not 0 <= values.min() <= values.max() <= length:
                    yield f"{name}: expected offsets from 0 to {length}, found {values.min()} to {values.max()}"


def _offset_problems(
    name: str, values: npt.NDArray[np.int64], codes: int, rows: npt.NDArray[np.int64] | None
) -> Iterator[str]:
    if len(values) != codes + 1:
        yield f"{name}: expected {codes + 1} offsets, found {len(values)}"
    elif rows is None:
        yield f"{name}: expected a code array of its dimension, found none"
    elif np.any((rows < 0) | (rows >= codes)):
        return  # said of the codes already
    elif not np.array_equal(np.diff(values), np.bincount(rows, minlength=codes)) or values[0] != 0:
        yield f"{name}: expected offsets that count the rows of each code, found others"


def _code_count(data: DataFile) -> int | None:
    """Give how many codes or members there are; None where the file does not say."""
    own: Any = data.metadata.get("zarrpack")
    if data.kind == "dataset" and isinstance(own, dict) and isinstance(own.get("codes"), int):
        return int(own["codes"])
    members = data.metadata.get("members")
    return len(members) if data.kind == "pack" and isinstance(members, list) else None
