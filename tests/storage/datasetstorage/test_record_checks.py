"""What a dataset says of its files, codes and order, against what is in it: what cannot be is refused before it is used."""

from __future__ import annotations

import json
import warnings
import zipfile
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stores import merger, read, save

from zarrpack.converters.merging import merge_files
from zarrpack.errors import FormatError, ZarrpackError

FILES: list[dict[str, Any]] = [
    {"face_a": [1, 2], "num": 1, "title": "x", "faceface/w": np.ones((2, 2, 3)), "when": np.array([3], "M8[s]")},
    {"face_a": [1, 2, 3], "num": 2, "face_c": np.zeros(0), "custom": [1], "faceface/w": np.ones((3, 3, 3))},
    {"face_a": [1], "face_b": [1], "num": 2, "custom": [1, 2], "title": "y"},
]
ADDED: dict[str, Any] = {"face_a": [4], "face_c": [2.5], "num": 3, "custom": [1, 2], "faceface/w": np.ones((1, 1, 3))}


class Case(NamedTuple):
    """A dataset, and a store that is to be added."""

    dataset: Path
    added: Path
    folder: Path

    def merge(self, own: dict[str, Any]) -> Path:
        """Add the store to the dataset, of which ``metadata.json`` says something else."""
        changed, out = self.folder / "changed.dataset", self.folder / "out.dataset"
        with zipfile.ZipFile(self.dataset) as source, zipfile.ZipFile(changed, "w") as target:
            for entry in source.infolist():
                data = source.read(entry)
                if entry.filename == "metadata.json":
                    data = json.dumps({**json.loads(data), "zarrpack": own}).encode()
                target.writestr(zipfile.ZipInfo(entry.filename), data)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of padding
            merge_files([changed, self.added], out, overwrite=True)
        return out

    def own(self) -> dict[str, Any]:
        """Give what the dataset says."""
        with zipfile.ZipFile(self.dataset) as source:
            own: dict[str, Any] = json.loads(source.read("metadata.json"))["zarrpack"]
        return own


