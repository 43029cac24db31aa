"""Writing: rotation, reopening, ids, duplicates, updates, deletions, and what is refused."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zarrpack.errors import NotFound, OutputRefused, UsageError
from zarrpack.storage.sharded import ShardedDatasetReader, ShardedDatasetWriter


def members(root: Path, field: str) -> dict[str, list[str]]:
    """List every shard of a field with Python's tarfile."""
    found = {}
    for path in sorted((root / f"{field}_shards").iterdir()):
        with tarfile.open(path) as archive:
            found[path.name] = archive.getnames()
    return found


def test_rotation_by_count_goes_on_after_reopening(tmp_path: Path) -> None:
    """7 + 4 samples at 3 a shard fill every shard before the next: the place comes from the index."""
    for count in (7, 4):
        with ShardedDatasetWriter(tmp_path, samples_per_shard=3) as writer:
            writer.add_field("x")
            for _ in range(count):
                writer.add_sample({"x": np.zeros(3)})

    with ShardedDatasetReader(tmp_path) as reader:
        assert reader.shard_counts("x") == {0: 3, 1: 3, 2: 3, 3: 2}
        assert len(reader) == 11
    assert [len(names) for names in members(tmp_path, "x").values()] == [3, 3, 3, 2]


def test_rotation_by_bytes(tmp_path: Path) -> None:
    """No shard grows beyond the bound, but for a single member that is larger than it."""
    with ShardedDatasetWriter(tmp_path, max_shard_bytes=10_000) as writer:
        writer.add_field("x")
        for size in (4000, 4000, 4000, 30_000, 100):
            writer.add_sample({"x": np.zeros(size, np.uint8)})

    with ShardedDatasetReader(tmp_path) as reader:
        assert reader.shard_counts("x") == {0: 2, 1: 1, 2: 1, 3: 1}


def test_fields_rotate_on_their_own(tmp_path: Path) -> None:
    """A field that few samples have fills its shards later."""
    with ShardedDatasetWriter(tmp_path, samples_per_shard=2) as writer:
        writer.add_fields(["a", "b"])
        for number in range(5):
            writer.add_sample({"a": [number]} | ({"b": [number]} if number > 2 else {}))

    with ShardedDatasetReader(tmp_path) as reader:
        assert reader.shard_counts("a") == {0: 2, 1: 2, 2: 1}
        assert reader.shard_counts("b") == {0: 2}
        assert reader.count("b") == len(reader.query_ids("b_offset IS NOT NULL")) == 2


def test_automatic_ids_start_at_one_and_never_repeat(tmp_path: Path) -> None:
    """Neither after a deletion, nor beside an id of one's own in the same form, nor after reopening."""
    with ShardedDatasetWriter(tmp_path) as writer:
        writer.add_field("x")
        assert writer.add_sample({"x": [1]}) == "sample_000000000001"
        assert writer.add_sample({"x": [1]}) == "sample_000000000002"
        writer.delete_sample("sample_000000000002")
        assert writer.add_sample({"x": [1]}) == "sample_000000000003"
        writer.add_sample({"x": [1]}, "sample_000000000007")
        assert writer.add_sample({"x": [1]}) == "sample_000000000008"
        writer.register_samples(["sample_000000000009"])
        assert writer.add_sample({"x": [1]}) == "sample_000000000010"
    with ShardedDatasetWriter(tmp_path) as writer:
        writer.delete_sample("sample_000000000010")
        assert writer.add_sample({"x": [1]}) == "sample_000000000011"


def test_duplicates(tmp_path: Path) -> None:
    """An id that is there is refused, replaced as a whole, or kept; a registered one is filled."""
    with ShardedDatasetWriter(tmp_path) as writer:
        writer.add_fields(["a", "b"])
        writer.add_sample({"a": [1], "b": [1]}, "x", {"k": 1})
        with pytest.raises(UsageError, match="there already"):
            writer.add_sample({"a": [2]}, "x", {"k": 2})
        assert writer.add_sample({"a": [3]}, "x", {"k": 3}, on_duplicate="skip") == "x"
        with ShardedDatasetReader(tmp_path) as reader:
            writer.commit()
            assert reader.get_sample("x")[0]["b"].tolist() == [1]
            writer.add_sample({"a": [4]}, "x", on_duplicate="replace")
            writer.register_samples(["y"], [{"k": 5}])
            writer.add_sample({"a": [5]}, "y")
            writer.commit()
            arrays, metadata = reader.get_sample("x")
            assert (list(arrays), arrays["a"].tolist(), metadata) == (["a"], [4], {})
            assert reader.get_sample("y")[1] == {"k": 5}
            assert len(reader) == 2
        assert writer.verify().ok
        assert writer.stats()["fields"]["b"]["dead_samples"] == 1


