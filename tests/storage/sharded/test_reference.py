"""Every snippet of the reference runs, with the import root changed."""

from __future__ import annotations

import inspect
import os
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import zarrpack
from zarrpack.storage.sharded import ShardedDatasetReader, ShardedDatasetWriter

PAGE = (
    Path(os.environ.get("ZARRPACK_REFERENCE", Path(__file__).parents[4] / "shared" / "reference"))
    / "synthefy-sharded-store.md"
)

needs_page = pytest.mark.skipif(not PAGE.is_file(), reason="the reference page lies beside the clone, and is not here")


def snippets() -> dict[str, str]:
    """Give the page's Python blocks by the heading that they stand under; several are joined in order."""
    found: dict[str, list[str]] = {}
    heading = ""
    page = PAGE.read_text(encoding="utf-8") if PAGE.is_file() else ""
    for match in re.finditer(
        r"^#+ (?P<heading>[^\n]+)$|^ *```\w+\n(?P<code>.*?)^ *```$", page, re.MULTILINE | re.DOTALL
    ):
        if match["heading"]:
            # A comment inside a block is no heading: blocks are matched whole.
            heading = match["heading"]
        elif match[0].lstrip().startswith("```python"):
            found.setdefault(heading, []).append(inspect.cleandoc("\n" + match["code"]))
    return {key: "\n".join(blocks) for key, blocks in found.items()}


def runnable(code: str) -> str:
    """Change the import root, and fill in what the page leaves open."""
    code = re.sub(r"synthefy_dataset_utils\.sharded_dataset_(reader|writer)", "zarrpack", code)
    return code.replace("np.array(...)", "np.array([1.0, 2.0])").replace("range(10000)", "range(300)")


def prepare(folder: Path, name: str, fields: list[str], count: int = 5) -> None:
    """Write a store that a snippet expects to be there."""
    with ShardedDatasetWriter(folder / name) as writer:
        writer.add_fields(fields)
        for number in range(count):
            writer.add_sample({field: np.arange(4.0) for field in fields}, metadata={"length": 250 + number})
        for sample_id in ("id1", "id2", "id3"):
            writer.add_sample({field: np.arange(4.0) for field in fields}, sample_id, {"length": 1})


def run(code: str, folder: Path, monkeypatch: pytest.MonkeyPatch, **names: Any) -> dict[str, Any]:
    """Run code in a folder; give its names."""
    monkeypatch.chdir(folder)
    namespace: dict[str, Any] = {
        "np": np,
        "ShardedDatasetReader": zarrpack.ShardedDatasetReader,
        "ShardedDatasetWriter": zarrpack.ShardedDatasetWriter,
        **names,
    }
    exec(compile(runnable(code), str(PAGE), "exec"), namespace)  # noqa: S102
    return namespace


@needs_page
def test_the_snippets_are_those_that_are_run_here() -> None:
    """No heading of the page with code is left out below."""
    assert set(snippets()) == {
        "Creating a Dataset",
        "Reading a Dataset",
        "Initialization",
        "Field Management",
        "Writing Data",
        "Cleanup",
        "Introspection",
        "Querying",
        "Loading Data",
        "Iterating Through a Dataset",
        "Adding a New Field to an Existing Dataset",
        "Filtering and Subsampling",
        "Incremental Dataset Construction",
        "Metadata Queries",
    }


@needs_page
def test_signatures_are_those_of_the_page() -> None:
    """Both constructors take what the page shows, in its order and with its defaults."""
    for line in snippets()["Initialization"].splitlines():
        name, arguments = re.match(r"\w+ = (\w+)\((.*)\)", line).groups()  # type: ignore[union-attr]
        ours = list(inspect.signature(getattr(zarrpack, name)).parameters.values())
        for parameter, shown in zip(ours, arguments.split(", "), strict=False):
            wanted = re.match(r"(\w+): \w+(?: = (\w+))?", shown)
            assert wanted is not None
            assert parameter.name == wanted[1]
            assert parameter.default == (eval(wanted[2]) if wanted[2] else inspect.Parameter.empty)
            assert parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD


