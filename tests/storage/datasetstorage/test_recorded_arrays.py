"""What a dataset says of its files: written and read alike, and refused where it is something else."""

from __future__ import annotations

from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zarrpack.errors import FormatError
from zarrpack.storage.data_file import DataFile
from zarrpack.storage.datasetstorage.recorded_arrays import RecordedArray, read_record
from zarrpack.storage.merge.catalogue import GroupKey

names = st.text(st.characters(exclude_characters="\0"), min_size=1, max_size=4)
forms = st.lists(st.tuples(names, st.lists(st.integers(0, 9), max_size=2).map(tuple)), min_size=1, max_size=2).map(
    tuple
)
of_users = st.builds(
    RecordedArray,
    st.builds(GroupKey, names, names | st.just("")),
    names,
    st.lists(st.lists(names, min_size=1, max_size=3).map(tuple), min_size=1, max_size=2).map(tuple),
    forms,
    forms,
    is_scalar=st.booleans(),
    is_single=st.booleans(),
    is_square=st.booleans(),
    pairs=st.none() | st.integers(-1, 3),
    empty=st.lists(st.tuples(st.integers(0, 9), st.integers(1, 9)), max_size=2).map(tuple),
)
json = st.recursive(
    st.none() | st.booleans() | st.integers() | names,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["array", "keys", "forms", "empty"]), inner)
    ),
    max_leaves=8,
)


class Dataset:
    """A dataset of which there is only what its ``metadata.json`` says of arrays."""

    kind = "dataset"
    path = "some.dataset"

    def __init__(self, arrays: object) -> None:
        self.metadata = {"zarrpack": {"arrays": arrays}}


def read(arrays: object) -> tuple[RecordedArray, ...] | None:
    """Read what a dataset says."""
    return read_record(cast(DataFile, Dataset(arrays)))


@given(record=st.lists(of_users, max_size=3))
def test_what_is_written_is_read(record: list[RecordedArray]) -> None:
    """Every field comes back."""
    assert read([one.to_json() for one in record]) == tuple(record)


@given(arrays=json)
def test_anything_else_is_refused(arrays: Any) -> None:
    """A record, or an error that names the file."""
    try:
        read(arrays)
    except FormatError as exc:
        assert "some.dataset: metadata.json: expected under 'arrays'" in str(exc)  # noqa: PT017 - both may happen


@pytest.mark.parametrize(
    "entry",
    [
        7,
        {},
        {"array": ["a", "b"], "keys": [[]]},
        {"array": ["a", "b"], "keys": [["a"]], "forms": [["i8", [-1]]]},
        {"array": ["a", ""]},
        {"array": ["a", "b"], "keys": [["a", "\0"]], "forms": [["i8", []]]},
    ],
)
def test_broken_entries_are_refused(entry: object) -> None:
    """An entry without an array, keys without a name, negative lengths, names that no key has."""
    with pytest.raises(FormatError, match="expected under 'arrays'"):
        read([entry])
