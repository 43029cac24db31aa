"""Platform junk."""

from __future__ import annotations

import pytest

from zarrpack.processors.archives.junk import is_platform_junk


@pytest.mark.parametrize(
    "name",
    [
        "__MACOSX/",
        "__MACOSX/a/._b.jpg",
        "a/__MACOSX/b",
        "._b",
        "a/._b",
        ".DS_Store",
        "a/.DS_Store",
        "Thumbs.db",
        "a/thumbs.DB",
        "desktop.ini",
        "a/Desktop.ini",
    ],
)
def test_junk_is_known(name: str) -> None:
    """What macOS and Windows leave behind, anywhere, in any case."""
    assert is_platform_junk(name)


@pytest.mark.parametrize(
    "name", ["a.jpg", "a/MACOSX/b", "x__MACOSX/b", "a._b", ".hidden", "Thumbs.db.txt", "DS_Store", ""]
)
def test_the_rest_is_content(name: str) -> None:
    """Names that only look similar are kept."""
    assert not is_platform_junk(name)