@pytest.fixture(scope="module", params=["ascending", "reversed"])
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    """Merge files; where their codes do not ascend the dataset has an order and no offsets."""
    folder = tmp_path_factory.mktemp("case")
    sources = [save(folder, f"part_{number}", data) for number, data in enumerate(FILES)]
    codes = {f"part_{number}": number if request.param == "ascending" else 5 - number for number in range(3)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of padding
        merger(sources, folder / "first.dataset", file_id_codes=codes).merge_data()
    return Case(folder / "first.dataset", save(folder, "part_3", ADDED), folder)


def entry(own: dict[str, Any], name: str) -> dict[str, Any]:
    """Give the entry of an array."""
    found: dict[str, Any] = next(one for one in own["arrays"] if one["array"][1] == name)
    return found


def changed(name: str, **values: Any) -> Callable[[dict[str, Any]], None]:
    """Give what changes an array's entry."""
    return lambda own: entry(own, name).update(values)


ABSENT = {"array": ["faces", "face_z"], "keys": [["face_z"]], "forms": [["<M8[ns]", [2]]], "empty_forms": [["str", []]]}


def test_what_is_so_is_taken(case: Case) -> None:
    """The dataset itself, and one that says of an array that none of the files left has, give the same values."""
    plain = read(case.merge(case.own()))
    own = case.own()
    own["arrays"].append(ABSENT)

    more = read(case.merge(own))

    assert plain["faces"]["face_a"].tolist() == [1, 2, 1, 2, 3, 1, 4]
    assert {group: list(arrays) for group, arrays in more.items()} == {
        group: list(arrays) for group, arrays in plain.items()
    }


CONTRADICTIONS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "no entries": (lambda own: own.update(arrays=[]), "expected one entry for it, found none"),
    "no entry": (
        lambda own: own["arrays"].remove(entry(own, "num")),
        "'file/num': expected one entry for it, found none",
    ),
    "renamed": (changed("num", array=["file", "other"]), "'file/num': expected one entry for it, found none"),
    "signature": (changed("num", array=["file", "num", "s"]), "'file/num': expected one entry for it, found none"),
    "twice": (lambda own: own["arrays"].append(entry(own, "num")), "'file/num': expected one entry for it, found 2"),
    "no dtype": (changed("face_a", forms=[["nonsense", []]]), "found 'nonsense'"),
    "dtype without a length": (changed("num", forms=[["S", []]]), "found 'S'"),
    "text for numbers": (
        changed("face_a", forms=[["str", []]]),
        "expected in files with rows dtypes that become int64",
    ),
    "numbers for text": (changed("title", forms=[["float64", []]]), "dtypes that become str"),
    "times for floats": (changed("w", forms=[["<M8[s]", [3]]]), "dtypes that become float64"),
    "no forms with rows": (changed("face_a", forms=[], empty_forms=[["int64", []]]), "dtypes that become int64"),
    "other rows": (
        changed("face_a", forms=[["int64", [3]]]),
        r"rows of the shape \[\], as are stored, found \[\(3,\)\]",
    ),
    "impossible rows": (changed("face_a", empty_forms=[["int64", [10**30]]]), "shapes that an array can have"),
    "one row": (changed("custom", single=True), "expected one row in each file, found 2"),
    "no square": (changed("face_a", pairs=-1, square=True), "as square matrices have pairs, found [23]"),
    "empty runs that overlap": (changed("face_c", empty=[[0, 2], [1, 1]]), r"runs of codes below \d, found \[1, 1\]"),
    "empty runs that end late": (changed("face_c", empty=[[0, 10**18]]), r"runs of codes below \d, found \[0, 10"),
    "order with one code twice": (lambda own: own.update(order=[0, 0]), "different codes below"),
    "order with a large code": (lambda own: own.update(order=[10**30]), "different codes below"),
    "order below 0": (lambda own: own.update(order=[-1, 0]), "different codes below"),
    "short order": (lambda own: own.update(order=[1]), r"the codes of all \d rows of .*, found those of"),
    "many codes": (lambda own: own.update(codes=10**10), "expected .* codes"),
    "too many codes": (lambda own: own.update(codes=10**30), "expected .* codes"),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_what_cannot_be_is_refused(case: Case, name: str) -> None:
    """The message names the file, what was expected and what was found."""
    change, message = CONTRADICTIONS[name]
    own = case.own()
    change(own)

    with pytest.raises(FormatError, match=rf"changed\.dataset: metadata\.json: .*{message}"):
        case.merge(own)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Give all that can be replaced: what it is in, and its key or its number."""
    for key in list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield value, key
        yield from places(value[key])


VALUES: list[Any] = [
    *(None, True, 0, 1, -1, 2, 7, 10**10, 2**63, 10**30, 1.5, "", "float64", "str", "<M8[s]", "V8", "O", "i4,i4"),
    *("faces", "face_a", "custom", "file_id", [], {}, [[]], [0], [0, 1], ["face_b"], ["faces", "face_b"], [["custom"]]),
    *([["int64", []]], [["float64", [3]]], [["int64", [10**12]]], [[0, 10**18]], [["a", "b", "c"]], [["\ud800"]]),
]
mutation = st.tuples(
    st.sampled_from(["arrays", "arrays", "arrays", "order", "codes"]),
    st.floats(0, 1, exclude_max=True),
    st.sampled_from(["replace", "replace", "remove", "repeat"]),
    st.sampled_from(VALUES),
)


@settings(max_examples=60, deadline=None)
@given(mutations=st.lists(mutation, min_size=1, max_size=3))
def test_anything_else_is_merged_or_an_error_of_its_own(
    case: Case, mutations: list[tuple[str, float, str, Any]]
) -> None:
    """Whatever the record says, no other error comes out than those that say what is wrong."""
    own = case.own()
    for part, where, kind, value in mutations:
        mutate(own, part, where, kind, deepcopy(value))
    try:
        case.merge(own)
    except ZarrpackError as exc:
        assert "expected" in str(exc)  # noqa: PT017 - both may happen


def mutate(own: dict[str, Any], part: str, where: float, kind: str, value: Any) -> None:
    """Change something in a part of what a dataset says."""
    found = [(own, part), *places(own.get(part))]
    parent, key = found[int(where * len(found))]
    if kind == "remove":
        parent.pop(key, *([None] if isinstance(parent, dict) else []))
    elif kind == "repeat" and isinstance(parent, list):
        parent.insert(key, deepcopy(parent[key]))
    else:
        parent[key] = value
