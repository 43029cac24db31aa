"""Options: what is allowed, and how the messages for the rest read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from zarrpack.converters.options import ConvertOptions, options_from_mapping
from zarrpack.errors import UsageError


def test_options_survive_json() -> None:
    """What to_mapping gives, as JSON text, makes equal options again."""
    options = ConvertOptions(
        name="a", limits={"pixels": 10_000}, workers=3, images="both", size=(32, 24), fit="pad", pair=r"(?P<item>\d+)", join=("a.csv:id",),
        labels="folder", include=("*.jpg",), exclude=("x*",), limit=7, compression="none", items_per_data=1,
        keep_data=True, overwrite=True, strict=True, processors={"csv": {"columns": "text"}},
    )  # fmt: skip

    assert options_from_mapping(json.loads(json.dumps(options.to_mapping()))) == options


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("images", "pixels", "one of decoded, encoded, both"),
        ("fit", "cover", "one of crop, pad, stretch"),
        ("compression", "zip", "one of null, spec, fast, none"),
        ("labels", "name", "one of null, folder"),
        ("workers", 0, "a whole number from 1 on"),
        ("workers", True, "a whole number from 1 on"),
        ("limit", 1.5, "a whole number from 1 on"),
        ("items_per_data", -1, "a whole number from 1 on"),
        ("keep_data", "yes", "true or false"),
        ("include", "*.jpg", "a list of strings"),
        ("exclude", [1], "a list of strings"),
        ("join", ["styles.csv"], "MEMBER.csv:COLUMN"),
        ("size", "20", "WIDTHxHEIGHT"),
        ("size", [1, 2, 3], "WIDTHxHEIGHT"),
        ("size", "0x10", "WIDTHxHEIGHT"),
        ("pair", "(", "which is no expression"),
        ("pair", r"\d+", "a group (?P<item>...)"),
        ("name", "a/b", "without folders"),
        ("name", ".hidden", "not start with a dot"),
        ("processors", {"csv": 1}, "processor names and their options"),
        ("limits", 5, "an object of limits"),
        ("size", "40000x40000", "at most 89478485 pixels"),
    ],
)
def test_a_wrong_value_is_named(key: str, value: Any, expected: str) -> None:
    """The message has the key, the value, and what was expected."""
    with pytest.raises(UsageError) as caught:
        options_from_mapping({key: value}, where="file.json: ")

    message = str(caught.value)
    assert message.startswith(f"file.json: {key}: ")
    assert expected in message
    assert key == "size" or repr(value[0] if key == "join" else value) in message


def test_limits_are_known_by_name() -> None:
    """A limit that does not exist is named with those that do, and a chosen one is taken."""
    with pytest.raises(UsageError, match=r"limits\.pixel: expected one of the limits .*pixels"):
        options_from_mapping({"limits": {"pixel": 5}})

    options = options_from_mapping({"limits": {"pixels": 10**10}, "size": "40000x40000"})
    assert options.chosen_limits().pixels == 10**10


def test_a_size_for_pictures_that_stay_encoded_is_refused() -> None:
    """An option that would do nothing is an error."""
    with pytest.raises(UsageError, match="no size with images encoded"):
        ConvertOptions(images="encoded", size=(8, 8))


def test_an_unknown_key_suggests_the_nearest() -> None:
    """A misspelt key is an error that names the key meant."""
    with pytest.raises(UsageError, match="imagse: unknown option; did you mean 'images'"):
        options_from_mapping({"imagse": "both"})
