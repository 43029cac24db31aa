"""Keys are cut where they should be, and names of one file's parts join."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zarrpack.storage.datastorage.keys import file_stem, split_key


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("part_001.zarr.data", "part_001"),
        ("part_001.data", "part_001"),
        ("part_001.zarr", "part_001"),
        ("part_001.json", "part_001"),
        ("part_001.zarr.json", "part_001"),
        ("gear.v2", "gear.v2"),
        ("gear.v2.zarr.data", "gear.v2"),
        ("a/b.data/c.zarr/", "c"),
        (".data", ".data"),
        ("data", "data"),
        ("x.DATA", "x.DATA"),
    ],
)
def test_stems_join(name: str, stem: str) -> None:
    """Archive, folder and metadata file of one store have one stem; other dots stay."""
    assert file_stem(name) == stem
    assert file_stem(Path(name)) == stem


def test_own_extension_is_a_suffix() -> None:
    """Another extension counts in place of .data."""
    assert file_stem("a.zarr.pack", ".pack") == "a"
    assert file_stem("a.data", ".pack") == "a.data"


@settings(deadline=None)
@given(st.text("a.dtz").map("n".__add__), st.lists(st.sampled_from([".data", ".zarr", ".json"]), max_size=3))
def test_a_stem_is_its_own_stem(name: str, suffixes: list[str]) -> None:
    """Whatever suffixes a stem gets, they come off again."""
    stem = file_stem(name)

    assert file_stem(stem) == stem
    assert file_stem(stem + "".join(suffixes)) == stem


@settings(deadline=None)
@given(st.lists(st.text("a.b ", min_size=1).filter(lambda part: part not in (".", "..")), min_size=1), st.text("/"))
def test_segments_come_back(parts: list[str], slashes: str) -> None:
    """A key is cut at its slashes; those at its ends do not count."""
    assert split_key(slashes + "/".join(parts) + slashes) == tuple(parts)
