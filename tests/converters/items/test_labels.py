"""Labels and subsets out of folder names."""

from __future__ import annotations

import pytest

from zarrpack.converters.items.labels import folder_label


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("1.jpg", (None, None)),
        ("./1.jpg", (None, None)),
        ("cat/1.jpg", ("cat", None)),
        ("train/cat/1.jpg", ("cat", "train")),
        ("set/Training/cat/1.jpg", ("cat", "train")),
        ("VAL/cat/1.jpg", ("cat", "validation")),
        ("valid/cat/1.jpg", ("cat", "validation")),
        ("validation/cat/1.jpg", ("cat", "validation")),
        ("dev/cat/1.jpg", ("cat", "validation")),
        ("testing/cat/1.jpg", ("cat", "test")),
        ("cat/test/1.jpg", ("cat", "test")),
        ("train/1.jpg", (None, "train")),
        ("train/test/1.jpg", ("test", "train")),
        ("dev/data/train/cat/1.jpg", ("cat", "train")),
        ("trains/cat/1.jpg", ("cat", None)),
        ("cat/train.jpg", ("cat", None)),
        ("衬衫/1.jpg", ("衬衫", None)),
    ],
)
def test_folders_give_label_and_subset(name: str, expected: tuple[str | None, str | None]) -> None:
    """The nearest folder is the label, unless it is what gave the subset; only whole segments count."""
    assert folder_label(name) == expected