def test_update_points_to_new_bytes(store: Path) -> None:
    """Only the given fields change; metadata are replaced or merged; the dead are counted."""
    with ShardedDatasetWriter(store) as writer:
        writer.update_sample("sample_000000000001", {"history": [9.0]}, {"k": 1})
        writer.update_sample("sample_000000000003", {}, {"k": 2}, merge=True)
        writer.update_sample("sample_000000000002", {"target": [7.0]})
        with pytest.raises(NotFound, match="none called 'nobody'"):
            writer.update_sample("nobody", {"history": [1.0]})
        assert writer.stats()["fields"]["history"]["dead_samples"] == 1
        assert writer.verify().ok

    with ShardedDatasetReader(store) as reader:
        arrays, metadata = reader.get_sample("sample_000000000001")
        assert (arrays["history"].tolist(), arrays["target"].tolist(), metadata) == ([9.0], [0.0, 0.0], {"k": 1})
        assert reader.get_sample("sample_000000000003")[1] == {"length": 3, "parity": "even", "k": 2}
        assert reader.get_sample("sample_000000000002")[0]["target"].tolist() == [7.0]


def test_write_shard_keeps_what_a_shard_holds(store: Path) -> None:
    """Writing into a shard that is there destroys nothing, registers who is new, and leaves the last shard current."""
    with ShardedDatasetWriter(store, samples_per_shard=4) as writer:
        writer.write_shard("history", 0, ["new", "sample_000000000002"], [np.array([1.0]), np.array([2.0])])
        writer.add_sample({"history": [3.0]}, "after")
        assert writer.verify().ok

    with ShardedDatasetReader(store) as reader:
        assert len(reader) == 12
        assert len(reader.get_many(reader.query_ids())) == 12
        assert reader.get_sample("sample_000000000002")[0]["history"].tolist() == [2.0]
        assert reader.get_sample("sample_000000000001")[0]["history"].tolist() == [0.0]
        assert reader.shard_counts("history") == {0: 5, 1: 4, 2: 3}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nope", 0, ["a"], [[1]]), "registered field"),
        (("history", -1, ["a"], [[1]]), "shard_id"),
        (("history", True, ["a"], [[1]]), "shard_id"),
        (("history", 0, ["a", "b"], [[1]]), "an array for each"),
        (("history", 0, ["a", "a"], [[1], [2]]), "every id once"),
        (("history", 0, ["a", ""], [[1], [2]]), "a sample's id"),
        (("history", 0, ["a", "b"], [[1], [object()]]), "Python objects"),
    ],
)
def test_write_shard_refuses_before_it_writes(store: Path, arguments: tuple[Any, ...], said: str) -> None:
    """A wrong list leaves no sample behind."""
    with ShardedDatasetWriter(store) as writer:
        with pytest.raises(UsageError, match=said):
            writer.write_shard(*arguments)
        assert writer.stats()["samples"] == 10


def test_a_refused_sample_leaves_nothing(store: Path) -> None:
    """A wrong second array takes back the first one; the next sample lies where it lay."""
    with ShardedDatasetWriter(store) as writer:
        before = writer.stats()
        for arrays, metadata in [
            ({"history": [1.0], "target": [object()]}, None),
            ({"history": [1.0], "nope": [1.0]}, None),
            ({"history": [1.0]}, {"k": float("nan")}),
            ({"history": [1.0]}, {"k": object()}),
            ({"history": [1.0]}, [1]),
        ]:
            with pytest.raises(UsageError):
                writer.add_sample(arrays, "x", metadata)  # type: ignore[arg-type]
        with pytest.raises(UsageError):
            writer.add_sample({"history": [1.0], "target": [1.0]}, "sample_000000000001")
        after = writer.stats()
        assert {**before, "index_bytes": 0} == {**after, "index_bytes": 0}
        assert writer.verify().ok


