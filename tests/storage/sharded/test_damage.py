"""Damage: what verify finds and repair takes out, compaction, bulk loads, and writers that were killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from zarrpack.errors import FormatError, UsageError
from zarrpack.storage.sharded import ShardedDatasetReader, ShardedDatasetWriter

FIRST = "sample_000000000001"


def shard(store: Path, number: int = 0) -> Path:
    """Give a shard of ``history``."""
    return store / "history_shards" / f"shard_{number:04d}.tar"


def flip(path: Path, place: int) -> None:
    """Change one byte."""
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def test_a_sound_store_has_no_problems(store: Path) -> None:
    """The control: everything is read, nothing is found, also with digests."""
    with ShardedDatasetWriter(store) as writer:
        assert writer.record_digests() == 5
        assert writer.record_digests() == 0
    with ShardedDatasetReader(store) as reader:
        report = reader.verify()
        digests = [row[0] for row in reader.rows().execute("SELECT sha256 FROM shards ORDER BY field, shard")]

    assert (report.ok, report.samples, report.arrays) == (True, 10, 15)
    import hashlib

    assert digests[0] == hashlib.sha256(shard(store).read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("damage", "said", "lost"),
    [
        (lambda store: flip(shard(store), 512 + 130), "other bytes", 1),
        (lambda store: flip(shard(store), 512 + 3), "other bytes", 1),
        (lambda store: flip(shard(store), 5), "tar header", 0),
        (lambda store: os.truncate(shard(store), 2048), "expected at least", 2),
        (lambda store: shard(store).unlink(), "expected a shard, found none", 4),
        (lambda store: (store / "history_shards" / "shard_0009.tar").write_bytes(b""), "no such shard", 0),
    ],
)
def test_damage_is_found_and_repaired(store: Path, damage: Callable[[Path], object], said: str, lost: int) -> None:
    """Every kind is told; repair costs the arrays that are gone and no other, and the store goes on."""
    damage(store)
    with ShardedDatasetReader(store) as reader:
        problems = reader.verify().problems
    assert any(said in problem.detail for problem in problems)
    assert sum(problem.field is not None for problem in problems) == lost

    with ShardedDatasetWriter(store, samples_per_shard=4) as writer:
        writer.repair()
        writer.add_sample({"history": [1.0]}, "after")
        left = [problem.detail for problem in writer.verify().problems]
        assert all("tar header" in detail or "no such shard" in detail for detail in left)
    with ShardedDatasetReader(store) as reader:
        assert len(reader) == 11
        assert reader.count("history") == 11 - lost
        assert len(reader.get_many(reader.query_ids())) == 11


def test_wrong_bytes_are_never_given(store: Path) -> None:
    """A read says which shard is damaged instead; the others are read."""
    flip(shard(store), 512 + 130)
    with ShardedDatasetReader(store) as reader:
        with pytest.raises(FormatError, match=r"shard_0000\.tar: expected .* found other bytes"):
            reader.get_sample(FIRST)
        assert reader.get_sample("sample_000000000002")[0]["history"].size == 2


def test_wrong_digest_is_found(store: Path) -> None:
    """A byte between the members is nobody's payload, and is found all the same."""
    with ShardedDatasetWriter(store) as writer:
        writer.record_digests()
    flip(shard(store), 1000)
    with ShardedDatasetReader(store) as reader:
        assert ["SHA-256" in problem.detail for problem in reader.verify().problems] == [True]


def test_wrong_counts_are_found_and_mended(store: Path) -> None:
    """Rows that somebody deleted by hand leave bytes that nobody counts."""
    with ShardedDatasetWriter(store) as writer:
        writer.conn.execute("DELETE FROM samples WHERE id = ?", (FIRST,))
        assert len(writer.verify().problems) == 3
        writer.repair()
        assert writer.verify().ok
        assert writer.stats()["fields"]["history"]["dead_samples"] == 1


