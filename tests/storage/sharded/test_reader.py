"""Reading: by id, many at once, by SQL; what others see; other processes; plain tools."""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import pickle
import shutil
import subprocess
import sys
import tarfile
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zarrpack.errors import FormatError, NotFound, SourceError, UsageError
from zarrpack.storage.sharded import ShardedDatasetReader, ShardedDatasetWriter

FIRST = "sample_000000000001"


def lengths(reader: ShardedDatasetReader) -> list[int]:
    """Read every sample; give the lengths of ``history``, for child processes."""
    return [reader.get_sample(sample_id)[0]["history"].size for sample_id in reader.query_ids()]


def test_samples_and_fields(store: Path) -> None:
    """All fields, some, none; what a sample lacks is left out; what does not exist is an error."""
    with ShardedDatasetReader(store) as reader:
        arrays, metadata = reader.get_sample(FIRST)
        assert (sorted(arrays), metadata) == (["history", "target"], {"length": 1, "parity": "even"})
        assert list(reader.get_sample(FIRST, fields=["target"])[0]) == ["target"]
        assert reader.get_sample(FIRST, fields=[]) == ({}, metadata)
        assert list(reader.get_sample("sample_000000000002")[0]) == ["history"]
        for call in (
            lambda: reader.get_sample("nobody"),
            lambda: reader.get_sample(FIRST, ["nothing"]),
            lambda: reader.get_many([FIRST, "nobody"]),
            lambda: reader.get_many([FIRST], ["nothing"]),
            lambda: reader.shard_counts("nothing"),
            lambda: reader.locate("nobody", "history"),
            lambda: reader.get_sample("\ud800"),
            lambda: reader.get_sample(None),  # type: ignore[arg-type]
        ):
            with pytest.raises(NotFound) as caught:
                call()
            assert isinstance(caught.value, KeyError)


def test_arrays_are_the_callers(store: Path) -> None:
    """They can be changed, and the next read gives what is stored."""
    with ShardedDatasetReader(store) as reader:
        for arrays, _ in (reader.get_sample(FIRST), reader.get_many([FIRST])[0]):
            arrays["history"] += 5
        assert reader.get_sample(FIRST)[0]["history"].tolist() == [0.0]


@pytest.mark.parametrize("cache_tars", [True, False])
def test_get_many_keeps_the_asked_order(store: Path, cache_tars: bool) -> None:
    """Also with repeated ids, and with fields that some samples lack."""
    with ShardedDatasetReader(store, cache_tars) as reader:
        asked = [*reversed(reader.query_ids()), FIRST, FIRST]
        for fields in (None, ["history"], ["target", "history"]):
            many = reader.get_many(asked, fields)
            single = [reader.get_sample(sample_id, fields) for sample_id in asked]
            assert [metadata for _, metadata in many] == [metadata for _, metadata in single]
            for (ours, _), (theirs, _) in zip(many, single, strict=True):
                assert list(ours) == list(theirs)
                assert all(np.array_equal(ours[name], theirs[name]) for name in ours)
        assert reader.get_many([]) == []


def test_places_are_those_of_the_bytes(store: Path) -> None:
    """Seek, read, numpy.load: an independent reader finds every payload where the index says."""
    with ShardedDatasetReader(store) as reader:
        checked = 0
        for sample_id in reader.query_ids():
            place = reader.locate(sample_id, "history")
            assert place is not None
            with place.path.open("rb") as file:
                file.seek(place.offset)
                array = np.load(io.BytesIO(file.read(place.size)), allow_pickle=False)
            assert np.array_equal(array, reader.get_sample(sample_id)[0]["history"])
            checked += 1
        assert checked == 10
        assert reader.locate("sample_000000000002", "target") is None


def test_places_of_long_and_foreign_ids(tmp_path: Path) -> None:
    """Headers of several blocks move the payload; the stored offset is the payload's."""
    ids = ["x" * 150, "größe", "a/../b", "ü" * 90]
    with ShardedDatasetWriter(tmp_path) as writer:
        writer.add_field("x")
        for number, sample_id in enumerate(ids):
            writer.add_sample({"x": [number]}, sample_id)

    with ShardedDatasetReader(tmp_path) as reader:
        for number, sample_id in enumerate(ids):
            place = reader.locate(sample_id, "x")
            assert place is not None
            data = place.path.read_bytes()[place.offset : place.offset + place.size]
            assert np.load(io.BytesIO(data)).tolist() == [number]


