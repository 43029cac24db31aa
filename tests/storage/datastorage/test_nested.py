"""Trees of dicts change as dicts of whole keys would."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zarrpack.storage.datastorage.nested import as_tree, find, leaves, put, remove

SEGMENTS = st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map(tuple)


@settings(deadline=None)
@given(st.lists(st.tuples(SEGMENTS, st.integers() | st.none())))
def test_trees_behave_as_flat_dicts(changes: list[tuple[tuple[str, ...], int | None]]) -> None:
    """After any changes the leaves are those of a flat dict in which a key replaces all below it."""
    tree: dict[str, Any] = {}
    flat: dict[tuple[str, ...], int] = {}
    for segments, value in changes:
        above = any(segments[:depth] in flat for depth in range(1, len(segments)))
        if value is not None and above:
            with pytest.raises(ValueError, match="/".join(segments)):
                put(tree, segments, value)
            continue
        flat = {key: one for key, one in flat.items() if key[: len(segments)] != segments}
        if value is None:
            remove(tree, segments)
        else:
            flat[segments] = value
            put(tree, segments, value)

        assert dict(leaves(tree)) == flat
    for segments, value in flat.items():
        assert find(tree, segments) == value


def test_failing_to_put_changes_nothing() -> None:
    """Groups are not made for a value that cannot be set."""
    tree = {"a": {"b": 1}}

    with pytest.raises(ValueError, match="expected a group at a/b"):
        put(tree, ("a", "b", "c", "d"), 2)
    assert tree == {"a": {"b": 1}}


def test_none_is_a_value() -> None:
    """A key that holds None is there, and nothing lies below it."""
    tree = as_tree({"a": None})

    assert find(tree, ("a",)) is None
    with pytest.raises(ValueError, match="a/b"):
        put(tree, ("a", "b"), 1)


@pytest.mark.parametrize("value", [{"a/b": 1, "a": 2}, {"a": 1, "a/b": 2}, {1: 1, "1": 2}, {"": 1}, {"..": 1}])
def test_ambiguous_mappings_are_refused(value: dict[Any, Any]) -> None:
    """Two keys for one place, and keys that are none, raise ValueError."""
    with pytest.raises(ValueError, match="expected"):
        as_tree(value)