def test_compaction_gives_bytes_back(store: Path) -> None:
    """Shards with dead bytes go, their living arrays move, others stay; plain tar sees each sample once."""
    with ShardedDatasetWriter(store, samples_per_shard=4) as writer:
        writer.update_sample(FIRST, {"history": np.arange(500.0)})
        writer.delete_sample("sample_000000000002")
        before = writer.stats()["fields"]["history"]
        report = writer.compact()
        after = writer.stats()["fields"]["history"]
        assert writer.verify().ok
        again = writer.compact()

    assert (before["dead_samples"], after["dead_samples"], after["dead_bytes"]) == (2, 0, 0)
    assert report.bytes_freed >= before["dead_bytes"] == before["bytes"] - after["bytes"]
    assert (report.shards, report.samples, again.shards) == (1, 2, 0)
    names = []
    for path in sorted((store / "history_shards").iterdir()):
        with tarfile.open(path) as archive:
            names += archive.getnames()
    assert len(names) == len(set(names)) == 9
    with ShardedDatasetReader(store) as reader:
        assert reader.get_sample(FIRST)[0]["history"].size == 500
        assert reader.get_sample("sample_000000000003")[0]["history"].tolist() == [0.0, 1.0, 2.0]


def test_compaction_of_several_shards_at_once(store: Path) -> None:
    """What moves out of one shard does not move into another that is about to go."""
    with ShardedDatasetWriter(store, samples_per_shard=4) as writer:
        for number in (1, 5, 10):
            writer.update_sample(f"sample_{number:012d}", {"history": [float(number)]})
        assert writer.compact().shards == 3
        assert writer.verify().ok
    with ShardedDatasetReader(store) as reader:
        sizes = [arrays["history"].size for arrays, _ in reader.get_many(reader.query_ids())]
        assert sizes == [1, 2, 3, 4, 1, 6, 7, 8, 9, 1]


def test_compaction_of_a_damaged_shard_is_refused(store: Path) -> None:
    """Nothing is dropped that cannot be copied; after a repair it works."""
    with ShardedDatasetWriter(store, samples_per_shard=4) as writer:
        writer.delete_sample("sample_000000000002")
        writer.commit()
        os.truncate(shard(store), 2048)
        with pytest.raises(FormatError, match=r"repair\(\) first"):
            writer.compact()
        writer.repair()
        writer.compact()
        assert writer.verify().ok
    with ShardedDatasetReader(store) as reader:
        assert (len(reader), reader.count("history")) == (9, 7)


def test_compaction_of_everything(store: Path) -> None:
    """A store whose samples are all gone can be compacted and filled again; shard numbers go on."""
    with ShardedDatasetWriter(store, samples_per_shard=4) as writer:
        for number in range(1, 11):
            writer.delete_sample(f"sample_{number:012d}")
        writer.compact()
        assert writer.verify().ok
        assert writer.add_sample({"history": [1.0]}) == "sample_000000000011"
        assert writer.verify().ok
    with ShardedDatasetReader(store) as reader:
        assert len(reader) == 1
        assert min(reader.shard_counts("history")) > 2


def test_bulk_load(store: Path) -> None:
    """Samples are added without an index of their ids, and found by id afterwards."""
    with ShardedDatasetWriter(store) as writer:
        with writer.bulk() as same:
            assert same is writer
            for number in range(50):
                writer.add_sample({"history": [number]}, f"b{number * 7919 % 50:03d}")
            writer.add_sample({"history": [1.0]})
            with pytest.raises(UsageError, match="inside bulk"):
                writer.update_sample(FIRST, {})
        writer.update_sample("b007", {"target": [1.0]})
        assert writer.verify().ok
    with ShardedDatasetReader(store) as reader:
        assert len(reader) == 61
        assert reader.get_sample("b049")[0]["history"].size == 1


def test_bulk_load_with_repeated_ids(store: Path) -> None:
    """The first of each is kept, the others are named, and their bytes are counted as dead."""
    with ShardedDatasetWriter(store) as writer:
        load = writer.bulk()
        load.__enter__()
        writer.add_sample({"history": [1.0]}, FIRST)
        writer.add_sample({"history": [1.0]}, "x")
        writer.add_sample({"history": [2.0]}, "x")
        with pytest.raises(UsageError, match="found 2 more samples"):
            load.__exit__(None, None, None)
        assert writer.verify().ok
        assert writer.stats()["fields"]["history"]["dead_samples"] == 2
    with ShardedDatasetReader(store) as reader:
        assert (len(reader), reader.get_sample("x")[0]["history"].tolist()) == (11, [1.0])