@pytest.mark.skipif(shutil.which("tar") is None, reason="tar is not installed")
def test_plain_tar_lists_and_extracts(store: Path, tmp_path: Path) -> None:
    """GNU tar has no word to say, and the files are what numpy loads."""
    with ShardedDatasetWriter(store, samples_per_shard=4) as writer:
        writer.add_sample({"history": [1.5]}, "../../größe")
        writer.update_sample(FIRST, {"history": [7.0]})
    target = tmp_path / "out"
    target.mkdir()
    for shard in sorted((store / "history_shards").iterdir()):
        for command in (["tar", "-tf", shard], ["tar", "-xf", shard, "-C", target]):
            done = subprocess.run([str(one) for one in command], check=True, capture_output=True, text=True)
            assert done.stderr == ""

    assert len(list(target.iterdir())) == 11
    assert np.load(target / "%2E.%2F..%2Fgröße.npy").tolist() == [1.5]
    assert np.load(target / f"{FIRST}.npy").tolist() == [7.0]


def test_tarfile_is_not_used_to_read(store: Path) -> None:
    """A reader's process never imports it."""
    program = (
        "import sys\nfrom zarrpack import ShardedDatasetReader\nr = ShardedDatasetReader(sys.argv[1])\n"
        "r.get_sample(r.query_ids()[0]); r.get_many(r.query_ids())\nprint('tarfile' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(store)], capture_output=True, check=True, text=True)

    assert done.stdout == "False\n"


def test_queries(store: Path) -> None:
    """Presence of a field, metadata with params, limits, mappings; in the order in which samples were added."""
    with ShardedDatasetReader(store) as reader:
        everything = reader.query_ids()
        assert everything == [f"sample_{number:012d}" for number in range(1, 11)]
        assert reader.query_ids("target_offset IS NOT NULL") == everything[::2]
        asked = reader.query_ids("json_extract(meta_json, '$.length') > ?", params=(8,))
        assert asked == reader.query_ids(where={"length": (">", 8)}) == everything[8:]
        assert reader.query_ids(limit=3) == everything[:3]
        assert reader.query_ids(limit=0) == []
        assert reader.query_ids("1", limit=2) == everything[:2]
        assert reader.query_ids("id = :a", {"a": FIRST}) == [FIRST]
        assert reader.query_ids("EXISTS (SELECT 1 FROM json_each(meta_json) WHERE value = 'odd')") == everything[1::2]
        assert reader.query_ids(where={"parity": "even", "length": ("in", [1, 2, 3])}) == [everything[0], everything[2]]
        assert reader.query_ids(where={"absent": None}) == everything
        assert reader.query_ids(where={"absent": ("!=", None)}) == []
        assert reader.query_ids(where={"parity": ("like", "ev%")}) == everything[::2]
        assert reader.query_ids("id LIKE '%1' -- the end") == [FIRST]
        assert reader.query_numbers(limit=2) == [0, 1]


@pytest.mark.parametrize(
    "clause",
    [
        "1=0 UNION SELECT name FROM sqlite_master",
        "1) UNION SELECT meta_json FROM samples WHERE (1",
        "1)) UNION SELECT meta_json FROM samples WHERE ((1",
        "1) /*",
        "1; DELETE FROM samples",
        "id IN (SELECT name FROM fields)",
        "id IN (SELECT name FROM sqlite_master)",
        "load_extension('x')",
        "zeroblob(1000000000) IS NULL",
        "(WITH RECURSIVE t(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM t) SELECT count(*) FROM t)",
        "nothing = 1",
        "",
        "id = ?",
        "\ud800",
        "id = '\0'",
    ],
)
def test_queries_are_conditions_over_samples_and_nothing_else(store: Path, clause: str) -> None:
    """What reads another table, closes our brackets, or could take for ever is refused, and nothing is changed."""
    with ShardedDatasetReader(store) as reader:
        with pytest.raises(UsageError, match="query: expected"):
            reader.query_ids(clause)
        assert len(reader.query_ids()) == 10


@pytest.mark.parametrize(
    "arguments",
    [
        {"limit": -1},
        {"limit": "1; DELETE FROM samples"},
        {"where_clause": "1", "where": {}},
        {"where": {"a": ("~", 1)}},
        {"where": {'a"b': 1}},
        {"where": {"": 1}},
        {"where": {"a": [1]}},
        {"where_clause": "id = ?", "params": (object(),)},
    ],
)
def test_wrong_queries_are_usage_errors(store: Path, arguments: dict[str, Any]) -> None:
    """Each says what was expected."""
    with ShardedDatasetReader(store) as reader, pytest.raises(UsageError, match="expected"):
        reader.query_ids(**arguments)


def test_metadata_index_is_used(store: Path) -> None:
    """The planner searches it for the reference's form of query, for the column, and for a mapping."""
    with ShardedDatasetWriter(store) as writer:
        assert writer.add_metadata_index("length") == "length"
        assert writer.add_metadata_index("length") == "length"
        assert writer.add_metadata_index("camera/focal length") == "camera_focal_length"
        with pytest.raises(UsageError, match="id there already"):
            writer.add_metadata_index("id")
        writer.add_sample({}, "new", {"length": 99, "camera": {"focal length": 35}})
        for condition in ("json_extract(meta_json, '$.length') > 8", "length > 8"):
            plan = writer.conn.execute(
                f"EXPLAIN QUERY PLAN SELECT id FROM samples WHERE ({condition}) ORDER BY +number"
            )
            assert "USING INDEX samples_by_length" in str(plan.fetchall())
        assert writer.stats()["metadata_indexes"] == ['$.camera."focal length"', "$.length"]

    with ShardedDatasetReader(store) as reader:
        wanted = ["sample_000000000009", "sample_000000000010", "new"]
        assert reader.query_ids("length > 8") == reader.query_ids(where={"length": (">", 8)}) == wanted
        assert reader.query_ids(where={"camera/focal length": 35}) == ["new"]


def test_index_of_a_reader_cannot_be_written(store: Path) -> None:
    """Neither connection of a reader changes anything, whatever it is asked for."""
    with ShardedDatasetReader(store) as reader:
        for connection in reader._connections[1:]:  # type: ignore[index]
            with pytest.raises(Exception, match=r"readonly|not authorized"):
                connection.execute("DELETE FROM samples")


def test_open_reader_sees_commits(store: Path) -> None:
    """New samples, new values, new fields and compacted shards, without being opened again."""
    with ShardedDatasetReader(store) as reader, ShardedDatasetWriter(store) as writer:
        reader.get_sample(FIRST)
        writer.update_sample(FIRST, {"history": [5.0]})
        assert reader.get_sample(FIRST)[0]["history"].tolist() == [0.0]
        writer.commit()
        assert reader.get_sample(FIRST)[0]["history"].tolist() == [5.0]
        writer.add_field("late")
        writer.update_sample(FIRST, {"late": [1]})
        writer.commit()
        assert sorted(reader.get_sample(FIRST)[0]) == ["history", "late", "target"]
        assert sorted(reader.get_many([FIRST])[0][0]) == ["history", "late", "target"]
        writer.compact()
        assert lengths(reader) == [1, *range(2, 11)]
        writer.add_sample({"history": [1.0]}, "new")
        writer.commit()
        assert len(reader) == 11


def test_store_at_rest_is_read_without_locks(store: Path) -> None:
    """The quick way sees every commit all the same, and is taken again when the store has come to rest."""
    index = store / "index.sqlite"
    os.utime(index, (1e9, 1e9))
    with ShardedDatasetReader(store) as reader:
        assert reader._quiet is not None
        assert reader.get_sample(FIRST)[0]["history"].tolist() == [0.0]
        with ShardedDatasetWriter(store) as writer:
            writer.update_sample(FIRST, {"history": [5.0]})
            writer.commit()
            assert reader.get_sample(FIRST)[0]["history"].tolist() == [5.0]
            assert vars(reader)["_quiet"] is None
            writer.delete_sample("sample_000000000002")
        with pytest.raises(NotFound):
            reader.get_sample("sample_000000000002")
    ShardedDatasetWriter(store).close()  # the log stayed, for the reader was open when its writer closed
    os.utime(index, (1e9, 1e9))
    with ShardedDatasetReader(store) as reader:
        reader._quiet = None
        for _ in range(256):
            assert reader.get_sample(FIRST)[0]["history"].tolist() == [5.0]
        assert vars(reader)["_quiet"] is not None
        for wrong in ("nobody", "\ud800", None):
            with pytest.raises(NotFound):
                reader.get_sample(wrong)  # type: ignore[arg-type]
        child = os.fork()
        if child == 0:
            os._exit(0 if lengths(reader) == [1, *range(3, 11)] else 1)
        assert os.waitpid(child, 0)[1] == 0


def test_reader_that_looks_while_shards_go(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that was read just before compaction moved its array is read again."""
    with ShardedDatasetReader(store, cache_tars=False) as reader, ShardedDatasetWriter(store) as writer:
        writer.update_sample(FIRST, {"history": [5.0]})
        writer.commit()
        read = reader.files.read
        compacted: list[Any] = []

        def late(*arguments: Any) -> Any:
            if not compacted:
                compacted.append(writer.compact())
            return read(*arguments)

        monkeypatch.setattr(reader.files, "read", late)
        assert reader.get_sample("sample_000000000002")[0]["history"].size == 2
        assert compacted[0].shards == 1


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_reader_goes_into_other_processes(store: Path, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pickled or inherited, it opens the store anew; the parent's stays as it is."""
    monkeypatch.chdir(store.parent)
    with ShardedDatasetReader(store.name) as reader:
        assert len(lengths(reader)) == 10
        context = multiprocessing.get_context(method)
        with context.Pool(2) as pool:
            found = pool.map(lengths, [reader, reader])
        assert found == [list(range(1, 11))] * 2
        assert lengths(reader) == list(range(1, 11))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_reader_works_on_both_sides_of_a_fork(store: Path) -> None:
    """The child neither uses nor closes its parent's connections."""
    with ShardedDatasetReader(store) as reader:
        lengths(reader)
        child = os.fork()
        if child == 0:
            status = 1
            try:
                status = 0 if lengths(reader) == list(range(1, 11)) else 2
                reader.close()
            finally:
                os._exit(status)
        assert os.waitpid(child, 0)[1] == 0
        assert lengths(reader) == list(range(1, 11))


def test_pickled_reader_is_equal(store: Path) -> None:
    """The path and the choice travel, and nothing else."""
    with ShardedDatasetReader(store, cache_tars=False) as reader:
        data = pickle.dumps(reader)
        with pickle.loads(data) as copy:
            assert (copy.cache_tars, lengths(copy)) == (False, lengths(reader))
        assert len(data) < 500


def test_threads_share_a_reader(store: Path) -> None:
    """Eight threads read everything; each gets everything right."""
    with ShardedDatasetReader(store) as reader:
        found: list[list[int]] = []
        threads = [threading.Thread(target=lambda: found.append(lengths(reader))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert found == [list(range(1, 11))] * 8


def test_no_store_is_made_by_reading(tmp_path: Path) -> None:
    """A wrong path says so and stays empty."""
    with pytest.raises(SourceError, match=r"expected a folder with index\.sqlite, found none"):
        ShardedDatasetReader(tmp_path)
    (tmp_path / "index.sqlite").write_bytes(b"no database at all, but long enough" * 40)
    with pytest.raises(FormatError, match="expected index"):
        ShardedDatasetReader(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["index.sqlite"]


def test_closed_reader_says_so(store: Path) -> None:
    """Closing twice is fine, reading afterwards is not."""
    reader = ShardedDatasetReader(store)
    reader.close()
    reader.close()
    with pytest.raises(UsageError, match="found one that was closed"):
        reader.get_sample(FIRST)


@pytest.mark.skipif(os.name == "nt" or os.getuid() == 0, reason="the user may write everywhere")
def test_store_on_read_only_medium(store: Path) -> None:
    """A closed store needs no files beside it."""
    store.chmod(0o555)
    try:
        with ShardedDatasetReader(store) as reader:
            assert len(reader) == 10
    finally:
        store.chmod(0o755)


def test_closed_store_is_one_index_file(store: Path) -> None:
    """No write-ahead log stays behind, so that the store can be copied and read from read-only media."""
    assert sorted(path.name for path in store.iterdir()) == ["history_shards", "index.sqlite", "target_shards"]
    with tarfile.open(store / "history_shards" / "shard_0000.tar") as archive:
        assert [one.mtime for one in archive] == [0] * 4
    with ShardedDatasetReader(store) as reader:
        assert json.loads(json.dumps(reader.stats()))["fields"]["history"]["shards"] == 3
