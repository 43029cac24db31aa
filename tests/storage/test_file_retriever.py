"""Which files a retriever lists, and in which order."""

from __future__ import annotations

from pathlib import Path

import pytest

from zarrpack.errors import SourceError, UsageError
from zarrpack.storage import CADFileRetriever, LocalStorageProvider

NAMES = ["z.stp", "a/Gear.STEP", "a/gear_2.step", "a/b/rod.igs", "a/notes.txt", "step"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with files of several formats, some of them in folders."""
    for name in NAMES:
        path = tmp_path / "parts" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "parts"


def test_the_documented_call(folder: Path) -> None:
    """A folder is searched to its ends, in any case of the suffix, sorted by whole path."""
    retriever = CADFileRetriever(
        storage_provider=LocalStorageProvider(directory_path=str(folder)), formats=[".stp", ".step", ".iges", ".igs"]
    )

    expected = ["a/Gear.STEP", "a/b/rod.igs", "a/gear_2.step", "z.stp"]
    assert retriever.get_file_list() == [str(folder / name) for name in expected]


@pytest.mark.parametrize("formats", [["step"], [".STEP"], ["..step"], "step"])
def test_formats_are_written_in_several_ways(folder: Path, formats: list[str] | str) -> None:
    """With a dot or without, in any case; a file that is called like one is not of it."""
    found = CADFileRetriever(LocalStorageProvider(folder), formats).get_file_list()

    assert [Path(path).name for path in found] == ["Gear.STEP", "gear_2.step"]


def test_without_formats_every_file_is_listed(folder: Path) -> None:
    """Links to folders are not followed, so that a circle does no harm."""
    (folder / "a" / "circle").symlink_to(folder)

    assert sorted(LocalStorageProvider(folder).list_files()) == sorted(str(folder / name) for name in NAMES)


@pytest.mark.parametrize(
    ("pattern", "use_regex", "expected"),
    [
        ("gear", False, ["gear_2.step"]),
        ("gear*", False, ["gear_2.step"]),
        ("ear*", False, []),
        ("?ear*", False, ["Gear.STEP", "gear_2.step"]),
        ("*.igs", False, ["rod.igs"]),
        ("g.*r", True, ["gear_2.step"]),
        (r"_\d\.step$", True, ["gear_2.step"]),
        (".", False, ["Gear.STEP", "rod.igs", "gear_2.step", "notes.txt", "z.stp"]),
        ("a/", False, []),
        ("", False, ["Gear.STEP", "rod.igs", "gear_2.step", "notes.txt", "step", "z.stp"]),
    ],
)
def test_patterns_match_names(folder: Path, pattern: str, use_regex: bool, expected: list[str]) -> None:
    """Whole names with wildcards, parts of names without, anywhere as a regular expression; never the folders."""
    found = CADFileRetriever(LocalStorageProvider(folder), None, pattern, use_regex).get_file_list()

    assert [Path(path).name for path in found] == sorted(
        expected, key=lambda name: found.index(next(path for path in found if Path(path).name == name))
    )


def test_a_list_of_files_keeps_its_order(tmp_path: Path) -> None:
    """Relative paths are seen from the list; empty lines and a mark at the start do not count; nothing need exist."""
    listing = tmp_path / "lists" / "parts.txt"
    listing.parent.mkdir()
    listing.write_text("z.step\n\n  sub/a.STEP  \r\n/abs/b.igs\nc.txt\n", encoding="utf-8-sig")

    found = CADFileRetriever(LocalStorageProvider(listing), [".step", "igs"]).get_file_list()

    assert found == [str(tmp_path / "lists" / "z.step"), str(tmp_path / "lists" / "sub" / "a.STEP"), "/abs/b.igs"]


def test_what_cannot_be_listed_is_refused(tmp_path: Path) -> None:
    """A path to nothing, a file that is no text, a pattern that is no expression."""
    (tmp_path / "parts.zip").write_bytes(b"PK\x03\x04\xff\xfe")
    with pytest.raises(SourceError, match="expected a folder or a list"):
        LocalStorageProvider(tmp_path / "nothing").list_files()
    with pytest.raises(SourceError, match="as UTF-8 text"):
        LocalStorageProvider(tmp_path / "parts.zip").list_files()
    with pytest.raises(UsageError, match="regular expression"):
        CADFileRetriever(LocalStorageProvider(tmp_path), filter_pattern="(", use_regex=True)
