"""How names are taken apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zarrpack.converters.items.names import base_name, folder, stem, without_suffix


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("1000.jpg", "1000"),
        ("a.b/1000.jpg", "1000"),
        ("gear.v2.json", "gear.v2"),
        ("README", "README"),
        (".hidden", ".hidden"),
        ("a/.hidden.json", ".hidden"),
        ("..twice", "..twice"),
        ("Dr.", "Dr."),
        ("scan.nii.gz", "scan"),
        ("scan.NII.GZ", "scan"),
        ("backup.tar.zst", "backup"),
        ("v1.2.gz", "v1.2"),
        ("notes.gz", "notes"),
        (".gz", ".gz"),
        ("x..gz", "x."),
        ("", ""),
        ("a/", ""),
    ],
)
def test_the_stem_is_the_base_name_without_its_suffix(name: str, expected: str) -> None:
    """Dotfiles keep their dot, compressed streams lose two suffixes, versions keep their number."""
    assert stem(name) == expected


@given(st.text("ab./gz1", max_size=12))
def test_a_name_starts_with_its_folder_and_stem(name: str) -> None:
    """Nothing is changed, only cut; and what has a base name has a stem."""
    assert folder(name) + base_name(name) == name
    assert without_suffix(name) == folder(name) + stem(name)
    assert base_name(name).startswith(stem(name))
    assert bool(stem(name)) == bool(base_name(name))
