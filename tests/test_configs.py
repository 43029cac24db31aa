"""The example configurations, their schema and the options agree with each other."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from zarrpack.converters.configuration import read_batch, read_options
from zarrpack.converters.options import ConvertOptions, options_from_mapping
from zarrpack.errors import UsageError

CONFIGS = Path(__file__).parents[1] / "configs"
SCHEMA: dict[str, Any] = json.loads((CONFIGS / "zarrpack.schema.json").read_text("utf-8"))
BATCHES = sorted(path for path in CONFIGS.glob("*.json") if path.name.count(".") == 1)
BATCH = jsonschema.Draft202012Validator(SCHEMA)
OPTIONS = jsonschema.Draft202012Validator({"$defs": SCHEMA["$defs"], "$ref": "#/$defs/options"})

#: For every option values that are allowed, and values that are not.
VALUES: dict[str, tuple[list[Any], list[Any]]] = {
    "name": (["a", "ä b", "x.y", None], ["", "a/b", ".hidden", 3]),
    "workers": ([1, 64, None], [0, -1, 1.5, "2", True]),
    "images": (["decoded", "encoded", "both"], ["pixels", None, 1]),
    "size": (["1x1", "224X224", None], ["224", "0x4", "4x", "-1x2", 224]),
    "fit": (["crop", "pad", "stretch"], ["cover", None]),
    "pair": (["member", "stem", "basename", r"(?P<item>\d+)_.*"], ["", "folder", r"(\d+)", None, 1]),
    "join": ([[], ["a.csv:id", "b.csv:x y"]], ["a.csv:id", ["a.csv"], [":id"], ["a.csv:"], [1], None]),
    "labels": (["folder", None], ["name", True]),
    "include": ([[], ["*.jpg"]], ["*.jpg", [1], None]),
    "exclude": ([[], ["*.jpg"]], ["*.jpg", [1], None]),
    "limit": ([1, None], [0, "1", 2.5, False]),
    "compression": (["spec", "fast", "none", None], ["zip", 3]),
    "items_per_data": ([1, 1000, None], [0, "1"]),
    "hdf5": ([True, False], [1, "yes", None]),
    "hdf5_compression": (["gzip", "lzf", "zstd", "none"], ["snappy", None]),
    "hdf5_layout": (["columnar", "per_item"], ["flat", None]),
    "hdf5_groups": ([{}], [[], {"*": 1}, {"*": "/"}, None]),
    "keep_data": ([True, False], [1, "yes", None]),
    "overwrite": ([True, False], [1, "yes", None]),
    "salvage": ([True, False], [0, "yes", None]),
    "nested": ([0, 3], [-1, 1.5, True, "2", None]),
    "resume": ([True, False], [1, "yes", None]),
    "strict": ([True, False], [1, "yes", None]),
    "processors": ([{}, {"csv": {"columns": "text"}}], [[], {"csv": 1}, None]),
    "limits": ([{}, {"pixels": 5}], [[], {"pixels": 0}, {"pixels": "5"}, {"pixel": 5}, None]),
}


def accepted(values: dict[str, Any]) -> bool:
    """Whether zarrpack takes the options."""
    try:
        options_from_mapping(values)
    except UsageError:
        return False
    return True


def test_schema_is_a_schema() -> None:
    """The schema is valid by its own standard."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_there_are_three_batches() -> None:
    """The examples are found."""
    assert len(BATCHES) >= 3


@pytest.mark.parametrize("path", BATCHES, ids=lambda path: path.name)
def test_batches_are_valid(path: Path) -> None:
    """Each example satisfies the schema, is read by zarrpack, and names sources that are there."""
    BATCH.validate(json.loads(path.read_text("utf-8")))
    conversions = read_batch(path)

    assert conversions
    assert [source for one in conversions for source in one.sources if not source.exists()] == []


def test_options_file_is_valid() -> None:
    """The example for --config satisfies its part of the schema and is read by zarrpack."""
    path = CONFIGS / "thumbnails.options.json"
    OPTIONS.validate(json.loads(path.read_text("utf-8")))

    assert read_options(path)["size"] == "48x64"


def test_schema_names_the_options() -> None:
    """The schema, the options and the README have the same keys; the table of values below has all of them."""
    names = {one.name for one in fields(ConvertOptions)}
    explained = set(re.findall(r"^\| `(\w+)` \|", (CONFIGS / "README.md").read_text("utf-8"), re.MULTILINE))

    assert set(SCHEMA["$defs"]["properties"]) == names == set(VALUES)
    assert set(SCHEMA["$defs"]["options"]["properties"]) == names | {"$schema"}
    assert set(SCHEMA["$defs"]["conversion"]["properties"]) == names | {"sources", "out"}
    assert set(SCHEMA["properties"]["defaults"]["properties"]) == names
    assert names <= explained


def test_schema_defaults_are_the_defaults() -> None:
    """Where the schema states a default, leaving the key out means just that."""
    stated = {key: one["default"] for key, one in SCHEMA["$defs"]["properties"].items() if "default" in one}

    assert stated
    assert options_from_mapping(stated) == ConvertOptions()


@pytest.mark.parametrize("name", sorted(VALUES))
def test_schema_and_options_judge_alike(name: str) -> None:
    """What the schema allows zarrpack takes, and what it forbids zarrpack refuses."""
    good, bad = VALUES[name]
    verdicts = [(value, OPTIONS.is_valid({name: value}), accepted({name: value})) for value in [*good, *bad]]

    assert verdicts == [(value, True, True) for value in good] + [(value, False, False) for value in bad]
    if "enum" in SCHEMA["$defs"]["properties"][name]:
        assert set(SCHEMA["$defs"]["properties"][name]["enum"]) == set(good)


@pytest.mark.parametrize(
    "batch",
    [
        {},
        {"conversions": []},
        {"conversions": [{}]},
        {"conversions": [{"sources": []}]},
        {"conversions": [{"sources": "a.zip"}]},
        {"conversions": [{"sources": ["a.zip"], "sizes": "1x1"}]},
        {"conversions": [{"sources": ["a.zip"]}], "output": "x"},
        {"conversions": [{"sources": ["a.zip"]}], "out": ""},
        {"conversions": [{"sources": ["a.zip"]}], "defaults": {"sources": ["b.zip"]}},
        {"conversions": [{"sources": ["a.zip"]}], "defaults": []},
    ],
    ids=json.dumps,
)
def test_wrong_batches_are_refused_by_both(batch: dict[str, Any], tmp_path: Path) -> None:
    """A batch that lacks something, or has a key too many, satisfies neither the schema nor zarrpack."""
    path = tmp_path / "batch.json"
    path.write_text(json.dumps(batch))

    assert not BATCH.is_valid(batch)
    with pytest.raises(UsageError, match=re.escape(str(path))):
        read_batch(path)
