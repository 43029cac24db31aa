"""Adding files to a dataset where they change what all files tell of an array: its rows, its dimension, its group."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from stores import merger, read, save

from zarrpack.errors import MergeError
from zarrpack.storage.datasetstorage.merge_layout import MergeLayout

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

SKIN = {"groups": {"skin": {"arrays": {"x": {"dims": ["patch"], "dtype": "float32"}, "face_a": {"dims": ["patch"]}}}}}
PAIRS = {
    "groups": {
        "faceface": {
            "special_processing": "matrix_flattening",
            "arrays": {"costs": {"dims": ["face", "face", "kind"], "dtype": "float64"}},
        }
    }
}
#: Files, and the schemas that some of them bring.
LAYOUTS: dict[str, list[dict[str, Any] | tuple[dict[str, Any], dict[str, Any]]]] = {
    "one row, then several, beside another array of files": [
        {"load_size": 5, "face_a": [1], "custom": [1]},
        {"load_size": 6, "custom": [1, 2, 3]},
    ],
    "one row, then several, alone": [{"custom": [1]}, {"custom": [1, 2]}, {"custom": [3]}],
    "one row, then none": [{"custom": [1]}, {"custom": np.zeros(0, int)}, {"custom": [1]}],
    "none, then one row": [{"custom": np.zeros(0, int)}, {"custom": [1]}, {"load_size": 3}],
    "a single value, then one row, then several": [{"custom": 1}, {"custom": [1]}, {"custom": [1, 2]}],
    "single values, then edges": [
        {"num_nodes": 1},
        {"num_nodes": 2, "edges_source": [1, 2]},
        {"num_nodes": 3, "edges_source": [1], "edges_destination": [2]},
    ],
    "a single value, then as many rows as edges": [
        {"graph/a": 1, "graph/edges": [1]},
        {"graph/a": [1, 2], "graph/edges": [1, 2]},
    ],
    "a later schema": [{"x": [1.5, 2.5]}, {"x": [3.5], "y": 2}, ({"x": [4.5]}, SKIN), {"x": [2.0], "face_a": [2]}],
    "other rows become the most": [
        {"face_a": [1, 2, 3], "face_l": [1, 2]},
        {"face_a": [1], "face_l": [1, 2, 3], "face_m": [1, 2, 3]},
    ],
    "two that stay together": [
        {"face_a": [1, 2], "face_c": [1, 2]},
        {"face_a": [3, 4]},
        {"face_b": [5], "face_c": [6]},
        {"face_a": [7, 7], "face_b": [8], "face_c": [9]},
    ],
    "an array without rows is not the same as none": [
        {"face_a": [1, 2], "face_b": np.zeros(0, int)},
        {"face_a": [3], "face_c": [3]},
        {"face_b": [5], "face_c": [6]},
    ],
    "matrices": [
        {"faceface/costs": np.ones((2, 2, 3)), "a3_distance": np.ones((0, 0, 4))},
        {"faceface/costs": np.ones((3, 3, 3)), "a3_distance": np.ones((3, 3, 4))},
        {"faceface/costs": np.ones((1, 1, 3)), "faceface/more": np.ones((9, 2))},
    ],
    "a later schema for matrices": [
        {"faceface/costs": np.ones((2, 2, 3))},
        ({"faceface/costs": np.ones((3, 3, 3))}, PAIRS),
        {"faceface/costs": np.ones((2, 2, 3))},
    ],
    "keys with and without a group": [
        {"face_a": [1, 2]},
        {"faces/face_a": [3]},
        {"face_a": [3], "faces/face_b": [2, 3]},
    ],
    "wider types": [
        {"face_a": np.array([1], np.int8)},
        {"face_a": np.array([200], np.uint8), "title": "a"},
        {"face_a": np.array([1], np.int16), "face_b": np.array([2], np.float16), "title": "b"},
        {"face_b": np.array([2], np.float64)},
    ],
}


def save_files(folder: Path, files: Sequence[tuple[Mapping[str, Any], Mapping[str, Any] | None]]) -> list[Path]:
    """Save files with their schemas."""
    return [save(folder, f"part_{number}", data, schema) for number, (data, schema) in enumerate(files)]


def check_steps(folder: Path, sources: list[Path]) -> None:
    """Merge files at once, and in two steps divided anywhere, and one by one; all must give the same bytes."""
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
    check_steps(tmp_path, save_files(tmp_path, [(data, None) for data in PADDING[case]]))


@pytest.mark.parametrize("case", LAYOUTS)
def test_what_later_files_change_holds_for_earlier_ones(tmp_path: Path, case: str) -> None:
    """Groups, dimensions, their order and dtypes are those that all files together tell."""
    files = [one if isinstance(one, tuple) else (one, None) for one in LAYOUTS[case]]
    check_steps(tmp_path, save_files(tmp_path, files))


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


def test_chunks_that_lose_their_padding_are_reported(tmp_path: Path) -> None:
    """Arrays that stay along the dimension, but without rows of a file that now is nobody's, are encoded anew."""
    both = {"face_b": [5, 6, 7], "face_c": [5, 6, 7]}
    sources = [
        save(tmp_path, "part_0", {"face_a": [1]}),
        save(tmp_path, "part_1", {"face_a": [1, 2, 3], **both}),
        save(tmp_path, "part_2", {"face_a": [1], **both}),
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of padding
        merge(sources[:2], tmp_path / "first.dataset")
    adding = merger([tmp_path / "first.dataset", sources[2]], tmp_path / "second.dataset", file_id_codes=CODES)

    adding.merge_data(face_chunk=2)

    assert adding.report is not None
    reason = "rows that were padding beside other arrays are left out"
    assert {place: adding.report.reencoded[place] for place in ("faces/face_b", "faces/face_c")} == {
        "faces/face_b": reason,
        "faces/face_c": reason,
    }
    assert read(tmp_path / "second.dataset")["faces"]["face_b"].tolist() == [5, 6, 7, 5, 6, 7]


#: Keys, and how many rows, or None for a single value, files may have of each. What has few choices often agrees.
KEYS: dict[str, tuple[tuple[int, ...], list[int | None]]] = {
    "custom": ((), [1, 1, None, 0, 3]),
    "weight": ((), [None, 1]),
    "loops": ((2,), [1, 2, 0]),
    "face_a": ((), [1, 2, 0]),
    "faces/face_a": ((), [1, 2]),
    "face_b": ((), [1, 2, 0]),
    "face_c": ((3,), [1, 2]),
    "num_nodes": ((), [None, 1]),
    "edges_source": ((), [1, 2, 0]),
    "graph/extra": ((), [1, 2, None]),
    "faceface/costs": ((2, 2), [2]),
}
FACES = {
    "groups": {"faces": {"arrays": {"face_b": {"dims": ["face"]}, "custom": {"dims": ["thing"], "dtype": "int64"}}}}
}
#: Moves arrays that have no key with a group, as of others it would not be known which file has which.
OTHERS = {"groups": {"skin": {"arrays": {"face_c": {"dims": ["patch", "axis"]}, "num_nodes": {"dims": ["part"]}}}}}


@st.composite
def one_file(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Give the arrays of a file, in any order, and most often no schema."""
    data: dict[str, Any] = {}
    for key in draw(st.lists(st.sampled_from(sorted(KEYS)), min_size=1, max_size=6, unique=True)):
        tail, choices = KEYS[key]
        rows = draw(st.sampled_from(choices))
        data[key] = (
            len(data) if rows is None else np.full((rows, *tail), len(data), draw(st.sampled_from(["i4", "i8"])))
        )
    return data, draw(st.sampled_from([None, None, None, OTHERS, FACES, PAIRS]))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(files=st.lists(one_file(), min_size=2, max_size=4))
def test_any_files_in_steps_are_as_at_once(files: list[tuple[dict[str, Any], dict[str, Any] | None]]) -> None:
    """Whatever files hold: if one merge can lay them out, adding them in steps gives its bytes."""
    with tempfile.TemporaryDirectory() as work, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        sources = save_files(Path(work), files)
        try:
            merge(sources, Path(work) / "whole.dataset")
        except MergeError:
            assume(False)
        check_steps(Path(work), sources)


@pytest.mark.filterwarnings("ignore::UserWarning")  # there are more, of padding
def test_a_dataset_that_does_not_say_what_its_files_had_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its arrays stay as they are, with one warning if new files have arrays in its groups; what cannot be says what to do."""
    sources = [
        save(tmp_path, "part_0", {"custom": [1], "load_size": 5}),
        save(tmp_path, "part_1", {"custom": [2]}),
        save(tmp_path, "part_2", {"custom": [1, 2, 3], "load_size": 6}),
    ]
    first = tmp_path / "first.dataset"
    with monkeypatch.context() as patch:
        patch.setattr(MergeLayout, "record", lambda self, codes: None)
        merge(sources[:1], first)

    with pytest.warns(UserWarning, match=r"first\.dataset: does not say what its files had, so that file and .* anew"):
        merge([first, sources[1]], tmp_path / "second.dataset")
    with pytest.warns(UserWarning, match="does not say"), pytest.raises(MergeError, match=r"the files of .* anew"):
        merge([first, sources[2]], tmp_path / "third.dataset")


def test_keys_that_a_schema_takes_for_several_arrays_are_refused(tmp_path: Path) -> None:
    """Rows of which it is not known which file had them under which key cannot be told apart; that is said."""
    plain = [save(tmp_path, "part_0", {"face_a": [1]}), save(tmp_path, "part_1", {"faces/face_a": [2]})]
    merge(plain, tmp_path / "first.dataset")

    with pytest.raises(MergeError, match=r"first\.dataset: faces/face_a: .* found face_a, faces/face_a.* anew"):
        merge([tmp_path / "first.dataset", save(tmp_path, "part_2", {"x": [1]}, SKIN)], tmp_path / "second.dataset")


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    ("added", "schema", "groups"),
    [
        ({"face_b": [1]}, None, "faces"),
        ({"face_b": [1], "num_nodes": 2}, None, "faces, graph"),
        ({"skin/a": [2]}, {"groups": {"faces": {"primary_dimension": "patch"}}}, "faces"),
        ({"skin/a": [2]}, None, ""),
    ],
)
def test_a_dataset_without_a_record_is_named_once(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    added: dict[str, Any],
    schema: dict[str, Any] | None,
    groups: str,
) -> None:
    """One warning names the groups that a user's array or a schema touches, though no array of theirs is in both; else none."""
    first = tmp_path / "first.dataset"
    with monkeypatch.context() as patch:
        patch.setattr(MergeLayout, "record", lambda self, codes: None)
        merge([save(tmp_path, "part_0", {"face_a": [1], "edges_source": [1, 2]})], first)
    adding = merger([first, save(tmp_path, "part_1", added, schema)], tmp_path / "second.dataset", file_id_codes=CODES)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        adding.merge_data()

    said = [str(one.message) for one in caught if "does not say" in str(one.message)]
    assert [one.partition("so that ")[2].partition(" and what")[0] for one in said] == ([groups] if groups else [])