@needs_page
def test_quick_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A dataset is created and read back as the page prints it."""
    run(snippets()["Creating a Dataset"], tmp_path, monkeypatch)
    found = run(snippets()["Reading a Dataset"], tmp_path, monkeypatch)
    printed = capsys.readouterr().out

    assert "Total samples: 300" in printed
    assert "['history', 'target', 'forecast']" in printed
    assert "History shape: (100,)" in printed
    assert "'length': 100" in printed
    assert len(found["results"]) == 100
    assert found["results"][0][0].keys() == {"history", "target"}
    assert sorted(path.name for path in (tmp_path / "my_dataset" / "history_shards").iterdir()) == ["shard_0000.tar"]


@needs_page
def test_writer_interface(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fields, samples, updates, registered samples, whole shards and streamed shards."""
    writer = ShardedDatasetWriter(tmp_path / "d")
    names = {"writer": writer, "your_data_generator": lambda: [("s1", np.zeros(3)), ("s2", np.ones(3))]}
    run(snippets()["Field Management"], tmp_path, monkeypatch, **names)
    writer.add_field("history")
    run(snippets()["Writing Data"], tmp_path, monkeypatch, **names)
    run(snippets()["Cleanup"].splitlines()[0], tmp_path, monkeypatch, **names)

    with ShardedDatasetReader(tmp_path / "d") as reader:
        assert reader.list_fields() == ["my_field", "field1", "field2", "field3", "history"]
        assert set(reader.query_ids()) == {"sample_000000000001", "my_custom_id", "id1", "id2", "id3", "s1", "s2"}
        assert reader.get_sample("my_custom_id")[1] == {"key": "new_value"}
        assert reader.get_sample("id2")[1] == {"key": "val2"}
        assert reader.get_sample("id3")[0]["history"].tolist() == [1.0, 2.0]
        assert reader.get_sample("s2")[0]["history"].tolist() == [1.0, 1.0, 1.0]
        assert reader.shard_counts("history") == {0: 5}


@needs_page
def test_reader_interface(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Introspection, queries and loading, then the clean-up."""
    prepare(tmp_path, "d", ["history", "target", "forecast"])
    reader = ShardedDatasetReader(tmp_path / "d")
    seen = run(snippets()["Introspection"], tmp_path, monkeypatch, reader=reader)
    asked = run(snippets()["Querying"], tmp_path, monkeypatch, reader=reader)
    loaded = run(snippets()["Loading Data"], tmp_path, monkeypatch, reader=reader)
    run(snippets()["Cleanup"].splitlines()[-1], tmp_path, monkeypatch, reader=reader)

    assert (seen["total"], seen["distribution"]) == (8, {0: 8})
    assert len(asked["all_ids"]) == len(asked["ids_with_forecast"]) == len(asked["first_100"]) == 8
    assert len(asked["ids"]) == 5
    assert [sorted(arrays) for arrays, _ in loaded["results"]] == [["history"]] * 3


@needs_page
def test_patterns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Iteration, a new field in an existing dataset, filters, and the column of one's own."""
    prepare(tmp_path, "my_dataset", ["history", "target", "forecast"], count=9)
    run(snippets()["Iterating Through a Dataset"], tmp_path, monkeypatch)
    run(
        snippets()["Adding a New Field to an Existing Dataset"],
        tmp_path,
        monkeypatch,
        generate_forecast=lambda sample_id: np.array([len(sample_id)]),
    )
    filtered = run(snippets()["Filtering and Subsampling"], tmp_path, monkeypatch)
    filtered["reader"].close()
    with ShardedDatasetWriter(tmp_path / "my_dataset") as writer:
        run(snippets()["Metadata Queries"], tmp_path, monkeypatch, writer=writer)
        writer.conn.execute("UPDATE samples SET length = json_extract(meta_json, '$.length')")

    with ShardedDatasetReader(tmp_path / "my_dataset") as reader:
        assert reader.get_sample("id1")[0]["new_forecast"].tolist() == [3]
        assert len(filtered["train_data"]) == 2
        assert len(reader.query_ids("length > 250")) == 8


@needs_page
def test_incremental_construction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three days' samples are all there, though the page never closes its writers."""

    class Day(list[Any]):
        name = "day"

    days = {f"source_{key}": Day(SimpleNamespace(x=np.ones(3), y=np.zeros(2)) for _ in range(7)) for key in "abc"}
    run(snippets()["Incremental Dataset Construction"], tmp_path, monkeypatch, **days)

    with ShardedDatasetReader(tmp_path / "growing_dataset") as reader:
        assert len(reader) == len(set(reader.query_ids())) == 21
        assert all(metadata == {"source": "day"} for _, metadata in reader.get_many(reader.query_ids()))
