"""JSON configurations: defaults, paths, and messages that name key and value."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from zarrpack.converters.configuration import read_batch, read_options
from zarrpack.errors import UsageError


def written(folder: Path, value: Any) -> Path:
    """Write a configuration and give its path."""
    path = folder / "batch.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path


def test_a_conversion_takes_defaults_and_its_own_options(tmp_path: Path) -> None:
    """Own options win over defaults, and relative paths start at the file's folder."""
    path = written(
        tmp_path,
        {
            "out": "made",
            "defaults": {"images": "encoded", "workers": 2},
            "conversions": [{"sources": ["a.zip"]}, {"sources": ["b.zip", "c"], "images": "both", "out": "/elsewhere"}],
        },
    )

    first, second = read_batch(path)

    assert (first.sources, first.out) == ((tmp_path / "a.zip",), tmp_path / "made")
    assert (first.options.images, first.options.workers) == ("encoded", 2)
    assert (second.options.images, second.options.workers) == ("both", 2)
    assert second.out == Path("/elsewhere")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("{", "line 1, column 2: not valid JSON"),
        ("[]", "expected an object {...}, found []"),
        ('{"out": "a", "out": "b"}', "out: expected each key once"),
        ({"conversion": []}, "conversion: unknown key; did you mean 'conversions'"),
        ({"conversions": []}, "conversions: expected a list with at least one object, found []"),
        ({"conversions": [{"sources": "a.zip"}]}, "conversions[0].sources: expected a list of paths, found 'a.zip'"),
        ({"conversions": [{"sources": ["a"], "fit": "x"}]}, "conversions[0].fit: expected one of"),
        ({"defaults": {"fits": "x"}, "conversions": [{"sources": ["a"]}]}, "defaults.fits: unknown option"),
        ({"out": 3, "conversions": [{"sources": ["a"]}]}, "out: expected a folder's path, found 3"),
        ({"conversions": [{"sources": ["x/a.zip"]}, {"sources": ["y/a.tar"]}]}, "which conversions[0] writes"),
    ],
)
def test_a_wrong_configuration_says_where(tmp_path: Path, value: Any, expected: str) -> None:
    """The message starts with the file and names key, value and expectation."""
    path = written(tmp_path, value)

    with pytest.raises(UsageError) as caught:
        read_batch(path)

    assert str(caught.value).startswith(str(path))
    assert expected in str(caught.value)


def test_deep_nesting_is_a_usage_error(tmp_path: Path) -> None:
    """JSON that is nested beyond the interpreter's stack is refused like any other wrong file."""
    with pytest.raises(UsageError):
        read_batch(written(tmp_path, "[" * 100_000))


def test_options_of_one_conversion(tmp_path: Path) -> None:
    """A configuration for --config is one object of options."""
    assert read_options(written(tmp_path, {"size": "8x8", "$schema": "s"})) == {"size": "8x8"}

    with pytest.raises(UsageError, match=r"batch\.json: size: expected WIDTHxHEIGHT"):
        read_options(written(tmp_path, {"size": "8"}))


def test_a_missing_file_is_a_usage_error(tmp_path: Path) -> None:
    """A configuration that does not exist is named."""
    with pytest.raises(UsageError, match=r"none\.json"):
        read_options(tmp_path / "none.json")