#: Writes, changes, removes, compacts; says after each commit what must be there: an id and its number, or -1.
KILLED = """
import sys, random
import numpy as np
from zarrpack import ShardedDatasetWriter
root, seed = sys.argv[1], int(sys.argv[2])
choose = random.Random(seed)
writer = ShardedDatasetWriter(root, samples_per_shard=choose.choice([3, 20]), max_shard_bytes=choose.choice([None, 9000]))
writer.add_fields(["x", "y"])
living = {}
if seed % 3 == 0:
    bulk = writer.bulk()
    bulk.__enter__()
print("ready", flush=True)
said, counter = {}, 0
while True:
    for _ in range(choose.randrange(1, 12)):
        counter += 1
        value = seed * 100000 + counter
        action = 0 if seed % 3 == 0 else choose.randrange(8)
        array = np.full(choose.randrange(1, 300), value, np.int64)
        if action < 4 or not living:
            own = f"own-{value}" if choose.randrange(2) else None
            name = writer.add_sample({"x": array, "y": array[:1]}, own, {"value": value})
            living[name] = said[name] = value
        elif action < 6:
            name = choose.choice(sorted(living))
            writer.update_sample(name, {"x": array, "y": array[:1]}, {"value": value})
            living[name] = said[name] = value
        elif action == 6:
            name = choose.choice(sorted(living))
            writer.delete_sample(name)
            del living[name]
            said[name] = -1
        else:
            writer.compact()
    writer.commit()
    for name, value in said.items():
        print(name, value)
    print("committed", flush=True)
    said.clear()
"""


def kill_and_check(root: Path, seed: int, expected: dict[str, int]) -> int:
    """Kill a writer at a random moment; check every acknowledged sample. Give how many there are.

    What it did after its last acknowledgement may be there or not, but never half.
    """
    delay = random.Random(seed).uniform(0, 0.12)
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(root), str(seed)], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        try:
            child.wait(delay)
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
        lines = child.stdout.read().split("\n")
    pending: dict[str, int] = {}
    for line in lines:
        if line == "committed":
            expected |= pending
            pending = {}
        elif " " in line:
            name, value = line.split(" ")
            pending[name] = int(value)
    # A last batch may have been committed and not, or not wholly, been said.
    with ShardedDatasetWriter(root) as writer:
        assert writer.verify().ok
    return check_samples(root, seed, expected)


def check_samples(root: Path, seed: int, expected: dict[str, int]) -> int:
    """Compare what is read with what was acknowledged; take up what was committed besides."""
    with ShardedDatasetReader(root) as reader:
        found = {}
        ids = reader.query_ids()
        for sample_id, (arrays, metadata) in zip(ids, reader.get_many(ids), strict=True):
            value = metadata["value"]
            assert set(arrays["x"].tolist()) == {value}
            assert arrays["y"].tolist() == [value]
            found[sample_id] = value
    for name, value in expected.items():
        # Changed after what was said last: only by this very run.
        if found.get(name, -1) != value:
            assert found.get(name, seed * 100000) // 100000 == seed, name
    expected.clear()
    expected.update(found)
    for path in root.rglob("*.tar"):
        with tarfile.open(path) as archive:
            archive.getnames()
    return len(found)


@pytest.mark.skipif(os.name == "nt", reason="no kill -9 on this system")
def test_killed_writers_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """Killed at random moments of writing, changing, removing, compacting and loading, the same store goes on."""
    kills = int(os.environ.get("ZARRPACK_KILLS", "8"))
    expected: dict[str, int] = {}
    counts = [kill_and_check(tmp_path / "store", seed, expected) for seed in range(1, kills + 1)]

    assert counts[-1] > 0