def test_texts_and_lists_are_not_mistaken(store: Path) -> None:
    """A text where a list belongs, a list where a mapping belongs, and numbers that are none are usage errors."""
    with ShardedDatasetWriter(store) as writer, ShardedDatasetReader(store) as reader:
        wrong: list[Any] = [
            lambda: writer.add_sample([1, 2]),  # type: ignore[arg-type]
            lambda: writer.register_samples("ab"),
            lambda: writer.write_shard("history", 0, "ab", [[1], [2]]),
            lambda: reader.get_many("ab"),
            lambda: reader.get_sample("sample_000000000001", "history"),
            lambda: ShardedDatasetWriter(store.parent / "new", "5"),  # type: ignore[arg-type]
            lambda: ShardedDatasetWriter(store.parent / "new", True),
            lambda: ShardedDatasetWriter(store.parent / "new", max_shard_bytes=0),
        ]
        for call in wrong:
            with pytest.raises(UsageError, match="expected a"):
                call()
        assert len(reader) == 10


def test_metadata_are_normalised(tmp_path: Path) -> None:
    """numpy's scalars and arrays and tuples become plain JSON."""
    with ShardedDatasetWriter(tmp_path) as writer:
        writer.add_field("x")
        writer.add_sample(
            {}, "a", {"n": np.int32(3), "f": np.float32(0.5), "v": np.arange(2), "t": (1, None), "u": "ü"}
        )

    with ShardedDatasetReader(tmp_path) as reader:
        assert reader.get_sample("a") == ({}, {"n": 3, "f": 0.5, "v": [0, 1], "t": [1, None], "u": "ü"})


def test_odd_field_names(tmp_path: Path) -> None:
    """Any printable name works, also those that break out of SQL or of the folder, and all that clash without case."""
    names = ["my-field", "has space", 'a"b', "../up", "x", "X", "x_offset", "id", "meta_json", "images/pixels", "é"]
    with ShardedDatasetWriter(tmp_path) as writer:
        writer.add_fields(names)
        writer.add_fields(names)
        for place, name in enumerate(names):
            writer.add_sample({name: [place]}, name)
        for wrong in ("", "a\nb", "\ud800", 5):
            with pytest.raises(UsageError, match="a field's name"):
                writer.add_field(wrong)  # type: ignore[arg-type]
        with pytest.raises(UsageError, match="a list of names"):
            writer.add_fields("abc")
        assert writer.verify().ok

    with ShardedDatasetReader(tmp_path) as reader:
        assert reader.list_fields() == names
        assert [reader.get_sample(name)[0][name].tolist() for name in names] == [[place] for place in range(len(names))]
        assert reader.query_ids("x_offset IS NOT NULL") == ["x"]
    assert {path.parent for path in tmp_path.rglob("*.tar")} == {
        path for path in tmp_path.iterdir() if path.name.endswith("_shards")
    }


def test_too_many_fields_are_refused(tmp_path: Path) -> None:
    """SQLite's columns end; nothing is registered of a list that does not fit."""
    with ShardedDatasetWriter(tmp_path) as writer:
        writer.add_field("x")
        with pytest.raises(UsageError, match="at most 499 fields"):
            writer.add_fields([f"f{number}" for number in range(600)])
        writer.add_sample({"x": [1]})
        writer.close()
    with ShardedDatasetReader(tmp_path) as reader:
        assert reader.list_fields() == ["x"]


def test_second_writer_of_a_process_takes_over(tmp_path: Path) -> None:
    """What the first was given is stored, and it says that it is closed."""
    first = ShardedDatasetWriter(tmp_path)
    first.add_field("x")
    first.add_sample({"x": [1]})
    with ShardedDatasetWriter(tmp_path) as second:
        assert second.add_sample({"x": [2]}) == "sample_000000000002"
        with pytest.raises(UsageError, match="closed"):
            first.add_sample({"x": [3]})
        first.close()
        second.add_sample({"x": [3]})

    with ShardedDatasetReader(tmp_path) as reader:
        assert len(reader) == 3


