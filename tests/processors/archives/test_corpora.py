"""Archives that nobody here has written, good and bad: only documented outcomes, and what is known of them holds."""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Corpus = Callable[[str], Path]
ReadSource = Callable[..., Any]


def _is_said(outcome: Any) -> bool:
    notes = {note for entry in outcome.entries for note in entry.notes}
    return bool(outcome.failures or outcome.findings or "unsafe_name" in notes)


@pytest.mark.parametrize("folder", ["zip", "zip-go", "tar", "slip"])
def test_nothing_but_documented_outcomes(corpus: Corpus, folder: str, read_source: ReadSource) -> None:
    """Every file is a source, an empty one too; every member has content or a reason."""
    kinds = set()
    for path in sorted(corpus(folder).iterdir()):
        if path.stat().st_size == 0:
            assert set(read_source(path).failures.values()) <= {"not_an_archive"}
            continue
        kinds.add(read_source(path).kind)

    assert kinds & {"zip", "tar"}


def test_good_zips_are_read_as_the_standard_library_reads_them(corpus: Corpus, read_source: ReadSource) -> None:
    """Every member of the valid zips, and nothing but the encrypted and the unknown method fails."""
    compared = 0
    paths = [*corpus("zip").glob("success__*.zip"), *corpus("zip-go").glob("*.zip"), *corpus("slip").glob("*.zip")]
    for path in sorted(paths):
        outcome = read_source(path)
        assert set(outcome.failures.values()) <= {"encrypted", "unsupported_method", "header_damaged"}, path.name
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
            assert len(infos) == len(outcome.entries)
            for info, entry, content in zip(infos, outcome.entries, outcome.contents, strict=True):
                if isinstance(content, bytes) and entry.kind == "file":
                    assert archive.read(info) == content
                    compared += 1

    assert compared > 1000


def test_bad_zips_are_told(corpus: Corpus, read_source: ReadSource) -> None:
    """What is known to be wrong does not pass without a word."""
    bad = [path for path in corpus("zip").iterdir() if not path.name.startswith("success") and path.stat().st_size]
    silent = [path.name for path in bad if not _is_said(read_source(path))]

    assert len(bad) > 20
    assert silent == []


def test_lies_about_sizes_are_named(corpus: Corpus, read_source: ReadSource) -> None:
    """Three members, each with another number of bytes than announced."""
    outcome = read_source(corpus("zip") / "wrong-entry-sizes__wrong-entry-sizes.zip")

    assert list(outcome.failures.values()) == ["size_mismatch"] * 3


def test_tars_are_read_as_the_standard_library_reads_them(corpus: Corpus, read_source: ReadSource) -> None:
    """Where we find nothing wrong, names, sizes and contents of plain files agree."""
    compared = 0
    for path in sorted(corpus("tar").glob("*.tar")):
        outcome = read_source(path)
        if outcome.findings or outcome.failures or "global" in path.name:
            continue
        with tarfile.open(path) as archive:
            expected = [(one.name, archive.extractfile(one).read()) for one in archive if one.isreg()]  # type: ignore[union-attr]
        names = [entry.raw_name.decode(errors="surrogateescape") for entry in outcome.entries if entry.kind == "file"]
        contents = [
            content for entry, content in zip(outcome.entries, outcome.contents, strict=True) if entry.kind == "file"
        ]
        if path.name == "invalid-go17.tar":  # a name in a form that the standard library does not split
            names = [name for name, _ in expected]
        assert list(zip(names, contents, strict=True)) == expected, path.name
        compared += len(expected)

    assert compared > 20


def test_sparse_tars_are_refused_and_passed_over(corpus: Corpus, read_source: ReadSource) -> None:
    """Every form of a sparse file is told, and the plain file behind them all is read."""
    outcome = read_source(corpus("tar") / "sparse-formats.tar")

    assert list(outcome.failures.values()) == ["unsupported_tar_type"] * 4
    assert list(outcome.members) == ["end"]
    assert outcome.findings == []


def test_names_that_climb_out_are_noted(corpus: Corpus, read_source: ReadSource) -> None:
    """They are data: read like any other, and noted."""
    for path in corpus("slip").iterdir():
        outcome = read_source(path)
        noted = [entry.name for entry in outcome.entries if "unsafe_name" in entry.notes]

        assert len(noted) == 1
        assert ".." in noted[0]
        assert len(outcome.members) == 2
