"""Fixtures for everything that reads foreign bytes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

#: Where files lie that nobody of the project made; the tests that need them are skipped without.
CORPUS = Path(os.environ.get("ZARRPACK_CORPUS", Path(__file__).parents[3] / "shared" / "corpus"))


@pytest.fixture
def corpus() -> Callable[[str], Path]:
    """Give a folder of foreign files by its name; skip the test where it is absent."""

    def folder(name: str) -> Path:
        path = CORPUS / name
        if not path.is_dir():
            pytest.skip(f"the corpus {name!r} is not here; ZARRPACK_CORPUS may name its folder")
        return path

    return folder