def test_writer_of_another_process_is_refused(tmp_path: Path) -> None:
    """The message says what is wrong; once the first has closed, the second may write."""
    program = (
        "import sys\nfrom zarrpack import ShardedDatasetWriter\n"
        "try:\n    ShardedDatasetWriter(sys.argv[1]).close()\n"
        "except OSError as error:\n    print(error)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    with ShardedDatasetWriter(tmp_path):
        refused = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    allowed = subprocess.run(command, capture_output=True, check=True, text=True).stdout

    assert "another process is writing" in refused
    assert allowed == ""


def test_forgotten_writer_is_stored_at_the_end(tmp_path: Path) -> None:
    """A program that never closes its writer loses nothing when it ends."""
    program = (
        "import sys\nfrom zarrpack import ShardedDatasetWriter\nw = ShardedDatasetWriter(sys.argv[1])\n"
        "w.add_field('x')\nfor i in range(5): w.add_sample({'x': [i]})\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True)

    with ShardedDatasetReader(tmp_path) as reader:
        assert [arrays["x"].tolist() for arrays, _ in reader.get_many(reader.query_ids())] == [[i] for i in range(5)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["index.sqlite", "x_shards"]


def test_moved_store_goes_on(store: Path, tmp_path: Path) -> None:
    """No path is stored: reading and appending work in the new place."""
    moved = store.rename(tmp_path / "moved")
    with ShardedDatasetWriter(moved, samples_per_shard=4) as writer:
        writer.add_sample({"history": [1.0]})
        assert writer.verify().ok
    assert not store.exists()


def test_full_disk_costs_what_was_not_committed(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error on the way to the disk is said, and the store goes on from its last commit."""
    with ShardedDatasetWriter(store) as writer:
        writer.add_sample({"history": [1.0]}, "kept")
        writer.commit()
        writer.add_sample({"history": [2.0]}, "lost")

        def fails(descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", fails)
            with pytest.raises(OutputRefused, match="the last 1 samples could not be stored"):
                writer.commit()
        writer.add_sample({"history": [3.0]}, "later")
        assert writer.verify().ok

    with ShardedDatasetReader(store) as reader:
        assert "kept" in reader
        assert "later" in reader
        assert "lost" not in reader


def test_failed_write_takes_back_the_sample(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sample that could not be written is not there; those before and after it are."""
    from zarrpack.storage.sharded import descriptors, open_shard

    with ShardedDatasetWriter(store) as writer:
        writer.add_sample({"history": [1.0]}, "before")

        def tears(descriptor: int, buffers: Any, offset: int) -> None:
            descriptors.write_at(descriptor, [bytes(buffers[0])[:100]], offset)
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patched:
            patched.setattr(open_shard, "write_at", tears)
            with pytest.raises(OutputRefused, match="No space left"):
                writer.add_sample({"history": [2.0]}, "torn")
        writer.add_sample({"history": [3.0]}, "after")
        assert writer.verify().ok

    with ShardedDatasetReader(store) as reader:
        assert [one for one in ("before", "torn", "after") if one in reader] == ["before", "after"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_forked_child_leaves_the_writer_alone(store: Path) -> None:
    """A child neither writes nor closes what is its parent's; the parent goes on."""
    with ShardedDatasetWriter(store) as writer:
        writer.add_sample({"history": [1.0]}, "before")
        child = os.fork()
        if child == 0:
            status = 1
            try:
                writer.add_sample({"history": [2.0]}, "child")
            except UsageError:
                writer.close()
                status = 0
            finally:
                os._exit(status)
        assert os.waitpid(child, 0)[1] == 0
        writer.add_sample({"history": [3.0]}, "after")
        assert writer.verify().ok

    with ShardedDatasetReader(store) as reader:
        assert [one for one in ("before", "child", "after") if one in reader] == ["before", "after"]


def test_writer_waits_for_a_long_walk(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader in the midst of a transaction holds a store at rest; the message says so, and then it goes on."""
    monkeypatch.setattr("zarrpack.storage.sharded.index.PATIENCE_SECONDS", 0.05)
    with ShardedDatasetReader(store) as reader:
        reader.rows().execute("BEGIN")
        reader.rows().execute("SELECT * FROM samples").fetchone()
        with pytest.raises(OutputRefused, match="in the midst of a long read"):
            ShardedDatasetWriter(store)
        reader.rows().execute("COMMIT")
        with ShardedDatasetWriter(store) as writer:
            writer.add_sample({"history": [1.0]}, "new")
        assert "new" in reader


def test_foreign_index_is_refused(tmp_path: Path) -> None:
    """The index of another program is neither read as ours nor changed."""
    import sqlite3

    from zarrpack.errors import FormatError

    with sqlite3.connect(tmp_path / "index.sqlite") as connection:
        connection.execute("CREATE TABLE samples (id TEXT PRIMARY KEY, meta_json TEXT)")
    connection.close()
    before = (tmp_path / "index.sqlite").read_bytes()

    for opened in (ShardedDatasetWriter, ShardedDatasetReader):
        with pytest.raises(FormatError, match="another program"):
            opened(tmp_path)
    assert (tmp_path / "index.sqlite").read_bytes() == before
